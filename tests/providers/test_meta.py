"""What stems from WhatsApp itself is heard alike, whichever provider passes it on."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from providers import registry
from providers.contract import Contradiction, ContradictionHeard, NothingHeard
from tests.providers.examples import account

NUMBER = "447700900123"
AT = 1770113730


def preference(value="stop", **fields):
    said = {"wa_id": NUMBER, "category": "marketing_messages", "value": value, "timestamp": AT}
    return {**said, "detail": "User requested to stop marketing messages", **fields}


def forwarded(*preferences):
    """Meta's webhook, each preference in an entry of its own."""
    changes = [
        {"field": "user_preferences", "value": {"user_preferences": [one]}} for one in preferences
    ]
    entries = [{"id": "102000000000001", "changes": [change]} for change in changes]
    return {"object": "whatsapp_business_account", "entry": entries}


@pytest.fixture(params=registry.kinds())
def hear(request):
    """As each of the providers in turn."""
    where = account(request.param, "http://127.0.0.1:9")
    listener = registry.listener(request.param)
    return lambda content: listener.hear(where, json.dumps(content).encode())


@pytest.mark.parametrize(
    ("value", "contradiction"),
    [
        ("stop", Contradiction.STOPPED_MARKETING),
        ("STOP", Contradiction.STOPPED_MARKETING),
        ("resume", Contradiction.RESUMED_MARKETING),
    ],
)
def test_a_preference_is_heard_whoever_passes_it_on(hear, value, contradiction):
    assert hear(forwarded(preference(value))) == [
        ContradictionHeard(
            contradiction=contradiction,
            channel="WHATSAPP",
            identity=NUMBER,
            code="user_preferences",
            text=value.lower(),
            occurred_at=datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC),
            reference=str(AT),
        )
    ]


def test_several_preferences_are_all_heard(hear):
    heard = hear(forwarded(preference(), preference("resume", wa_id="447700900124")))
    assert [one.identity for one in heard] == [NUMBER, "447700900124"]


def test_a_person_without_a_number_is_known_by_the_id_that_whatsapp_gave(hear):
    [heard] = hear(forwarded(preference(wa_id=None, user_id="GB.1349abc")))
    assert heard.identity == "GB.1349abc"


@pytest.mark.parametrize("wrong", [{"category": "utility_messages"}, {"value": "pause"}])
def test_what_else_they_may_prefer_says_nothing_about_consent(hear, wrong):
    assert hear(forwarded(preference(**wrong))) == [NothingHeard("meta webhook")]


@pytest.mark.parametrize("part", [None, [], 7, "text", [7], {}])
def test_no_part_of_another_type_is_a_mistake_of_ours(hear, part):
    for content in (
        {"object": "whatsapp_business_account", "entry": part},
        forwarded() | {"entry": [{"changes": part}]},
        forwarded() | {"entry": [{"changes": [{"value": part}]}]},
        forwarded(preference(wa_id=part, timestamp=part)),
        forwarded(preference(category=part, value=part)),
    ):
        assert hear(content)
