"""What the columns mean, and what is refused before a row is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from consents.entries import Entry
from consents.errors import ConsentError
from consents.importing.columns import FIELDS, NOTICE, Manner, Reader
from consents.importing.names import Names
from consents.vocabulary import Origin
from tests.consents.factories import NUMBER

OURS = {"run": "r", "row": 7}


def read(row: dict[str, Any], manner: Manner | None = None) -> tuple[Entry, Names | None]:
    return Reader(manner or Manner(), ()).entry(row, "import:r", OURS)


def entry(**row: Any) -> Entry:
    return read({"identity": NUMBER, **row})[0]


def refusal(row: dict[str, Any], manner: Manner | None = None) -> str:
    with pytest.raises(ConsentError) as caught:
        read({"identity": NUMBER, **row}, manner)
    return caught.value.code


def refused_manner(header: list[str], **manner: Any) -> str:
    with pytest.raises(ConsentError) as caught:
        Reader(Manner(**manner), header)
    return caught.value.code


# --- every field


def test_every_column_says_what_its_name_says() -> None:
    row = {
        "identity": f"+{NUMBER}",
        "channel": " sms ",
        "action": " OPT_OUT ",
        "purpose": " marketing ",
        "source": "CRM",
        "occurred_at": " 2026-03-01T12:00:00+01:00 ",
        "ip": "192.0.2.7",
        "user_agent": "Mozilla/5.0",
        "note": "by telephone",
        "external_id": " crm-1 ",
        "display_name": "Astrid",
        "language": "sv-SE",
        "notice": "banner",
        "notice_version": "2026-03",
        "notice_language": "sv",
        "evidence.form": "signup",
        "evidence.page.url": "https://example.org/",
    }
    assert read(row) == (
        Entry(
            action="opt_out",
            channel="sms",
            identity=f"+{NUMBER}",
            purpose="marketing",
            source="CRM",
            occurred_at=datetime(2026, 3, 1, 11, tzinfo=UTC),
            ip="192.0.2.7",
            user_agent="Mozilla/5.0",
            note="by telephone",
            evidence={
                "form": "signup",
                "page.url": "https://example.org/",
                "notice": {"key": "banner", "version": "2026-03", "language": "sv"},
                "import": OURS,
            },
            language="sv-SE",
            origin=Origin.IMPORT,
            actor="import:r",
        ),
        Names("crm-1", "Astrid", "sv-SE"),
    )
    assert set(row) >= set(FIELDS)


def test_what_a_row_does_not_say_is_an_opt_in_to_everything_over_whatsapp() -> None:
    for row in ({"identity": NUMBER}, {"identity": NUMBER, **dict.fromkeys(FIELDS[1:], "")}):
        said, names = read(row)
        assert (said.action, said.channel, said.purpose) == ("opt_in", "WHATSAPP", "all")
        assert (said.source, said.ip, said.occurred_at, names) == ("", None, None, None)
        assert said.evidence == {"import": OURS}


def test_defaults_stand_where_a_row_says_nothing() -> None:
    defaults = {"action": "opt_out", "channel": "SMS", "purpose": "marketing", "source": "CRM"}
    silent, telling = ({"identity": NUMBER, "source": source} for source in ("", "WEB"))
    said, _ = read(silent, Manner(defaults=defaults))
    assert {name: getattr(said, name) for name in defaults} == defaults
    assert read(telling, Manner(defaults=defaults))[0].source == "WEB"


def test_columns_with_other_names_are_mapped() -> None:
    columns = {"phone": "identity", "consent url": "evidence.url", "lang": "language"}
    row = {"phone": NUMBER, "consent url": "https://example.org/", "lang": "sv", "external_id": "7"}
    said, names = read(row, Manner(columns=columns))
    assert (said.identity, said.evidence) == (NUMBER, {"url": row["consent url"], "import": OURS})
    assert names == Names("7", "", "sv")


def test_columns_that_mean_nothing_are_named() -> None:
    header = ["identity", "Action", "", "plan", "evidence.form", "evidence."]
    assert Reader(Manner(), header).ignored == ["Action", "plan", "evidence."]
    reader = Reader(Manner())
    for row in ({"identity": NUMBER, "acton": "opt_out"}, {"identity": NUMBER, "plan": 1}):
        reader.entry(row, "", OURS)
    assert reader.ignored == ["acton", "plan"]


def test_names_without_end_are_not_all_remembered() -> None:
    reader = Reader(Manner())
    for at in range(3000):
        reader.entry({"identity": NUMBER, f"name-{at}": 1}, "", OURS)
    assert 0 < len(reader.ignored) <= 1000


def test_a_column_may_be_passed_over_though_it_has_the_name_of_a_field() -> None:
    manner = Manner(columns={"source": "", "note": ""}, defaults={"source": "CRM"})
    reader = Reader(manner, ["identity", "source", "note"])
    found, _ = reader.entry({"identity": NUMBER, "source": "x", "note": "y"}, "import:r", OURS)
    assert (found.source, found.note) == ("CRM", "")
    assert reader.ignored == ["source", "note"]


# --- the notice that was shown


@pytest.mark.parametrize(
    ("row", "claim"),
    [
        ({"notice": "banner"}, "banner"),
        ({"notice": {"key": "banner", "version": 2}}, {"key": "banner", "version": 2}),
        ({"notice": "banner", "notice_version": 2}, {"key": "banner", "version": 2}),
        ({"notice": "banner", "notice_language": "sv"}, {"key": "banner", "language": "sv"}),
        ({"notice_version": "2"}, {"version": "2"}),
        ({"notice": 7}, 7),
    ],
)
def test_the_columns_of_a_notice_are_what_evidence_claims(row: dict[str, Any], claim: Any) -> None:
    assert entry(**row).evidence == {"notice": claim, "import": OURS}


# --- a manner that makes no sense


@pytest.mark.parametrize(
    ("header", "manner", "code"),
    [
        (["phone"], {}, "identity_required"),
        (["phone", "identity"], {"columns": {"phone": "identity"}}, "repeated_field"),
        (["a", "b"], {"columns": {"a": "identity", "b": "identity"}}, "repeated_field"),
        ([], {"columns": {"a": "identity", "b": "identity"}}, "repeated_field"),
        (["identity", "a"], {"columns": {"b": "note"}}, "unknown_column"),
        (["identity", "a"], {"columns": {"a": "notes"}}, "unknown_field"),
        ([], {"columns": {"a": "evidence."}}, "unknown_field"),
        (["identity"], {"zone": "Europe/Atlantis"}, "unknown_zone"),
        (["identity"], {"zone": "Europe"}, "unknown_zone"),
        (["identity"], {"zone": "../../etc/passwd"}, "unknown_zone"),
        (["identity"], {"zone": "\0"}, "unknown_zone"),
        (["identity"], {"zone": "x" * 5000}, "unknown_zone"),
    ],
)
def test_a_manner_that_makes_no_sense_is_refused(
    header: list[str], manner: dict[str, Any], code: str
) -> None:
    assert refused_manner(header, **manner) == code


def test_a_column_in_the_way_can_be_mapped_to_the_evidence() -> None:
    columns = {"phone": "identity", "identity": "evidence.identity"}
    reader = Reader(Manner(columns=columns), ["phone", "identity"])
    said, _ = reader.entry({"phone": NUMBER, "identity": "A-7"}, "", OURS)
    assert said.evidence == {"identity": "A-7", "import": OURS}


# --- times


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-03-01T12:00:00Z", "", "2026-03-01T12:00:00"),
        ("2026-03-01 12:00:00.25+01:00", "", "2026-03-01T11:00:00.250000"),
        ("2026-03-01 12:00:00.123456789Z", "", "2026-03-01T12:00:00.123456"),
        ("20260301T120000-0500", "", "2026-03-01T17:00:00"),
        ("2026-03-01T12:00:00+02:00", "Europe/Stockholm", "2026-03-01T10:00:00"),
        ("2026-03-01T12:00", "Europe/Stockholm", "2026-03-01T11:00:00"),
        ("2026-07-01", "Europe/Stockholm", "2026-06-30T22:00:00"),
        # The clocks go from 02:00 to 03:00: a time that never was is reckoned from before.
        ("2026-03-29T02:30", "Europe/Stockholm", "2026-03-29T01:30:00"),
        # They go back from 03:00 to 02:00: of a time that was twice the first.
        ("2026-10-25T02:30", "Europe/Stockholm", "2026-10-25T00:30:00"),
    ],
)
def test_times_are_read_with_their_zone_or_the_files(text: str, zone: str, expected: str) -> None:
    said, _ = read({"identity": NUMBER, "occurred_at": text}, Manner(zone=zone))
    assert said.occurred_at is not None
    assert said.occurred_at.astimezone(UTC).isoformat() == f"{expected}+00:00"


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        *[("2026-03-01T12:00:00", ""), ("2026-03-01", ""), ("yesterday", "UTC"), (" ", "UTC")],
        *[("1772366400", "UTC"), ("03/01/2026", "UTC"), ("2026-02-30T12:00", "UTC")],
        *[("2026-03-01T12:00+25:00", "UTC"), ("2026-03-01T12:00 UTC", "UTC"), ("\0", "UTC")],
    ],
)
def test_what_is_no_time_with_a_zone_is_refused(text: str, zone: str) -> None:
    assert refusal({"occurred_at": text}, Manner(zone=zone)) == "invalid_occurred_at"


# --- values of JSON


@pytest.mark.parametrize("value", [5, 1.5, True, ["x"], {"x": 1}])
@pytest.mark.parametrize("name", sorted({*FIELDS} - {"identity", *NOTICE}))
def test_a_field_that_is_no_text_is_refused(name: str, value: Any) -> None:
    assert refusal({name: value}) == f"invalid_{name}"


@pytest.mark.parametrize("name", FIELDS)
def test_null_says_nothing(name: str) -> None:
    said, names = read({"identity": NUMBER, name: None})
    assert (said.identity, names) == ("" if name == "identity" else NUMBER, None)


def test_a_number_may_be_written_as_a_number() -> None:
    assert entry(identity=int(NUMBER)).identity == int(NUMBER)


def test_evidence_may_be_an_object_and_columns_beside_it() -> None:
    said = entry(**{"evidence": {"form": {"id": [1, None]}}, "evidence.page": {"n": 2}})
    assert said.evidence == {"form": {"id": [1, None]}, "page": {"n": 2}, "import": OURS}


@pytest.mark.parametrize("value", ["text", 5, True, ["x"]])
def test_evidence_that_is_no_object_is_refused(value: Any) -> None:
    assert refusal({"evidence": value}) == "invalid_evidence"


@pytest.mark.parametrize("row", [{"evidence": {"import": 1}}, {"evidence.import": "x"}])
def test_what_the_import_says_of_itself_cannot_be_said_by_a_row(row: dict[str, Any]) -> None:
    assert refusal(row) == "reserved_evidence"


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"phone": OURS}, {"phone": "identity"}),
        ({"remark": "a", "note": "b"}, {"remark": "note"}),
        ({"evidence": {"form": 1}, "evidence.form": 2}, {}),
        ({"evidence.form": 2, "evidence": {"form": 1}}, {}),
        ({"evidence.notice": "banner", "notice": "banner"}, {}),
    ],
)
def test_a_row_that_says_one_thing_twice_is_refused(
    row: dict[str, Any], columns: dict[str, str]
) -> None:
    assert refusal(row, Manner(columns=columns)) == "repeated_field"


# --- names


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ({"external_id": "x" * 201}, "invalid_external_id"),
        ({"external_id": "x\0"}, "invalid_external_id"),
        ({"external_id": "7", "display_name": "x" * 201}, "invalid_display_name"),
        ({"external_id": "7", "display_name": "x" * 5000}, "invalid_display_name"),
        ({"external_id": "7", "display_name": "\ud800"}, "invalid_display_name"),
        ({"external_id": "7", "language": "Svenska!"}, "invalid_language"),
        ({"external_id": "7", "language": "s"}, "invalid_language"),
        ({"external_id": "7", "language": f"sv{'-aa' * 20}"}, "invalid_language"),
    ],
)
def test_names_that_cannot_be_are_refused(names: dict[str, str], code: str) -> None:
    assert refusal(names) == code


def test_names_at_their_full_length_are_taken() -> None:
    names = {"external_id": "x" * 200, "display_name": "ö" * 200, "language": "pt-BR"}
    assert read({"identity": NUMBER, **names})[1] == Names(**names)


@pytest.mark.parametrize("external_id", ["", "  "])
def test_without_an_external_id_a_row_names_nobody(external_id: str) -> None:
    row = {"identity": NUMBER, "external_id": external_id, "display_name": "Astrid"}
    assert read(row)[1] is None
