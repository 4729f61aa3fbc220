"""Events that name the wording that was shown: the very version stays in their evidence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consents import ledger, notices
from consents.commitments import commit_to_detail
from consents.errors import ConsentError
from consents.models import ConsentEvent, Contact, Notice, Purpose, Sender
from tests.consents.factories import (
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    ago,
    bulk,
    entry,
    recorded,
    refused,
    state_of,
)

pytestmark = pytest.mark.usefixtures("sender")


@pytest.fixture
def versions(sender: Sender) -> dict[tuple[str, str], Notice]:
    """The banner: its first version in English alone, its second in Swedish too."""
    made = [
        NoticeFactory(version="1", valid_from=ago(days=90)),
        NoticeFactory(version="2", valid_from=ago(days=30)),
        NoticeFactory(version="2", language="sv", valid_from=ago(days=20)),
    ]
    return {(one.version, one.language): one for one in made}


def kept(event: ConsentEvent) -> Any:
    return ConsentEvent.objects.get(pk=event.pk).detail.evidence["notice"]


def named(notice: Notice) -> dict[str, str]:
    return {
        "key": notice.key,
        "version": notice.version,
        "language": notice.language,
        "sha256": notice.digest,
    }


Versions = dict[tuple[str, str], Notice]


@pytest.mark.parametrize(
    "claim",
    [
        {"key": "banner", "version": "2", "language": "sv"},
        {"key": "banner", "version": 2, "language": "SV"},
        {"key": "banner", "version": " 2 ", "language": "sv"},
        {"key": "banner", "language": "sv"},
        {"key": "banner", "version": None, "language": "sv", "sha256": None},
    ],
)
def test_the_version_that_was_named_stays_with_its_hash(
    versions: Versions, claim: dict[str, Any]
) -> None:
    event = OptInFactory(evidence={"notice": claim, "form": "f"})
    assert kept(event) == named(versions["2", "sv"])
    assert notices.of(event) == versions["2", "sv"]
    assert event.detail.evidence["form"] == "f"


def test_the_lines_commitment_binds_it(versions: Versions) -> None:
    event = OptInFactory(evidence={"notice": {"key": "banner", "version": "1"}})
    line = ConsentEvent.objects.select_related("detail").get(pk=event.pk)
    committed = line.detail.committed()
    assert committed["evidence"]["notice"]["sha256"] == versions["1", "en"].digest
    salt = bytes(line.detail.salt or b"")
    assert bytes(line.detail_commitment) == commit_to_detail(salt, committed)


@pytest.mark.parametrize(
    ("days", "version", "language"), [(60, "1", "en"), (90, "1", "en"), (25, "2", "en")]
)
def test_a_bare_key_is_the_version_valid_when_it_occurred(
    versions: Versions, days: int, version: str, language: str
) -> None:
    at = versions["1", "en"].valid_from + timedelta(days=90 - days)
    event = OptInFactory(evidence={"notice": "banner"}, occurred_at=at)
    assert kept(event) == named(versions[version, language])


def test_a_version_that_is_to_come_is_not_meant_yet(versions: Versions) -> None:
    NoticeFactory(version="3", valid_from=ago(days=-1))
    event = OptInFactory(evidence={"notice": "banner", "language": "en"})
    assert kept(event) == named(versions["2", "en"])


def test_of_two_from_the_same_instant_the_later_one_counts(sender: Sender) -> None:
    at = ago(days=1)
    NoticeFactory(version="b", valid_from=at)
    later = NoticeFactory(version="a", valid_from=at)
    assert kept(OptInFactory(evidence={"notice": "banner"})) == named(later)


# --- languages


@pytest.mark.parametrize("language", ["sv", "sv-SE", "SV_se", "sv-Latn-SE"])
def test_the_language_in_the_evidence_chooses(versions: Versions, language: str) -> None:
    event = OptInFactory(evidence={"notice": "banner", "language": language})
    assert kept(event) == named(versions["2", "sv"])
    assert event.detail.evidence["language"] == language


def test_the_contacts_language_chooses_where_the_evidence_says_none(versions: Versions) -> None:
    contact: Contact = ContactFactory(language="sv-SE")
    event = OptInFactory(contact=contact, evidence={"notice": "banner"})
    assert kept(event) == named(versions["2", "sv"])
    spoken = OptInFactory(contact=contact, evidence={"notice": "banner", "language": "en"})
    assert kept(spoken) == named(versions["2", "en"])


@pytest.mark.parametrize("language", [{}, {"language": "de"}, {"language": 7}, {"language": ""}])
def test_of_several_languages_one_has_to_be_said(
    versions: Versions, language: dict[str, Any]
) -> None:
    with pytest.raises(ConsentError) as found:
        OptInFactory(evidence={"notice": "banner", **language})
    assert (found.value.code, found.value.field) == ("notice_ambiguous", "evidence.notice")
    assert "en, sv" in found.value.message


def test_the_only_language_is_meant_whatever_is_spoken(versions: Versions) -> None:
    claim = {"key": "banner", "version": "1"}
    event = OptInFactory(evidence={"notice": claim, "language": "de"})
    assert kept(event) == named(versions["1", "en"])


# --- what nobody knows

UNKNOWN: list[Any] = [
    *["no-such", "no such", "\ud7ff", "x" * 9999, "Banner"],
    *[{"key": "banner", "version": "9"}, {"key": "banner", "language": "de"}],
    {"key": "banner", "version": "1", "language": "sv"},
]
INVALID: list[Any] = [
    *[{}, [], ["banner"], 7, True, {"key": 7}, {"key": None}, {"version": "2"}],
    *[{"key": "banner", "version": 2.5}, {"key": "banner", "version": True}],
    *[{"key": "banner", "lang": "sv"}, {"key": "banner", "language": ["sv"]}],
]
DIFFERENT = {"key": "banner", "version": "2", "language": "en", "sha256": "00" * 32}
REFUSED = [
    *[(claim, "unknown_notice") for claim in UNKNOWN],
    *[(claim, "invalid_notice") for claim in INVALID],
    (DIFFERENT, "notice_differs"),
]


@pytest.mark.parametrize(("claim", "code"), REFUSED)
def test_an_opt_in_that_names_what_nobody_knows_is_refused(
    versions: Versions, claim: Any, code: str
) -> None:
    with pytest.raises(ConsentError) as found:
        OptInFactory(evidence={"notice": claim})
    assert (found.value.code, found.value.field) == (code, "evidence.notice")
    assert state_of() is None


@pytest.mark.parametrize("record", [OptOutFactory, StopFactory])
@pytest.mark.parametrize("claim", [claim for claim, _ in REFUSED])
def test_an_opt_out_is_never_refused_for_its_notice(
    versions: Versions, claim: Any, record: Any
) -> None:
    event = record(evidence={"notice": claim})
    said = claim if isinstance(claim, dict) else {"key": claim}
    assert kept(event) == {**said, "unresolved": True}
    assert state_of() == "opted_out"
    assert notices.of(event) is None


def test_an_opt_out_of_several_languages_is_kept_as_it_was_claimed(versions: Versions) -> None:
    event = OptOutFactory(evidence={"notice": "banner"})
    assert kept(event) == {"key": "banner", "unresolved": True}


def test_an_opt_out_may_name_a_notice(versions: Versions) -> None:
    event = OptOutFactory(evidence={"notice": "banner", "language": "sv"})
    assert kept(event) == named(versions["2", "sv"])


def test_what_was_kept_can_be_handed_in_again(versions: Versions) -> None:
    evidence = {"notice": named(versions["1", "en"])}
    assert kept(OptInFactory(evidence=evidence)) == evidence["notice"]


def test_a_notice_is_its_senders_own(versions: Versions) -> None:
    other: Sender = SenderFactory()
    with pytest.raises(ConsentError) as found:
        OptInFactory(sender=other, evidence={"notice": "banner", "language": "sv"})
    assert found.value.code == "unknown_notice"


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_names_none(versions: Versions, nothing: Any) -> None:
    assert kept(OptInFactory(evidence={"notice": nothing})) == nothing


@pytest.mark.parametrize(
    "claim", ["banner", {"key": "banner", "version": [], "language": "sv", "sha256": None}]
)
def test_what_was_written_before_there_were_notices_names_none(sender: Sender, claim: Any) -> None:
    event = OptInFactory()
    event.detail.evidence = {"notice": claim}
    assert notices.of(event) is None


# --- many at once


def test_one_in_many_that_names_what_nobody_knows_holds_up_no_other(versions: Versions) -> None:
    first, second, third = bulk(
        entry(evidence={"notice": {"key": "banner", "version": "1"}}),
        entry(evidence={"notice": "no-such"}),
        entry(action="opt_out", evidence={"notice": "no-such"}),
    )
    assert kept(recorded(first)) == named(versions["1", "en"])
    assert refused(second) == "unknown_notice"
    assert kept(recorded(third)) == {"key": "no-such", "unresolved": True}


def test_many_ask_for_their_notices_once(versions: Versions) -> None:
    claims = ["banner", {"key": "banner", "version": "1"}, "no-such", [1], {"key": []}]
    items = [entry(evidence={"notice": claim, "language": "en"}) for claim in claims]
    with CaptureQueriesContext(connection) as captured:
        ledger.record_many("default", items)
    asked = [one for one in captured.captured_queries if "consents_notice" in (one["sql"] or "")]
    assert len(asked) == 1


def test_a_version_that_was_added_since_is_known_at_once(sender: Sender) -> None:
    NoticeFactory(version="1")
    OptInFactory(evidence={"notice": "banner"})
    newer = NoticeFactory(version="2", valid_from=datetime.now(ago().tzinfo))
    assert kept(OptInFactory(evidence={"notice": "banner"})) == named(newer)


# --- what purposes require


@pytest.mark.parametrize("origin", ["admin", "import"])
def test_it_proves_wording_version_and_language(versions: Versions, origin: str) -> None:
    needed = ["wording", "wording_version", "language"]
    Purpose.objects.filter(key="marketing").update(required_evidence=[*needed, "medium"])
    evidence = {"notice": {"key": "banner", "version": "1"}}
    with pytest.raises(ConsentError) as found:
        OptInFactory(origin=origin, purpose="marketing", evidence=evidence)
    assert found.value.code == "evidence_required"
    assert found.value.message.endswith("of medium.")
    OptInFactory(origin=origin, purpose="marketing", evidence={**evidence, "medium": "web"})
    assert state_of(purpose="marketing") == "opted_in"
