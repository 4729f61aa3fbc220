"""/healthz says that the process runs, /readyz that it can do its work.

Both are answered before anything else looks at the request: a load balancer asks by address,
without TLS and under no name of ours.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse


class HealthMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return JsonResponse({"status": "ok"})
        if request.path == "/readyz":
            return ready()
        return self.get_response(request)


def ready() -> JsonResponse:
    """200 when database and migrations are as they should be, else 503; both say what is.

    `outbox_age` is the age in seconds of the oldest change that a provider should have been told
    by now, 0 when there is none, null when it could not be read. A growing age alarms whoever
    watches it, but does not make the process unready: consents can be recorded all the same.
    """
    try:
        migrated = _migrations_applied()
        age = _outbox_age() if migrated else None
    except DatabaseError:
        return _answer(database=False, migrations=None, outbox_age=None)
    return _answer(database=True, migrations=migrated, outbox_age=age)


def _answer(database: bool, migrations: bool | None, outbox_age: float | None) -> JsonResponse:
    good = database and bool(migrations)
    body = {
        "status": "ok" if good else "unready",
        "database": database,
        "migrations": migrations,
        "outbox_age": outbox_age,
    }
    return JsonResponse(body, status=200 if good else 503)


def _migrations_applied() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _outbox_age() -> float | None:
    from providers import outbox

    age: float | None = outbox.oldest_due_age()
    return 0.0 if age is None else age
