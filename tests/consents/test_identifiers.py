"""Addresses: every usual spelling is read, the rest is refused, nobody is merged wrongly."""

from __future__ import annotations

import logging

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from consents import msisdn
from consents.errors import ConsentError
from consents.identifiers import (
    ADDRESS_MAX,
    Address,
    guesses,
    hinted,
    is_business_scoped,
    lookup_key_of_canonical,
    masked,
    normalise,
)
from consents.vocabulary import Channel, IdentityKind

PHONE_CHANNELS = [channel for channel in Channel if channel.identity_kind is IdentityKind.PHONE]
OPAQUE_CHANNELS = [channel for channel in Channel if channel.identity_kind is IdentityKind.OPAQUE]
USER_ID = "US.13491208655302741918"

unhurried = settings(deadline=None)


def refusal(channel: Channel, text: object) -> ConsentError:
    with pytest.raises(ConsentError) as caught:
        normalise(channel, text)
    assert (caught.value.code, caught.value.field) == ("invalid_identity", "identity")
    return caught.value


def key(channel: Channel, text: str) -> str:
    return normalise(channel, text).lookup_key


@st.composite
def numbers_of_the_plans(draw: st.DrawFn) -> str:
    """Digits that begin as a real number does and end as they like, some with a trunk prefix."""
    code = draw(st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)))
    region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0]
    example = (
        phonenumbers.example_number_for_non_geo_entity(code)
        if region == "001"
        else phonenumbers.example_number(region)
    )
    assert example is not None
    national = phonenumbers.national_significant_number(example)
    trunk = draw(st.sampled_from(["", "", "0", "1", "8", "06", "01", "9"]))
    digits = f"{code}{trunk}{national[:-2]}{draw(st.integers(10, 99))}"
    assume(len(digits) <= msisdn.DIGITS_MAX)
    return digits


any_digits = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True)


# Phone numbers


@pytest.mark.parametrize("channel", PHONE_CHANNELS)
@pytest.mark.parametrize(
    "text",
    [
        "46732001122",
        46732001122,
        "+46 73-200 11 22",
        "+46.73.200.11.22",
        "0046732001122",
        "00 46 73 200 11 22",
        "(+46) 73/200 11 22",
        "+46 (0)73 200 11 22",
        "0046(0)732001122",
        "+46 073 200 11 22",
        "tel:+46-73-200-11-22",
        "TEL:46732001122",
        "whatsapp:+46732001122",
        " 46732001122\r\n",
        "\u202a+46\u00a073\u2011200\u200b1122\u202c",
        "＋４６７３２００１１２２",
        "٤٦٧٣٢٠٠١١٢٢",
        "४६७३२००११२२",
    ],
)
def test_every_usual_spelling_of_a_number_is_one_address(channel: Channel, text: object) -> None:
    assert normalise(channel, text) == Address(channel, "46732001122", "46732001122")


@pytest.mark.parametrize(
    "text",
    [
        "123456",
        "1234567890123456",
        "+1112223334445556",
        "",
        "   ",
        "+",
        "00",
        "0732001122",
        "(0)732001122",
        "+0046732001122",
        "++46732001122",
        "+46+732001122",
        "46732001122;ext=5",
        "tel:+46732001122;phone-context=+46",
        "46732001122 x5",
        "46732001122,46732002244",
        "4673200I122",
        "+1 800 FLOWERS",
        "46732\x0001122",
        "46732\n001122",
        "\ud80046732001122",
        "*46732001122#",
        "-",
        USER_ID.replace(".", ""),
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    refusal(Channel.SMS, text)


@pytest.mark.parametrize(
    "nonsense", [None, True, False, 46732001122.0, [46732001122], {}, b"46732001122", -46732001122]
)
@pytest.mark.parametrize("channel", [Channel.SMS, Channel.EMAIL, Channel.TELEGRAM])
def test_what_is_neither_text_nor_whole_number_is_refused(
    channel: Channel, nonsense: object
) -> None:
    refusal(channel, nonsense)


@pytest.mark.parametrize("channel", Channel)
def test_huge_input_is_refused(channel: Channel) -> None:
    refusal(channel, "4" * 10_000_000)
    refusal(channel, 10**5_000)


def test_a_refusal_quotes_nothing_of_what_was_sent() -> None:
    for channel, text in (
        (Channel.SMS, "+46 73 200 11 22 secretword"),
        (Channel.EMAIL, "secretword@nowhere@example.com"),
        (Channel.EMAIL, "someone@secretword..example"),
        (Channel.LINE, "secretword here"),
    ):
        error = refusal(channel, text)
        assert "secretword" not in error.message
        assert "200" not in error.message
        assert error.__cause__ is None


def test_seven_and_fifteen_digits_are_the_limits() -> None:
    assert normalise(Channel.SMS, "9991234").value == "9991234"
    assert normalise(Channel.SMS, "999123456789012").value == "999123456789012"


def test_the_zero_in_brackets_stays_where_it_is_dialled_from_abroad() -> None:
    assert normalise(Channel.SMS, "+39 (0)6 1234 5678").value == "390612345678"
    assert normalise(Channel.SMS, "+49 (0)30 123456").value == "4930123456"


def test_a_trunk_zero_goes_even_in_a_range_the_plan_does_not_know() -> None:
    assert normalise(Channel.SMS, "+44 07700 900123").value == "447700900123"


def test_argentinas_mobile_prefix_becomes_the_international_one() -> None:
    assert normalise(Channel.WHATSAPP, "+54 11 15 2345 6789").value == "5491123456789"


@pytest.mark.parametrize("digits", ["999123456789", "5215512345678", "447700900123"])
def test_a_number_unknown_to_the_plans_is_kept_with_a_warning(digits: str) -> None:
    address = normalise(Channel.WHATSAPP, f"+{digits}")
    assert address.value == digits
    assert len(address.warnings) == 1


def test_a_number_the_plans_know_has_no_warning() -> None:
    assert normalise(Channel.WHATSAPP, "46732001122").warnings == ()


def test_canonical_numbers_are_read_without_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(phonenumbers, "parse", fail)
    for digits in ("46732001122", "12025550123", "447700900123", "919869566055", "999123456789"):
        assert normalise(Channel.WHATSAPP, digits).value == digits


@unhurried
@given(numbers_of_the_plans())
def test_a_number_the_plans_know_is_what_their_library_makes_of_it(digits: str) -> None:
    number = phonenumbers.parse(f"+{digits}", None)
    assume(phonenumbers.is_valid_number(number))
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert normalise(Channel.SMS, digits).value == written.removeprefix("+")


@unhurried
@given(
    st.one_of(numbers_of_the_plans(), any_digits),
    st.sampled_from(["+", "00", "tel:+", "whatsapp:"]),
    st.sampled_from(["", " ", "-", "."]),
)
def test_decoration_changes_nothing(digits: str, prefix: str, separator: str) -> None:
    decorated = prefix + separator.join([digits[:2], digits[2:5], digits[5:]])
    assert normalise(Channel.SMS, decorated) == normalise(Channel.SMS, digits)


texts = st.one_of(
    numbers_of_the_plans(),
    any_digits,
    st.text(max_size=40),
    st.emails(),
    st.from_regex(r"[a-zA-Z]{2}\.[a-zA-Z0-9]{1,9}", fullmatch=True),
    st.from_regex(r"\+?[0-9 ()-]{6,18}", fullmatch=True),
)


@unhurried
@given(st.sampled_from(Channel), texts)
def test_normalising_twice_is_normalising_once(channel: Channel, text: str) -> None:
    try:
        address = normalise(channel, text)
    except ConsentError:
        return
    assert normalise(channel, address.value) == address
    assert lookup_key_of_canonical(channel, address.value) == address.lookup_key
    assert len(address.value) <= ADDRESS_MAX


@unhurried
@given(st.sampled_from(Channel), texts | st.integers(-5, 10**21) | st.booleans())
def test_a_guess_that_names_a_canonical_address_is_what_the_text_means(
    channel: Channel, text: object
) -> None:
    [guess] = guesses(channel, [text])
    try:
        named = normalise(channel, guess[0]) if guess else None
    except ConsentError:
        return
    if guess and named and (named.value, named.lookup_key) == guess:
        assert normalise(channel, text) == named


@pytest.mark.parametrize(
    ("channel", "text", "guess"),
    [
        (Channel.SMS, "447700900001", ("447700900001", "447700900001")),
        (Channel.SMS, "+447700900001", ("447700900001", "447700900001")),
        (Channel.SMS, 447700900001, ("447700900001", "447700900001")),
        (Channel.SMS, "5215512345678", ("5215512345678", "525512345678")),
        (Channel.EMAIL, "ada@example.org", ("ada@example.org", "ada@example.org")),
        (Channel.TELEGRAM, "+12345", ("+12345", "+12345")),
        (Channel.TELEGRAM, "åda", None),
        (Channel.SMS, "4477009\n00001", None),
        (Channel.SMS, True, None),
        (Channel.SMS, -5, None),
        (Channel.SMS, None, None),
        (Channel.SMS, ["447700900001"], None),
    ],
)
def test_what_may_be_canonical_is_guessed_at_a_glance(
    channel: Channel, text: object, guess: tuple[str, str] | None
) -> None:
    assert guesses(channel, [text]) == [guess]


# Lookup keys


@pytest.mark.parametrize("channel", PHONE_CHANNELS)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5215512345678", "525512345678"),
        ("5491123456789", "541123456789"),
        ("5492966123456", "542966123456"),
        ("5531987654321", "553187654321"),
        ("5511987654321", "551187654321"),
        ("5592961234567", "559261234567"),
    ],
)
def test_two_spellings_of_one_line_share_their_key(channel: Channel, one: str, other: str) -> None:
    assert key(channel, one) == key(channel, other)
    assert normalise(channel, one).value == one
    assert normalise(channel, other).value == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # A mobile number born with nine digits, and somebody's land line.
        ("5511945678901", "551145678901"),
        ("5511925678901", "551125678901"),
        # Lengths and areas that the rules do not name.
        ("521551234567", "52551234567"),
        ("52155123456789", "5255123456789"),
        ("54911234567", "5411234567"),
        ("5510987654321", "551087654321"),
        ("5501987654321", "550187654321"),
        # The same digits in another country.
        ("5115512345678", "515512345678"),
        ("5691123456789", "561123456789"),
    ],
)
def test_lines_of_different_people_keep_different_keys(one: str, other: str) -> None:
    assert key(Channel.WHATSAPP, one) != key(Channel.WHATSAPP, other)


@given(any_digits)
def test_a_key_is_its_own_key(digits: str) -> None:
    folded = msisdn.lookup_key(digits)
    assert msisdn.lookup_key(folded) == folded


@given(any_digits)
def test_outside_mexico_argentina_and_brazil_the_key_is_the_number(digits: str) -> None:
    assume(not digits.startswith(("52", "54", "55")))
    assert msisdn.lookup_key(digits) == digits


# WhatsApp's business-scoped user ids


@pytest.mark.parametrize(
    "text", [USER_ID, f" {USER_ID} ", f"whatsapp:{USER_ID}", f"us{USER_ID[2:]}"]
)
def test_whatsapp_takes_business_scoped_user_ids(text: str) -> None:
    assert normalise(Channel.WHATSAPP, text) == Address(Channel.WHATSAPP, USER_ID, USER_ID)


def test_a_user_id_keeps_its_case_and_tells_ids_of_different_case_apart() -> None:
    assert normalise(Channel.WHATSAPP, "SE.abC").value == "SE.abC"
    assert key(Channel.WHATSAPP, "SE.abC") != key(Channel.WHATSAPP, "SE.abc")


def test_a_user_id_has_no_warnings() -> None:
    assert normalise(Channel.WHATSAPP, USER_ID).warnings == ()


@pytest.mark.parametrize("channel", [c for c in PHONE_CHANNELS if c is not Channel.WHATSAPP])
def test_other_phone_channels_refuse_user_ids(channel: Channel) -> None:
    refusal(channel, USER_ID)


@pytest.mark.parametrize(
    ("text", "scoped"),
    [
        (USER_ID, True),
        ("US.ENT.11815799212886844830", True),
        (f"US.{'a' * 128}", True),
        (f"US.{'a' * 129}", False),
        ("US.", False),
        ("USA.1349", False),
        ("U1.1349", False),
        ("US.13-49", False),
        ("US.1349\n", False),
        ("US.１３", False),
        ("46732001122", False),
    ],
)
def test_a_user_id_is_a_country_a_dot_and_up_to_128_letters_or_digits(
    text: str, scoped: bool
) -> None:
    assert is_business_scoped(text) is scoped


# E-mail


@pytest.mark.parametrize(
    ("text", "value", "lookup"),
    [
        (" Anna.B@Example.COM ", "Anna.B@example.com", "anna.b@example.com"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("anna@XN--BCHER-KVA.example", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("anna+news@example.com.", "anna+news@example.com", "anna+news@example.com"),
        ("JOSÉ@example.com", "JOSÉ@example.com", "josé@example.com"),
        ("JOSE\u0301@example.com", "JOSÉ@example.com", "josé@example.com"),
    ],
)
def test_an_email_address_keeps_its_local_part_and_is_found_in_any_case(
    text: str, value: str, lookup: str
) -> None:
    assert normalise(Channel.EMAIL, text) == Address(Channel.EMAIL, value, lookup)


def test_domains_that_differ_in_a_sharp_s_are_different() -> None:
    assert key(Channel.EMAIL, "a@straße.example") != key(Channel.EMAIL, "a@strasse.example")


@pytest.mark.parametrize(
    "text",
    [
        "anna",
        "@example.com",
        "anna@",
        "anna@@example.com",
        "anna@b@example.com",
        "anna@localhost",
        "anna b@example.com",
        "anna\x00b@example.com",
        "anna\u202eb@example.com",
        "Anna <anna@example.com>",
        '"anna"@example.com',
        "anna@exa mple.com",
        "anna@exa_mple.com",
        "anna@example..com",
        "anna@-example.com",
        "anna@\ud800.com",
        "\ud800@example.com",
        f"{'a' * 65}@example.com",
        f"{'é' * 33}@example.com",
        f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}",
        46732001122,
    ],
)
def test_what_is_no_email_address_is_refused(text: object) -> None:
    refusal(Channel.EMAIL, text)


# Ids of other channels


@pytest.mark.parametrize("channel", OPAQUE_CHANNELS)
def test_other_channels_keep_their_ids_as_they_are(channel: Channel) -> None:
    assert normalise(channel, " Uab-12_C ") == Address(channel, "Uab-12_C", "Uab-12_C")
    assert normalise(channel, 7123456789012345).value == "7123456789012345"
    assert normalise(channel, "5215512345678").lookup_key == "5215512345678"


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a\tb", "a\x00b", "a\u200bb", "\ud800", "a" * 129]
)
def test_ids_with_spaces_or_invisible_characters_are_refused(text: str) -> None:
    refusal(Channel.LINE, text)


# What may be shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("46732001122", "4673•••••22"),
        ("9991234", "99•••34"),
        ("12345", "•••••"),
        ("", ""),
        ("anna.b@example.com", "a•••@•••.com"),
        ("@", "•••@•••."),
        (USER_ID, "US.1•••••••••••••••18"),
        ("46\n3\x1b[2J0112", "46•3••••••12"),
    ],
)
def test_a_masked_address_shows_its_ends_alone(value: str, shown: str) -> None:
    assert masked(value) == shown


@given(st.one_of(any_digits, st.text(), st.emails()))
def test_a_mask_is_short_printable_and_hides_a_third(value: str) -> None:
    shown = masked(value)
    assert shown == "" or shown.isprintable()
    assert len(shown) <= 24
    assert "@" in value or shown.count("•") * 3 >= min(len(value), 15)


def test_an_address_does_not_show_itself_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    address = normalise(Channel.WHATSAPP, "46732001122")
    logging.getLogger("consents").warning("seen %s and %r", address, [address])
    assert "4673•••••22" in caplog.text
    assert "46732001122" not in caplog.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("46732001122", "••22"),
        ("anna@example.com", "a•••@•••.com"),
        ("US.13491208655302741918", "••18"),
        ("short", "••"),
        ("", "••"),
    ],
)
def test_a_person_recognises_their_address_by_its_end(value: str, shown: str) -> None:
    assert hinted(value) == shown
