"""Hashes that stand in for personal data: they can be checked by whoever holds the data.

The ledger keeps only these; once the data and the salts are erased, they point at nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from django.conf import settings

SALT_BYTES = 16


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def identity_digest(channel: str, lookup_key: str) -> bytes:
    """The keyed hash by which an erased address is still recognised (HMAC-SHA-256, 32 bytes)."""
    key: str = settings.IDENTITY_DIGEST_KEY
    return hmac.digest(key.encode(), f"{channel}\0{lookup_key}".encode(), hashlib.sha256)


def commit_to_address(salt: bytes, channel: str, address: str) -> bytes:
    """SHA-256 over salt, channel and address."""
    return hashlib.sha256(b"address\0" + salt + f"{channel}\0{address}".encode()).digest()


def commit_to_detail(salt: bytes, detail: Mapping[str, Any]) -> bytes:
    """SHA-256 over salt and the detail as canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"detail\0" + salt + text.encode()).digest()
