"""Hashes that stand in for personal data: they can be checked by whoever holds the data.

The ledger keeps only these; once the data and the salts are erased, they point at nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

SALT_BYTES = 16


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def identity_digest(channel: str, lookup_key: str) -> bytes:
    """The keyed hash by which an erased address is still recognised (HMAC-SHA-256, 32 bytes)."""
    return keyed_digest(f"{channel}\0{lookup_key}".encode())


def keyed_digest(content: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes: by it something is known again, and tells nobody what it was."""
    key: str = settings.IDENTITY_DIGEST_KEY
    return hmac.digest(key.encode(), content, hashlib.sha256)


def commit_to_address(salt: bytes, channel: str, address: str) -> bytes:
    """SHA-256 over salt, channel and address."""
    return hashlib.sha256(b"address\0" + salt + f"{channel}\0{address}".encode()).digest()


def commit_to_detail(salt: bytes, detail: Mapping[str, Any]) -> bytes:
    """SHA-256 over salt and the detail as canonical JSON."""
    return _commit_to_text(salt, canonical(detail))


def commit_to_parts(
    salt: bytes, *, ip: str | None, user_agent: str, evidence: str, note: str
) -> bytes:
    """The same of a detail whose evidence is canonical JSON already."""
    ip = "null" if ip is None else canonical(ip)
    user_agent, note = canonical(user_agent), canonical(note)
    text = f'{{"evidence":{evidence},"ip":{ip},"note":{note},"user_agent":{user_agent}}}'
    return _commit_to_text(salt, text)


def canonical(value: object) -> str:
    """JSON in the one way that is hashed: sorted keys, no spaces, UTF-8."""
    return _CANONICAL.encode(value)


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _commit_to_text(salt: bytes, text: str) -> bytes:
    return hashlib.sha256(b"detail\0" + salt + text.encode()).digest()
