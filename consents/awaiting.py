"""Opt-ins that were asked for and wait for the person: which can be confirmed, and why not.

Nothing is written when one runs out: it is worked out from the times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import QuerySet

from consents import timestamps
from consents.history import Pair, lines
from consents.models import ConsentEvent
from consents.purposes import PurposeTree
from consents.requested import UNTIL, deadline
from consents.vocabulary import Action


class Stage(StrEnum):
    OPEN = "open"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # by an opt-out since, or it was voided


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request has come. `confirmed`: the opt-in by which it was."""

    request: ConsentEvent
    stage: Stage
    until: datetime | None
    confirmed: ConsentEvent | None = None


def requests() -> QuerySet[ConsentEvent]:
    """The lines that ask for a confirmation, with all that tells how far they have come."""
    asking = ConsentEvent.objects.filter(action=Action.OPT_IN_REQUESTED.value)
    return asking.select_related("detail", "purpose")


def progress(
    found: Collection[ConsentEvent], purposes: PurposeTree, at: datetime
) -> Mapping[UUID, Progress]:
    """How far each of these `requests` has come at that time, by what is known now."""
    if not found:
        return {}
    said = _Said(found)
    return {one.id: _progress(one, said, purposes, at) for one in found}


def still_open(
    identities: Iterable[UUID], purposes: PurposeTree, at: datetime
) -> Sequence[Progress]:
    """What these people can confirm at that time, the newest first."""
    # Whatever is handed in night after night leaves few that have not run out.
    lasting = requests().filter(**{f"detail__evidence__{UNTIL}__gt": timestamps.written(at)})
    found = list(lasting.filter(identity__in=list(identities)).order_by("-seq"))
    known = progress(found, purposes, at)
    return [one for one in known.values() if one.stage is Stage.OPEN]


class _Said:
    """What was said since by those who asked, as far as it ends a request."""

    def __init__(self, asked: Collection[ConsentEvent]) -> None:
        since = lines().filter(identity__in={one.identity_id for one in asked})
        stops = since.filter(action=Action.OPT_OUT.value)
        self.stops: dict[UUID, list[ConsentEvent]] = defaultdict(list)
        for stop in stops.filter(occurred_at__gte=min(one.occurred_at for one in asked)):
            self.stops[stop.identity_id].append(stop)
        confirming = since.filter(
            action=Action.OPT_IN.value,
            cause__action=Action.OPT_IN_REQUESTED.value,
            seq__gt=min(one.seq for one in asked),
        )
        self.confirmed: dict[Pair, list[ConsentEvent]] = defaultdict(list)
        for opt_in in confirming.order_by("seq"):
            self.confirmed[_pair(opt_in)].append(opt_in)
        voided = ConsentEvent.objects.filter(action=Action.VOIDED.value, cause__in=asked)
        self.voided = set(voided.values_list("cause", flat=True))


def _progress(request: ConsentEvent, said: _Said, purposes: PurposeTree, at: datetime) -> Progress:
    until = deadline(request.detail.evidence)
    if request.id in said.voided:
        return Progress(request, Stage.WITHDRAWN, until)
    if confirmed := _confirmed(request, said):
        return Progress(request, Stage.CONFIRMED, until, confirmed)
    if _is_withdrawn(request, said, purposes):
        return Progress(request, Stage.WITHDRAWN, until)
    is_open = until is not None and at < until
    return Progress(request, Stage.OPEN if is_open else Stage.EXPIRED, until)


def _confirmed(request: ConsentEvent, said: _Said) -> ConsentEvent | None:
    """By whatever confirmed it, or one that asked for the same later."""
    since = (one for one in said.confirmed[_pair(request)] if one.seq > request.seq)
    return next(since, None)


def _is_withdrawn(request: ConsentEvent, said: _Said, purposes: PurposeTree) -> bool:
    """Whether an opt-out of the same, or of more, came since; at equal times it wins as ever."""
    refusing = {one.id for one in purposes.chain(purposes.by_id[request.purpose_id])}
    return any(
        stop.purpose_id in refusing and stop.occurred_at >= request.occurred_at
        for stop in said.stops[request.identity_id]
    )


def _pair(event: ConsentEvent) -> Pair:
    return (event.identity_id, event.purpose_id)
