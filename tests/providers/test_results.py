"""Which row of ours a result is about, and for how long it may be."""

from __future__ import annotations

import pytest

from consents.models import ConsentEvent
from providers.contract import Result
from tests.consents.factories import NUMBER, state_of
from tests.providers.callback_examples import listening, result, send, tell
from tests.providers.factories import let_pass, newest, opt_in, opt_out, told

pytestmark = pytest.mark.django_db


def test_a_result_may_name_a_row_of_the_last_seven_days(sinch):
    opt_in()
    send(sinch)
    let_pass(days=6, hours=23)
    tell(sinch, result(request_id=newest(sinch).id))
    assert told(sinch) == [("opt_in", "succeeded")]


def test_a_result_that_names_an_older_row_is_not_its_result(sinch):
    opt_in()
    send(sinch, Result.SUCCEEDED)
    row = newest(sinch)
    let_pass(days=7, minutes=1)
    callback = tell(sinch, result("OPT_IN_FAILED", request_id=row.id))
    # It looks like one of ours, so it is waited for first.
    assert callback.status == "stored"
    assert newest(sinch).status == "succeeded"


def test_without_a_known_request_id_the_row_that_is_waited_for_is_meant(sinch):
    """However long ago it was sent, within the seven days."""
    opt_in()
    send(sinch)
    let_pass(days=6)
    tell(sinch, result(request_id="01HZNOTOURS"))
    assert told(sinch) == [("opt_in", "succeeded")]
    assert ConsentEvent.objects.count() == 1


def test_an_hour_after_a_row_that_nobody_waits_for_a_nameless_result_began_elsewhere(sender):
    account = listening(sender=sender, settings={"await_result": False})
    opt_out()
    send(account, Result.SUCCEEDED)
    let_pass(minutes=59)
    tell(account, result("OPT_OUT_SUCCEEDED"))
    assert ConsentEvent.objects.count() == 1
    opt_in()
    send(account, Result.SUCCEEDED)
    let_pass(hours=1, minutes=1)
    tell(account, result("OPT_OUT_SUCCEEDED"))
    assert state_of() == "opted_out"


def test_a_row_that_has_its_result_is_not_settled_by_a_nameless_one_again(sinch):
    opt_out()
    send(sinch)
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id=newest(sinch).id))
    tell(sinch, result("OPT_OUT_SUCCEEDED"))
    outcomes = ConsentEvent.objects.order_by("seq").values_list("origin", "outcome")
    assert list(outcomes) == [("api", "changed"), ("provider", "no_change")]


def test_by_identity_and_kind_a_result_of_the_other_kind_is_none_of_ours(sinch):
    opt_in()
    send(sinch)
    tell(sinch, result("OPT_OUT_SUCCEEDED", NUMBER, request_id="01HZNOTOURS"))
    assert state_of() == "opted_out"
    assert newest(sinch).kind == "opt_out"


@pytest.mark.parametrize(
    "nonsense", ["", "01HZNOTOURS", "x" * 500, "B48D9BF4-A1B2-4499-9F08-4472BF211FD"]
)
def test_an_id_of_any_form_is_survived(sinch, nonsense):
    opt_in()
    send(sinch)
    tell(sinch, result(request_id=nonsense))
    assert told(sinch) == [("opt_in", "succeeded")]
