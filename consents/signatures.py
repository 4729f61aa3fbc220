"""Ed25519 keys and their signatures."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key; `public` is its other half, `id` by which that is named."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return id_of(self.public)

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)


def id_of(public: bytes) -> str:
    """The first 16 hexadecimal digits of the key's SHA-256."""
    return hashlib.sha256(public).hexdigest()[:_ID_DIGITS]


def read_private(text: str) -> SigningKey:
    """32 bytes in URL-safe base64. Raises ValueError for anything else."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(b64decode(text, b"-_", validate=True)))


def read_public(text: str) -> bytes:
    """A public key as `seal_ledger --key` writes it: 64 hexadecimal digits. Raises ValueError."""
    public = bytes.fromhex(text)
    Ed25519PublicKey.from_public_bytes(public)
    return public


def is_signed(data: bytes, signature: bytes, public: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True
