"""`/confirm/<token>/`: the person says yes to what was handed in for them, by one button."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from consents import awaiting, confirm_links, double_opt_in
from consents.awaiting import Stage
from consents.confirm_links import Bearer
from consents.double_opt_in import Yes
from consents.errors import ConsentError
from consents.identifiers import hinted
from consents.pages import texts, visitors
from consents.pages.door import CONFIRMED, PersonPage, notice
from consents.purposes import PurposeTree
from consents.vocabulary import Channel, ConfirmedBy

_TOO_LATE: Final = ("confirmation_expired", "confirmation_withdrawn")


class ConfirmPage(PersonPage[Bearer]):
    def holder(self, token: str, now: datetime) -> Bearer | None:
        return confirm_links.bearer(token)

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Only asks: a program that examines messages by their links confirms nothing."""
        asked = self.bearer.request
        purposes, now = PurposeTree.current()
        stage = awaiting.progress([asked], purposes, now)[asked.id].stage
        if stage is Stage.CONFIRMED:
            return self._shown(texts.confirmed())
        return self._shown() if stage is Stage.OPEN else notice(request, texts.NO_LONGER, 410)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if request.POST.get(CONFIRMED[0]) != CONFIRMED[1]:
            return notice(request, texts.NOT_UNDERSTOOD, 400)
        try:
            double_opt_in.confirm(self.bearer.request.id, self._yes(request))
        except ConsentError as error:
            if error.code not in _TOO_LATE:
                raise
            return notice(request, texts.NO_LONGER, 410)
        return self._shown(texts.confirmed())

    def _yes(self, request: HttpRequest) -> Yes:
        visitor, asked = visitors.of(request), self.bearer.request
        channel = Channel(asked.identity.channel)
        return Yes(
            by=ConfirmedBy.LINK,
            ip=visitor.ip,
            user_agent=visitor.user_agent,
            evidence=texts.evidence_of_confirming(asked.sender, asked.purpose, channel),
        )

    def _shown(self, message: str = "") -> HttpResponse:
        asked = self.bearer.request
        shown: dict[str, Any] = {
            "question": texts.confirming(asked.sender, asked.purpose),
            "on_channel": texts.on_channel(Channel(asked.identity.channel)),
            "address": hinted(asked.identity.address or ""),
            "consequences": texts.of_confirming(),
            "confirm": texts.confirm(),
        }
        return self.page("preferences/confirm.html", message=message, **shown)
