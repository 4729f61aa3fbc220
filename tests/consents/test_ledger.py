"""The ledger: what is written down, and what it does to the state."""

from datetime import timedelta

import pytest

from consents import ledger
from consents.defaults import ensure_defaults
from consents.errors import ConsentError
from consents.models import Consent, ConsentEvent, Standing

pytestmark = pytest.mark.django_db
NUMBER = "46732001122"


@pytest.fixture(autouse=True)
def _defaults(db):
    ensure_defaults()


def record(action, **fields):
    fields = {"channel": "WHATSAPP", "identity": NUMBER, "source": "WEB", **fields}
    return ledger.record("default", action=action, **fields).event


def test_an_opt_in_is_written_down_with_its_effect():
    event = record("opt_in")
    assert (event.effective, event.outcome, event.occurred_at) == (True, "changed", event.recorded_at)
    assert Consent.objects.get().state == "opted_in"
    assert Standing.objects.get().may_write is True


def test_a_repeated_opt_in_is_written_down_and_changes_nothing():
    first = record("opt_in")
    second = record("opt_in")
    assert (second.effective, second.outcome) == (False, "no_change")
    assert second.recorded_at > first.recorded_at
    assert ConsentEvent.objects.count() == 2
    assert Consent.objects.get().event_id == first.id
