"""A purpose may require evidence before staff or an import may opt somebody in to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consents.errors import ConsentError
from consents.importing import checking
from consents.importing.columns import Manner, Reader
from consents.models import ConsentEvent, Purpose, Sender
from tests.consents.factories import (
    NUMBER,
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    british_number,
    state_of,
)
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import recorded

pytestmark = pytest.mark.usefixtures("sender")
COMPLETE = {"medium": "paper", "legal_basis": "consent"}


def require(key: str, *names: str, **fields: Any) -> None:
    purpose = Purpose.objects.get(key=key)
    purpose.required_evidence = list(names)
    purpose.__dict__.update(fields)
    purpose.save()


@pytest.fixture(autouse=True)
def _marketing_wants_proof(sender: Sender) -> None:
    require("marketing", "medium", "legal_basis")


def refusal(**fields: Any) -> ConsentError:
    with pytest.raises(ConsentError) as caught:
        OptInFactory(**{"origin": "admin", "purpose": "marketing", **fields})
    return caught.value


@pytest.mark.parametrize("origin", ["admin", "import"])
@pytest.mark.parametrize(
    "evidence", [None, {}, {"medium": "paper"}, {"medium": "paper", "legal_basis": " "}]
)
def test_an_opt_in_without_it_is_refused(origin: str, evidence: dict[str, str] | None) -> None:
    error = refusal(origin=origin, evidence=evidence)
    assert (error.code, error.field) == ("evidence_required", "evidence")
    assert "legal_basis" in error.message
    assert state_of(purpose="marketing") is None


@pytest.mark.parametrize("origin", ["admin", "import"])
def test_an_opt_in_with_it_is_recorded(origin: str) -> None:
    OptInFactory(origin=origin, purpose="marketing", evidence=COMPLETE)
    assert state_of(purpose="marketing") == "opted_in"


@pytest.mark.parametrize("origin", ["api", "keyword", "preference_page", "dropin", "provider"])
def test_other_doors_need_none(origin: str) -> None:
    OptInFactory(origin=origin, purpose="marketing")
    assert state_of(purpose="marketing") == "opted_in"


@pytest.mark.parametrize("origin", ["admin", "import"])
def test_an_opt_out_never_waits_for_evidence(origin: str) -> None:
    OptOutFactory(origin=origin, purpose="marketing")
    assert state_of(purpose="marketing") == "opted_out"


def test_what_covers_the_purpose_needs_its_evidence_too() -> None:
    assert refusal(purpose="all").code == "evidence_required"


def test_what_lies_under_the_purpose_needs_its_evidence_too() -> None:
    assert refusal(purpose=PurposeFactory().key).code == "evidence_required"


def test_a_purpose_beside_it_needs_none() -> None:
    OptInFactory(origin="admin", purpose="utility")
    assert state_of(purpose="utility") == "opted_in"


def test_a_broad_opt_in_needs_no_evidence_of_what_wants_an_opt_in_of_its_own() -> None:
    require("marketing", "medium", requires_own_consent=True)
    OptInFactory(origin="admin", purpose="all")
    assert state_of() == "opted_in"
    assert refusal(purpose="marketing").code == "evidence_required"


ROWS = [f"{NUMBER},marketing,LIST,paper,consent", "46732002244,marketing,LIST,paper,"]
HEADER = "identity,purpose,source,evidence.medium,evidence.legal_basis"


def test_the_dry_run_names_the_rows_without_it(sender: Sender, tmp_path: Path) -> None:
    file = source(tmp_path, csv_text(HEADER, ROWS))
    reader = Reader(Manner(), file.header)
    verdicts = list(checking.check(sender, file, reader, lambda _: None))
    assert [one.category for one in verdicts] == ["new", "invalid"]
    assert [one.error.code for one in verdicts if one.error] == ["evidence_required"]


def test_the_columns_of_a_notice_prove_wording_version_and_language(
    sender: Sender, tmp_path: Path
) -> None:
    require("marketing", "wording", "wording_version", "language")
    for language in ("en", "sv"):
        NoticeFactory(version="2", language=language)
    header = "identity,purpose,source,notice,notice_version,notice_language"
    named = f"{NUMBER},marketing,LIST,banner,2,sv"
    unknown = "46732002244,marketing,LIST,banner,3,sv"
    stopped = f"{british_number(7)},marketing,LIST,banner,3,sv,opt_out"
    file = source(tmp_path, csv_text(f"{header},action", [f"{named},", f"{unknown},", stopped]))
    reader = Reader(Manner(), file.header)
    verdicts = list(checking.check(sender, file, reader, lambda _: None))
    assert [one.error and one.error.code for one in verdicts] == [None, "unknown_notice", None]
    run = recorded(sender, file)
    assert run.counts["invalid"] == 1
    shown = {one.action: one.detail.evidence["notice"] for one in ConsentEvent.objects.all()}
    assert shown["opt_in"]["language"] == "sv"
    assert shown["opt_out"] == {
        "key": "banner",
        "version": "3",
        "language": "sv",
        "unresolved": True,
    }
    assert state_of(purpose="marketing") == "opted_in"


def test_the_language_of_a_row_chooses_among_the_notices(sender: Sender, tmp_path: Path) -> None:
    for language in ("en", "sv"):
        NoticeFactory(language=language)
    header = "identity,source,notice,external_id,language,purpose"
    ContactFactory(external_id="crm-1", language="en")
    rows = [f"{NUMBER},LIST,banner,crm-1,sv", "46732002244,LIST,banner,crm-2,sv-SE"]
    file = source(tmp_path, csv_text(header, [f"{row},utility" for row in rows]))
    recorded(sender, file)
    shown = [one.detail.evidence["notice"]["language"] for one in ConsentEvent.objects.all()]
    assert shown == ["sv", "sv"]


def test_an_import_records_the_rows_with_it_alone(sender: Sender, tmp_path: Path) -> None:
    run = recorded(sender, source(tmp_path, csv_text(HEADER, ROWS)))
    assert state_of(purpose="marketing") == "opted_in"
    assert state_of("46732002244", purpose="marketing") is None
    assert run.counts["invalid"] == 1
