"""One request that arrived, what it asks, and what is answered."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

PEPIPOST = "pepipost"
SINCH_CONVERSATION = "sinch_conversation"
SINCH_WHATSAPP = "sinch_whatsapp"
PROVIDERS = (PEPIPOST, SINCH_CONVERSATION, SINCH_WHATSAPP)

OPT_IN = "opt_in"
OPT_OUT = "opt_out"
TOKEN = "token"  # noqa: S105 the name of an action, not a secret
READ = "read"
UNREADABLE = "unreadable"
ACTIONS = (OPT_IN, OPT_OUT, TOKEN, READ, UNREADABLE)

OPTED_IN = "opted_in"
OPTED_OUT = "opted_out"
STATES = (OPTED_IN, OPTED_OUT)
STATE_AFTER = {OPT_IN: OPTED_IN, OPT_OUT: OPTED_OUT}

_ASCII_DIGITS = re.compile(r"[0-9]+")


def is_digits(value: object) -> bool:
    """Whether `value` is text of ASCII digits alone; other scripts' digits are no MSISDN."""
    return isinstance(value, str) and _ASCII_DIGITS.fullmatch(value) is not None


@dataclass(frozen=True)
class Request:
    """An HTTP request; header names are in lower case, the path is as sent (not unquoted)."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def payload(self) -> dict[str, Any] | None:
        """The body as a JSON object; None when it is anything else."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None

    @property
    def bearer(self) -> str | None:
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        return credentials.strip() if scheme.lower() == "bearer" else None

    @property
    def basic(self) -> tuple[str, str] | None:
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, content: object, *headers: tuple[str, str]) -> Answer:
    return Answer(status, json.dumps(content).encode(), headers=headers)


def html_answer(status: int, title: str) -> Answer:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body>"
    return Answer(status, f"{page}</html>".encode(), content_type="text/html; charset=utf-8")


@dataclass(frozen=True)
class Call:
    """What a request asks of a provider, read leniently so that even a bad call is on record."""

    provider: str
    action: str
    endpoint: str
    numbers: tuple[str, ...] = ()
    request_id: str | None = None


@dataclass(frozen=True)
class Change:
    """One number's new state on one provider's books (`holder`: usually the provider's name)."""

    holder: str
    number: str
    state: str


@dataclass(frozen=True)
class Registration:
    """A registration whose result the provider owes by callback."""

    action: str
    channel: str
    identity: str
    request_id: str
    contact_id: str = ""
    supported: bool = True


@dataclass(frozen=True)
class Verdict:
    """The provider's answer, and what becomes of its books if the call lands."""

    answer: Answer
    changes: tuple[Change, ...] = ()
    registrations: tuple[Registration, ...] = ()
