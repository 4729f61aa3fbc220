"""Double opt-in over the API: what recording says of it, and the door by which it is confirmed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from consents import double_opt_in
from consents.api import events, operations, schema
from consents.api.door import Door
from consents.double_opt_in import Yes
from consents.idempotency import Answer, Result
from consents.models import ConsentEvent
from consents.vocabulary import ConfirmedBy, Scope


class Confirming(Door):
    scopes = {"POST": Scope.RECORD}

    @operations.describe(
        "confirm",
        {200: schema.EventBody},
        request=schema.ConfirmRequest,
        repeatable=True,
        finds=True,
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Say that the person has confirmed an opt-in that was recorded as `opt_in_requested`.

        Answers with the opt-in; once more, with the same one, and nothing is written.
        """
        if not ConsentEvent.objects.filter(id=id, sender__in=self.key.acts_for).exists():
            raise Http404
        body = self.body(schema.ConfirmRequest)
        yes = Yes(
            by=ConfirmedBy.API,
            ip=body.raw("ip"),
            user_agent=body.text("user_agent"),
            occurred_at=body.time("occurred_at"),
            actor=self.actor,
        )

        def work() -> Answer:
            confirmed = double_opt_in.confirm(id, yes)
            return Answer(200, {"event": str(confirmed.event.id)}, wrote=not confirmed.is_repeat)

        return self.once(work, _shown)


def _shown(result: Result) -> dict[str, Any]:
    shown: dict[str, Any] = events.shown_by_id([result["event"]])[result["event"]]
    return shown
