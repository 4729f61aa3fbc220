"""Reads the environment for config.settings; what is wrong in it stops the start, in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet

from config import secrets
from config.cluster import APPLICATION, DATABASE, OWNER, Cluster
from consents import rates, signatures, workdays

DEVELOPMENT, PRODUCTION = MODES = ("development", "production")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class CannotStart(SystemExit):
    """Ends the process with a paragraph on stderr and status 1, without a traceback."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Optbook cannot start: {reason}")


def text(env: environ.Env, name: str, default: str = "") -> str:
    """The value, or `default` where it is not set or empty."""
    return env.str(name, default="") or default


def flag(env: environ.Env, name: str, default: bool) -> bool:
    """Yes or no; raises CannotStart for a word that means neither."""
    word = text(env, name, str(default)).lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise CannotStart(f"{name} must be true or false.")


def number(env: environ.Env, name: str, default: int, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number from `least` to `most`; raises CannotStart for anything else."""
    word = text(env, name, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", word) or not least <= int(word) <= most:
        raise CannotStart(f"{name} must be a whole number from {least} to {most}.")
    return int(word)


def port(env: environ.Env, name: str, default: int) -> int:
    return number(env, name, default, least=1, most=65535)


def words(env: environ.Env, name: str, default: str = "") -> list[str]:
    """The words of a list with commas, without the empty ones."""
    return split(text(env, name, default))


def split(list_with_commas: str) -> list[str]:
    return [word.strip() for word in list_with_commas.split(",") if word.strip()]


def one_of(env: environ.Env, name: str, choices: tuple[str, ...], default: str) -> str:
    """One of these words; raises CannotStart for any other."""
    word = text(env, name, default)
    if word not in choices:
        raise CannotStart(f"{name} must be one of {', '.join(choices)}; it is {word!r}.")
    return word


def address(env: environ.Env, name: str, default: str) -> str:
    """`https://consent.example.com`, nothing after it; raises CannotStart for anything else."""
    word = text(env, name, default).rstrip("/")
    if word and not re.fullmatch(r"https?://[A-Za-z0-9._\-]+(:[0-9]{1,5})?", word):
        raise CannotStart(f"{name} must be an address such as https://consent.example.com.")
    return word


def rate(env: environ.Env, name: str, default: str = "") -> str:
    """`600/min`, or nothing for no limit; raises CannotStart for what is no rate."""
    word = text(env, name, default)
    try:
        if word:
            rates.read(word)
    except ValueError:
        raise CannotStart(f"{name} must be {rates.EXPLANATION}.") from None
    return word


def country(env: environ.Env, name: str, default: str) -> str:
    """Two letters of ISO 3166; raises CannotStart where its public holidays are not known."""
    word = text(env, name, default).upper()
    if not workdays.is_known(word):
        raise CannotStart(f"{name} must be a country by its two letters, such as US.")
    return word


def required_secrets(env: environ.Env, home: Path, production: bool) -> dict[str, str]:
    """Every secret by its name, from the environment; in development made up where missing."""
    given = {name: text(env, name) for name in secrets.MAKERS}
    missing = [name for name, value in given.items() if not value]
    if production:
        missing += [] if text(env, "DATABASE_URL") else ["DATABASE_URL"]
        _refuse_missing(missing)
    elif missing:
        given |= {name: _made_up(home)[name] for name in missing}
    _refuse_bad_keys(given["FIELD_ENCRYPTION_KEYS"])
    _refuse_bad_seal_keys(given["LEDGER_SEAL_KEYS"])
    return given


def _refuse_missing(missing: list[str]) -> None:
    if missing:
        raise CannotStart(
            f"OPTBOOK_MODE is production and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set. Set "
            f"{'it' if len(missing) == 1 else 'them'} in the environment or in .env; "
            ".env.example says what each is and how to make one."
        )


def _made_up(home: Path) -> dict[str, str]:
    try:
        return secrets.load_or_create(home)
    except OSError as error:
        raise CannotStart(
            f"the secrets of this installation cannot be kept in {home} ({error.strerror}). "
            "Set OPTBOOK_HOME to a directory that can be written."
        ) from None


def _refuse_bad_keys(keys: str) -> None:
    try:
        for key in split(keys):
            Fernet(key)
    except ValueError:
        raise CannotStart(
            "FIELD_ENCRYPTION_KEYS must be Fernet keys (32 bytes in URL-safe base64) with commas "
            "between them; .env.example says how to make one."
        ) from None


def _refuse_bad_seal_keys(keys: str) -> None:
    try:
        for key in split(keys):
            signatures.read_private(key)
    except ValueError:
        raise CannotStart(
            "LEDGER_SEAL_KEYS must be Ed25519 private keys (32 bytes in URL-safe base64) with "
            "commas between them; .env.example says how to make one."
        ) from None


def public_keys(env: environ.Env, name: str) -> list[str]:
    """Ed25519 public keys; raises CannotStart for what is none."""
    keys = words(env, name)
    try:
        for key in keys:
            signatures.read_public(key)
    except ValueError:
        raise CannotStart(
            f"{name} must be Ed25519 public keys (64 hexadecimal digits) with commas between them."
        ) from None
    return keys


def database(env: environ.Env, cluster: Cluster, as_owner: bool) -> dict[str, Any]:
    """Django's settings of the database: the server named, else the embedded one.

    `as_owner` is for migrations: the role that owns the tables (DATABASE_OWNER_URL, where one is
    given) instead of the application's.
    """
    url = text(env, "DATABASE_URL")
    if as_owner:
        url = text(env, "DATABASE_OWNER_URL") or url
    settings = _named_server(url) if url else _embedded_server(cluster, as_owner)
    least = number(env, "DATABASE_POOL_MIN", 1)
    most = number(env, "DATABASE_POOL_MAX", 8, least=max(1, least))
    pool = {"min_size": least, "max_size": most, "timeout": 5}
    given = {
        "connect_timeout": 5,
        "application_name": "optbook",
        # psycopg's: None prepares nothing. Only PreparedCursor asks for it.
        "prepare_threshold": 0 if flag(env, "DATABASE_PREPARE", True) else None,
    } | settings.get("OPTIONS", {})
    return settings | {
        "ENGINE": "config.postgres",
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": given | {"pool": pool},
    }


def _embedded_server(cluster: Cluster, as_owner: bool) -> dict[str, Any]:
    role = OWNER if as_owner else APPLICATION
    return {"HOST": str(cluster.sockets), "USER": role, "NAME": DATABASE}


def _named_server(url: str) -> dict[str, Any]:
    """Raises CannotStart, without quoting the URL: it holds a password."""
    try:
        scheme = urlsplit(url).scheme
        settings: dict[str, Any] = environ.Env.db_url_config(url, engine="config.postgres")
    except ValueError:
        scheme, settings = "", {}
    if scheme not in ("postgres", "postgresql") or not settings.get("NAME"):
        raise CannotStart(
            "DATABASE_URL (or DATABASE_OWNER_URL) must have the form "
            "postgresql://user:password@host:5432/name; Optbook works with PostgreSQL only."
        )
    return settings
