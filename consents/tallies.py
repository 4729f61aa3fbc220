"""Counts for the home page, kept by the worker beside the ledger, never while recording.

Days are counted line by line, in order and up to the horizon, so that none is missed or counted
twice. Reach is counted anew as a whole, the seldomer the longer that takes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Final

from django.db import connection, transaction

from consents import feeds
from consents.models import ConsentEvent, TallyMark

LINES: Final = 20_000
"""Read at most in one step."""

REACH_EVERY: Final = timedelta(seconds=30)
REACH_SHARE: Final = 200
"""Counting reach takes at most one part in so many of the time."""

# Each line looks its identity up, so that a step costs the same in a book of any size: joined,
# everybody in the book would be read for it.
_FOLD: Final = """
WITH lines AS (
    SELECT event.seq, event.sender_id, event.action, event.effective, identity.channel,
           (event.occurred_at AT TIME ZONE 'UTC')::date AS day
    FROM consents_consentevent event
    CROSS JOIN LATERAL (
        SELECT channel FROM consents_channelidentity WHERE id = event.identity_id OFFSET 0
    ) AS identity
    WHERE event.seq > %(after)s AND event.seq <= %(upto)s
), counted AS (
    INSERT INTO consents_daytally AS tally (id, sender_id, day, channel, action, lines)
    SELECT gen_random_uuid(), sender_id, day, channel, action, count(*)
    FROM lines WHERE effective AND action IN ('opt_in', 'opt_out')
    GROUP BY sender_id, day, channel, action
    ON CONFLICT (day, sender_id, channel, action) DO UPDATE
        SET lines = tally.lines + excluded.lines
)
SELECT count(*) FROM lines
"""

_LAST_OF_STEP: Final = """
SELECT max(seq) FROM (
    SELECT seq FROM consents_consentevent
    WHERE seq > %s AND seq <= %s ORDER BY seq LIMIT %s
) step
"""

_REACH: Final = """
INSERT INTO consents_reachtally (id, sender_id, channel, purpose_id, state, identities)
SELECT gen_random_uuid(), identity.sender_id, identity.channel, consent.purpose_id, consent.state,
       count(*)
FROM consents_consent consent
JOIN consents_channelidentity identity ON identity.id = consent.identity_id
GROUP BY identity.sender_id, identity.channel, consent.purpose_id, consent.state
"""


def keep(now: datetime) -> int:
    """Count what has been recorded since last time; how many lines were read.

    After an import that is a while: others are left as much time as each step took.
    """
    total, begun = 0, monotonic()
    while read := fold():
        total += read
        if read == LINES:
            sleep(monotonic() - begun)
        begun = monotonic()
    count_reach(now)
    return total


def fold(limit: int | None = None) -> int:
    """Add the next lines to the days' counts, at most `limit`, else `LINES`; how many were read.

    0 when all are counted.
    """
    horizon = feeds.horizon(ConsentEvent)
    with transaction.atomic():
        mark = _mark()
        if mark.seq >= horizon:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_LAST_OF_STEP, [mark.seq, horizon, limit or LINES])
            [last] = cursor.fetchone()
            upto = horizon if last is None else last
            cursor.execute(_FOLD, {"after": mark.seq, "upto": upto})
            [read] = cursor.fetchone()
        mark.seq = upto
        mark.save(update_fields=["seq"])
    return int(read)


def count_reach(now: datetime) -> bool:
    """Count who stands how, unless that was done a short while ago; whether it was."""
    with transaction.atomic():
        mark = _mark()
        if mark.reach_counted_at and now < mark.reach_counted_at + _pause(mark):
            return False
        begun = monotonic()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM consents_reachtally")
            cursor.execute(_REACH)
        mark.reach_counted_at = now
        mark.reach_ms = round((monotonic() - begun) * 1000)
        mark.save(update_fields=["reach_counted_at", "reach_ms"])
    return True


def _pause(mark: TallyMark) -> timedelta:
    return max(REACH_EVERY, REACH_SHARE * timedelta(milliseconds=mark.reach_ms))


def _mark() -> TallyMark:
    """The one row, locked."""
    TallyMark.objects.bulk_create([TallyMark(id=1)], ignore_conflicts=True)
    return TallyMark.objects.select_for_update().get(id=1)
