"""Rules of retention and legal holds, as staff set them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from consents.models import LegalHold, RetentionRule
from tests.consents.factories import ContactFactory, OptInFactory, SenderFactory

pytestmark = pytest.mark.django_db
RULES = "admin:consents_retentionrule_add"
HOLDS = "admin:consents_legalhold_add"


def test_a_rule_is_made_for_a_kind_that_there_is(desk):
    text = desk.get(reverse(RULES)).content.decode()
    assert "What providers wrote, word by word (90 days without a rule)" in text
    assert "Proofs, from the withdrawal on (for good without a rule)" in text
    desk.post(reverse(RULES), {"kind": "evidence", "days": "1000"})
    rule = RetentionRule.objects.get()
    assert (rule.kind, rule.days) == ("evidence", 1000)
    page = reverse("admin:consents_retentionrule_change", args=[rule.pk])
    desk.post(page, {"days": ""})
    rule.refresh_from_db()
    assert rule.days is None


@pytest.mark.parametrize("said", [{"kind": "messages", "days": "1"}, {"kind": "x", "days": "9"}])
def test_a_rule_that_cannot_be_is_refused_at_its_field(desk, said):
    answer = desk.post(reverse(RULES), said)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not RetentionRule.objects.exists()


def test_a_hold_is_placed_in_the_name_of_who_placed_it_and_lifted(desk, officer, sender):
    contact = OptInFactory().identity.contact
    said = {"sender": str(sender.pk), "contact": str(contact.pk), "reason": "case 7"}
    desk.post(reverse(HOLDS), said)
    hold = LegalHold.objects.get()
    assert (hold.contact, hold.placed_by) == (contact, f"staff:{officer.pk}")
    erase = reverse("admin:consents_contact_erase", args=[contact.pk])
    assert "A legal hold is on" in desk.post(erase).content.decode()
    lift = reverse("admin:consents_legalhold_lift", args=[hold.pk])
    desk.get(lift)
    hold.refresh_from_db()
    assert hold.lifted_at is None
    desk.post(lift)
    hold.refresh_from_db()
    assert hold.lifted_by == f"staff:{officer.pk}"


def test_a_hold_on_another_senders_contact_is_refused(desk, sender):
    other = ContactFactory(sender=SenderFactory(key="other"))
    said = {"sender": str(sender.pk), "contact": str(other.pk), "reason": "case 7"}
    assert desk.post(reverse(HOLDS), said).status_code == 200
    assert not LegalHold.objects.exists()
