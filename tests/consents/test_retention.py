"""What is kept how long, and what a legal hold keeps longer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from consents import erasure, legal_holds, retention
from consents.errors import ConsentError
from consents.models import (
    ChannelIdentity,
    Contact,
    EventDetail,
    InboundMessage,
    LegalHold,
    RetentionRule,
    Sender,
    Standing,
)
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    SenderFactory,
    StopFactory,
    ago,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sender")]

PROOF = {"ip": "192.0.2.77", "evidence": {"form": "winter"}, "note": "rang us"}


def withdrawn(number: str = NUMBER, **since: float) -> Contact:
    """Somebody who opted in, and stopped that long ago."""
    OptInFactory(identity=number, **PROOF)
    StopFactory(identity=number)
    identity = ChannelIdentity.objects.get(address=number)
    Standing.objects.filter(identity=identity).update(
        last_recorded_at=F("last_recorded_at") - timedelta(**since)
    )
    return identity.contact


def rule(kind: str, days: int | None) -> None:
    retention.check(kind, days)
    RetentionRule.objects.create(kind=kind, days=days)


def proofs() -> int:
    return EventDetail.objects.filter(erased_at=None).count()


def test_evidence_is_kept_for_good_where_no_rule_says_otherwise():
    withdrawn(days=9999)
    assert retention.forget_old() == 0
    assert proofs() == 2


def test_evidence_is_counted_from_the_withdrawal():
    rule("evidence", 1000)
    withdrawn(days=1001)
    withdrawn(OTHER_NUMBER, days=999)
    assert retention.forget_old() == 2
    left = EventDetail.objects.filter(erased_at=None).values_list(
        "event__identity__address", flat=True
    )
    assert set(left) == {OTHER_NUMBER}
    detail = EventDetail.objects.filter(erased_at__isnull=False)[0]
    assert (detail.ip, detail.evidence, detail.note, detail.salt) == (None, {}, "", None)


def test_evidence_of_those_who_may_be_written_to_is_kept():
    rule("evidence", 1)
    OptInFactory(**PROOF)
    Standing.objects.update(last_recorded_at=ago(days=99))
    assert retention.forget_old() == 0


def test_that_somebody_wrote_is_forgotten_after_a_year():
    for days in (366, 364):
        MessageFactory(received_at=ago(days=days))
    assert retention.forget_old() == 1
    assert InboundMessage.objects.count() == 1
    assert Standing.objects.get().last_inbound_at is not None


def test_a_rule_may_keep_for_good_what_is_forgotten_by_default():
    rule("messages", None)
    MessageFactory(received_at=ago(days=9999))
    assert retention.forget_old() == 0


def test_more_than_a_chunk_is_forgotten_at_once(monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 2)
    for _ in range(5):
        MessageFactory(received_at=ago(days=999))
    assert retention.forget_old() == 5


@pytest.mark.parametrize(
    ("kind", "days", "code"), [("messages", 2, "too_short"), ("nonsense", 9, "unknown_kind")]
)
def test_a_rule_that_cannot_be_is_refused(kind, days, code):
    with pytest.raises(ConsentError) as refusal:
        retention.check(kind, days)
    assert refusal.value.code == code


def test_what_the_work_needs_is_kept_whatever_a_rule_says():
    RetentionRule.objects.create(kind="messages", days=0)
    MessageFactory(received_at=ago(days=2))
    assert retention.forget_old() == 0


# --- legal holds


def placed(sender: Sender, contact: Contact | None = None) -> LegalHold:
    return legal_holds.place(sender, contact, reason="case 7", actor="staff:1")


@pytest.mark.parametrize("of_everybody", [False, True])
def test_a_hold_stops_time_and_wishes_until_it_is_lifted(sender, of_everybody):
    rule("evidence", 10)
    contact = withdrawn(days=11)
    MessageFactory(received_at=ago(days=999))
    hold = placed(sender, None if of_everybody else contact)
    assert retention.forget_old() == 0
    with pytest.raises(ConsentError) as refusal:
        erasure.erase(contact, actor="staff:1")
    assert refusal.value.code == "legal_hold"
    assert ChannelIdentity.objects.get().address == NUMBER
    legal_holds.lift(hold, actor="staff:2")
    assert retention.forget_old() >= 1
    assert erasure.erase(contact, actor="staff:1").erasure.finished_at is not None


def test_a_hold_is_on_nobody_else(sender):
    rule("evidence", 10)
    placed(sender, withdrawn(days=11))
    other = withdrawn(OTHER_NUMBER, days=11)
    assert retention.forget_old() == 2
    erasure.erase(other, actor="staff:1")


def test_a_hold_of_another_sender_stops_nothing(sender):
    placed(SenderFactory(key="other"))
    erasure.erase(withdrawn(days=1), actor="staff:1")


def test_two_holds_are_lifted_one_by_one(sender):
    contact = withdrawn(days=1)
    first, second = placed(sender, contact), placed(sender, contact)
    legal_holds.lift(first, actor="staff:1")
    assert legal_holds.is_held(contact.id)
    with pytest.raises(ConsentError, match="lifted before"):
        legal_holds.lift(first, actor="staff:1")
    legal_holds.lift(second, actor="staff:1")
    assert not legal_holds.is_held(contact.id)


def test_a_hold_says_why_and_is_on_a_contact_of_its_sender(sender):
    with pytest.raises(ConsentError) as refusal:
        legal_holds.place(sender, None, reason=" ", actor="staff:1")
    assert refusal.value.code == "reason_required"
    other = ContactFactory(sender=SenderFactory(key="other"))
    with pytest.raises(ConsentError) as refusal:
        legal_holds.place(sender, other, reason="case 7", actor="staff:1")
    assert refusal.value.code == "unknown_contact"
