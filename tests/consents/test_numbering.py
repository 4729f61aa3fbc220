"""What the plans know, by the quick way: the very answers that `phonenumbers` gives."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consents import msisdn, numbering

unhurried = settings(deadline=None, max_examples=1000)

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def by_phonenumbers(digits: str) -> bool:
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(number))


def examples() -> list[str]:
    """A number of each kind in each region that has any."""
    found = [phonenumbers.example_number_for_non_geo_entity(code) for code in CODES]
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in phonenumbers.PhoneNumberType.values():
            found.append(phonenumbers.example_number_for_type(region, kind))
    written = phonenumbers.PhoneNumberFormat.E164
    return sorted({phonenumbers.format_number(one, written)[1:] for one in found if one})


EXAMPLES = examples()


@st.composite
def near_a_plan(draw: st.DrawFn) -> str:
    """Digits that begin as a real number does, however far, and go on as they like."""
    number = draw(st.sampled_from(EXAMPLES))
    kept = number[: draw(st.integers(1, len(number)))]
    missing = max(0, len(number) - len(kept) + draw(st.sampled_from([0, 0, 0, 0, -1, 1, 2])))
    return kept + draw(st.text("0123456789", min_size=missing, max_size=missing))


@unhurried
@given(near_a_plan() | st.text("0123456789", min_size=7, max_size=15))
@example("0")
@example("210")
def test_a_number_is_known_where_phonenumbers_knows_it(digits: str) -> None:
    assert msisdn.seems_valid(digits) == by_phonenumbers(digits)


def test_an_example_of_each_kind_is_known() -> None:
    assert len(EXAMPLES) > 1000
    unknown = [one for one in EXAMPLES if not msisdn.seems_valid(one)]
    assert unknown == [one for one in EXAMPLES if not by_phonenumbers(one)]


@pytest.mark.parametrize("digits", ["", "0", "210", "46"])
def test_digits_without_a_country_or_a_number_are_nobodys(digits: str) -> None:
    assert not numbering.contains(digits)
    assert not numbering.may_carry_a_prefix(digits)
