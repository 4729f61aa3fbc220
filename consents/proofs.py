"""Proves to others that lines stand in the ledger as they were sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from consents import documents, leaves, meanings, merkle, notices, openings
from consents.documents import Document
from consents.errors import ConsentError
from consents.models import ConsentEvent, Notice, Seal

TYPE: Final = "optbook.proof"


def seal_of(event: ConsentEvent) -> Seal | None:
    """The seal over this line, with its key; None while there is none."""
    over = Seal.objects.light().filter(upto__gte=event.seq).select_related("key")
    found: Seal | None = over.order_by("upto").first()
    return found


def prove(event: ConsentEvent) -> Document:
    """All that somebody needs who has nothing but the public key: docs/verify.py reads it.

    `line`: every column. `index`, `path`: what leads from it to the root that `seal` has signed
    (RFC 9162, section 2.1.3). `purposes`: what purposes meant when it did. `detail`, `address`:
    what is behind the commitments, with their salts; None once it is erased. `notice`, where the
    detail names one: its exact text. Needs the line's detail and identity.

    Raises ConsentError `not_sealed_yet` for a line that no seal is over, and `line_changed` for
    one that does not fit its seal.
    """
    seal = seal_of(event)
    if seal is None:
        raise ConsentError("not_sealed_yet", "This line is not sealed yet; come back later.")
    hashes = seal.hashes()
    index = _index(event, hashes)
    return {
        "type": TYPE,
        "line": documents.line(event),
        "index": index,
        "path": [one.hex() for one in merkle.path(hashes, index)],
        "seal": documents.seal(seal),
        "purposes": meanings.of(seal),
        "detail": openings.of_detail(event.detail),
        "address": openings.of_address(event.detail, event.identity),
        **_shown(event),
    }


def whole_ledger(upto: int, progress: Callable[[int], None] = lambda _: None) -> Iterator[Document]:
    """Everything sealed up to line `upto`: a head, then each seal and the lines it is over.

    What purposes mean comes before the first seal that has it so, and the texts of all notices
    before the first of all. Holds no personal data: that is behind the commitments. `progress` is
    told how many lines have been handed out.
    """
    yield {"type": "optbook.ledger", "format": 1}
    for notice in Notice.objects.order_by("id").iterator():
        yield {"notice": documents.notice(notice), "sender_id": str(notice.sender_id)}
    count = 0
    seals = Seal.objects.light().filter(upto__lte=upto).select_related("key").order_by("number")
    for seal in seals.iterator():
        if seal.meanings is not None:
            yield {"purposes": seal.meanings}
        yield documents.seal(seal)
        lines = ConsentEvent.objects.filter(seq__gt=seal.after, seq__lte=seal.upto)
        for columns in lines.order_by("seq").values(*leaves.COLUMNS):
            yield documents.of_columns(columns)
        count += seal.count
        progress(count)


def _shown(event: ConsentEvent) -> Document:
    notice = notices.of(event)
    return {"notice": documents.notice(notice)} if notice else {}


def _index(event: ConsentEvent, hashes: list[bytes]) -> int:
    [entry] = leaves.entries(event.seq - 1, event.seq)
    try:
        return hashes.index(merkle.leaf(entry))
    except ValueError:
        raise ConsentError(
            "line_changed", "This line is not as it was sealed: verify the ledger."
        ) from None
