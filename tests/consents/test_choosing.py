"""What a person changes of their own preferences is written down once, and only that."""

from __future__ import annotations

from itertools import product

import pytest

from consents import choosing, gate, preferences
from consents.choosing import Saved, Visitor, Wish
from consents.errors import ConsentError
from consents.models import ChannelIdentity, ConsentEvent, Contact, Purpose, Sender
from consents.preferences import Control
from consents.vocabulary import Channel, Lifts
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    StopFactory,
)
from tests.consents.parallel import at_once
from tests.consents.test_preferences import on

pytestmark = pytest.mark.usefixtures("sender")
VISITOR = Visitor(ip="192.0.2.7", user_agent="Mozilla/5.0")


class Form:
    """What the person sees now, to be filled in and sent, perhaps later or twice."""

    def __init__(self, contact: Contact) -> None:
        seen = preferences.of(contact)
        self.contact = contact
        self.version = seen.version
        self.was_on = {key for key, control in seen.controls.items() if control.is_on}
        self.keys = set(seen.controls)

    def send(self, *, off: tuple[str, ...] = (), on: tuple[str, ...] = ()) -> Saved:
        left_on = (self.was_on - set(off)) | set(on)
        wishes = {
            key: Wish(was_on=key in self.was_on, is_on=key in left_on, evidence={"shown": key})
            for key in self.keys
        }
        return choosing.save(self.contact, wishes, self.version, VISITOR)


def written(since: int) -> list[tuple[str, str, str]]:
    lines = ConsentEvent.objects.filter(seq__gt=since).order_by("seq")
    return list(lines.values_list("identity__channel", "action", "purpose__key"))


def newest() -> int:
    return ConsentEvent.objects.latest("seq").seq


def may(channel: str = "WHATSAPP", number: str = NUMBER, purpose: str = "marketing") -> bool:
    sender = Sender.objects.get(key="default")
    return gate.check(sender, channel, number, purpose).allowed


def test_only_what_was_changed_is_recorded_at_every_address_of_the_channel(person: Contact) -> None:
    before = newest()
    assert Form(person).send(off=("WHATSAPP.marketing",)) == Saved(changed=1, is_withheld=False)
    assert written(before) == [("WHATSAPP", "opt_out", "marketing")] * 2
    assert not may()
    assert not may(number=OTHER_NUMBER)
    assert may("SMS")
    assert may(purpose="utility")


def test_the_line_says_where_it_was_said_and_what_was_read(person: Contact) -> None:
    Form(person).send(off=("SMS.utility",))
    line = ConsentEvent.objects.latest("seq")
    assert (line.origin, line.source) == ("preference_page", "PREFERENCE_PAGE")
    assert line.detail.ip == "192.0.2.7"
    assert line.detail.user_agent == "Mozilla/5.0"
    assert line.detail.evidence == {"shown": "SMS.utility"}


def test_an_unchanged_form_records_nothing(person: Contact) -> None:
    before = newest()
    assert Form(person).send() == Saved(changed=0, is_withheld=False)
    assert written(before) == []


def test_what_is_switched_on_lifts_a_stop_for_that_alone(person: Contact) -> None:
    StopFactory(contact=person)
    assert Form(person).send(on=("WHATSAPP.marketing",)).changed == 1
    assert on(person) & {"WHATSAPP.marketing", "WHATSAPP.utility"} == {"WHATSAPP.marketing"}
    line = ConsentEvent.objects.latest("seq")
    assert (line.action, line.lifts, line.effective) == ("opt_in", Lifts.ANY, True)


def test_an_erased_address_is_not_switched_on_with_the_others(person: Contact) -> None:
    ChannelIdentity.objects.filter(address=OTHER_NUMBER).update(address=None, lookup_key=None)
    StopFactory(contact=person)
    before = newest()
    Form(person).send(on=("WHATSAPP.marketing",))
    assert written(before) == [("WHATSAPP", "opt_in", "marketing")]


def test_where_a_stop_counts_everywhere_switching_off_does_too(person: Contact) -> None:
    Sender.objects.update(stop_scope="contact")
    person.refresh_from_db()
    Form(person).send(off=("WHATSAPP.marketing",))
    assert "SMS.marketing" not in on(person)


# --- purposes below others


@pytest.fixture
def letter(sender: Sender) -> Purpose:
    made: Purpose = PurposeFactory(key="letter", name="Newsletter")
    return made


def test_a_category_that_is_switched_off_takes_along_what_stands_below(
    person: Contact, letter: Purpose
) -> None:
    OptInFactory(purpose="letter")
    Form(person).send(off=("WHATSAPP.marketing",))
    assert not {"WHATSAPP.marketing", "WHATSAPP.letter"} & on(person)


def test_one_may_be_switched_on_below_a_category_that_is_off(
    person: Contact, letter: Purpose
) -> None:
    Form(person).send(off=("WHATSAPP.marketing",))
    Form(person).send(on=("WHATSAPP.letter",))
    assert {"WHATSAPP.marketing", "WHATSAPP.letter"} & on(person) == {"WHATSAPP.letter"}


def test_one_that_is_left_off_below_a_category_that_is_switched_on_stays_off(
    person: Contact, letter: Purpose
) -> None:
    StopFactory(contact=person)
    before = newest()
    assert Form(person).send(on=("WHATSAPP.marketing",)).changed == 2
    assert "WHATSAPP.letter" not in on(person)
    assert [line[1:] for line in written(before)] == [
        *[("opt_in", "marketing")] * 2,
        *[("opt_out", "letter")] * 2,
    ]


def test_category_and_what_stands_below_are_switched_on_together(
    person: Contact, letter: Purpose
) -> None:
    StopFactory(contact=person)
    Form(person).send(on=("WHATSAPP.marketing", "WHATSAPP.letter"))
    assert {"WHATSAPP.marketing", "WHATSAPP.letter"} <= on(person)


def test_whatever_is_chosen_holds_afterwards(sender: Sender, rolled_back) -> None:
    """All ways to leave a category and one purpose below it, from the ways they may stand.

    What was left on below a category that goes off goes with it; all else is as it was left.
    """
    PurposeFactory(key="letter")
    keys = ("WHATSAPP.marketing", "WHATSAPP.letter")
    histories = [
        (None, None, None),
        ("opt_in", None, None),
        ("opt_out", None, None),
        ("opt_in", None, "opt_out"),
        ("opt_in", "opt_out", "opt_in"),
        ("opt_out", "opt_in", None),
        ("opt_out", None, "opt_in"),
    ]
    for said in histories:
        for left in product([True, False], repeat=2):
            with rolled_back():
                contact = ContactFactory()
                OptInFactory(contact=contact, purpose="service")
                for action, purpose in zip(said, ("all", "marketing", "letter"), strict=True):
                    if action:
                        OptInFactory(contact=contact, action=action, purpose=purpose)
                form = Form(contact)
                wanted = dict(zip(keys, left, strict=True))
                was = {key: key in form.was_on for key in keys}
                if was[keys[0]] and not wanted[keys[0]] and was[keys[1]]:
                    wanted[keys[1]] = False
                form.send(
                    on=tuple(key for key, is_on in zip(keys, left, strict=True) if is_on),
                    off=tuple(key for key, is_on in zip(keys, left, strict=True) if not is_on),
                )
                now = on(contact)
                assert {key: key in now for key in keys} == wanted, (said, left)


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("was_on", [True, False])
def test_a_control_that_was_not_touched_asks_for_nothing(is_on: bool, was_on: bool) -> None:
    control = Control(channel=Channel.SMS, purpose=Purpose(key="marketing"), is_on=is_on)
    wish = Wish(was_on=was_on, is_on=was_on)
    assert choosing.action_for(control, wish, is_category_switched_on=False) is None


# --- forms that are late, or come again


def test_the_same_form_again_changes_nothing(person: Contact) -> None:
    form = Form(person)
    form.send(off=("WHATSAPP.marketing",))
    before = newest()
    assert form.send(off=("WHATSAPP.marketing",)) == Saved(changed=0, is_withheld=False)
    assert written(before) == []


def test_an_old_form_lifts_no_stop_that_came_after_it(person: Contact) -> None:
    OptOutFactory(purpose="marketing", contact=person)
    OptOutFactory(purpose="marketing", contact=person, identity=OTHER_NUMBER)
    form = Form(person)
    assert form.send(on=("WHATSAPP.marketing",)).changed == 1
    StopFactory(contact=person)
    before = newest()
    assert form.send(on=("WHATSAPP.marketing",)) == Saved(changed=0, is_withheld=True)
    assert written(before) == []
    assert not may()


def test_an_old_form_that_leaves_everything_as_it_was_lifts_nothing(person: Contact) -> None:
    form = Form(person)
    StopFactory(contact=person)
    assert form.send() == Saved(changed=0, is_withheld=False)
    assert not may()


def test_an_opt_out_counts_however_old_its_form_is(person: Contact) -> None:
    form = Form(person)
    OptOutFactory(purpose="utility")
    assert form.send(off=("WHATSAPP.marketing",)).changed == 1
    assert not may()


def test_a_form_without_the_version_switches_nothing_on(person: Contact) -> None:
    StopFactory(contact=person)
    form = Form(person)
    form.version = ""
    assert form.send(on=("WHATSAPP.marketing",)).is_withheld


def test_wishes_about_what_is_not_there_are_passed_over(person: Contact) -> None:
    before = newest()
    wish = {"FAX.marketing": Wish(was_on=True, is_on=False), "": Wish(was_on=True, is_on=False)}
    version = preferences.of(person).version
    assert choosing.save(person, wish, version, VISITOR).changed == 0
    assert written(before) == []


@pytest.mark.django_db(transaction=True)
def test_two_forms_at_once_end_as_one_of_them_says(person: Contact) -> None:
    one, other = ("WHATSAPP.marketing", "SMS.utility"), ("SMS.marketing", "WHATSAPP.utility")
    choosing.leave(person, VISITOR, {})
    forms = Form(person), Form(person)
    results = at_once(lambda: forms[0].send(on=one), lambda: forms[1].send(on=other))
    assert on(person) in (set(one), set(other))
    assert sorted(result.is_withheld for result in results) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_everything_on_and_everything_off_at_once_end_as_one_of_the_two(person: Contact) -> None:
    everything = tuple(preferences.of(person).controls)
    choosing.leave(person, VISITOR, {})
    form = Form(person)
    at_once(
        lambda: form.send(on=everything),
        lambda: choosing.leave(person, VISITOR, {}),
    )
    assert on(person) in (set(), set(everything))


@pytest.mark.django_db(transaction=True)
def test_a_form_that_fails_half_way_is_not_saved_at_all(person: Contact, monkeypatch) -> None:
    before = newest()
    record = choosing.ledger.record

    def fail_at_the_second(*args, **fields):
        if fields["purpose"] == "marketing":
            raise ConsentError("invalid_evidence", "As it happens.")
        return record(*args, **fields)

    monkeypatch.setattr(choosing.ledger, "record", fail_at_the_second)
    with pytest.raises(ConsentError):
        Form(person).send(off=("WHATSAPP.utility", "WHATSAPP.marketing"))
    assert written(before) == []


# --- leaving


def test_leaving_stops_everything_everywhere_at_once(person: Contact) -> None:
    before = newest()
    assert choosing.leave(person, VISITOR, {"shown": "all"})
    assert written(before) == [
        *[("WHATSAPP", "opt_out", "all")] * 2,
        ("SMS", "opt_out", "all"),
    ]
    assert on(person) == set()
    first, *others = ConsentEvent.objects.filter(seq__gt=before).order_by("seq")
    assert {other.cause_id for other in others} == {first.id}


def test_leaving_again_writes_nothing(person: Contact) -> None:
    choosing.leave(person, VISITOR, {})
    before = newest()
    assert not choosing.leave(person, VISITOR, {})
    assert written(before) == []


def test_leaving_one_purpose_on_one_channel_leaves_the_others(person: Contact) -> None:
    assert choosing.leave(person, VISITOR, {}, channel=Channel.SMS, purpose="marketing")
    assert {key for key in preferences.of(person).controls if key not in on(person)} == {
        "SMS.marketing"
    }


def test_leaving_a_purpose_that_was_opted_in_to_below_is_recorded(person: Contact) -> None:
    PurposeFactory(key="letter")
    OptOutFactory(contact=person, channel="SMS", purpose="marketing")
    OptInFactory(contact=person, channel="SMS", purpose="letter")
    assert choosing.leave(person, VISITOR, {}, channel=Channel.SMS, purpose="marketing")
    assert "SMS.letter" not in on(person)


def test_nobody_can_leave_a_channel_where_they_have_no_address(person: Contact) -> None:
    with pytest.raises(ConsentError) as refused:
        choosing.leave(person, VISITOR, {}, channel=Channel.EMAIL)
    assert refused.value.code == "no_identity"


@pytest.mark.django_db(transaction=True)
def test_leaving_twice_at_once_is_written_down_once(person: Contact) -> None:
    before = newest()
    results = at_once(*[lambda: choosing.leave(person, VISITOR, {})] * 3)
    assert sorted(results) == [False, False, True]
    assert len(written(before)) == 3
