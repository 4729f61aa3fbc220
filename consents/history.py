"""Reads what state is folded from back out of the ledger, as it stood at any time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from consents.folding import Fold, Statement, fold
from consents.models import ConsentEvent, InboundMessage
from consents.vocabulary import CONSENT_ACTIONS, FOLDED_ACTIONS, Action, Lifts, Origin

Pair = tuple[UUID, UUID]
"""Identity and purpose."""


def statements(
    identities: Iterable[UUID],
    *,
    known_by: datetime | None = None,
    occurred_by: datetime | None = None,
) -> Mapping[Pair, list[Statement]]:
    """What these identities are known to have said, by pair. The limits are those of `lines`."""
    rows = lines(known_by=known_by, occurred_by=occurred_by).filter(identity__in=list(identities))
    found: dict[Pair, list[Statement]] = defaultdict(list)
    for identity, purpose, *said in rows.order_by("seq").values_list("identity", "purpose", *SAID):
        found[identity, purpose].append(statement(*said))
    return found


def lines(
    *,
    of: Collection[Action] = FOLDED_ACTIONS,
    known_by: datetime | None = None,
    occurred_by: datetime | None = None,
) -> QuerySet[ConsentEvent]:
    """Every opt-in, opt-out and end of an opt-in, or line `of` other actions, not voided.

    `known_by` leaves out what was recorded later, `occurred_by` what happened later.
    """
    voiding = ConsentEvent.objects.filter(action=Action.VOIDED.value, cause=OuterRef("pk"))
    limits = Q()
    if known_by is not None:
        voiding = voiding.filter(recorded_at__lte=known_by)
        limits &= Q(recorded_at__lte=known_by)
    if occurred_by is not None:
        limits &= Q(occurred_at__lte=occurred_by)
    return ConsentEvent.objects.filter(limits, ~Exists(voiding), action__in=of)


SAID: Final = ("id", "action", "occurred_at", "lifts", "origin")
"""The columns of a line that `statement` takes."""


def statement(
    event: UUID, action: str, occurred_at: datetime, lifts: str, origin: str
) -> Statement:
    by_dropin = origin == Origin.DROPIN
    return Statement(event, Action(action), occurred_at, Lifts(lifts), by_dropin)


def ever_stated(identities: Iterable[UUID]) -> set[Pair]:
    """The pairs that some opt-in or opt-out speaks of, voided or not."""
    lines = ConsentEvent.objects.filter(identity__in=list(identities), action__in=CONSENT_ACTIONS)
    return set(lines.order_by().values_list("identity", "purpose").distinct())


def state_as_of(identity: UUID, at: datetime, *, hindsight: bool = False) -> dict[UUID, Fold]:
    """The identity's folds by purpose as they were at a past time.

    From what was known then; with `hindsight` from all that is known now about then.
    """
    known_by = None if hindsight else at
    found = statements([identity], known_by=known_by, occurred_by=at)
    return {purpose: fold(said) for (_, purpose), said in found.items()}


def last_inbound_as_of(
    identity: UUID, at: datetime, *, known_by: datetime | None = None
) -> datetime | None:
    """When the person's last message that counts for the window came, as it was at that time."""
    messages = inbound(at, known_by=known_by).filter(identity=identity)
    last: datetime | None = messages.aggregate(last=Max("received_at"))["last"]
    return last


def inbound(at: datetime, *, known_by: datetime | None = None) -> QuerySet[InboundMessage]:
    """The messages that count for the window and had come by that time."""
    messages = InboundMessage.objects.filter(counts_for_window=True, received_at__lte=at)
    return messages if known_by is None else messages.filter(recorded_at__lte=known_by)


def held_as_of(
    identity: UUID, at: datetime, *, known_by: datetime | None = None
) -> datetime | None:
    """When the newest hold was put on that nobody had released by that time."""
    lines = ConsentEvent.objects.filter(identity=identity, occurred_at__lte=at)
    if known_by is not None:
        lines = lines.filter(recorded_at__lte=known_by)
    released = lines.filter(action=Action.RELEASED.value, cause=OuterRef("pk"))
    holds = lines.filter(~Exists(released), action=Action.HELD.value)
    last: datetime | None = holds.aggregate(last=Max("occurred_at"))["last"]
    return last


def newest_hold(identity: UUID, *, besides: UUID | None = None) -> ConsentEvent | None:
    """The newest hold that nobody has released."""
    holds = ConsentEvent.objects.filter(identity=identity, action=Action.HELD.value)
    still_on = holds.exclude(consequences__action=Action.RELEASED.value)
    if besides is not None:
        still_on = still_on.exclude(id=besides)
    return still_on.order_by("-occurred_at", "-seq").first()


def is_window_noted(identity: UUID) -> bool:
    """Whether a `window_opened` stands that no `window_closed` has followed."""
    windows = [Action.WINDOW_OPENED.value, Action.WINDOW_CLOSED.value]
    lines = ConsentEvent.objects.filter(identity=identity, action__in=windows)
    newest = lines.order_by("-seq").first()
    return newest is not None and newest.action == Action.WINDOW_OPENED
