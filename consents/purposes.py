"""The purposes as a tree held in memory: a handful of rows, read once per piece of work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from consents.errors import ConsentError
from consents.folding import Fold, resolve
from consents.models import Purpose
from consents.models.prepared import prepared
from consents.vocabulary import ROOT_PURPOSE, Category, State

# `xmin` tells one version of a row from the next, `ctid` those of one transaction.
_VERSION = """
SELECT string_agg(id::text || xmin::text || ctid::text, ',' ORDER BY id), clock_timestamp()
FROM consents_purpose
"""
_NOTHING_SAID = Fold()
_last: tuple[str, PurposeTree] | None = None


def _place_among_the_others(purpose: Purpose) -> tuple[int, bool, str]:
    rank = list(Category).index(Category(purpose.category or ""))
    return (rank, purpose.key != purpose.category, purpose.name)


class PurposeTree:
    """Answers by key or id; `chain` runs from the root to the purpose itself."""

    def __init__(self, purposes: Iterable[Purpose]) -> None:
        self.by_id: dict[UUID, Purpose] = {purpose.id: purpose for purpose in purposes}
        self._by_key = {purpose.key: purpose for purpose in self.by_id.values()}

    @classmethod
    def load(cls) -> PurposeTree:
        return cls(Purpose.objects.all())

    @classmethod
    def current(cls) -> tuple[PurposeTree, datetime]:
        """The purposes as they are now, and the database's clock; read anew when they changed.

        Nobody may change what is read here: it is shared.
        """
        global _last
        with prepared() as cursor:
            cursor.execute(_VERSION)
            version, now = cursor.fetchone()
        known = _last
        if known is None or known[0] != version:
            _last = known = (version, cls.load())
        return known[1], now

    def named(self, key: object) -> Purpose:
        """The purpose with this key; an unknown one is an error, never a guess."""
        purpose = self._by_key.get(key) if isinstance(key, str) else None
        if purpose is None:
            raise ConsentError("unknown_purpose", "There is no such purpose.", "purpose")
        return purpose

    def chain(self, purpose: Purpose) -> list[Purpose]:
        chain = [purpose]
        while chain[0].parent_id is not None:
            chain.insert(0, self.by_id[chain[0].parent_id])
        return chain

    def in_order(self) -> list[Purpose]:
        """All that can be asked for: each category, and after it what staff added under it."""
        return sorted(
            (one for one in self.by_id.values() if one.category), key=_place_among_the_others
        )

    @cached_property
    def required_evidence(self) -> Mapping[UUID, frozenset[str]]:
        """What must be known of an opt-in to each: as it, all above and all it allows require."""
        return {id: frozenset(self._required_of(one)) for id, one in self.by_id.items()}

    def _required_of(self, purpose: Purpose) -> Iterator[str]:
        for one in self._concerned_by(purpose):
            yield from one.required_evidence

    @cached_property
    def confirm_within(self) -> Mapping[UUID, timedelta]:
        """In what time a person has to confirm an opt-in to each, of those where they have to.

        The shortest that it, all above and all it allows say: a broader opt-in is no way around.
        """
        hours = {id: list(self._hours_of(one)) for id, one in self.by_id.items()}
        return {id: timedelta(hours=min(found)) for id, found in hours.items() if found}

    def _hours_of(self, purpose: Purpose) -> Iterator[int]:
        for one in self._concerned_by(purpose):
            if one.confirm_within_hours is not None:
                yield one.confirm_within_hours

    def _concerned_by(self, purpose: Purpose) -> Iterator[Purpose]:
        """Whose rules an opt-in to it has to keep."""
        yield from self.chain(purpose)
        yield from (one for one in self.by_id.values() if self._covers(purpose, one))

    def _covers(self, purpose: Purpose, other: Purpose) -> bool:
        """Whether an opt-in to the one allows the other."""
        return not other.requires_own_consent and purpose in self.chain(other)

    @cached_property
    def root_allows(self) -> bool:
        """Whether an opt-in to the root alone lets somebody be written to for some purpose."""
        return any(not purpose.requires_own_consent for purpose in self._askable)

    @cached_property
    def lasts(self) -> Mapping[UUID, timedelta | None]:
        """How long an opt-in is good for each: the shortest that it and all above it say.

        None: until it is withdrawn.
        """
        return {id: _shortest(self.chain(one)) for id, one in self.by_id.items()}

    def lasts_as_of(self, purpose: UUID | None, at: datetime) -> timedelta | None:
        """The same by the rules that are still in force and were already then.

        What former rules ended stands in the ledger.
        """
        chain = self.chain(self.by_id[purpose]) if purpose else []
        return _shortest(one for one in chain if one.validity_since and one.validity_since <= at)

    def end(self, purpose: UUID, opted_in_at: datetime) -> datetime | None:
        """When an opt-in to the purpose ends that was given then; never before the rule was set."""
        return min(
            (
                max(opted_in_at + timedelta(days=one.validity_days), one.validity_since)
                for one in self.chain(self.by_id[purpose])
                if one.validity_days and one.validity_since
            ),
            default=None,
        )

    @cached_property
    def ending(self) -> frozenset[UUID]:
        """The purposes of which an opt-in ends for everything that it allows."""
        return frozenset(id for id, one in self.by_id.items() if self._ends(one))

    def _ends(self, purpose: Purpose) -> bool:
        allowed = [one for one in self._askable if one == purpose or self._covers(purpose, one)]
        return bool(allowed) and all(self.lasts[one.id] for one in allowed)

    @cached_property
    def _askable(self) -> list[Purpose]:
        return [purpose for purpose in self.by_id.values() if purpose.key != ROOT_PURPOSE]

    @cached_property
    def _chains(self) -> Mapping[UUID, list[UUID]]:
        return {id: [link.id for link in self.chain(one)] for id, one in self.by_id.items()}

    def state(self, purpose: Purpose, folds: Mapping[UUID, Fold], now: datetime) -> State | None:
        """How somebody of whom this is known stands towards the purpose."""
        lasts = self.lasts[purpose.id]
        return resolve(
            [folds.get(id, _NOTHING_SAID) for id in self._chains[purpose.id]],
            own_only=purpose.requires_own_consent,
            ended_by=now - lasts if lasts else None,
        ).state

    def may_write(self, folds: Mapping[UUID, Fold], now: datetime) -> bool:
        """Whether any purpose is allowed by explicit consent: the one bit providers are told."""
        return any(self.state(one, folds, now) == State.OPTED_IN for one in self._askable)


def _shortest(purposes: Iterable[Purpose]) -> timedelta | None:
    days = min((one.validity_days for one in purposes if one.validity_days), default=None)
    return timedelta(days=days) if days else None
