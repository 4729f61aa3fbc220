"""What may be recorded, when it is said to have occurred, and who may lift an opt-out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from consents.errors import ConsentError
from consents.models import (
    ConsentEvent,
    ReviewItem,
)
from consents.vocabulary import Lifts, Origin
from tests.consents.conftest import Counts
from tests.consents.factories import (
    OTHER_NUMBER,
    OptInFactory,
    OptOutFactory,
    StopFactory,
    ago,
    bulk,
    entry,
    recorded,
    refused,
    state_of,
)

pytestmark = pytest.mark.usefixtures("sender")


# --- who is entitled to lift an opt-out

ENTITLED: list[tuple[str, dict[str, Any]]] = [
    ("api", {}),
    ("api", {"occurred_at": "stated"}),
    ("keyword", {}),
    ("preference_page", {}),
    ("admin", {"note": "asked us by telephone"}),
    ("import", {"occurred_at": "stated"}),
    ("dropin", {"lifts": Lifts.ANY}),
]
NOT_ENTITLED: list[tuple[str, dict[str, Any]]] = [
    ("admin", {}),
    ("admin", {"note": "  "}),
    ("import", {}),
    ("dropin", {}),
    ("provider", {}),
    ("provider", {"occurred_at": "stated"}),
    ("confirm_page", {"occurred_at": "stated"}),
    ("system", {"occurred_at": "stated"}),
    ("system", {"lifts": Lifts.ANY}),
    ("provider", {"lifts": Lifts.ANY}),
]


def stated(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "occurred_at": timezone.now()} if "occurred_at" in fields else fields


@pytest.mark.parametrize(("origin", "fields"), ENTITLED)
def test_an_opt_in_by_this_door_lifts_an_opt_out(origin: str, fields: dict[str, Any]) -> None:
    StopFactory(occurred_at=ago(days=1))
    event = OptInFactory(origin=origin, **stated(fields))
    assert (event.outcome, event.lifts, state_of()) == ("changed", "any", "opted_in")


@pytest.mark.parametrize(("origin", "fields"), NOT_ENTITLED)
def test_an_opt_in_by_this_door_is_written_down_and_lifts_nothing(
    origin: str, fields: dict[str, Any]
) -> None:
    StopFactory(occurred_at=ago(days=1))
    event = OptInFactory(origin=origin, **stated(fields))
    assert (event.effective, event.outcome) == (False, "would_resurrect")
    assert state_of() == "opted_out"


def test_a_bulk_row_lifts_an_opt_out_only_when_it_states_its_own_time() -> None:
    StopFactory(occurred_at=ago(days=1))
    [silent] = bulk(entry())
    assert recorded(silent).outcome == "would_resurrect"
    [telling] = bulk(entry(occurred_at=timezone.now()))
    assert recorded(telling).outcome == "changed"


def test_a_dropin_lifts_what_came_by_a_dropin_and_not_a_persons_stop() -> None:
    OptOutFactory(origin="dropin", occurred_at=ago(hours=2))
    assert OptInFactory(origin="dropin").outcome == "changed"
    StopFactory()
    assert OptInFactory(origin="dropin").outcome == "would_resurrect"


def test_what_a_provider_says_of_somebody_who_opted_out_is_put_before_staff() -> None:
    StopFactory(occurred_at=ago(days=1))
    claim = OptInFactory(origin="provider")
    item = ReviewItem.objects.get()
    assert (item.kind, item.subject_id) == ("would_resurrect", str(claim.id))
    OptInFactory(origin="provider", identity=OTHER_NUMBER)
    assert ReviewItem.objects.count() == 1


def test_what_a_provider_says_among_much_else_is_put_before_staff_too() -> None:
    StopFactory(occurred_at=ago(days=1))
    claim, _ = bulk(entry(origin="provider"), entry(origin="provider", identity=OTHER_NUMBER))
    item = ReviewItem.objects.get()
    assert (item.kind, item.subject_id) == ("would_resurrect", str(recorded(claim).id))
    assert item.identity_id == recorded(claim).identity_id


# --- when it occurred


def test_a_time_a_little_ahead_is_cut_to_now_and_the_claim_is_kept() -> None:
    claimed = timezone.now() + timedelta(minutes=4)
    event = OptInFactory(occurred_at=claimed)
    assert event.occurred_at == event.recorded_at < claimed
    assert event.detail.evidence == {"claimed_occurred_at": claimed.isoformat()}


@pytest.mark.parametrize("origin", ["api", "admin", "import", "keyword", "preference_page"])
def test_a_time_further_ahead_is_refused(origin: str, counts: Callable[[], Counts]) -> None:
    before = counts()
    with pytest.raises(ConsentError, match="not happened") as caught:
        OptInFactory(origin=origin, occurred_at=timezone.now() + timedelta(minutes=6))
    assert (caught.value.code, caught.value.field) == ("occurred_in_future", "occurred_at")
    assert counts() == before


@pytest.mark.parametrize("origin", ["provider", "dropin"])
@pytest.mark.parametrize("zone", [UTC, *(timezone.get_fixed_timezone(m) for m in (-720, 840))])
def test_a_time_ahead_from_a_provider_or_dropin_is_cut_however_far(origin: str, zone: Any) -> None:
    claimed = datetime.max.replace(tzinfo=zone)
    event = OptOutFactory(origin=origin, occurred_at=claimed)
    assert event.occurred_at == event.recorded_at
    assert event.detail.evidence["claimed_occurred_at"].startswith("9999-12-31T23:59:59")


def test_a_stop_whose_machine_runs_fast_does_not_outlive_the_opt_in_that_answers_it() -> None:
    StopFactory(origin="provider", occurred_at=timezone.now() + timedelta(minutes=3))
    assert OptInFactory().outcome == "changed"


# --- nonsense changes nothing

NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("unknown_channel", {"channel": "PIGEON"}),
    ("unknown_channel", {"channel": "WHATSAPP\0"}),
    ("channel_required", {"channel": None}),
    ("identity_required", {"identity": None}),
    ("invalid_identity", {"identity": "no number"}),
    ("invalid_identity", {"identity": "123456"}),
    ("invalid_identity", {"identity": "1234567890123456"}),
    ("invalid_identity", {"identity": ["46732001122"]}),
    ("source_required", {"source": ""}),
    ("source_required", {"source": "   "}),
    ("source_too_long", {"source": "x" * 26}),
    ("invalid_source", {"source": None}),
    ("invalid_source", {"source": "WEB\0"}),
    ("invalid_source", {"source": "\ud800"}),
    ("invalid_ip", {"ip": "999.1.1.1"}),
    ("invalid_ip", {"ip": 2130706433}),
    ("invalid_ip", {"ip": "fe80::1%eth0"}),
    ("invalid_user_agent", {"user_agent": "Fire\0fox"}),
    ("user_agent_too_long", {"user_agent": "x" * 2001}),
    ("invalid_note", {"note": "a\0b"}),
    ("invalid_evidence", {"evidence": ["a list"]}),
    ("invalid_evidence", {"evidence": {"nul": "a\0b"}}),
    ("invalid_evidence", {"evidence": {"a\0b": 1}}),
    ("invalid_evidence", {"evidence": {"surrogate": "\ud800"}}),
    ("invalid_evidence", {"evidence": {"number": float("nan")}}),
    ("invalid_evidence", {"evidence": {"object": object()}}),
    ("evidence_too_long", {"evidence": {"text": "x" * 65536}}),
    ("occurred_in_future", {"occurred_at": timezone.now() + timedelta(days=1)}),
    ("invalid_occurred_at", {"occurred_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
    ("invalid_occurred_at", {"occurred_at": "2026-01-01T00:00:00Z"}),
    ("invalid_occurred_at", {"occurred_at": datetime(1969, 12, 31, tzinfo=UTC)}),
    ("unknown_purpose", {"purpose": "astrology"}),
    ("unknown_purpose", {"purpose": ["all"]}),
    ("unknown_action", {"action": "opt_sideways"}),
    ("unknown_action", {"action": "held"}),
    ("unknown_origin", {"origin": "carrier_pigeon"}),
    ("unknown_sender", {"sender": "nobody"}),
]


@pytest.mark.parametrize(("code", "fields"), NONSENSE)
def test_nonsense_is_refused_with_its_code_and_changes_nothing(
    code: str, fields: dict[str, Any], counts: Callable[[], Counts]
) -> None:
    before = counts()
    with pytest.raises(ConsentError) as caught:
        OptInFactory(**fields)
    assert (caught.value.code, counts()) == (code, before)


def test_a_refusal_in_a_bulk_holds_up_no_neighbour() -> None:
    results = bulk(
        entry(identity=OTHER_NUMBER), entry(identity="123456"), entry(purpose="astrology"), entry()
    )
    assert [refused(result) for result in results[1:3]] == ["invalid_identity", "unknown_purpose"]
    assert [recorded(results[at]).outcome for at in (0, 3)] == ["changed", "changed"]
    assert ConsentEvent.objects.count() == 2


def test_an_empty_bulk_is_no_error() -> None:
    assert bulk() == []


def test_origins_that_lift_are_all_decided_in_this_module() -> None:
    assert {origin for origin, _ in [*ENTITLED, *NOT_ENTITLED]} == set(Origin)
