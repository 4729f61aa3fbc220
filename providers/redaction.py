"""What may be kept of a call: no credential, no full number, no address, nothing written by hand.

Known values (the account's credentials, the people of this call) are replaced in every spelling a
provider may echo them in; then patterns catch what nobody announced. It errs towards hiding: a
long run of digits that was no number is masked as well.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from itertools import permutations
from urllib.parse import quote, quote_plus

HIDDEN = "***"
TEXT_MAX = 500
BODY_MAX = 2000
# Shorter values would also strike ordinary words, and are no secrets.
SECRET_MIN = 4

_CREDENTIALS = re.compile(
    r"(?i)\b(bearer|basic)(\s+|%20|\+)[A-Za-z0-9._~+/=%-]{4,}"
    r"""|((?:access_token|refresh_token|client_secret|api_?key|password)\\?["']?\s*[:=]\s*\\?["']?)"""
    r"""[^\s"'&,}\\]+"""
)
_JWT = re.compile(r"\beyJ[\w-]{5,1000}\.[\w-]+(?:\.[\w-]*)?")
_EMAIL = re.compile(r"[\w.+-]{1,64}(?:@|%40|\\u0040)[\w-]+(?:\.[\w-]+)+")
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_NUMBER = re.compile(r"(?<!\d)\d{7,15}(?!\d)")
# With separators only behind a plus or double zero, or dates would be taken for numbers.
_SPACED_NUMBER = re.compile(r"(?:\+|%2[bB]|\b00)\d(?:(?:[ ().-]|%20)?\d){6,14}(?!\d)")
# Unreserved in a URL (RFC 3986 2.3) and plain in JSON, as nearly every value is.
_NEVER_ESCAPED = re.compile(r"[A-Za-z0-9._~-]+")
_QUOTED = str.maketrans({"+": "%2B", "/": "%2F", "=": "%3D"})
# PostgreSQL refuses NUL; other control characters spoil a terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def mask_number(number: str) -> str:
    """`46732001122` as `467******22`: enough to recognise a number one already has."""
    if len(number) < 7:
        return HIDDEN
    return f"{number[:3]}{'*' * (len(number) - 5)}{number[-2:]}"


def clean(text: str, *, limit: int = TEXT_MAX) -> str:
    """Storable text: valid UTF-8, no control characters, trimmed, at most `limit` characters."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Mask:
    """Hides what is known to be secret or personal in one call, and what looks so.

    `secrets` vanish whole; `identities` keep their ends when they are numbers. `personal` are
    other values of a person (IP address, user agent).
    """

    def __init__(
        self,
        secrets: Iterable[str] = (),
        identities: Iterable[str] = (),
        personal: Iterable[str] = (),
    ) -> None:
        self._replacements: dict[str, str] = {}
        self._longest_first: list[str] = []
        known = {secret for secret in secrets if len(secret) >= SECRET_MIN}
        basic = {f"{user}:{password}" for user, password in permutations(sorted(known), 2)}
        for value in known | basic | {text for text in personal if len(text) >= SECRET_MIN}:
            self.hide(value)
        for identity in identities:
            self._replace(identity, mask_identity(identity))

    def __repr__(self) -> str:
        return f"<Mask of {len(self._replacements)} spellings>"

    def hide(self, secret: str) -> None:
        """Also hide a secret learnt on the way, such as an access token."""
        if len(secret) >= SECRET_MIN:
            self._replace(secret, HIDDEN)

    def apply(self, text: str, *, limit: int = TEXT_MAX) -> str:
        """`text` masked, made storable and cut to `limit` characters."""
        if not text:
            return text
        if not self._longest_first:
            self._longest_first = sorted(self._replacements, key=len, reverse=True)
        for spelling in self._longest_first:
            text = text.replace(spelling, self._replacements[spelling])
        # The patterns' time grows faster than the text, and whoever answers chooses the text.
        text = text[: 4 * limit]
        text = _CREDENTIALS.sub(_hide_credential, text)
        text = _EMAIL.sub(HIDDEN, _JWT.sub(HIDDEN, text))
        text = _IPV4.sub(HIDDEN, text)
        text = _SPACED_NUMBER.sub(lambda match: mask_number(match[0]), text)
        text = _NUMBER.sub(lambda match: mask_number(match[0]), text)
        return clean(text, limit=limit)

    def _replace(self, value: str, replacement: str) -> None:
        if value:
            self._longest_first = []
            for spelling in _spellings(value):
                self._replacements.setdefault(spelling, replacement)


def _spellings(value: str) -> set[str]:
    if _NEVER_ESCAPED.fullmatch(value):
        return {value, *_encoded(value)}
    escaped = json.dumps(value)[1:-1]
    quoted = {quote(value, safe="", errors="replace"), quote_plus(value, errors="replace")}
    return {
        value,
        escaped,
        escaped.replace("/", "\\/"),  # as PHP writes JSON
        json.dumps(value, ensure_ascii=False)[1:-1],
        *_encoded(value),
        *quoted,
        *(re.sub("%..", lambda match: match[0].lower(), spelling) for spelling in quoted),
    }


def _encoded(value: str) -> set[str]:
    encoded = base64.b64encode(value.encode("utf-8", "replace")).decode()
    return {encoded, encoded.rstrip("="), encoded.translate(_QUOTED)}


def mask_identity(identity: str) -> str:
    """A number keeps its ends; any other address vanishes whole."""
    return mask_number(identity) if identity.isdigit() else HIDDEN


def _hide_credential(match: re.Match[str]) -> str:
    return f"{match[1]} {HIDDEN}" if match[1] else f"{match[3]}{HIDDEN}"
