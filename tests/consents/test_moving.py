"""An address moves to the contact whose it is, with what was said of it or without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from consents import gate, ledger, moving
from consents.errors import ConsentError
from consents.history import state_as_of
from consents.models import ChannelIdentity, ConsentEvent, Contact, Sender
from consents.moving import Move
from tests.consents.conftest import Counts
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    ago,
    state_of,
)

pytestmark = pytest.mark.usefixtures("sender")


@pytest.fixture
def anna() -> Contact:
    return ContactFactory(external_id="anna")


@pytest.fixture
def berit() -> Contact:
    return ContactFactory(external_id="berit")


def identity(number: str = NUMBER) -> ChannelIdentity:
    return ChannelIdentity.objects.get(address=number)


def move(to: Contact, number: str = NUMBER, **fields: Any) -> ConsentEvent:
    told = {"with_consent": True, "note": "She told us", "actor": "staff:7", **fields}
    return moving.carry_out(Move(identity=identity(number), to=to, **told))


def test_an_address_and_its_consent_go_to_whose_it_is(anna: Contact, berit: Contact) -> None:
    OptInFactory(contact=anna)
    moved = move(berit)
    assert identity().contact == berit
    assert state_of() == "opted_in"
    assert (moved.action, moved.actor, moved.detail.note) == (
        "identity_moved",
        "staff:7",
        "She told us",
    )
    assert moved.detail.evidence == {"from": str(anna.pk), "to": str(berit.pk)}
    assert Contact.objects.filter(pk=anna.pk).exists()


def test_an_address_that_changed_hands_is_opted_out_until_its_owner_opts_in(
    anna: Contact, berit: Contact, sender: Sender
) -> None:
    OptInFactory(contact=anna)
    moved = move(berit, with_consent=False)
    assert state_of() == "opted_out"
    assert not gate.check(sender, "WHATSAPP", NUMBER, "marketing").allowed
    out = ConsentEvent.objects.get(action="opt_out")
    assert (out.cause, out.source, out.origin) == (moved, "ADDRESS MOVED", "admin")
    OptInFactory(contact=berit)
    assert state_of() == "opted_in"


def test_what_was_allowed_before_it_changed_hands_stays_true_of_then(
    anna: Contact, berit: Contact
) -> None:
    opt_in = OptInFactory(contact=anna)
    move(berit, with_consent=False)
    past = state_as_of(identity().id, opt_in.recorded_at, hindsight=True)
    assert [fold.state for fold in past.values()] == ["opted_in"]


def test_an_opt_out_goes_along_whatever_is_chosen(anna: Contact, berit: Contact) -> None:
    OptOutFactory(contact=anna)
    move(berit)
    assert state_of() == "opted_out"


def test_a_stop_of_the_contact_it_comes_to_counts_for_it_too(anna: Contact, berit: Contact) -> None:
    OptInFactory(contact=berit, identity=OTHER_NUMBER, occurred_at=ago(days=2))
    StopFactory(identity=OTHER_NUMBER)
    OptInFactory(contact=anna, occurred_at=ago(days=1))
    move(berit)
    assert state_of() == "opted_out"


def test_a_stranger_who_has_nothing_left_is_gone(berit: Contact) -> None:
    stranger = OptInFactory().identity.contact
    move(berit)
    assert not Contact.objects.filter(pk=stranger.pk).exists()


def test_moving_leaves_what_a_rebuild_finds(
    anna: Contact, berit: Contact, consents_as_read: Callable[[], list[dict[str, Any]]]
) -> None:
    OptInFactory(contact=anna)
    move(berit, with_consent=False)
    before = consents_as_read()
    ledger.rebuild([identity().id])
    assert consents_as_read() == before


def test_what_makes_no_sense_is_refused_and_changes_nothing(
    anna: Contact, berit: Contact, counts: Callable[[], Counts]
) -> None:
    OptInFactory(contact=anna)
    foreign = ContactFactory(sender=SenderFactory())
    before = counts()
    for code, to, fields in (
        ("already_theirs", anna, {}),
        ("note_required", berit, {"note": " "}),
        ("unknown_contact", foreign, {}),
    ):
        with pytest.raises(ConsentError) as caught:
            move(to, **fields)
        assert (caught.value.code, counts()) == (code, before)
    assert identity().contact == anna
