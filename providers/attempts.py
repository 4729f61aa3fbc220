"""Every call that was made, written down for each row that it carried."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from consents import legal_holds
from consents.models.base import new_id
from consents.models.prepared import array, prepared
from consents.writing import database_clock
from providers.arrivals import Returned
from providers.contract import Outcome, Trace
from providers.models import SyncAttempt

# What the rows of a call have in common is sent once, and read once: a trace is long.
_INSERT: Final = """
WITH made AS MATERIALIZED (
    SELECT * FROM ROWS FROM (
        unnest(%(calls)s::uuid[], %(starts)s::timestamptz[], %(lengths)s::int[],
               %(http)s::smallint[]),
        jsonb_array_elements(%(traces)s::jsonb))
    WITH ORDINALITY AS one(call, started_at, elapsed_ms, status_code, trace, number)
), said AS MATERIALIZED (
    SELECT * FROM unnest(%(results)s::text[], %(codes)s::text[], %(texts)s::text[])
                  WITH ORDINALITY AS one(result, code, text, number)
)
INSERT INTO providers_syncattempt
    (id, sync_id, call, started_at, elapsed_ms, status_code, result, code, text, trace)
SELECT row.id, row.sync_id, made.call, made.started_at, made.elapsed_ms,
       made.status_code, said.result, said.code, said.text, made.trace
FROM unnest(%(ids)s::uuid[], %(syncs)s::uuid[], %(call)s::int[], %(said)s::int[])
     AS row(id, sync_id, call, said)
JOIN made ON made.number = row.call
JOIN said ON said.number = row.said
"""


def write(returned: Sequence[Returned]) -> None:
    """What was asked and answered, masked."""
    with prepared() as cursor:
        cursor.execute(_INSERT, {**_calls(returned), **_rows(returned)})


def forget(older_than: timedelta) -> int:
    """Delete calls made that long ago, a chunk at a time; how many. Their rows stay."""
    old = SyncAttempt.objects.filter(started_at__lt=database_clock() - older_than)
    free = old.exclude(sync__identity__in=legal_holds.held_identities())
    ids = list(free.values_list("id", flat=True)[:1000])
    return SyncAttempt.objects.filter(id__in=ids).delete()[0]


def _calls(returned: Sequence[Returned]) -> dict[str, object]:
    traces = [one.delivery.traces for one in returned]
    return {
        "calls": [one.call.id for one in returned],
        "starts": [one.started_at for one in returned],
        "lengths": [int(one.elapsed.total_seconds() * 1000) for one in returned],
        "http": [made[-1].status if made else None for made in traces],
        "traces": json.dumps([[_plain(trace) for trace in made] for made in traces]),
    }


def _rows(returned: Sequence[Returned]) -> dict[str, object]:
    places: dict[Outcome, int] = {}
    rows = [
        (new_id(), change.id, number, places.setdefault(outcome, len(places) + 1))
        for number, one in enumerate(returned, start=1)
        for change in one.call.changes
        for outcome in [one.delivery.outcomes[change.id]]
    ]
    ids, syncs, call, said = zip(*rows, strict=True)
    return {
        "ids": array(ids),
        "syncs": array(syncs),
        "call": array(call),
        "said": array(said),
        "results": [outcome.result.value for outcome in places],
        "codes": [outcome.code[:64] for outcome in places],
        "texts": [outcome.text[:500] for outcome in places],
    }


def _plain(trace: Trace) -> dict[str, Any]:
    return {
        "method": trace.method,
        "url": trace.url,
        "status": trace.status,
        "elapsed_ms": int(trace.elapsed.total_seconds() * 1000),
        "request": trace.request,
        "response": trace.response,
    }
