"""Every call that was made, written down for each row that it carried."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consents.models.base import new_id
from providers.arrivals import Returned
from providers.contract import Trace

_COPY: Final = """
COPY providers_syncattempt
    (id, sync_id, call, started_at, elapsed_ms, status_code, result, code, text, trace)
FROM STDIN
"""


def write(returned: Sequence[Returned]) -> None:
    """What was asked and answered, masked."""
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for one in returned:
            for row in _rows(one):
                copy.write_row(row)


def _rows(one: Returned) -> Iterator[tuple[Any, ...]]:
    delivery = one.delivery
    elapsed = int(one.elapsed.total_seconds() * 1000)
    status = delivery.traces[-1].status if delivery.traces else None
    trace = json.dumps([_plain(trace) for trace in delivery.traces])
    for change in one.call.changes:
        outcome = delivery.outcomes[change.id]
        said = (outcome.result.value, outcome.code[:64], outcome.text[:500])
        yield (
            *(new_id(), UUID(change.id), one.call.id, one.started_at, elapsed, status),
            *(*said, trace),
        )


def _plain(trace: Trace) -> dict[str, Any]:
    return {
        "method": trace.method,
        "url": trace.url,
        "status": trace.status,
        "elapsed_ms": int(trace.elapsed.total_seconds() * 1000),
        "request": trace.request,
        "response": trace.response,
    }
