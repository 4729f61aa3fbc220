"""Double opt-in: the person says yes to what was handed in for them, and only then it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from consents import awaiting, entries, ledger, notices, timestamps
from consents.awaiting import Progress, Stage
from consents.errors import ConsentError
from consents.models import ConsentEvent
from consents.purposes import PurposeTree
from consents.vocabulary import CLOCK_TOLERANCE, Action, ConfirmedBy, Lifts, Origin
from consents.writing import Line, Page

_ORIGINS: Final = {
    ConfirmedBy.KEYWORD: Origin.KEYWORD,
    ConfirmedBy.LINK: Origin.CONFIRM_PAGE,
    ConfirmedBy.API: Origin.API,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """How the person said it, as far as known. `occurred_at` carries a time zone; None: now."""

    by: ConfirmedBy
    ip: str | None = field(default=None, repr=False)
    user_agent: str = field(default="", repr=False)
    occurred_at: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)
    actor: str = ""


class Confirmed(NamedTuple):
    """The opt-in. `is_repeat`: it was there before, and nothing was written."""

    event: ConsentEvent
    is_repeat: bool


def confirm(request: UUID, yes: Yes) -> Confirmed:
    """Write down the opt-in that this line asks for; said twice, it is written once.

    It is entitled to what the request was entitled to where it was handed in. Raises ConsentError
    `not_a_request` for any other line, `confirmation_expired`, and `confirmation_withdrawn` where
    the person has opted out since or the request was voided; nothing is recorded then.
    """
    checked = replace(
        yes, ip=entries.ip_of(yes.ip), user_agent=entries.text_of(yes.user_agent, "user_agent")
    )
    return ledger.once_more_on_deadlock(lambda: _confirm(request, checked))


def _confirm(request: UUID, yes: Yes) -> Confirmed:
    asked = awaiting.requests().select_related("sender", "identity").filter(id=request).first()
    if asked is None:
        raise ConsentError("not_a_request", "This line asks for no confirmation.")
    purposes, _ = PurposeTree.current()
    page = Page(asked.sender, purposes)
    page.lock([asked.identity_id])
    said_at = _said_at(yes, asked, page.now)
    found = awaiting.progress([asked], purposes, said_at)[asked.id]
    if found.confirmed:
        return Confirmed(found.confirmed, is_repeat=True)
    _check_open(found)
    confirmed = page.add(_line(asked, yes))
    page.write()
    return Confirmed(confirmed, is_repeat=False)


def _said_at(yes: Yes, request: ConsentEvent, now: datetime) -> datetime:
    if yes.occurred_at is None:
        return now
    said_at = entries.moment(yes.occurred_at, "occurred_at")
    if said_at > now + CLOCK_TOLERANCE:
        raise ConsentError("occurred_in_future", "This has not happened yet.", "occurred_at")
    if said_at < request.occurred_at:
        message = "Nobody can confirm an opt-in before it was asked for."
        raise ConsentError("invalid_occurred_at", message, "occurred_at")
    return said_at


def _check_open(found: Progress) -> None:
    if found.stage is Stage.WITHDRAWN:
        message = "The person has opted out since, or the request was voided."
        raise ConsentError("confirmation_withdrawn", message)
    if found.stage is Stage.EXPIRED:
        message = "The time for it has run out."
        raise ConsentError("confirmation_expired", message)


def _line(request: ConsentEvent, yes: Yes) -> Line:
    return Line(
        identity=request.identity,
        action=Action.OPT_IN,
        purpose=request.purpose,
        origin=_ORIGINS[yes.by],
        source=request.source,
        actor=yes.actor,
        lifts=Lifts(request.lifts),
        occurred_at=yes.occurred_at,
        cause=request.id,
        ip=yes.ip,
        user_agent=yes.user_agent,
        evidence={
            **yes.evidence,
            "requested": {
                "event": str(request.id),
                "occurred_at": timestamps.written(request.occurred_at),
            },
            "confirmed_by": yes.by.value,
            **_shown(request),
        },
    )


def _shown(request: ConsentEvent) -> dict[str, Any]:
    """The notice that was shown when it was asked for: the opt-in's proof has its text."""
    said = request.detail.evidence
    return {notices.NAME: said[notices.NAME]} if notices.is_named(said) else {}
