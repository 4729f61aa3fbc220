"""What the numbering plans that we have a copy of say about digits, asked of millions.

`phonenumbers` answers the same from the same data, at ten times the price: it reads the number
anew and walks through the kinds of numbers one by one. A test holds both to each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, NamedTuple

import phonenumbers

Matcher = Callable[[str], re.Match[str] | None]

_KINDS: Final = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("voip", "personal_number", "pager", "uan", "voicemail"),
)
_NOBODYS: Final = re.compile(r"(?!)").match


def may_carry_a_prefix(digits: str) -> bool:
    """Whether `phonenumbers.parse` could take the digits for others: a trunk or carrier prefix."""
    code = _country_code(digits)
    prefix = _national_prefix(int(code)) if code else None
    found = prefix(digits[len(code) :]) if prefix else None
    return found is not None and found.end() > 0


def contains(digits: str) -> bool:
    """Whether a plan has such a number, digits that carry no prefix."""
    code = _country_code(digits)
    if not code:
        return False
    national = digits[len(code) :]
    for region in _regions(int(code), len(national)):
        if region.leads is None:
            if region.has(national):
                return True
        elif region.leads(national):
            return region.has(national) is not None
    return False


class _Region(NamedTuple):
    """`leads`: what the region's numbers begin with, where that alone tells whose they are.

    `has`: a whole national number of one of the kinds that there are.
    """

    leads: Matcher | None
    has: Matcher


@cache
def _regions(country_code: int, length: int) -> tuple[_Region, ...]:
    """Those that share a country code, as far as national numbers of this length go."""
    names = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[country_code]
    plans = [plan for name in names if (plan := _plan(country_code, name))]
    is_shared = len(names) > 1
    regions = [_region(plan, length, is_shared=is_shared) for plan in plans]
    return tuple(one for one in regions if one.leads or one.has is not _NOBODYS)


def _region(plan: Any, length: int, *, is_shared: bool) -> _Region:
    leading = plan.leading_digits if is_shared else None
    return _Region(re.compile(leading).match if leading else None, _any_kind(plan, length))


def _any_kind(plan: Any, length: int) -> Matcher:
    patterns = list(_patterns((getattr(plan, kind) for kind in _KINDS), length))
    general = list(_patterns([plan.general_desc], length))
    if not (patterns and general):
        return _NOBODYS
    kinds = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(f"(?=(?:{general[0]})\\Z)(?:{kinds})\\Z").match


def _patterns(kinds: Iterable[Any], length: int) -> Iterable[str]:
    for kind in kinds:
        if kind is None or not kind.national_number_pattern:
            continue
        if not kind.possible_length or length in kind.possible_length:
            yield kind.national_number_pattern


def _country_code(digits: str) -> str:
    """The digits that are the country's; empty where there is no such country."""
    for length in (1, 2, 3):
        if digits[:length] in _COUNTRY_CODES:
            return digits[:length]
    return ""


_COUNTRY_CODES: Final = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@cache
def _national_prefix(country_code: int) -> Matcher | None:
    plan = _plan(country_code, phonenumbers.COUNTRY_CODE_TO_REGION_CODE[country_code][0])
    prefix = plan.national_prefix_for_parsing if plan else None
    return re.compile(prefix).match if prefix else None


def _plan(country_code: int, region: str) -> Any:
    return phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(country_code, region)
