"""What the drop-ins and a provider's folder say to each other: its requests in, its answers out.

A drop-in copies a provider's own endpoints, so that a program written for the provider works with
another base URL and key. The provider's folder knows the dialect and nothing of people; who asks,
and what is written down, is decided elsewhere.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any, ClassVar

from providers.contract import Kind

RECIPIENTS_MAX = 10_000
"""The most that one call may have written down, as many as one bulk call of the API."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `arguments` are those of the path, `query` has the last value of each name."""

    method: str
    arguments: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in the provider's manner. `document` becomes JSON; None is an empty body."""

    status: int
    document: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class Problem(Enum):
    """What is wrong but for the request's own content: a status by default, and a sentence."""

    NO_KEY = 401, "Send an API key as Authorization: Bearer <key>."
    WRONG_KEY = 401, "The credentials are not valid."
    EXPIRED_TOKEN = 401, "The access token has expired."
    NOT_ALLOWED = 403, "This API key may not record here."
    UNKNOWN_ACCOUNT = 404, "There is no such account, or this API key has no part in it."
    UNKNOWN_CONTACT = 404, "There is no such contact."
    INVALID_RECIPIENT = 400, "A recipient is not a valid address."
    UNREADABLE = 400, "The request cannot be read: it broke off, or came without its length."
    NO_SUCH_PATH = 404, "There is nothing at this address."
    NO_SUCH_METHOD = 405, "This method is not allowed here."
    TOO_LARGE = 413, "The body is too large."
    TOO_MANY_CALLS = 429, "Too many calls: wait a moment."
    TRY_LATER = 503, "The service cannot answer now. Try again; a repeat does no harm."
    INTERNAL = 500, "Something failed inside. It is in the log."

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]


class Entitlement(StrEnum):
    """Which opt-outs an opt-in of this call may lift; the record's own words."""

    NOTHING = "nothing"
    DROPIN = "dropin"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class AccountNamed:
    """The account that the call names. `credentials`: those it must turn out to have."""

    external_id: str
    credentials: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One address, or none: then whatever the contact has on the channel.

    `source` may be empty: then the account's.
    """

    channel: str
    identity: str | None = field(default=None, repr=False)
    source: str = ""
    ip: str | None = field(default=None, repr=False)
    user_agent: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """That the recipients are one person's, and that the result is told to subscribers later.

    `contact` is the caller's word for the person, where that is how they were named.
    """

    request_id: str
    contact: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a call asks to have written down.

    `account` None: the key's only sender. `refusal`: what is answered instead of `reply`; then no
    opt-in is recorded, but the opt-outs among the recipients are all the same.
    """

    kind: Kind
    recipients: Sequence[Recipient]
    reply: Reply
    refusal: Reply | None = None
    account: AccountNamed | None = None
    entitlement: Entitlement = Entitlement.DROPIN
    registering: Registering | None = None


class Dropin(ABC):
    """Imitates one provider's endpoints: pure, without the database.

    `path` is a regular expression whose named groups become a call's arguments; what else lies
    under `home` is answered as an address that is not there. `accepts_client`: HTTP Basic with
    the key's public prefix and the key, and access tokens, count as credentials too.
    """

    path: ClassVar[str]
    home: ClassVar[str]
    accepts_client: ClassVar[bool] = False

    @abstractmethod
    def read(self, call: Call) -> Wish | Reply:
        """What is asked for, or the answer at once where nothing can come of it."""

    @abstractmethod
    def refuse(self, problem: Problem) -> Reply:
        """The problem as this provider would put it."""

    def refuse_method(self, *allowed: str) -> Reply:
        return replace(self.refuse(Problem.NO_SUCH_METHOD), headers={"Allow": ", ".join(allowed)})


class TokenDropin(Dropin):
    """Imitates an OAuth2 token endpoint besides, at `token_path`."""

    token_path: ClassVar[str]

    @abstractmethod
    def grant(self, call: Call, token: str, lifetime: timedelta) -> Reply:
        """The access token as an answer, or why the request for it is refused."""

    @abstractmethod
    def refuse_token(self, problem: Problem) -> Reply:
        """The problem as the token endpoint would put it."""


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that the body is; None for anything else."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# A string, closed or not, or a comma that nothing follows.
_STRING_OR_LAST_COMMA = re.compile(r'("(?:[^"\\]++|\\.)*+(?:"|\\?\Z))|,(?=\s*[}\]])', re.DOTALL)


def lenient_json_object(body: bytes) -> dict[str, Any] | None:
    """The same for what people write by hand: raw line breaks in strings, commas at the end.

    Bytes that are no UTF-8 are replaced. Numbers become text, as they were written.
    """
    text = body.decode("utf-8-sig", "replace")
    text = _STRING_OR_LAST_COMMA.sub(lambda found: found[1] or "", text)
    try:
        value = json.loads(text, strict=False, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def storable(text: str) -> str:
    """Without the characters that no database keeps: NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
