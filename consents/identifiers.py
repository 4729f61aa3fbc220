"""Addresses of people: the one place where an address is normalised, compared and masked.

Everything below the doors speaks of an `Address`: what is stored and sent to providers is its
`value`, what makes two of them the same person's is its `lookup_key`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import idna

from consents import msisdn
from consents.errors import ConsentError
from consents.vocabulary import Channel, IdentityKind

ADDRESS_MAX: Final = 254
"""Characters of the longest value and lookup key (an e-mail path, RFC 5321 with erratum 1690)."""

OPAQUE_MAX: Final = 128
EMAIL_LOCAL_MAX: Final = 64
"""Octets before the @ (RFC 5321, 4.5.3.1.1)."""

PLAN_DOES_NOT_KNOW: Final = "The numbering plans known here do not contain this number."

_TEXT_MAX: Final = 512
_INTEGER_MAX: Final = 10**20
_WHITESPACE: Final = " \t\r\n"
# `US.1349…`, and `US.ENT.1181…` for a parent id shared by linked business portfolios
# (Meta, "Business-scoped user IDs", 2026-05).
_BUSINESS_SCOPED: Final = re.compile(r"[A-Za-z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
_NOT_IN_LOCAL_PART: Final = re.compile(r'[\s"(),:;<>\[\\\]]')


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where a person is reached on one channel.

    `value` is the canonical address: MSISDN digits, an e-mail address, or the channel's own id.
    `lookup_key` is equal for the known spellings of one address. Printing it shows neither.
    """

    channel: Channel
    value: str
    lookup_key: str

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should look at, in sentences; worked out when asked, nothing is refused."""
        if _is_phone(self.channel, self.value) and not msisdn.seems_valid(self.value):
            return (PLAN_DOES_NOT_KNOW,)
        return ()

    def __repr__(self) -> str:
        return f"Address({self.channel}, {masked(self.value)})"


def normalise(channel: Channel, text: object) -> Address:
    """The address that `text` (a string or an integer) names on `channel`.

    Phone channels take the usual ways of writing an international number, and WhatsApp its
    business-scoped user ids as well; every other channel but EMAIL takes its ids as they are.
    Raises ConsentError `invalid_identity`, with a sentence that does not quote the text.
    """
    written = _written(text)
    match channel.identity_kind:
        case IdentityKind.PHONE:
            value = _phone_channel_value(channel, written)
        case IdentityKind.EMAIL:
            value = _email(written)
        case IdentityKind.OPAQUE:
            value = _opaque(written)
    return Address(channel, value, _checked_key(channel, value))


def lookup_key_of_canonical(channel: Channel, value: str) -> str:
    """The lookup key of a value that `normalise` made, at the price of a few comparisons."""
    if channel is Channel.EMAIL:
        local, _, domain = value.rpartition("@")
        return f"{_casefolded(local)}@{domain}"
    return msisdn.lookup_key(value) if _is_phone(channel, value) else value


def guesses(channel: Channel, texts: Iterable[object]) -> list[tuple[str, str] | None]:
    """Value and lookup key that texts have if they are written canonically, at a glance's price.

    A guess is right where an identity found by the key has this very value; where none has, only
    `normalise` can tell. None for what is not worth a look.
    """
    is_phone = channel.identity_kind is IdentityKind.PHONE
    guessed: list[tuple[str, str] | None] = []
    for text in texts:
        value = str(text) if type(text) is int and 0 <= text < _INTEGER_MAX else text
        if type(value) is not str or not value.isascii() or not value.isprintable():
            guessed.append(None)
        elif is_phone and (digits := value.removeprefix("+")).isdigit():
            guessed.append((digits, msisdn.lookup_key(digits)))
        else:
            guessed.append((value, value))
    return guessed


def is_business_scoped(value: str) -> bool:
    """Whether it is an id by which WhatsApp names a user to one business, not a phone number."""
    return _BUSINESS_SCOPED.fullmatch(value) is not None


def masked(value: str) -> str:
    """The address as logs and lists may show it (`4673•••••22`); takes any text, canonical or not.

    Of an e-mail address its first letter and its top-level domain are left.
    """
    local, at, domain = value[:_TEXT_MAX].rpartition("@")
    if at:
        return _printable(f"{local[:1]}•••@•••.{domain.rpartition('.')[2][:8]}")
    head, tail = _visible_ends(len(value))
    hidden = min(len(value) - head - tail, msisdn.DIGITS_MAX)
    return _printable(value[:head]) + "•" * hidden + _printable(value[len(value) - tail :])


def hinted(value: str) -> str:
    """The address as the person themselves may recognise it (`••22`), whoever else looks on."""
    if "@" in value:
        return masked(value)
    _, tail = _visible_ends(len(value))
    return "••" + _printable(value[len(value) - tail :])


def _visible_ends(length: int) -> tuple[int, int]:
    if length > 10:
        return 4, 2
    return (2, 2) if length >= msisdn.DIGITS_MIN else (0, 0)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "•" for character in text)


def _is_phone(channel: Channel, value: str) -> bool:
    return channel.identity_kind is IdentityKind.PHONE and value.isdigit()


def _refusal(message: str) -> ConsentError:
    return ConsentError("invalid_identity", message, "identity")


def _written(text: object) -> str:
    # JSON clients send numbers as numbers; a bool is an int to Python and nonsense to us.
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text < _INTEGER_MAX:
        return str(text)
    if not isinstance(text, str):
        raise _refusal("An identity is a text or a whole number.")
    if len(text) > _TEXT_MAX:
        raise _refusal("The text is too long to be an identity.")
    return text.strip(_WHITESPACE)


def _checked_key(channel: Channel, value: str) -> str:
    key = lookup_key_of_canonical(channel, value)
    if len(key) > ADDRESS_MAX:
        raise _refusal(f"An identity has at most {ADDRESS_MAX} characters.")
    return key


def _phone_channel_value(channel: Channel, text: str) -> str:
    if channel is Channel.WHATSAPP and is_business_scoped(user_id := msisdn.without_scheme(text)):
        # Meta: send it back exactly as received. Only the country code has one right case.
        return user_id[:2].upper() + user_id[2:]
    try:
        return msisdn.read(text)
    except msisdn.UnreadableError as unreadable:
        raise _refusal(str(unreadable)) from None


def _opaque(text: str) -> str:
    if not 1 <= len(text) <= OPAQUE_MAX:
        raise _refusal(f"An identity on this channel has 1 to {OPAQUE_MAX} characters.")
    if not text.isprintable() or any(map(str.isspace, text)):
        raise _refusal("An identity on this channel has no spaces or unprintable characters.")
    return text


def _email(text: str) -> str:
    local, at, domain = unicodedata.normalize("NFC", text).partition("@")
    if not (at and local and domain) or "@" in domain:
        raise _refusal("An e-mail address has one @, with something before and after it.")
    if not local.isprintable() or _NOT_IN_LOCAL_PART.search(local):
        raise _refusal("An e-mail address has no spaces, quotes or brackets before the @.")
    value = f"{local}@{_domain(domain)}"
    _check_email_length(local, value)
    return value


def _domain(domain: str) -> str:
    if len(domain) > ADDRESS_MAX:
        raise _refusal("The domain of the e-mail address is too long.")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        raise _refusal("The domain of the e-mail address is not a domain name.") from None
    if "." not in ascii_domain.strip("."):
        raise _refusal("The domain of the e-mail address has no dot.")
    return ascii_domain.removesuffix(".")


def _check_email_length(local: str, value: str) -> None:
    if len(local.encode()) > EMAIL_LOCAL_MAX or len(value.encode()) > ADDRESS_MAX:
        raise _refusal(
            f"An e-mail address has at most {EMAIL_LOCAL_MAX} octets before the @ "
            f"and {ADDRESS_MAX} in all."
        )


def _casefolded(local: str) -> str:
    return unicodedata.normalize("NFC", local.casefold())
