"""`POST consent-events/bulk/`: many lines, each by itself."""

import pytest

from consents.models import ConsentEvent
from tests.consents.api.caller import code_of
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import (
    NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    british_number,
)

pytestmark = pytest.mark.django_db


def test_every_item_has_its_own_result_in_the_order_given(api):
    events = [
        OPT_IN,
        {**OPT_IN, "source": ""},
        "nonsense",
        {**OPT_IN, "identitty": "x"},
        {**OPT_IN, "occurred_at": "yesterday"},
        {**OPT_IN, "contact": "nobody"},
        {**OPT_IN, "contact": 7},
        {**OPT_IN, "sender": "default"},
        {**OPT_IN, "channel": "SMS"},
    ]
    answer = api.post("consent-events/bulk/", {"events": events})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["index"] for one in results] == list(range(len(events)))
    assert [one["error"]["code"] if "error" in one else one["status"] for one in results] == [
        "recorded",
        "source_required",
        "invalid_item",
        "unknown_field",
        "invalid_occurred_at",
        "unknown_contact",
        "invalid_contact",
        "unknown_field",
        "recorded",
    ]
    assert [one["event"]["channel"] for one in results if "event" in one] == ["WHATSAPP", "SMS"]
    assert ConsentEvent.objects.count() == 2


def test_an_item_about_a_contact_answers_with_all_its_lines(api):
    contact = ContactFactory(external_id="crm-7")
    for channel in ("WHATSAPP", "SMS"):
        OptInFactory(channel=channel, contact=contact)
    item = {"action": "opt_out", "contact": "crm-7", "source": "CRM"}
    [result] = api.post("consent-events/bulk/", {"events": [item]}).json()["results"]
    assert len(result["events"]) == 2
    assert result["event"] == result["events"][0]


def test_an_opt_in_without_its_time_brings_nobody_back(api):
    OptOutFactory(identity=NUMBER)
    [result] = api.post("consent-events/bulk/", {"events": [OPT_IN]}).json()["results"]
    assert (result["event"]["effective"], result["event"]["outcome"]) == (False, "would_resurrect")


def test_nothing_to_record_is_no_error(api):
    assert api.post("consent-events/bulk/", {"events": []}).json() == {"results": []}


def test_more_than_ten_thousand_are_refused_as_a_whole(api):
    answer = api.post("consent-events/bulk/", {"events": [OPT_IN] * 10_001})
    assert code_of(answer) == (400, "too_many_items")
    assert not ConsentEvent.objects.exists()


def test_a_bulk_needs_a_list_of_events(api):
    assert code_of(api.post("consent-events/bulk/", {})) == (400, "events_required")
    assert code_of(api.post("consent-events/bulk/", {"events": {}})) == (400, "events_required")


def test_a_thousand_lines_take_as_few_queries_as_ten(api, django_assert_max_num_queries):
    for count in (10, 1000):
        events = [{**OPT_IN, "identity": british_number(index)} for index in range(count)]
        with django_assert_max_num_queries(45):
            results = api.post("consent-events/bulk/", {"events": events}).json()["results"]
        assert len(results) == count
        assert all(one["status"] == "recorded" for one in results)
