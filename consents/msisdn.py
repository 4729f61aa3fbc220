"""Phone numbers: what was typed, read into digits; and the key two spellings of one line share.

The canonical form is the MSISDN: country code and subscriber number, 7 to 15 digits, no `+`
(ITU-T E.164). Nothing here is refused because a numbering plan does not know it: plans change
faster than any copy of them, and providers accept numbers that the copy calls invalid.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers

from consents import numbering

DIGITS_MIN: Final = 7
DIGITS_MAX: Final = 15
TEXT_MAX: Final = 64
"""Characters; no way of writing fifteen digits needs more, so longer texts are not looked at."""

_SCHEME: Final = re.compile(r"(?:tel|whatsapp):", re.IGNORECASE)
_TRUNK_ZERO: Final = re.compile(r"(?<=\d)([^\d]*)\(0\)")
_SEPARATORS: Final = re.compile(r"[ \-./()\u2010-\u2015\u2212]+")
_PLUS_OR_DIGITS: Final = re.compile(r"\+?[0-9]+")

_MEXICO: Final = re.compile(r"521(\d{10})")
_ARGENTINA: Final = re.compile(r"549(\d{10})")
_BRAZIL: Final = re.compile(r"55([1-9][1-9])9([6-9]\d{7})")


class UnreadableError(ValueError):
    """The text is no phone number; the message says why, in a sentence that does not quote it."""


def without_scheme(text: str) -> str:
    """The text without a leading `tel:` or `whatsapp:`."""
    return _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text


def read(text: str) -> str:
    """The canonical digits of a phone number as people and programs write it.

    A number without `+` or `00` is taken as international too: nothing in `46732001122` or in
    `2025550123` says which it is. One that starts with a single 0 has no country code for sure.
    Raises UnreadableError.
    """
    if not _may_be_canonical(text):
        text = _international_digits(text)
    _check_length(text)
    return _as_the_plan_writes_it(text)


def lookup_key(digits: str) -> str:
    """One key for the spellings by which one line is known; otherwise the digits themselves.

    Three national plans changed how a mobile number is written from abroad, and WhatsApp, whose
    user ids are older than the changes, answers with either spelling:

    - Mexico: 52 1 and ten digits is 52 and the same ten. The plan's numbers have ten digits, and
      the 1 is not dialled any more (IFT, in force since 2019-08-03).
    - Argentina: 54 9 and ten digits is 54 and the same ten. Area and subscriber together are ten
      digits and unique; the 9 only says that the line is a mobile (national numbering plan).
    - Brazil: 55, area, 9 and eight digits of which the first is 6 to 9 is the same without that
      9. Anatel put a 9 before every mobile number of eight digits, area by area, from 2012 to
      2016; those began with 6 to 9, land lines begin with 2 to 5. Where the eight digits begin
      with 2 to 5 nothing is folded: such mobile numbers were born with nine digits, and without
      the 9 they are the land line of somebody else. (Radio numbers on 7 kept eight digits; they
      are the one case in which the plan itself leaves two lines to one key.)

    The rules rest on the plans and not on WhatsApp, so they hold on every phone channel: a STOP
    by SMS in the new spelling must find the consent that was recorded in the old one.
    """
    if not digits.startswith("5"):
        return digits
    if digits.startswith("521"):
        return _MEXICO.sub(r"52\1", digits) if _MEXICO.fullmatch(digits) else digits
    if digits.startswith("549"):
        return _ARGENTINA.sub(r"54\1", digits) if _ARGENTINA.fullmatch(digits) else digits
    if digits.startswith("55"):
        return _BRAZIL.sub(r"55\1\2", digits) if _BRAZIL.fullmatch(digits) else digits
    return digits


def seems_valid(digits: str) -> bool:
    """Whether the numbering plans we have a copy of know such a number."""
    if not numbering.may_carry_a_prefix(digits):
        return numbering.contains(digits)
    number = _parsed(digits)
    return number is not None and _is_valid(number)


def _may_be_canonical(text: str) -> bool:
    return text.isascii() and text.isdigit() and not text.startswith("0")


def _check_length(digits: str) -> None:
    if not DIGITS_MIN <= len(digits) <= DIGITS_MAX:
        raise UnreadableError(
            f"A phone number has {DIGITS_MIN} to {DIGITS_MAX} digits with its country code."
        )


def _international_digits(text: str) -> str:
    if len(text) > TEXT_MAX:
        raise UnreadableError("The text is too long to be a phone number.")
    plain = without_scheme(_plain(text))
    if ";" in plain:
        raise UnreadableError(
            "A phone number with an extension or other parameters is not accepted."
        )
    return _settle_trunk_zero(plain) if _TRUNK_ZERO.search(plain) else _digits_of(plain)


def _plain(text: str) -> str:
    """ASCII digits for digits of any script; the invisible marks that pasting leaves are gone."""
    compatible = unicodedata.normalize("NFKC", text).strip(" \t\r\n")
    return "".join(_plain_character(character) for character in compatible)


def _plain_character(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _digits_of(plain: str) -> str:
    compact = _SEPARATORS.sub("", plain)
    if not _PLUS_OR_DIGITS.fullmatch(compact):
        raise UnreadableError(
            "A phone number is written with digits, an optional + and separators."
        )
    # Programs that print numbers for dialling write 00 where people write +; never both.
    digits = compact[1:] if compact.startswith("+") else compact.removeprefix("00")
    if digits.startswith("0"):
        raise UnreadableError("The number starts with 0: write it with its country code.")
    return digits


def _settle_trunk_zero(plain: str) -> str:
    """Read `+46 (0)73…`: the zero is not dialled from abroad, unless the country keeps it."""
    dropped = _digits_of(_TRUNK_ZERO.sub(r"\1", plain, count=1))
    kept = _digits_of(plain)
    # Italy and a few others dial the zero from abroad too, whatever the brackets say.
    return kept if seems_valid(kept) and not seems_valid(dropped) else dropped


def _as_the_plan_writes_it(digits: str) -> str:
    """Without trunk or carrier prefixes, where the plans say that there is one; else as given."""
    number = _parsed(digits) if numbering.may_carry_a_prefix(digits) else None
    if number is None:
        return digits
    is_sure = _is_valid(number) or _lost_only_a_trunk_zero(number, digits)
    return _e164(number) if is_sure else digits


def _lost_only_a_trunk_zero(number: phonenumbers.PhoneNumber, digits: str) -> bool:
    """`+44 07…` is `+44 7…` even in a range that is newer than our copy of the plan."""
    was_zero = digits == f"{number.country_code}0{number.national_number}"
    return was_zero and bool(phonenumbers.is_possible_number(number))


def _parsed(digits: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return None


def _is_valid(number: phonenumbers.PhoneNumber) -> bool:
    return bool(phonenumbers.is_valid_number(number))


def _e164(number: phonenumbers.PhoneNumber) -> str:
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written.removeprefix("+")
