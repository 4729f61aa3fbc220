"""Whether the seals themselves hold together: each signed by a trusted key, none left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from consents import leaves, meanings, signatures
from consents.findings import Finding, Kind
from consents.models import Seal
from consents.models.seals import HASH_BYTES


def check(seals: Iterable[Seal], trusted: Mapping[str, bytes]) -> Iterator[Finding]:
    """What is wrong with these seals, all there are by their numbers; `trusted` by its id."""
    last: Seal | None = None
    for seal in seals:
        yield from _check_signature(seal, trusted)
        yield from _check_place(seal, last)
        yield from _check_meanings(seal, last)
        last = seal


def is_genuine(seal: Seal, trusted: Mapping[str, bytes]) -> bool:
    """Whether every column of the seal is as it was signed by a key that counts."""
    return not any(_check_signature(seal, trusted))


def _check_signature(seal: Seal, trusted: Mapping[str, bytes]) -> Iterator[Finding]:
    public = trusted.get(seal.key_id)
    if public is None:
        yield Finding(
            Kind.SEAL_FORGED,
            f"Seal {seal.number} is signed by the key {seal.key_id}, which is none of this "
            "installation's (LEDGER_SEAL_KEYS, LEDGER_TRUSTED_KEYS).",
            seal.number,
        )
    elif not signatures.is_signed(seal.signed_bytes(), bytes(seal.signature), public):
        yield Finding(
            Kind.SEAL_FORGED,
            f"Seal {seal.number} is not what the key {seal.key_id} signed: it was changed, or "
            "made by somebody without that key.",
            seal.number,
        )
    elif seal.format != leaves.FORMAT:
        yield Finding(Kind.SEAL_BROKEN, f"Seal {seal.number} is of an unknown format.", seal.number)


def _check_place(seal: Seal, last: Seal | None) -> Iterator[Finding]:
    number, upto = (last.number, last.upto) if last else (0, 0)
    if seal.number != number + 1:
        yield Finding(Kind.SEAL_MISSING, _missing(number + 1, seal, upto), number + 1)
    elif (seal.after, bytes(seal.previous)) != (upto, last.digest() if last else bytes(HASH_BYTES)):
        yield Finding(
            Kind.SEAL_BROKEN,
            f"Seal {seal.number} does not follow from seal {number} as it stands: one of the two "
            "was replaced.",
            seal.number,
        )


def _check_meanings(seal: Seal, last: Seal | None) -> Iterator[Finding]:
    if seal.meanings is not None:
        fits = meanings.digest(seal.meanings) == bytes(seal.purposes)
    else:
        fits = last is not None and bytes(last.purposes) == bytes(seal.purposes)
    if not fits:
        message = f"What purposes meant when seal {seal.number} was made was changed."
        yield Finding(Kind.MEANING, message, seal.number)


def _missing(first: int, seal: Seal, upto: int) -> str:
    which = (
        f"Seal {first} is"
        if seal.number == first + 1
        else f"Seals {first} to {seal.number - 1} are"
    )
    return f"{which} missing: nothing vouches for the lines from {upto + 1} to {seal.after}."
