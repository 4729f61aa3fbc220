"""`/preferences/<token>/`: everything a person may switch on and off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from consents import choosing, preferences
from consents.choosing import Wish
from consents.identifiers import hinted
from consents.models import Contact, Sender
from consents.pages import texts, visitors
from consents.pages.door import PreferenceLinkPage, notice
from consents.preferences import Control, OnChannel, Preferences


@dataclass(frozen=True, slots=True)
class Line:
    """One control as it is shown. `is_below`: indented, below its category."""

    control: Control
    name: str
    hint: str
    is_below: bool


@dataclass(frozen=True, slots=True)
class Section:
    channel: str
    addresses: str
    lines: list[Line]


class PreferencePage(PreferenceLinkPage):
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._shown()

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Saves the form, or with `leave` in it stops everything."""
        contact, visitor = self.bearer.contact, visitors.of(request)
        if "leave" in request.POST:
            evidence = texts.evidence_of_leaving(contact.sender)
            choosing.leave(contact, visitor, evidence)
            return self._shown(texts.left(contact.sender))
        version = request.POST.get("version")
        if version is None:  # the last field of the form: without it, it broke off
            return notice(request, texts.NOT_UNDERSTOOD, 400)
        saved = choosing.save(contact, self._wishes(request), version, visitor)
        message = texts.saved(is_anything_changed=saved.changed > 0, withheld=saved.is_withheld)
        return self._shown(message, is_warning=saved.is_withheld)

    def _wishes(self, request: HttpRequest) -> dict[str, Wish]:
        """How each control was shown and left; whatever else the form names is passed over."""
        was_on, on = (set(request.POST.getlist(name)) for name in ("was_on", "on"))
        contact: Contact = self.bearer.contact
        lines = [line for one in preferences.of(contact).channels for line in _lines(one)]
        return {
            key: Wish(
                was_on=key in was_on,
                is_on=key in on,
                evidence=_evidence(contact.sender, line, is_on=key in on),
            )
            for line in lines
            for key in [line.control.key]
        }

    def _shown(self, message: str = "", *, is_warning: bool = False) -> HttpResponse:
        sender: Sender = self.bearer.contact.sender
        present = preferences.of(self.bearer.contact)
        return self.page(
            "preferences/page.html",
            message=message,
            is_warning=is_warning,
            title=texts.title(sender),
            introduction=texts.introduction(),
            sections=list(_sections(present)),
            consequences=texts.consequences(sender),
            version=present.version,
            saving=texts.saving(),
            has_left=preferences.has_left(self.bearer.contact),
            leaving=texts.leaving(),
            of_leaving=texts.of_leaving(),
        )


def _evidence(sender: Sender, line: Line, *, is_on: bool) -> dict[str, Any]:
    channel = line.control.channel
    return texts.evidence_of_choice(sender, channel, (line.name, line.hint), is_on=is_on)


def _sections(present: Preferences) -> Iterator[Section]:
    for on in present.channels:
        addresses = ", ".join(hinted(one.address or "") for one in on.identities)
        yield Section(texts.channel(on.channel), addresses, list(_lines(on)))


def _lines(on: OnChannel) -> Iterator[Line]:
    parents = {one.purpose.category for one in on.controls if not one.is_category}
    for control in on.controls:
        hints = [texts.hint(control.purpose)]
        if control.is_category and control.purpose.category in parents:
            hints.append(texts.below())
        name = texts.purpose(control.purpose)
        yield Line(control, name, " ".join(filter(None, hints)), not control.is_category)
