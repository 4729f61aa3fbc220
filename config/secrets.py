"""The secrets of an installation that was given none: made once, kept in one file of its home.

For development and trial; in production every secret comes from the environment.
"""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet

from config import locking

MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "FIELD_ENCRYPTION_KEYS": lambda: Fernet.generate_key().decode(),
    "IDENTITY_DIGEST_KEY": lambda: secrets.token_urlsafe(32),
    "LEDGER_SEAL_KEYS": lambda: urlsafe_b64encode(secrets.token_bytes(32)).decode(),
}


def load_or_create(home: Path) -> dict[str, str]:
    """The secrets in `home/secrets.env`, those missing made now.

    Two processes that start at once get the same ones; a process that dies leaves the file whole.
    Raises OSError where `home` cannot be written.
    """
    path = home / "secrets.env"
    known = _read(path)
    if known.keys() >= MAKERS.keys():
        return known
    with locking.exclusive(home / "secrets.lock"):
        known = _read(path)
        missing = {name: make() for name, make in MAKERS.items() if name not in known}
        if missing:
            _write(path, known | missing)
        return known | missing


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = path.read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _write(path: Path, values: dict[str, str]) -> None:
    text = (
        "# Made at the first start. Whoever has these reads stored credentials and signs seals.\n"
    )
    text += "".join(f"{name}={value}\n" for name, value in values.items())
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
