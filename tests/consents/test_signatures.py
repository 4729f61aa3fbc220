"""The keys of seals: read as they are given, or refused."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from consents import seal_keys, signatures


def new_key() -> str:
    """A private key as it stands in the environment."""
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


def test_a_signature_fits_what_was_signed_and_its_key_alone() -> None:
    key, other = (signatures.read_private(new_key()) for _ in range(2))
    signature = key.sign(b"this")
    assert signatures.is_signed(b"this", signature, key.public)
    assert not signatures.is_signed(b"that", signature, key.public)
    assert not signatures.is_signed(b"this", signature, other.public)
    assert not signatures.is_signed(b"this", signature[:-1], key.public)


@pytest.mark.parametrize(
    "text",
    ["", "no key", new_key()[:-4], new_key() + "AAAA"],
    ids=["nothing", "words", "too short", "too long"],
)
def test_what_is_no_private_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        signatures.read_private(text)


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "ab" * 33])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        signatures.read_public(text)


def test_keys_are_trusted_that_sign_that_signed_and_that_are_given(settings: Any) -> None:
    keys = [new_key() for _ in range(3)]
    settings.LEDGER_SEAL_KEYS = keys[:2]
    given = signatures.read_private(keys[2])
    settings.LEDGER_TRUSTED_KEYS = [given.public.hex()]
    assert set(seal_keys.trusted()) == {signatures.read_private(key).id for key in keys}
    assert seal_keys.trusted()[given.id] == given.public
    assert seal_keys.signing().id == signatures.read_private(keys[0]).id
