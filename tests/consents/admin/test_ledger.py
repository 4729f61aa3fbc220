"""The ledger's pages: to be read, never changed; an entry made in error can be voided."""

from __future__ import annotations

import pytest
from django.urls import reverse

from consents.models import Consent, ConsentEvent
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    OptInFactory,
    OptOutFactory,
    StopFactory,
    ago,
)

pytestmark = pytest.mark.django_db
LIST = "admin:consents_consentevent_changelist"


def change(event):
    return reverse("admin:consents_consentevent_change", args=[event.pk])


def void(event):
    return reverse("admin:consents_consentevent_void_entry", args=[event.pk])


def found(desk, **query):
    return set(desk.get(reverse(LIST), query).context["cl"].result_list)


def test_events_are_found_by_number_and_by_the_crms_id(desk):
    event = OptInFactory()
    OptInFactory(identity=OTHER_NUMBER)
    event.identity.contact.external_id = "crm-7"
    event.identity.contact.save()
    assert found(desk, q="+46 732 00 11 22") == {event}
    assert found(desk, q="crm-7") == {event}
    assert found(desk, q="nobody") == set()


def test_events_are_filtered_by_what_they_say(desk):
    opt_in = OptInFactory()
    stop = StopFactory(identity=OTHER_NUMBER, purpose="marketing")
    sms = OptInFactory(channel="SMS")
    assert found(desk, action="opt_out") == {stop}
    assert found(desk, origin__exact="keyword") == {stop}
    assert found(desk, outcome="changed", channel="SMS") == {sms}
    assert found(desk, purpose__id__exact=stop.purpose_id) == {stop}
    assert found(desk, channel="WHATSAPP", action="opt_in") == {opt_in}
    assert found(desk, contact="nonsense") == set()


def test_an_event_shows_its_evidence_escaped(desk):
    event = OptInFactory(
        ip="192.0.2.7", user_agent="Mozilla/5.0", evidence={"wording": "<script>alert(1)</script>"}
    )
    text = desk.get(change(event)).content.decode()
    assert "192.0.2.7" in text
    assert "Mozilla/5.0" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert(1)" not in text


def test_an_event_can_be_neither_changed_nor_deleted(desk):
    event = OptInFactory()
    assert desk.post(change(event), {"source": "OTHER"}).status_code == 403
    delete = reverse("admin:consents_consentevent_delete", args=[event.pk])
    assert desk.get(delete).status_code == 403
    assert desk.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(event.pk)], "post": "yes"}
    desk.post(reverse(LIST), chosen)
    assert ConsentEvent.objects.get().source == "WEB"
    text = desk.get(change(event)).content.decode()
    assert 'name="_save"' not in text
    assert "delete/" not in text


def test_an_entry_made_in_error_is_voided_with_a_reason(desk, officer):
    event = OptOutFactory()
    desk.post(void(event), {"note": "Wrong number typed"})
    voiding = ConsentEvent.objects.get(action="voided")
    assert (voiding.cause, voiding.actor) == (event, f"staff:{officer.pk}")
    assert voiding.detail.note == "Wrong number typed"
    assert not Consent.objects.exists()
    assert "Led to" in desk.get(change(event)).content.decode()


def test_voiding_needs_a_reason(desk):
    event = OptInFactory()
    answer = desk.post(void(event), {"note": " "})
    assert "note" in answer.context["form"].errors
    assert ConsentEvent.objects.count() == 1


def test_a_persons_own_stop_cannot_be_voided(desk):
    event = StopFactory()
    answer = desk.post(void(event), {"note": "They did not mean it"})
    assert answer.context["form"].non_field_errors() == ["A person's own opt-out cannot be voided."]
    assert Consent.objects.get().state == "opted_out"
    assert void(event) not in desk.get(change(event)).content.decode()


def test_an_entry_is_voided_once(desk):
    event = OptInFactory()
    desk.post(void(event), {"note": "Wrong number"})
    assert desk.post(void(event), {"note": "Wrong number"}).status_code == 200
    assert ConsentEvent.objects.filter(action="voided").count() == 1


def test_opening_the_question_voids_nothing(desk):
    event = OptInFactory()
    assert desk.get(void(event)).status_code == 200
    assert Consent.objects.get().state == "opted_in"


def test_the_question_says_what_voiding_will_change(desk):
    OptInFactory(occurred_at=ago(days=2))
    opt_out = OptOutFactory()
    text = desk.get(void(opt_out)).content.decode()
    assert "what holds now is “opted out”; it will be “opted in”" in text


def test_the_question_says_where_voiding_changes_nothing(desk):
    first = OptInFactory()
    OptInFactory()
    assert "It changes nothing of what holds for all messages: opted in" in (
        desk.get(void(first)).content.decode()
    )


def test_whoever_may_only_look_cannot_void(desk_with):
    event = OptInFactory()
    onlooker = desk_with("view_consentevent")
    assert onlooker.get(change(event)).status_code == 200
    assert onlooker.post(void(event), {"note": "Because"}).status_code == 403
    assert ConsentEvent.objects.count() == 1


def test_what_is_not_there_is_not_found(desk):
    missing = reverse("admin:consents_consentevent_void_entry", args=["no-id"])
    assert desk.get(missing).status_code == 404


def test_the_list_reads_aloud(desk):
    StopFactory()
    text = desk.get(reverse(LIST)).content.decode()
    assert f"WhatsApp +{NUMBER}" in text
    assert "by keyword" in text
    assert "Took effect" in text
