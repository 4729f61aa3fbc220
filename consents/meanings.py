"""What the purposes that lines name mean, sealed beside them.

A line names its purpose by id. Whoever gave that id another key, or another place among the
purposes, would give every line of it another meaning and change none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from consents.commitments import canonical
from consents.findings import Finding, Kind
from consents.models import Purpose, Seal

Meanings = Sequence[Mapping[str, Any]]
"""Of each purpose in the order of their ids: `id`, `key`, and `parent`, an id or None."""


def current() -> Meanings:
    rows = Purpose.objects.order_by("id").values_list("id", "key", "parent")
    return [
        {"id": str(id), "key": key, "parent": str(parent) if parent else None}
        for id, key, parent in rows
    ]


def digest(meanings: Meanings) -> bytes:
    return hashlib.sha256(canonical(meanings).encode()).digest()


def of(seal: Seal) -> Meanings:
    """As they were when it was made. A seal keeps them where they differ from the one before."""
    kept = Seal.objects.light().filter(number__lte=seal.number, meanings__isnull=False)
    found = kept.order_by("-number").values_list("meanings", flat=True).first()
    meanings: Meanings = found or []
    return meanings


def check_newest() -> Iterator[Finding]:
    """Which purposes mean something else now than when the newest seal was made."""
    newest = Seal.objects.light().first()
    now = {one["id"]: one for one in current()}
    for was in of(newest) if newest else ():
        is_now = now.get(was["id"], was)
        if is_now != was:
            yield Finding(
                Kind.MEANING,
                f"The purpose {was['id']} was {was['key']} when it was sealed and is "
                f"{is_now['key']} now, or belongs to another.",
            )
