"""What the outbox and a provider's folder say to each other: plain, frozen, free of the database.

The outbox hands a provider an `Account` and a few `Change`s and gets a `Delivery` back. The
provider's folder knows the dialect; the outbox knows the promises. Neither knows the other.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """The one bit a provider is told about an identity: may this business write at all."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True)
class Account:
    """One configured account, as an adapter sees it.

    `external_id` is the bot id or app id. `is_withdrawn`: the provider has taken away the usual way
    of telling it. `credentials` never appear in a repr.
    """

    id: str
    kind: str
    base_url: str
    external_id: str = ""
    is_withdrawn: bool = False
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def flag(self, name: str, *, default: bool) -> bool:
        """A yes-or-no setting. Settings given on a command line arrive as text."""
        value = self.settings.get(name, default)
        if isinstance(value, str):
            return value.strip().lower() not in {"false", "no", "off", "0", ""}
        return bool(value)

    def names(self, name: str, *, default: Sequence[str]) -> list[str]:
        """A setting that is a list of words: a list, or one text with commas."""
        value = self.settings.get(name) or default
        words = value.split(",") if isinstance(value, str) else value
        return [str(word).strip().upper() for word in words if str(word).strip()]


# A WhatsApp business-scoped user id: country code, a full stop, up to 128 alphanumerics.
USER_ID = re.compile(r"[A-Za-z]{2}\.[A-Za-z0-9]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Change:
    """One consent change owed to one account. `identity` is the bare address (phones: digits).

    `request_id` is ours and stays the same for every attempt of one row's claim.
    """

    id: str
    kind: Kind
    channel: str
    identity: str = field(repr=False)
    request_id: str
    source: str
    ip: str | None = field(default=None, repr=False)
    user_agent: str = field(default="", repr=False)

    @property
    def is_user_id(self) -> bool:
        """Whether WhatsApp made this identity up for one business: no number, for no provider."""
        return self.channel == "WHATSAPP" and USER_ID.fullmatch(self.identity) is not None


class Result(StrEnum):
    """What became of one change."""

    SUCCEEDED = "succeeded"  # the provider holds it
    ACCEPTED = "accepted"  # taken; the provider's result follows by callback
    REJECTED = "rejected"  # this row is wrong and will stay wrong
    REFUSED = "refused"  # the batch was refused as a whole; which row is at fault is not known
    RETRY = "retry"  # this row failed and may pass later
    UNSUPPORTED = "unsupported"  # the provider cannot hold this change for this channel
    WITHDRAWN = "withdrawn"  # the provider has taken the endpoint away
    NOT_SENT = "not_sent"  # the account was at fault; nothing is known to have arrived
    UNKNOWN = "unknown"  # the account was at fault; it may or may not have arrived


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` and `text` are the provider's own words, masked and trimmed."""

    result: Result
    code: str = ""
    text: str = ""


class Fault(StrEnum):
    """Why an account, not a row, failed."""

    CREDENTIALS = "credentials"  # 401, 403: somebody must act
    RATE_LIMITED = "rate_limited"  # 429: wait
    UNAVAILABLE = "unavailable"  # 5xx, refused connections, unreadable answers: wait
    TIMEOUT = "timeout"  # no answer in time: wait, outcome unknown
    REFUSING = "refusing"  # every row is refused alike: somebody should look


@dataclass(frozen=True, slots=True)
class AccountFault:
    """`retry_after` is what the provider asked for, when it did."""

    fault: Fault
    code: str = ""
    text: str = ""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One HTTP exchange, masked: no credential, no full number, no free text of a person."""

    method: str
    url: str
    status: int | None
    elapsed: timedelta
    request: str
    response: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer to one call: an outcome for every change handed over, by `Change.id`.

    `is_repeated`: it was sent again when its connection broke, so an earlier copy may still land.
    """

    outcomes: Mapping[str, Outcome]
    account_fault: AccountFault | None = None
    traces: Sequence[Trace] = ()
    is_repeated: bool = False


class Adapter(ABC):
    """Speaks one provider's dialect. Stateless but for pooled sessions and cached tokens.

    `batch_max`: the most changes one call may carry (all of one kind).
    `has_another_way`: it still tells an account `is_withdrawn` what it can.
    `required_credentials`: the names `configure_provider` must be given.
    """

    batch_max: ClassVar[int] = 1
    has_another_way: ClassVar[bool] = False
    required_credentials: ClassVar[frozenset[str]]
    optional_credentials: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def channels(self, account: Account) -> frozenset[str]:
        """The channels whose consent this account can hold."""

    @abstractmethod
    def deliver(self, account: Account, changes: Sequence[Change], *, seconds: float) -> Delivery:
        """Tell the provider, within `seconds` in all. Never raises for what a provider may do.

        `changes` are of one kind, one to `batch_max` of them, each on a channel of `channels()`.
        """

    def try_out(self, account: Account, *, seconds: float) -> bool:
        """Ask the provider something that changes nothing, to see whether it takes the account.

        False where it has no such question. Raises AccountError when it does not take it.
        """
        return False

    def problems(self, account: Account) -> list[str]:
        """Sentences about what is, or may be, wrong in the configuration."""
        return self.obstacles(account)

    def obstacles(self, account: Account) -> list[str]:
        """Those of the problems without whose removal no call can be made at all."""
        missing = sorted(
            name for name in self.required_credentials if not account.credentials.get(name)
        )
        return [f"The credential {name!r} is missing." for name in missing]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeard:
    """A person wrote. `received_at`: the provider's time, UTC; None where it told none.

    `payload` and `title` are those of a pressed button or chosen row. `also`: other identities of
    the same person that came with it, as (channel, address).
    """

    channel: str
    identity: str = field(repr=False)
    message_id: str
    received_at: datetime | None = None
    text: str = field(default="", repr=False)
    payload: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    also: Sequence[tuple[str, str]] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultHeard:
    """What became of an opt-in or opt-out: of ours, or of one that began at the provider.

    `result` is SUCCEEDED, REJECTED or UNSUPPORTED. `identity` may be missing.
    """

    kind: Kind
    result: Result
    channel: str
    identity: str | None = field(default=None, repr=False)
    request_id: str = ""
    text: str = ""
    occurred_at: datetime | None = None


class Contradiction(StrEnum):
    """How a delivery report disagrees with what our record says."""

    NOT_OPTED_IN = "not_opted_in"  # the provider does not hold an opt-in that we hold
    STOPPED_MARKETING = "stopped_marketing"  # the person stopped marketing in their own app
    RESUMED_MARKETING = "resumed_marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContradictionHeard:
    """A delivery report, or a preference told by the channel, that contradicts the record."""

    contradiction: Contradiction
    channel: str
    identity: str = field(repr=False)
    code: str = ""
    text: str = ""
    occurred_at: datetime | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """Something known that has nothing to do with consent; `what` names it, without a person."""

    what: str


Heard = MessageHeard | ResultHeard | ContradictionHeard | NothingHeard


class Listener(ABC):
    """Hears one provider's callbacks: verifies and reads them, without the database."""

    @abstractmethod
    def is_signed(self, account: Account) -> bool:
        """Whether the account has what a callback's sender is known by."""

    @abstractmethod
    def verify(
        self, account: Account, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> str:
        """The nonce, empty where there is none. Raises InvalidSignatureError.

        Only for an account that `is_signed`. `headers` have lower-case names.
        """

    @abstractmethod
    def hear(self, account: Account, body: bytes) -> list[Heard]:
        """All that the body tells, in its order. Raises UnreadableError for what nobody sends."""
