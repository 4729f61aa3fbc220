"""The one confirmation that may follow an opt-out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consents import confirmation, ledger
from consents.decision import Permission
from consents.errors import ConsentError
from consents.models import Confirmation, Contact, Sender
from consents.vocabulary import Basis, Mode, Reason
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    StopFactory,
    ago,
    swedish_number,
)

USED = (False, Reason.CONFIRMATION_USED)
ALLOWED = (True, None)


def claim(sender: Sender, number: str = NUMBER, channel: str = "WHATSAPP") -> Permission:
    return confirmation.claim(sender, channel, number)


def said(answer: Permission) -> tuple[bool, Reason | None]:
    return answer.allowed, answer.reason


def test_one_confirmation_may_follow_an_opt_out_once_ever(sender: Sender) -> None:
    stop = StopFactory()
    first = claim(sender)
    assert (first.allowed, first.basis, first.event) == (True, Basis.CONFIRMATION, stop.id)
    assert first.expires_at == stop.occurred_at + timedelta(minutes=5)
    assert first.valid_for == timedelta()
    assert [said(claim(sender)) for _ in range(3)] == [USED] * 3
    assert Confirmation.objects.get().event == stop


def test_it_may_follow_on_a_channel_without_window_too(sender: Sender) -> None:
    StopFactory(channel="SMS")
    assert claim(sender, channel="SMS").modes == (Mode.ANY,)


@pytest.mark.parametrize(("age", "allowed"), [(298, True), (300, False), (3600, False)])
def test_it_must_follow_within_five_minutes(sender: Sender, age: int, allowed: bool) -> None:
    StopFactory(occurred_at=ago(seconds=age))
    answer = claim(sender)
    assert said(answer) == (ALLOWED if allowed else (False, Reason.OPTED_OUT))
    assert Confirmation.objects.exists() is allowed


def test_a_new_opt_out_after_a_new_opt_in_has_its_own(sender: Sender) -> None:
    for _ in range(2):
        StopFactory()
        assert claim(sender).allowed
        OptInFactory()


def test_an_opt_out_long_ago_does_not_take_the_confirmation_of_todays(sender: Sender) -> None:
    OptOutFactory(occurred_at=ago(days=30))
    stop = StopFactory()
    assert stop.outcome == "no_change"
    answer = claim(sender)
    assert (answer.allowed, answer.event) == (True, stop.id)


def test_a_stop_of_one_purpose_may_be_confirmed(sender: Sender) -> None:
    OptInFactory()
    MessageFactory(text="STOP MARKETING")
    assert claim(sender).allowed


def test_one_stop_has_one_confirmation_though_it_counts_for_several_identities(
    sender: Sender, person: Contact
) -> None:
    StopFactory()
    newcomer = swedish_number(0)
    OptInFactory(contact=person, identity=newcomer, origin="provider")
    answers = [said(claim(sender, number)) for number in (newcomer, OTHER_NUMBER, NUMBER)]
    assert answers == [ALLOWED, USED, USED]


def test_an_opt_out_that_was_voided_is_not_confirmed(sender: Sender) -> None:
    OptOutFactory(occurred_at=ago(days=1))
    ledger.void(OptOutFactory(), note="wrong person", actor="staff")
    assert said(claim(sender)) == (False, Reason.OPTED_OUT)


def test_whoever_has_not_opted_out_has_nothing_to_confirm(sender: Sender) -> None:
    OptInFactory()
    with pytest.raises(ConsentError) as caught:
        claim(sender)
    assert (caught.value.code, Confirmation.objects.count()) == ("nothing_to_confirm", 0)


def test_whoever_is_unknown_or_unreadable_is_an_answer(sender: Sender) -> None:
    assert said(claim(sender)) == (False, Reason.UNKNOWN_IDENTITY)
    assert said(claim(sender, "123456")) == (False, Reason.INVALID_IDENTITY)


def test_an_unknown_channel_is_an_error(sender: Sender) -> None:
    with pytest.raises(ConsentError) as caught:
        claim(sender, channel="PIGEON")
    assert caught.value.code == "unknown_channel"
