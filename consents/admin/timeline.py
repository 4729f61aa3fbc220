"""One timeline of a contact: the ledger's lines and what other applications hold, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils.html import format_html

from consents import awaiting, holders, notices
from consents.admin import wording
from consents.awaiting import Progress
from consents.holders import Moment
from consents.models import ConsentEvent, EvidenceFile, Notice
from consents.purposes import PurposeTree
from consents.vocabulary import CONSENT_ACTIONS, Action, Outcome

SHOWN = 200
_TONES = {Action.OPT_IN: "success", Action.OPT_OUT: "danger", Action.HELD: "warning"}


def of(identities: Collection[UUID]) -> list[Moment]:
    """The newest entries about these identities; one more than SHOWN when there are more."""
    lines = (
        ConsentEvent.objects.filter(identity__in=identities)
        .select_related("identity", "purpose", "detail")
        .prefetch_related("files")
        .order_by("-seq")[: SHOWN + 1]
    )
    names = staff_names(line.actor for line in lines)
    waiting, shown = progress(lines), notices.named_by(lines)
    moments = [
        _moment(
            line,
            [
                *_lines(line, names),
                *_confirmed(line, waiting.get(line.id)),
                *_shown(shown.get(line.id)),
            ],
        )
        for line in lines
    ]
    moments += holders.timeline(identities, SHOWN + 1)
    return sorted(moments, key=lambda moment: moment.at, reverse=True)[: SHOWN + 1]


def stops(moments: Sequence[Moment], now: datetime) -> list[dict[str, str]]:
    """The times at which something happened, oldest first, each with what did, in words.

    Times are UTC, as a field for them takes one: the minute by which it had been recorded. The
    last is now, whose time is empty.
    """
    happened: dict[str, list[str]] = {}
    for moment in reversed(moments):
        by = moment.at.astimezone(UTC) + timedelta(minutes=1)
        happened.setdefault(f"{by:%Y-%m-%dT%H:%M}", []).append(moment.title)
    known = [
        {"at": at, "words": f"{at.replace('T', ' ')} UTC: {', '.join(titles)}"}
        for at, titles in happened.items()
        if at <= f"{now.astimezone(UTC):%Y-%m-%dT%H:%M}"
    ]
    return [*known, {"at": "", "words": "Now"}]


def progress(lines: Iterable[ConsentEvent]) -> Mapping[UUID, Progress]:
    """How far those of these lines have come that the person has to confirm."""
    asking = [line for line in lines if line.action == Action.OPT_IN_REQUESTED]
    purposes, now = PurposeTree.current()
    return awaiting.progress(asking, purposes, now)


def staff_names(actors: Iterable[str]) -> dict[str, str]:
    """Who `staff:7` is, for those of the actors who are staff."""
    ids = {actor.removeprefix("staff:") for actor in actors if actor.startswith("staff:")}
    users = get_user_model().objects.filter(pk__in=[id for id in ids if id.isdigit()])
    return {f"staff:{user.pk}": user.get_username() for user in users}


def _moment(line: ConsentEvent, said: list[str]) -> Moment:
    takes_effect = line.action not in CONSENT_ACTIONS or line.outcome == Outcome.CHANGED
    return Moment(
        at=line.recorded_at,
        kind="event",
        id=line.id,
        identity=line.identity_id,
        title=wording.event(line),
        lines=said,
        tone=_TONES.get(Action(line.action), "info") if takes_effect else "",
        page=("admin:consents_consentevent_change", str(line.pk)),
    )


def _confirmed(line: ConsentEvent, waiting: Progress | None) -> Iterator[str]:
    if waiting:
        yield wording.confirmation(waiting)
    if confirmed := wording.confirmed_by(line):
        yield confirmed


def _shown(notice: Notice | None) -> Iterator[str]:
    if notice is not None:
        page = "admin:consents_notice_change"
        yield format_html("Shown: {}", wording.link(page, notice, wording.notice(notice)))


def _lines(line: ConsentEvent, names: dict[str, str]) -> list[str]:
    lines = []
    if line.outcome not in ("", Outcome.CHANGED, Outcome.UNCONFIRMED):
        lines.append(wording.outcome(line))
    if line.occurred_at != line.recorded_at:
        lines.append(f"Said on {wording.moment(line.occurred_at)}")
    if line.actor:
        lines.append(f"Written by {names.get(line.actor, line.actor)}")
    if line.detail.note:
        lines.append(f"Note: {line.detail.note}")
    lines += [_file(file) for file in line.files.all()]
    return lines


def _file(file: EvidenceFile) -> str:
    if file.erased_at is not None:
        return f"File, forgotten: {wording.kind_of_file(file)}"
    return f"File: {wording.kind_of_file(file)}, {wording.hash_of(file)}"
