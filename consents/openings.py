"""What is behind the commitments of a line: who holds it can show that it was there, unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.db import transaction

from consents.commitments import commit_to_address, commit_to_detail
from consents.findings import Finding, Kind
from consents.models import ChannelIdentity, ConsentEvent, EventDetail

CHUNK: Final = 2000

Opening = dict[str, Any]


def of_detail(detail: EventDetail) -> Opening | None:
    """The detail and the salt that `detail_commitment` is made of; None once erased."""
    if detail.salt is None or detail.erased_at is not None:
        return None
    return {"salt": bytes(detail.salt).hex(), "detail": detail.committed()}


def of_address(detail: EventDetail, identity: ChannelIdentity) -> Opening | None:
    """The address and the salt that `address_commitment` is made of; None once erased."""
    if detail.address_salt is None or identity.address is None:
        return None
    return {
        "salt": bytes(detail.address_salt).hex(),
        "channel": identity.channel,
        "address": identity.address,
    }


def verify(upto: int, progress: Callable[[int], None] = lambda _: None) -> Iterator[Finding]:
    """Which lines up to this one do not fit what is still known behind their commitments.

    What was erased cannot be held against anything. `progress` is told how many were looked at.
    """
    lines = ConsentEvent.objects.filter(seq__lte=upto).order_by("seq")
    # Only within a transaction does the database send rows as it finds them.
    with transaction.atomic():
        rows = lines.select_related("detail", "identity").iterator(chunk_size=CHUNK)
        for checked, event in enumerate(rows, start=1):
            yield from _differing(event)
            if checked % CHUNK == 0:
                progress(checked)


def _differing(event: ConsentEvent) -> Iterator[Finding]:
    try:
        detail = event.detail
    except EventDetail.DoesNotExist:
        yield _finding(event, "its evidence is missing")
        return
    opened = of_detail(detail)
    if opened and not _is(event.detail_commitment, commit_to_detail, opened):
        yield _finding(event, "its evidence is not what was committed to")
    opened = of_address(detail, event.identity)
    if opened and not _is(event.address_commitment, commit_to_address, opened):
        yield _finding(event, "the address it speaks of is another than was committed to")


def _is(commitment: bytes | memoryview, commit: Callable[..., bytes], opened: Opening) -> bool:
    salt, *rest = opened.values()
    return commit(bytes.fromhex(salt), *rest) == bytes(commitment)


def _finding(event: ConsentEvent, what: str) -> Finding:
    return Finding(Kind.DETAIL, f"Line {event.seq}: {what}.", seq=event.seq)
