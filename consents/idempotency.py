"""A write that is asked for twice is carried out once.

The record of it lives in the write's own transaction: either both are there or neither. Only what
was committed is kept, as status and ids; the answer is rendered anew from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError, connection

from consents import ledger
from consents.commitments import keyed_digest
from consents.errors import ConsentError
from consents.models import ApiKey, IdempotencyRecord
from consents.writing import database_clock

KEY_MAX = 200
TWIN_WAITS = "5s"
"""How long a request waits for another one that is carrying out the same."""

_LOCK_NOT_AVAILABLE = "55P03"
_ROLLED_BACK = "40"
"""The class of errors that say for sure that nothing was committed."""

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as its repetition is recognised.

    Of key and body only keyed hashes are kept: a caller may have put a person's number in either.
    Raises ConsentError `invalid_idempotency_key` for a key that is not 1 to 200 printable ASCII
    characters.
    """

    api_key: ApiKey
    method: str
    path: str
    key: str
    body_sha256: bytes

    @property
    def kept_key(self) -> str:
        return keyed_digest(b"idempotency key\0" + self.key.encode()).hex()

    @property
    def kept_body(self) -> bytes:
        return keyed_digest(b"idempotency body\0" + self.body_sha256)

    def __post_init__(self) -> None:
        if not (1 <= len(self.key) <= KEY_MAX and self.key.isascii() and self.key.isprintable()):
            raise ConsentError(
                "invalid_idempotency_key",
                f"An Idempotency-Key has 1 to {KEY_MAX} printable ASCII characters.",
                "Idempotency-Key",
            )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write came to: an HTTP status, and a JSON result of ids and codes.

    `wrote`: whether there is anything to commit; what wrote nothing is not kept. `body` is the
    result as rendered, inside the transaction, so that nothing can fail after it.
    """

    status: int
    result: Result
    wrote: bool = True
    is_replay: bool = False
    body: Any = field(default=None, repr=False)


class OutcomeUnknown(Exception):
    """The connection was lost while committing: the write may have happened or not."""


def once(call: Call | None, work: Callable[[], Answer], render: Callable[[Result], Any]) -> Answer:
    """Carry `work` out in a transaction of its own, unless this very call was carried out before.

    Without a `call` it is carried out in any case. A deadlock is tried once more as a whole.
    Raises ConsentError `idempotency_in_progress` when a twin takes longer than five seconds,
    `idempotency_key_reused` when the key came with another body, and `gone` when what the first
    call made has been deleted since; OutcomeUnknown.
    """
    committing = False

    def attempt() -> Answer:
        nonlocal committing
        committing = False
        answer = work() if call is None else _unless_known(call, work)
        answer = replace(answer, body=_rendered(answer, render))
        committing = True
        return answer

    try:
        return ledger.once_more_on_deadlock(attempt)
    except (OperationalError, InterfaceError) as error:
        sqlstate = getattr(error, "sqlstate", None) or ""
        if committing and not sqlstate.startswith(_ROLLED_BACK):
            raise OutcomeUnknown from error
        raise


def _rendered(answer: Answer, render: Callable[[Result], Any]) -> Any:
    try:
        return render(answer.result)
    except ObjectDoesNotExist:
        if not answer.is_replay:
            raise
        raise ConsentError(
            "gone", "This was carried out before, and what it made has been deleted since."
        ) from None


def _unless_known(call: Call, work: Callable[[], Answer]) -> Answer:
    record = _claim(call)
    if record is None:
        return _known(call)
    answer = work()
    if answer.wrote:
        record.status, record.result = answer.status, answer.result
        record.save(update_fields=["status", "result"])
    else:
        record.delete()
    return answer


def _claim(call: Call) -> IdempotencyRecord | None:
    """Put the record in; None when it is there already. A twin's open transaction is waited for."""
    record = IdempotencyRecord(
        api_key=call.api_key,
        method=call.method,
        path=call.path,
        key=call.kept_key,
        body_sha256=call.kept_body,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{TWIN_WAITS}'")
            IdempotencyRecord.objects.bulk_create([record], ignore_conflicts=True)
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if getattr(error, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise _in_progress() from None
    return record if IdempotencyRecord.objects.filter(id=record.id).exists() else None


def _known(call: Call) -> Answer:
    record = IdempotencyRecord.objects.filter(
        api_key=call.api_key, method=call.method, path=call.path, key=call.kept_key
    ).first()
    if record is None:
        raise _in_progress()
    if bytes(record.body_sha256) != call.kept_body:
        raise ConsentError(
            "idempotency_key_reused",
            "This Idempotency-Key was used before with another body.",
            "Idempotency-Key",
        )
    return Answer(record.status, record.result, is_replay=True)


def _in_progress() -> ConsentError:
    return ConsentError(
        "idempotency_in_progress",
        "A request with this Idempotency-Key is being carried out; ask again in a moment.",
        "Idempotency-Key",
    )


def purge(older_than: timedelta) -> int:
    """Forget answers older than this, a chunk at a time; how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=database_clock() - older_than)
    ids = list(old.order_by("created_at").values_list("id", flat=True)[:1000])
    return IdempotencyRecord.objects.filter(id__in=ids).delete()[0]
