"""People are forgotten, and stay refused: at once, for good, until they come back themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from consents import contacts, erasure, exporting, gate, holders, ledger
from consents.commitments import commit_to_address, commit_to_detail
from consents.decision import Permission
from consents.errors import ConsentError
from consents.exporting import Selection
from consents.holders import Holder, Kept, Person
from consents.identifiers import normalise
from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    Contact,
    Erasure,
    EventDetail,
    ImportFile,
    ImportPiece,
    InboundMessage,
    Sender,
    Standing,
)
from consents.vocabulary import Channel
from tests.consents.asking import together
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    StopFactory,
    ago,
    british_number,
    bulk,
    entry,
    recorded,
    refused,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sender")]

NAMES = {"external_id": "crm-4711", "display_name": "Astrid Holm", "language": "sv"}
PROOF = {
    "ip": "192.0.2.77",
    "user_agent": "Mozilla/5.0 (Nokia 3310)",
    "evidence": {"wording": "Yes please", "form": "winter-4711"},
    "note": "rang us about it",
}


class _Owing(Holder):
    """Somebody who must still be told something, until it is over."""

    models = frozenset()
    is_over = False

    def owed(self, identities):
        return [Kept("errands", 0 if self.is_over else len(identities), "Not told yet.")]

    def erase(self, person: Person) -> None:
        """It holds nothing."""


@pytest.fixture
def owing(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Owing]:
    one = _Owing()
    monkeypatch.setattr(holders, "_holders", [*holders._holders, one])
    return one


@pytest.fixture
def astrid(sender: Sender) -> Contact:
    """Somebody with two addresses, of whom much is known."""
    contact: Contact = ContactFactory(**NAMES)
    OptInFactory(contact=contact, occurred_at=ago(days=9), **PROOF)
    OptInFactory(
        contact=contact, channel="EMAIL", identity="astrid@example.com", occurred_at=ago(days=9)
    )
    return contact


def erase(contact: Contact) -> erasure.Report:
    return erasure.erase(contact, actor="staff:1")


def asked(channel: str = "WHATSAPP", identity: str = NUMBER) -> Permission:
    return gate.check(Sender.objects.get(key="default"), channel, identity, "marketing")


def identity(channel: str = "WHATSAPP") -> ChannelIdentity:
    erased = Erasure.objects.values("contact")
    return ChannelIdentity.objects.get(channel=channel, contact__in=erased)


def actions(one: ChannelIdentity) -> list[str]:
    return list(one.events.order_by("seq").values_list("action", flat=True))


# --- at once


def test_the_ledger_says_that_they_are_opted_out_and_erased(astrid):
    erase(astrid)
    for channel in ("WHATSAPP", "EMAIL"):
        assert actions(identity(channel)) == ["opt_in", "opt_out", "erased"]
    line = ConsentEvent.objects.get(identity=identity(), action="opt_out")
    assert (line.origin, line.source, line.actor) == ("system", "ERASURE", "staff:1")
    assert line.purpose.key == "all"


def test_the_gate_refuses_them_by_every_way_of_asking(astrid, sender):
    erase(astrid)
    assert asked().reason == "opted_out"
    assert asked("EMAIL", "Astrid@example.com").reason == "opted_out"
    answers = together(sender, [NUMBER, f"+{NUMBER}"], "marketing")
    assert {answer.reason for answer in answers} == {"opted_out"}


def test_names_and_proofs_are_gone(astrid):
    erase(astrid)
    astrid.refresh_from_db()
    assert (astrid.external_id, astrid.display_name, astrid.language) == (None, "", "")
    for detail in EventDetail.objects.all():
        assert (detail.ip, detail.user_agent, detail.evidence, detail.note) == (None, "", {}, "")
        assert (detail.salt, detail.address_salt) == (None, None)
        assert detail.erased_at is not None


def test_the_address_goes_at_once_where_nobody_is_owed_word(astrid):
    report = erase(astrid)
    assert report.erasure.finished_at is not None
    assert not ChannelIdentity.objects.exclude(address=None, lookup_key=None).exists()


def test_the_report_says_what_is_kept_and_why(astrid):
    kept = {one.what: one.count for one in erase(astrid).kept}
    assert kept == {"ledger_lines": 6, "address_hashes": 2}
    assert all(one.why for one in erase(astrid).kept)


def test_the_report_tells_of_the_same_number_with_another_contact(astrid):
    OptInFactory(channel="SMS")
    kept = {one.what: one.count for one in erase(astrid).kept}
    assert kept["same_address_elsewhere"] == 1


def test_the_report_tells_of_files_that_may_name_them(astrid, sender):
    file = ImportFile.objects.create(
        sender=sender, name="list.csv", sha256=b"", actor="staff:1", received_at=timezone.now()
    )
    ImportPiece.objects.create(file=file, part="file", number=0, content=NUMBER.encode())
    kept = {one.what: one.count for one in erase(astrid).kept}
    assert kept["import_files"] == 1


def test_what_was_decided_and_when_can_still_be_told(astrid, sender):
    before = OptInFactory(contact=astrid, purpose="marketing")
    erase(astrid)
    assert gate.check(
        sender, "WHATSAPP", NUMBER, "marketing", before.recorded_at + timedelta(microseconds=1)
    ).allowed
    rows = list(exporting.present(Selection(sender)))
    assert {(row.identity, row.external_id) for row in rows} == {(None, None)}


def test_the_lines_are_as_they_were_and_their_hashes_still_fit_what_somebody_kept(astrid):
    line = ConsentEvent.objects.get(identity__channel="WHATSAPP")
    detail = EventDetail.objects.get(event=line)
    salts = bytes(detail.salt), bytes(detail.address_salt)
    said = detail.committed()
    before = ConsentEvent.objects.filter(id=line.id).values().get()
    erase(astrid)
    assert ConsentEvent.objects.filter(id=line.id).values().get() == before
    assert bytes(line.detail_commitment) == commit_to_detail(salts[0], said)
    assert bytes(line.address_commitment) == commit_to_address(salts[1], "WHATSAPP", NUMBER)


def test_the_state_still_follows_from_the_ledger(astrid):
    erase(astrid)
    before = list(Consent.objects.order_by("pk").values())
    ledger.rebuild(ChannelIdentity.objects.values_list("id", flat=True))
    assert list(Consent.objects.order_by("pk").values()) == before


def test_a_contact_without_an_address_loses_its_names():
    contact = ContactFactory(**NAMES)
    assert erase(contact).erasure.finished_at is not None
    contact.refresh_from_db()
    assert contact.is_stranger
    assert not ConsentEvent.objects.exists()


def test_a_hold_and_a_window_do_not_outlive_them(sender):
    MessageFactory(text="please stop writing to me")
    erase(ChannelIdentity.objects.get().contact)
    assert asked().reason == "opted_out"
    assert not gate.check(sender, "WHATSAPP", NUMBER, "service").allowed


def test_nobody_elses_lines_are_touched(astrid):
    other = OptInFactory(identity=OTHER_NUMBER, **PROOF)
    erase(astrid)
    assert EventDetail.objects.get(event=other).evidence == PROOF["evidence"]
    assert ChannelIdentity.objects.get(id=other.identity_id).address == OTHER_NUMBER


def test_no_message_is_kept_under_the_id_that_holds_the_number():
    MessageFactory(message_id=f"wamid.{NUMBER}")
    assert NUMBER not in InboundMessage.objects.get().message_id
    assert MessageFactory(message_id=f"wamid.{NUMBER}").is_repeat


# --- once more


def test_erasing_twice_changes_nothing(astrid, counts):
    first = erase(astrid)
    before = counts()
    second = erase(astrid)
    assert (second.erasure, second.kept) == (first.erasure, first.kept)
    assert counts() == before


def test_whoever_comes_back_can_be_erased_again(astrid):
    erase(astrid)
    OptInFactory()
    report = erase(astrid)
    assert report.erasure.finished_at is not None
    assert Erasure.objects.count() == 2
    assert identity_address() is None
    assert asked().reason == "opted_out"


def identity_address(channel: str = "WHATSAPP") -> str | None:
    return identity(channel).address


# --- while somebody is still to be told


def test_the_address_stays_as_long_as_somebody_is_owed_word(astrid, owing):
    report = erase(astrid)
    assert report.erasure.finished_at is None
    assert (report.kept[0].what, report.kept[0].count) == ("errands", 2)
    assert identity_address() == NUMBER
    assert erasure.finish_open() == 0
    owing.is_over = True
    assert erasure.finish_open() == 1
    assert identity_address() is None
    assert erasure.report(Erasure.objects.get()).erasure.finished_at is not None


def test_what_was_recorded_meanwhile_is_forgotten_too(astrid, owing):
    erase(astrid)
    StopFactory(**PROOF)
    recorded(bulk(entry(**PROOF))[0])
    details = EventDetail.objects.filter(event__identity__channel="WHATSAPP")
    assert {(detail.ip, detail.user_agent, detail.note) for detail in details} == {(None, "", "")}
    assert not details.exclude(evidence={}).exists()
    assert not details.exclude(salt=None, address_salt=None).exists()


def test_who_comes_back_meanwhile_keeps_their_address(astrid, owing):
    erase(astrid)
    OptInFactory()
    owing.is_over = True
    assert erasure.finish_open() == 1
    assert identity_address() == NUMBER
    assert identity_address("EMAIL") is None


# --- what comes afterwards


@pytest.fixture(params=["erased", "still owed"])
def forgotten(astrid, request, owing) -> Contact:
    """Astrid erased, with her address gone or still there."""
    owing.is_over = request.param == "erased"
    erase(astrid)
    return astrid


WAYS_THAT_DO_NOT_LIFT = {
    "many at once without a time": lambda: bulk(entry(**PROOF), entry(identity=OTHER_NUMBER)),
    "an import without a time": lambda: bulk(entry(origin="import", **PROOF)),
    "an old opt-in": lambda: bulk(entry(occurred_at=ago(days=1), **PROOF)),
    "a provider's notice": lambda: OptInFactory(origin="provider", **PROOF),
    "a drop-in": lambda: OptInFactory(origin="dropin", **PROOF),
    "another contact's": lambda: OptInFactory(
        origin="provider", contact=ContactFactory(display_name="Astrid H."), **PROOF
    ),
}


@pytest.mark.parametrize("way", WAYS_THAT_DO_NOT_LIFT)
def test_what_may_not_lift_an_opt_out_finds_them_and_changes_nothing(forgotten, way):
    address = identity_address()
    WAYS_THAT_DO_NOT_LIFT[way]()
    assert asked().reason == "opted_out"
    assert identity_address() == address
    found = identity()
    assert found.contact_id == forgotten.id
    line = found.events.order_by("-seq").first()
    assert (line.action, line.effective) == ("opt_in", False)
    detail = EventDetail.objects.get(event=line)
    assert (detail.ip, detail.user_agent, detail.evidence, detail.note) == (None, "", {}, "")
    assert (detail.salt, detail.address_salt) == (None, None)


WAYS_BACK = {
    "a start word": lambda: MessageFactory(text="START"),
    "the preference page": lambda: OptInFactory(origin="preference_page", **PROOF),
    "a single record": lambda: OptInFactory(**PROOF),
    "staff with a note": lambda: OptInFactory(origin="admin", **PROOF),
    "many at once with a time": lambda: bulk(
        entry(occurred_at=timezone.now(), **PROOF), entry(identity=OTHER_NUMBER)
    ),
    "by the general path": lambda: bulk(
        entry(occurred_at=timezone.now(), **PROOF),
        entry("opt_out", origin="keyword", identity=OTHER_NUMBER),
    ),
    "with a contact named": lambda: OptInFactory(contact=ContactFactory(), **PROOF),
}


@pytest.mark.parametrize("way", WAYS_BACK)
def test_their_own_later_opt_in_brings_them_back(forgotten, way):
    WAYS_BACK[way]()
    assert asked().allowed
    found = identity()
    assert (found.address, found.lookup_key) == (NUMBER, NUMBER)
    assert Standing.objects.get(identity=found).erased_at is None
    line = found.events.filter(action="opt_in").order_by("-seq").first()
    assert line.effective
    detail = EventDetail.objects.get(event=line)
    assert detail.erased_at is None
    salt = bytes(detail.address_salt)
    assert bytes(line.address_commitment) == commit_to_address(salt, "WHATSAPP", NUMBER)
    assert bytes(line.detail_commitment) == commit_to_detail(bytes(detail.salt), detail.committed())


def test_who_has_come_back_is_somebody_like_any_other(forgotten):
    OptInFactory()
    OptOutFactory(**PROOF)
    recorded(bulk(entry(occurred_at=timezone.now(), **PROOF))[0])
    details = EventDetail.objects.order_by("-event__seq")[:2]
    assert [detail.ip for detail in details] == [PROOF["ip"]] * 2
    ada = ContactFactory(display_name="Ada")
    OptInFactory(contact=ada)
    assert identity_owner() == ada


def identity_owner() -> Contact:
    return ChannelIdentity.objects.get(channel="WHATSAPP").contact


def test_their_stop_stays_a_stop(forgotten):
    StopFactory()
    assert asked().reason == "opted_out"
    assert Standing.objects.get(identity=identity()).erased_at is not None


def test_whoever_writes_again_may_be_answered_and_is_not_named(forgotten, sender):
    MessageFactory(text="hello")
    assert gate.check(sender, "WHATSAPP", NUMBER, "service").modes == ("free_form",)
    assert not asked().allowed
    assert Standing.objects.get(identity=identity()).erased_at is not None


def test_an_opt_in_of_the_whole_contact_names_no_address_and_is_refused(forgotten):
    assert refused(bulk(entry(channel=None, identity=None, contact=forgotten))[0]) == "erased"
    assert asked().reason == "opted_out"


def test_an_opt_out_of_the_whole_contact_is_written_down(forgotten):
    recorded(bulk(entry("opt_out", channel=None, identity=None, contact=forgotten))[0])
    assert actions(identity())[-1] == "opt_out"


@pytest.mark.parametrize("action", ["opt_in", "opt_out"])
def test_an_address_that_is_said_to_be_theirs_is_recorded_as_its_own(forgotten, action):
    new = recorded(bulk(entry(action, identity=british_number(1), contact=forgotten))[0])
    assert new.identity.contact_id != forgotten.id
    assert new.effective


def test_they_are_not_named_again(forgotten):
    with pytest.raises(ConsentError, match="erased") as refusal:
        contacts.change(forgotten, {"display_name": "Astrid"})
    assert refusal.value.code == "erased"
    forgotten.refresh_from_db()
    assert forgotten.display_name == ""


def test_a_contact_made_with_their_address_is_refused(forgotten, sender):
    address = normalise(Channel.WHATSAPP, NUMBER)
    with pytest.raises(ConsentError) as refusal:
        contacts.create(sender, NAMES, [address])
    assert refusal.value.code == "identity_conflict"
    assert not Contact.objects.filter(display_name="Astrid Holm").exists()


def test_another_address_that_joins_them_takes_over_that_they_were_erased(forgotten):
    joined = contacts.attach(forgotten, normalise(Channel.WHATSAPP, british_number(2)))
    assert joined.contact_id == forgotten.id
    assert asked(identity=british_number(2)).reason == "opted_out"
