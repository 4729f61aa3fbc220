"""Callbacks applied: rows settled, the ledger written, the window moved; each once."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from consents.models import ChannelIdentity, ConsentEvent, ReviewItem
from providers import hearing, settlement, telling
from providers.contract import Result
from providers.models import ProviderCallback, ProviderSync
from tests.consents.factories import NUMBER, OTHER_NUMBER, ago, state_of
from tests.providers.callback_examples import (
    apply_all,
    listening,
    message,
    post,
    report,
    result,
    send,
    stored,
    tell,
    wait_is_over,
)
from tests.providers.factories import (
    british_numbers,
    claim,
    come_back,
    let_pass,
    newest,
    opt_in,
    opt_in_many,
    opt_out,
    rows,
    told,
)

pytestmark = pytest.mark.django_db


def reviews(kind):
    return list(ReviewItem.objects.filter(kind=kind))


def events(action=None):
    found = ConsentEvent.objects.order_by("seq")
    return list(found.filter(action=action) if action else found)


# --- results of what began here


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("SUCCEEDED", "succeeded", ""),
        ("FAILED", "failed", "rejected"),
        ("STATUS_UNSPECIFIED", "failed", "unsupported"),
    ],
)
@pytest.mark.parametrize(("change", "kind"), [(opt_in, "OPT_IN"), (opt_out, "OPT_OUT")])
def test_a_result_settles_the_row_that_awaits_it(sinch, change, kind, word, status, reason):
    change()
    send(sinch)
    assert newest(sinch).status == "awaiting_result"
    callback = tell(sinch, result(f"{kind}_{word}", request_id=newest(sinch).id))
    row = newest(sinch)
    assert (row.status, row.reason) == (status, reason)
    assert row.heard_at is not None
    assert callback.status == "applied"
    assert len(events()) == 1


def test_a_refusal_is_kept_in_the_providers_words_without_the_number(sinch):
    opt_in()
    send(sinch)
    details = {"description": f"{NUMBER} has no WhatsApp"}
    tell(sinch, result("OPT_IN_FAILED", request_id=newest(sinch).id, error_details=details))
    assert newest(sinch).text == "467******22 has no WhatsApp"


def test_a_result_without_a_request_id_settles_the_row_that_awaits_it(sinch):
    opt_in()
    send(sinch)
    tell(sinch, result(request_id=""))
    assert told(sinch) == [("opt_in", "succeeded")]
    assert len(events()) == 1


def test_a_result_without_an_identity_is_known_by_its_request_id(sinch):
    opt_in()
    send(sinch)
    tell(sinch, result(number=None, request_id=newest(sinch).id))
    assert told(sinch) == [("opt_in", "succeeded")]


def test_a_result_that_is_faster_than_the_answer_to_the_call_counts(sinch):
    opt_in()
    [call] = claim(sinch)
    tell(sinch, result(request_id=newest(sinch).id))
    assert told(sinch) == [("opt_in", "succeeded")]
    settlement.settle([come_back(call, Result.ACCEPTED)])
    assert told(sinch) == [("opt_in", "succeeded")]


def test_a_late_result_counts_for_a_row_that_waits_to_be_sent_again(sinch):
    opt_in()
    send(sinch)
    let_pass(hours=2)
    settlement.time_out_results()
    assert told(sinch) == [("opt_in", "pending")]
    tell(sinch, result(request_id=newest(sinch).id))
    assert told(sinch) == [("opt_in", "succeeded")]


def test_a_failure_after_an_answer_that_counted_as_done_is_believed(sender):
    account = listening(sender=sender, settings={"await_result": False})
    opt_in()
    send(account, Result.SUCCEEDED)
    tell(account, result("OPT_IN_FAILED", request_id=newest(account).id))
    assert (newest(account).status, newest(account).reason) == ("failed", "rejected")


def test_a_success_after_a_failure_is_believed(sinch):
    opt_in()
    send(sinch)
    tell(sinch, result("OPT_IN_FAILED", request_id=newest(sinch).id))
    tell(sinch, result("OPT_IN_SUCCEEDED", request_id=newest(sinch).id))
    assert (newest(sinch).status, newest(sinch).reason) == ("succeeded", "")


def test_the_result_of_a_replaced_row_never_becomes_an_event(sinch):
    opt_out()
    send(sinch)
    opt_in()
    send(sinch)
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id=rows(sinch)[0].id))
    assert told(sinch)[0] == ("opt_out", "superseded")
    assert state_of() == "opted_in"
    assert len(events()) == 2


def test_a_nameless_result_of_a_replaced_row_never_becomes_an_event(sinch):
    opt_out()
    send(sinch)
    opt_in()
    send(sinch)
    tell(sinch, result("OPT_OUT_SUCCEEDED"))
    assert state_of() == "opted_in"
    assert len(events()) == 2


def test_an_old_opt_ins_success_after_a_newer_opt_out_sends_the_opt_out_again(sinch):
    opt_in()
    send(sinch)
    opt_out()
    send(sinch)
    first, second = rows(sinch)
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id=second.id))
    tell(sinch, result("OPT_IN_SUCCEEDED", request_id=first.id))
    assert told(sinch) == [
        ("opt_in", "superseded"),
        ("opt_out", "succeeded"),
        ("opt_out", "pending"),
    ]


def test_an_old_opt_ins_success_while_the_opt_out_flies_has_it_sent_once_more(sinch):
    opt_in()
    send(sinch)
    opt_out()
    [call] = claim(sinch)
    tell(sinch, result("OPT_IN_SUCCEEDED", request_id=rows(sinch)[0].id))
    settlement.settle([come_back(call, Result.ACCEPTED)])
    assert told(sinch)[1:] == [("opt_out", "awaiting_result"), ("opt_out", "pending")]


def test_an_old_opt_ins_success_while_the_opt_out_waits_needs_nothing_more(sinch):
    opt_in()
    send(sinch)
    opt_out()
    tell(sinch, result("OPT_IN_SUCCEEDED", request_id=rows(sinch)[0].id))
    assert told(sinch) == [("opt_in", "superseded"), ("opt_out", "pending")]


def test_a_row_whose_answer_was_lost_is_sent_once_more_and_no_more(sinch):
    opt_in()
    claim(sinch)
    ProviderSync.objects.update(is_uncertain=True)
    tell(sinch, result(request_id=newest(sinch).id))
    assert told(sinch) == [("opt_in", "succeeded"), ("opt_in", "pending")]
    let_pass(minutes=2)
    send(sinch)
    tell(sinch, result(request_id=newest(sinch).id))
    assert told(sinch) == [("opt_in", "succeeded")] * 2


def test_the_result_of_a_row_of_another_account_is_not_ours(sender, sinch):
    opt_in()
    send(sinch)
    other = listening(sender=sender, external_id="01HZ0THERAPP0000000000000A")
    content = result("OPT_IN_FAILED", request_id=newest(sinch).id)
    tell(other, content | {"app_id": other.external_id})
    assert newest(sinch).status == "awaiting_result"


def test_a_request_id_of_the_other_kind_is_left_to_staff(sinch):
    opt_in()
    send(sinch)
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id=newest(sinch).id))
    assert newest(sinch).status == "awaiting_result"
    assert state_of() == "opted_in"
    assert len(reviews(telling.UNMATCHED)) == 1


def test_a_request_id_that_looks_ours_is_waited_for_before_it_is_anybody_elses(sinch):
    callback = tell(sinch, result("OPT_OUT_SUCCEEDED", request_id=uuid4()))
    assert (callback.status, events()) == ("stored", [])
    ProviderCallback.objects.update(received_at=ago(minutes=11))
    wait_is_over()
    apply_all()
    assert stored()[0].status == "applied"
    assert state_of() == "opted_out"


def test_a_flood_of_results_is_settled_together(sinch):
    numbers = list(british_numbers(30))
    opt_in_many(numbers)
    send(sinch)
    for row in rows(sinch):
        post(sinch, result(number=None, request_id=row.id))
    assert hearing.apply_waiting() == 30
    assert {row.status for row in rows(sinch)} == {"succeeded"}
    assert {callback.status for callback in stored()} == {"applied"}
    assert all(callback.identities for callback in stored())


def test_two_results_of_one_person_in_one_flood_are_both_settled(sinch):
    opt_in()
    send(sinch)
    opt_out()
    send(sinch)
    opt_in(OTHER_NUMBER)
    send(sinch)
    first, second = rows(sinch, NUMBER)
    post(sinch, result("OPT_IN_SUCCEEDED", request_id=first.id))
    post(sinch, result("OPT_OUT_SUCCEEDED", request_id=second.id))
    post(sinch, result(number=OTHER_NUMBER, request_id=rows(sinch, OTHER_NUMBER)[0].id))
    apply_all()
    assert newest(sinch, OTHER_NUMBER).status == "succeeded"
    # The opt-in may have landed after the opt-out, so that goes once more.
    assert told(sinch, NUMBER)[-1] == ("opt_out", "pending")
    assert all(row.heard_at for row in rows(sinch, NUMBER)[:2])
    assert {callback.status for callback in stored()} == {"applied"}


# --- what began at the provider


def test_an_unsolicited_opt_out_is_an_opt_out(sinch):
    opt_in(occurred_at=ago(days=1))
    send(sinch)
    tell(sinch, result(request_id=newest(sinch).id))
    at = ago(minutes=5)
    callback = tell(sinch, result("OPT_OUT_SUCCEEDED", request_id="01HZREQ1", at=at))
    line = events()[-1]
    assert (line.action, line.origin, line.source) == ("opt_out", "provider", "PROVIDER")
    assert (line.occurred_at, line.actor) == (at, f"account:{sinch.id}")
    assert line.detail.evidence == {
        "provider": "sinch_conversation",
        "callback": str(callback.id),
        "request_id": "01HZREQ1",
    }
    assert state_of() == "opted_out"


def test_an_unsolicited_opt_out_counts_for_the_persons_other_identities_there(sinch, sender):
    one = opt_in().identity
    opt_in("SE.1349", contact=one.contact)
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id="01HZREQ1"))
    assert state_of("SE.1349") == "opted_out"


def test_the_source_of_what_a_provider_says_is_a_setting(sender):
    account = listening(sender=sender, settings={"default_source": "SINCH"})
    tell(account, result("OPT_OUT_SUCCEEDED"))
    assert events()[-1].source == "SINCH"


def test_a_time_that_lies_ahead_is_cut_to_now(sinch):
    tell(sinch, result("OPT_OUT_SUCCEEDED", at=datetime.now(UTC) + timedelta(days=3)))
    line = events()[-1]
    assert line.occurred_at == line.recorded_at
    assert "claimed_occurred_at" in line.detail.evidence


def test_an_unsolicited_opt_in_of_a_stranger_is_written_down_and_counts(sinch):
    tell(sinch, result("OPT_IN_SUCCEEDED"))
    assert state_of() == "opted_in"


def test_an_unsolicited_opt_in_lifts_nothing_and_sends_the_opt_out_back(sinch):
    opt_out(occurred_at=ago(days=1))
    send(sinch)
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id=newest(sinch).id))
    tell(sinch, result("OPT_IN_SUCCEEDED", request_id="01HZREQ1"))
    assert (events()[-1].action, events()[-1].outcome) == ("opt_in", "would_resurrect")
    assert state_of() == "opted_out"
    assert told(sinch) == [("opt_out", "succeeded"), ("opt_out", "pending")]
    assert len(reviews("would_resurrect")) == 1


def test_an_unsolicited_opt_out_older_than_a_new_opt_in_sends_the_opt_in_back(sinch):
    opt_in()
    send(sinch)
    tell(sinch, result(request_id=newest(sinch).id))
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id="01HZREQ1", at=ago(days=2)))
    assert events()[-1].outcome == "out_of_order"
    assert told(sinch) == [("opt_in", "succeeded"), ("opt_in", "pending")]


@pytest.mark.parametrize("status", ["OPT_OUT_FAILED", "OPT_IN_STATUS_UNSPECIFIED"])
def test_a_failure_of_what_did_not_begin_here_changes_nothing(sinch, status):
    tell(sinch, result(status, request_id="01HZREQ1"))
    assert events() == []


def test_a_change_of_nobody_knows_whom_is_left_to_staff(sinch):
    callback = tell(sinch, result("OPT_OUT_SUCCEEDED", number=None, request_id="01HZREQ1"))
    [item] = reviews(telling.UNMATCHED)
    assert (item.subject_id, item.identity) == (str(callback.id), None)
    assert events() == []


@pytest.mark.parametrize("wrong", [{"number": "hello"}, {"channel": "SMOKE"}])
def test_a_change_that_cannot_be_recorded_is_left_to_staff(sinch, wrong):
    callback = tell(sinch, result("OPT_OUT_SUCCEEDED", **wrong))
    assert callback.status == "failed"
    assert callback.outcome.startswith("refused: ")
    assert len(reviews(telling.UNMATCHED)) == 1


# --- messages


def test_a_message_heard_twice_under_two_bodies_counts_once(sinch):
    tell(sinch, message("STOP"))
    again = tell(sinch, message("STOP") | {"correlation_id": "x"})
    assert again.outcome == "message known already"
    assert len(events("opt_out")) == 1


def test_several_messages_in_one_callback_take_effect_in_their_order(sender):
    account = listening("pepipost", sender=sender)
    now = int(datetime.now(UTC).timestamp())
    messages = [
        {
            "from": number,
            "message_id": f"m-{at}",
            "received_at": str(now - 60 + at),
            "text_type": {"text": text},
        }
        for at, (number, text) in enumerate(
            [(NUMBER, "STOP"), (OTHER_NUMBER, "hello"), (NUMBER, "START")]
        )
    ]
    callback = tell(account, {"incoming_message": messages})
    assert callback.outcome == "message: stop; message; message: start"
    assert len(callback.identities) == 2
    assert state_of() == "opted_in"


def test_one_message_that_cannot_be_recorded_holds_up_no_other(sender):
    account = listening("pepipost", sender=sender)
    bad = {"from": "a-group", "message_id": "m-1", "text_type": {"text": "STOP"}}
    good = {"from": NUMBER, "message_id": "m-2", "text_type": {"text": "STOP"}}
    callback = tell(account, {"incoming_message": [bad, good]})
    assert callback.status == "failed"
    assert callback.outcome == "refused: invalid_identity; message: stop"
    assert state_of() == "opted_out"


def both_names(text="hello", user="SE.1349abc", id="m-1"):
    notice = {"from": NUMBER, "message_id": id, "message": {"type": "text", "body": text}}
    return {"type": "whatsapp", "notifications": [notice], "contacts": [{"wa_id": user}]}


def test_an_id_of_whatsapps_own_joins_the_contact_and_their_stops(sender):
    account = listening("sinch_whatsapp", sender=sender)
    tell(account, both_names("STOP"))
    one, other = ChannelIdentity.objects.order_by("address")
    assert one.contact_id == other.contact_id
    assert state_of("SE.1349abc") == "opted_out"


def test_an_id_that_another_contact_has_is_left_to_staff(sender):
    account = listening("sinch_whatsapp", sender=sender)
    opt_in("SE.1349abc")
    tell(account, both_names(id="m-1"))
    tell(account, both_names(id="m-2"))
    [item] = reviews(telling.SAME_PERSON)
    assert item.identity.address == NUMBER


# --- reports that contradict the record


def test_the_same_report_asks_once(sinch):
    opt_in()
    tell(sinch, report("RECIPIENT_NOT_OPTED_IN"))
    tell(sinch, report("RECIPIENT_NOT_OPTED_IN") | {"correlation_id": "again"})
    assert len(reviews(telling.CONTRADICTING)) == 1
    tell(sinch, report("RECIPIENT_NOT_OPTED_IN", reference="out-2"))
    assert len(reviews(telling.CONTRADICTING)) == 2


def test_not_opted_in_where_the_ledger_agrees_asks_nobody(sinch):
    opt_out()
    tell(sinch, report("RECIPIENT_NOT_OPTED_IN"))
    assert tell(sinch, report("RECIPIENT_NOT_OPTED_IN", OTHER_NUMBER)).status == "applied"
    assert reviews(telling.CONTRADICTING) == []


@pytest.mark.parametrize("remark", ["8007", "131047"])
def test_a_closed_window_changes_no_consent(sender, remark):
    account = listening("pepipost", sender=sender)
    opt_in()
    status = {"recipient": NUMBER, "status": "failed", "status_remark": remark}
    assert tell(account, {"delivery_status": [status]}).status == "ignored"
    assert len(events()) == 1
    assert not ReviewItem.objects.exists()


# --- one at a time, all in the end


def test_what_was_put_off_does_not_hold_up_what_came_later(sinch):
    post(sinch, result("OPT_OUT_SUCCEEDED", request_id=uuid4()))
    tell(sinch, message("STOP", OTHER_NUMBER))
    assert state_of(OTHER_NUMBER) == "opted_out"


def test_a_mistake_of_ours_puts_it_off_and_in_the_end_gives_it_to_staff(sinch, monkeypatch, caplog):
    def err(*_):
        raise KeyError(NUMBER)

    monkeypatch.setattr(hearing, "tell", err)
    post(sinch, message())
    with caplog.at_level(logging.DEBUG):
        for attempt in range(len(hearing.LADDER)):
            apply_all()
            assert (stored()[0].status, stored()[0].attempts) == ("stored", attempt + 1)
            wait_is_over()
        apply_all()
    assert (stored()[0].status, stored()[0].outcome) == ("failed", "failed: KeyError")
    assert NUMBER not in caplog.text


def test_half_a_callback_is_never_applied(sender, monkeypatch):
    account = listening("pepipost", sender=sender)
    honest = telling._HANDLERS[telling.MessageHeard]

    def fails_at_the_second(callback, heard):
        if heard.message_id == "m-2":
            raise KeyError
        return honest(callback, heard)

    messages = [{"from": NUMBER, "message_id": f"m-{n}"} for n in (1, 2)]
    post(account, {"incoming_message": messages})
    with monkeypatch.context() as patch:
        patch.setitem(telling._HANDLERS, telling.MessageHeard, fails_at_the_second)
        apply_all()
    assert not ChannelIdentity.objects.exists()
    wait_is_over()
    apply_all()
    assert stored()[0].outcome == "message ×2"


def test_what_is_applied_again_takes_effect_when_it_had_none(sinch, monkeypatch):
    content = result("OPT_OUT_SUCCEEDED", at=ago(hours=1))
    with monkeypatch.context() as patch:
        patch.setitem(
            telling._HANDLERS, telling.ResultHeard, lambda *_: ("nothing, by mistake", ())
        )
        callback = tell(sinch, content)
    assert events() == []
    assert hearing.apply_again(callback).status == "applied"
    assert state_of() == "opted_out"


def test_what_is_applied_again_keeps_the_time_at_which_it_was_said(sinch):
    """A stop of last week that is applied again today leaves the opt-in of yesterday alone."""
    content = result("OPT_OUT_SUCCEEDED")
    del content["event_time"], content["accepted_time"]
    callback = tell(sinch, content)
    ProviderCallback.objects.update(received_at=ago(days=7))
    opt_in()
    hearing.apply_again(ProviderCallback.objects.get(id=callback.id))
    assert events()[-1].occurred_at < ago(days=6)
    assert state_of() == "opted_in"


def test_a_reused_nonce_is_applied_when_staff_say_so(sinch):
    tell(sinch, message("hello"), nonce="used")
    second = tell(sinch, result("OPT_OUT_SUCCEEDED"), nonce="used")
    assert hearing.apply_again(second).status == "applied"
    assert state_of() == "opted_out"


def test_what_had_nothing_to_say_is_deleted_after_a_time_and_evidence_is_kept(sinch):
    tell(sinch, message("hello"), nonce="used")
    tell(sinch, message("hello", id="m-2"), nonce="used")
    post(sinch, report("SOMETHING"))
    ProviderCallback.objects.update(received_at=ago(days=40))
    assert hearing.purge(timedelta(days=30)) == 1
    assert [one.status for one in stored()] == ["applied", "ignored"]


@pytest.mark.django_db(transaction=True)
def test_several_at_once_apply_each_callback_once(sinch):
    numbers = list(british_numbers(40))
    for number in numbers:
        post(sinch, result("OPT_OUT_SUCCEEDED", number, at=ago(minutes=1)))
    for number in numbers:
        post(sinch, message("hello", number, id=f"m-{number}"))
    together = threading.Barrier(4)

    def work():
        together.wait(10)
        try:
            apply_all()
        finally:
            connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    apply_all()
    assert {one.status for one in stored()} == {"applied"}
    assert len(events("opt_out")) == 40


@pytest.mark.django_db(transaction=True)
def test_a_callback_that_somebody_else_applies_is_passed_over(sinch):
    post(sinch, message("STOP"))
    held, release = threading.Event(), threading.Event()

    def hold():
        from django.db import transaction

        with transaction.atomic():
            list(ProviderCallback.objects.select_for_update())
            held.set()
            release.wait(10)
        connection.close()

    other = threading.Thread(target=hold, daemon=True)
    other.start()
    assert held.wait(10)
    assert hearing.apply_waiting() == 0
    release.set()
    other.join(10)
    assert hearing.apply_waiting() == 1


# --- many together


def test_a_flood_of_everything_comes_to_the_same_as_each_alone(sender):
    """Results, messages, opt-outs, nonsense and contradictions, in one go and one by one."""
    account = listening(sender=sender)
    people = list(british_numbers(8))
    opt_in_many(people[:4])
    send(account)
    for row, word in zip(
        rows(account), ["SUCCEEDED", "FAILED", "SUCCEEDED", "FAILED"], strict=True
    ):
        post(account, result(f"OPT_IN_{word}", number=None, request_id=row.id))
    post(account, message("STOP", people[4], id="m-4"))
    post(account, message("hello", "a-group", id="m-5"))
    post(account, message("please remove me from your list", people[5], id="m-6"))
    post(account, result("OPT_OUT_SUCCEEDED", people[6]))
    post(account, result("OPT_OUT_SUCCEEDED", "nobody"))
    post(account, result("OPT_IN_SUCCEEDED", people[6], at=ago(days=1)))
    post(account, report("RECIPIENT_NOT_OPTED_IN", people[2]))
    apply_all()
    together = [(one.status, one.outcome, len(one.identities)) for one in stored()]
    assert [row.status for row in rows(account)[:4]] == ["succeeded", "failed"] * 2
    assert [state_of(people[at]) for at in (0, 4, 6)] == ["opted_in", "opted_out", "opted_out"]
    assert {item.kind for item in ReviewItem.objects.all()} == {
        "held",
        "unmatched_result",
        "contradicting_report",
    }
    assert together == [
        ("applied", "result: succeeded", 1),
        ("applied", "result: rejected", 1),
        ("applied", "result: succeeded", 1),
        ("applied", "result: rejected", 1),
        ("applied", "message: stop", 1),
        ("failed", "refused: invalid_identity", 0),
        ("applied", "message: watch", 1),
        ("applied", "opt-out", 1),
        ("failed", "refused: invalid_identity", 0),
        ("applied", "opt-in", 1),
        ("applied", "not opted in, which the ledger contradicts", 1),
    ]


def test_a_mistake_that_only_the_many_meet_leaves_each_its_own_turn(sinch, monkeypatch, caplog):
    def err(*_):
        raise KeyError(NUMBER)

    monkeypatch.setattr(hearing.together, "tell_many", err)
    post(sinch, message("STOP"))
    post(sinch, message("STOP", OTHER_NUMBER, id="m-2"))
    apply_all()
    assert {callback.status for callback in stored()} == {"applied"}
    assert state_of() == state_of(OTHER_NUMBER) == "opted_out"
    assert NUMBER not in caplog.text


def test_in_a_flood_an_opt_in_told_by_the_provider_lifts_nothing_either(sinch):
    for number in (NUMBER, OTHER_NUMBER):
        opt_out(number)
    send(sinch)
    for number in (NUMBER, OTHER_NUMBER):
        tell(sinch, result("OPT_OUT_SUCCEEDED", number, request_id=newest(sinch, number).id))
    for number in (NUMBER, OTHER_NUMBER):
        post(sinch, result("OPT_IN_SUCCEEDED", number))
    apply_all()
    assert state_of() == state_of(OTHER_NUMBER) == "opted_out"
    assert [told(sinch, number)[-1] for number in (NUMBER, OTHER_NUMBER)] == [
        ("opt_out", "pending")
    ] * 2


def test_in_a_flood_the_nameless_result_of_ours_is_no_event_either(sinch):
    for number in (NUMBER, OTHER_NUMBER):
        opt_out(number)
    send(sinch)
    for number in (NUMBER, OTHER_NUMBER):
        post(sinch, result("OPT_OUT_SUCCEEDED", number))
    apply_all()
    assert len(events()) == 2
    assert {row.status for row in rows(sinch)} == {"succeeded"}


# --- what a storm of callbacks leaves to applying


def test_after_nothing_it_looks_again_a_little_later():
    assert hearing.rest(0, 0.0, took=0.01) == hearing.POLL_SECONDS


def test_while_few_come_what_waits_is_applied_without_a_rest():
    assert hearing.rest(hearing.CHUNK, hearing.STORM, took=0.5) == 0.0


def test_in_a_storm_three_quarters_of_the_time_are_left_to_the_door():
    assert hearing.rest(hearing.CHUNK, hearing.STORM + 1, took=0.5) == 3.5


def test_the_pace_of_what_comes_is_counted_from_look_to_look(sinch):
    arrivals = hearing._Arrivals()
    post(sinch, message("one"))
    assert arrivals.a_second() == 0.0  # what was there before tells nothing of now
    post(sinch, message("two"))
    post(sinch, message("three"))
    assert arrivals.a_second() > 0.0
    assert arrivals.a_second() == 0.0
