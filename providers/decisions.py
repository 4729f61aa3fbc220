"""Rows of the outbox being decided upon, under the locks that keep their order right."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from consents.models import Standing
from consents.models.rows import update_rows
from consents.writing import database_clock
from providers import notifications
from providers.contract import Kind, Outcome, Result
from providers.models import ProviderSync
from providers.outcomes import FailedReason, Status

LADDER = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 86400)
)
"""How long a row waits after each attempt that was its own fault: three days in all."""

DAILY = timedelta(days=1)
RESEND_AFTER = timedelta(minutes=1)

_DECIDED = [
    "status",
    "reason",
    "code",
    "text",
    "attempts",
    "due_at",
    "lease",
    "lease_until",
    "batch_max",
    "suspect_since",
    "is_uncertain",
    "heard_at",
    "ended_at",
]


class Rows:
    """Rows being decided upon, under the locks of their standings; written all at once."""

    def __init__(self, ids: Iterable[UUID], status: Status | None = Status.SENDING) -> None:
        """Those of the rows that have this status; None: whatever status they have."""
        wanted = list(ids)
        people = ProviderSync.objects.filter(id__in=wanted).values_list("identity", flat=True)
        self._people = [one.identity_id for one in Standing.objects.locked(people)]
        rows = ProviderSync.objects.filter(id__in=wanted)
        if status is not None:
            rows = rows.filter(status=status.value)
        self._rows = {row.id: row for row in rows.select_for_update().order_by("id")}
        others = ProviderSync.objects.filter(
            identity__in=self._people,
            status__in=[Status.PENDING.value, Status.AWAITING_RESULT.value],
        ).exclude(id__in=self._rows)
        # Locked too, or one of them could be claimed in between and be written back as waiting.
        others = others.select_for_update().order_by("id")
        self._others = {(one.account_id, one.identity_id, one.status): one for one in others}
        self._changed: dict[UUID, ProviderSync] = {}
        self._new: list[ProviderSync] = []
        self.now = database_clock()

    def all(self) -> list[ProviderSync]:
        return list(self._rows.values())

    def leased(self, ids: Iterable[UUID], lease: UUID) -> list[ProviderSync]:
        """Those of these rows that are still this lease's."""
        return [row for id in ids if (row := self._rows.get(id)) and row.lease == lease]

    def held_until(self, moment: datetime) -> list[ProviderSync]:
        return [row for row in self.all() if row.lease_until and row.lease_until < moment]

    def arrived(self, row: ProviderSync, status: Status, outcome: Outcome) -> None:
        """The provider has it; after an unknown outcome it is sent once more, a minute later."""
        self._describe(row, outcome)
        if earlier := self._other(row, Status.AWAITING_RESULT):
            self._end(earlier, Status.SUPERSEDED)
        if row.is_uncertain:
            self._send_once_more(row)
        row.suspect_since = None
        self._end(row, status)

    def heard(self, row: ProviderSync, outcome: Outcome) -> None:
        """The provider has told by callback that it has it, whenever that comes."""
        row.reason = ""
        if row.status in (Status.PENDING, Status.SENDING):
            self.arrived(row, Status.SUCCEEDED, outcome)
        else:
            self._describe(row, outcome)
            self._end(row, Status.SUCCEEDED)

    def keep(self, row: ProviderSync, outcome: Outcome) -> None:
        """It has ended otherwise; only what the provider says of it is new."""
        self._describe(row, outcome)
        self._changed[row.id] = row

    def fail(self, row: ProviderSync, reason: FailedReason, outcome: Outcome | None) -> None:
        """It will not arrive; where a newer one waits, that is all there is to say."""
        if outcome:
            self._describe(row, outcome)
        if not self._step_aside(row):
            row.reason = reason.value
            self._end(row, Status.FAILED)

    def spend(
        self, row: ProviderSync, reason: FailedReason, after: timedelta | None = None
    ) -> None:
        """An attempt was the row's own fault: later again, up to an end that no opt-out has."""
        row.attempts += 1
        if row.attempts <= len(LADDER):
            wait = LADDER[row.attempts - 1] if after is None else after
        elif row.kind == Kind.OPT_OUT:
            wait = DAILY
        else:
            self.fail(row, reason, None)
            return
        self.put_back(row, wait)

    def put_back(self, row: ProviderSync, wait: timedelta = timedelta()) -> None:
        """It waits again, or steps aside for a newer one that does."""
        if self._step_aside(row):
            return
        row.status, row.lease, row.lease_until = Status.PENDING.value, None, None
        row.due_at = self.now + wait
        self._changed[row.id] = row

    def note(self, row: ProviderSync, outcome: Outcome) -> None:
        """Keep what the provider said, and whether nobody knows what became of the call."""
        self._describe(row, outcome)
        row.is_uncertain |= outcome.result == Result.UNKNOWN

    def write(self) -> int:
        """Put the decisions into the database; how many rows they were about."""
        update_rows(list(self._changed.values()), _DECIDED)
        ProviderSync.objects.bulk_create(self._new)
        failed = [row for row in self._changed.values() if row.status == Status.FAILED]
        notifications.sync_failed(failed)
        return len(self._changed.keys() & self._rows.keys())

    def _describe(self, row: ProviderSync, outcome: Outcome) -> None:
        row.code, row.text = outcome.code[:64], outcome.text[:500]

    def _other(self, row: ProviderSync, status: Status) -> ProviderSync | None:
        return self._others.get((row.account_id, row.identity_id, status.value))

    def _step_aside(self, row: ProviderSync) -> bool:
        row.reason = ""
        newer = self._other(row, Status.PENDING)
        if newer is None:
            return False
        if row.is_uncertain or row.is_resend:
            newer.is_uncertain = True
            self._changed[newer.id] = newer
        self._end(row, Status.SUPERSEDED)
        return True

    def _send_once_more(self, row: ProviderSync) -> None:
        if newer := self._other(row, Status.PENDING):
            newer.is_uncertain = True
            self._changed[newer.id] = newer
            return
        again = ProviderSync(
            account_id=row.account_id,
            identity_id=row.identity_id,
            event_id=row.event_id,
            kind=row.kind,
            created_at=self.now,
            due_at=self.now + RESEND_AFTER,
            is_resend=True,
        )
        self._new.append(again)

    def _end(self, row: ProviderSync, status: Status) -> None:
        row.status, row.lease, row.lease_until = status.value, None, None
        row.ended_at = None if status == Status.AWAITING_RESULT else self.now
        self._changed[row.id] = row
