"""What the ledger, the outbox and the providers' logs say, and whether they agree.

The promise: no opt-in is sent after a newer opt-out, and one that lands late is overwritten
within two minutes. It is held here against the order in which calls reached the providers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

OPT_IN, OPT_OUT = "opt_in", "opt_out"
HELD = {OPT_IN: "opted_in", OPT_OUT: "opted_out"}

LINES = """
SELECT identity.address, event.action, event.recorded_at, detail.evidence ->> 'mark'
FROM consents_consentevent AS event
JOIN consents_channelidentity AS identity ON identity.id = event.identity_id
JOIN consents_eventdetail AS detail ON detail.event_id = event.id
WHERE event.action IN ('opt_in', 'opt_out') ORDER BY event.seq
"""

OPEN_ROWS = """
SELECT count(*) FROM providers_providersync
WHERE status IN ('pending', 'sending', 'awaiting_result')
"""

# Rows are claimed one after another within a pair, and a row that was claimed again keeps its
# last time: an opt-in whose last claim is younger than a newer opt-out's went out after it.
CLAIMED_TOO_LATE = """
SELECT count(*) FROM providers_providersync AS young
JOIN providers_providersync AS old
  ON old.account_id = young.account_id AND old.identity_id = young.identity_id
WHERE young.kind = 'opt_out' AND old.kind = 'opt_in' AND young.seq > old.seq
  AND old.sent_at > young.sent_at
"""


ROWS = "SELECT id::text, seq FROM providers_providersync"


class Line(NamedTuple):
    """One opt-in or opt-out of the ledger, in the order of its lines."""

    number: str
    action: str
    recorded_at: datetime
    mark: str


class Call(NamedTuple):
    """One number in one call that reached a provider, in the order of arrival."""

    provider: str
    number: str
    action: str
    at: datetime


def calls_in(log: Iterable[dict[str, Any]]) -> list[Call]:
    return [
        Call(call["provider"], number, call["action"], datetime.fromisoformat(call["at"]))
        for call in log
        if call["action"] in HELD
        for number in call["numbers"]
    ]


def by_number(lines: Iterable[Line]) -> dict[str, list[Line]]:
    grouped: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        grouped[line.number].append(line)
    return grouped


def last_words(lines: Iterable[Line]) -> dict[str, str]:
    """What every provider ought to hold: here each person's last line decides."""
    return {line.number: HELD[line.action] for line in lines}


def sent_out_of_order(lines: Iterable[Line], calls: Iterable[Call]) -> list[Call]:
    """The calls that tell something older than what an earlier call told.

    The calls about one number at one provider must tell its lines in their order: some may be
    left out, one may be told several times, none before it was written. Walking along the lines,
    a call either repeats the one we stand at or moves on to a later one; an opt-in sent after a
    newer opt-out finds no later line that says it.
    """
    lines_of, place, wrong = by_number(lines), defaultdict[tuple[str, str], int](int), []
    for call in calls:
        said, at = lines_of[call.number], (call.provider, call.number)
        found = _next_saying(said, place[at], call)
        if found is None:
            wrong.append(call)
        else:
            place[at] = found
    return wrong


def _next_saying(said: Sequence[Line], start: int, call: Call) -> int | None:
    for index in range(start, len(said)):
        if said[index].recorded_at > call.at:
            return None
        if said[index].action == call.action:
            return index
    return None


def rows_out_of_order(log: Iterable[dict[str, Any]], seq_of: dict[str, int]) -> list[str]:
    """The rows that arrived after a newer row of their pair, where calls name their row."""
    newest, wrong = defaultdict[str, int](int), []
    for call in log:
        if call["request_id"] is None or call["action"] not in HELD:
            continue
        [number] = call["numbers"]
        if seq_of[call["request_id"]] < newest[number]:
            wrong.append(call["request_id"])
        newest[number] = max(newest[number], seq_of[call["request_id"]])
    return wrong


def longest_overwritten(
    history: Iterable[dict[str, Any]], log: Iterable[dict[str, Any]]
) -> timedelta:
    """How long an opt-in that landed late stood at most.

    `history` is one number's steps at one provider, `log` the calls there about it. A step is late
    when a newer call for an opt-out had arrived before; it stands until the next step, or until
    an opt-in arrives that is newer still (which a provider that holds one need not write down).
    """
    calls = [(call["sequence"], call["action"], _time(call)) for call in log]
    steps = [(step["call"], step["state"], _time(step)) for step in history]
    longest = timedelta()
    for place, (call, state, landed) in enumerate(steps):
        newest, action, _ = max(one for one in calls if one[2] <= landed)
        if state != HELD[OPT_IN] or action != OPT_OUT or call >= newest:
            continue
        ends = [at for _, _, at in steps[place + 1 : place + 2]]
        ends += [at for sequence, kind, at in calls if kind == OPT_IN and sequence > newest]
        assert ends, "an opt-in that landed late was never overwritten"
        longest = max(longest, min(ends) - landed)
    return longest


def _time(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])
