"""What each thing that a provider tells does here, whichever of them tells it."""

from __future__ import annotations

import pytest

from consents import gate
from consents.models import ChannelIdentity, ConsentEvent, ReviewItem
from consents.vocabulary import Mode
from providers import hearing, registry, telling
from providers.sinch_conversation.callbacks import RESULT_KEYS
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
    written,
)
from tests.providers.factories import newest, opt_in, opt_out, told

pytestmark = pytest.mark.django_db


@pytest.fixture(params=registry.kinds())
def anyone(request, sender):
    """An account of each kind in turn."""
    return listening(request.param, sender=sender)


@pytest.fixture
def modes(sender):
    """What may be sent to a number now."""
    return lambda number=NUMBER: gate.check(sender, "WHATSAPP", number).modes


def events():
    return list(ConsentEvent.objects.order_by("seq"))


def reviews(kind):
    return list(ReviewItem.objects.filter(kind=kind))


# --- results


@pytest.mark.parametrize(("change", "kind"), [(opt_in, "OPT_IN"), (opt_out, "OPT_OUT")])
def test_a_result_under_the_other_kinds_key_settles_its_row(sinch, change, kind):
    """As Sinch's page of 2021 shows it."""
    change()
    send(sinch)
    content = result(f"{kind}_SUCCEEDED", request_id=newest(sinch).id)
    right, wrong = sorted(RESULT_KEYS, key=lambda key: key not in content)
    content[wrong] = content.pop(right)
    tell(sinch, content)
    assert newest(sinch).status == "succeeded"


def test_a_result_without_an_envelope_settles_its_row(sinch):
    opt_in()
    send(sinch)
    tell(sinch, result()["opt_in_notification"])
    assert newest(sinch).status == "succeeded"


# --- messages


def test_a_message_opens_the_window_at_the_providers_time(anyone, modes):
    tell(anyone, written(anyone.kind, "hello", at=ago(hours=23)))
    assert Mode.FREE_FORM in modes()
    tell(anyone, written(anyone.kind, "hello", OTHER_NUMBER, id="m-2", at=ago(hours=25)))
    assert not modes(OTHER_NUMBER)


def test_a_gif_of_which_nothing_is_told_leaves_the_window_as_it_was(sender, modes):
    """Netcore sends no callback for GIFs: the clock at WhatsApp may run, ours does not."""
    pepipost = listening("pepipost", sender=sender)
    tell(pepipost, written(pepipost.kind, "hello", at=ago(hours=25)))
    assert gate.check(sender, "WHATSAPP", NUMBER).reason == "window_closed"
    tell(pepipost, written(pepipost.kind, "and now?", id="m-2"))
    assert Mode.FREE_FORM in modes()


def test_a_stop_opts_out_and_the_provider_is_told(anyone):
    """No provider is known to opt anybody out by itself when they write STOP."""
    opt_in(occurred_at=ago(days=1))
    callback = tell(anyone, written(anyone.kind, "stop!"))
    assert callback.outcome == "message: stop"
    assert state_of() == "opted_out"
    assert told(anyone)[-1] == ("opt_out", "pending")


@pytest.mark.parametrize("kind", ["deleted", "system", "error"])
def test_a_notice_opens_no_window(sender, modes, kind):
    bot = listening("sinch_whatsapp", sender=sender)
    content = written(bot.kind, "STOP")
    content["notifications"][0]["message"]["type"] = kind
    assert tell(bot, content).status == "ignored"
    assert (events(), modes()) == ([], ())


def test_a_message_put_in_by_a_program_opens_no_window(sinch, modes):
    content = message("STOP")
    content["message"]["injected"] = True
    assert tell(sinch, content).status == "ignored"
    assert (events(), modes()) == ([], ())


def test_in_a_flood_too_an_id_of_whatsapps_own_joins_the_contact_and_their_stops(sender):
    bot = listening("sinch_whatsapp", sender=sender)
    for n, number in enumerate((NUMBER, OTHER_NUMBER)):
        names = {"contacts": [{"wa_id": f"SE.1349abc{n}"}]}
        assert post(bot, written(bot.kind, "STOP", number, id=f"m-{n}") | names) == 200
    apply_all()
    contacts = ChannelIdentity.objects.values_list("contact", flat=True)
    assert (len(contacts), len(set(contacts))) == (4, 2)
    assert state_of("SE.1349abc0") == state_of("SE.1349abc1") == "opted_out"


# --- reports that contradict the record


def not_opted_in(kind):
    """Our message was not delivered, because the provider holds no opt-in."""
    pepipost = {"recipient": NUMBER, "status": "failed", "status_remark": "8002"}
    whatsapp = {"recipient": f"+{NUMBER}", "status": "failure", "state": "no_opt_in"}
    return {
        "sinch_conversation": report("RECIPIENT_NOT_OPTED_IN"),
        "sinch_whatsapp": {"type": "whatsapp", "statuses": [whatsapp]},
        "pepipost": {"delivery_status": [pepipost]},
    }[kind]


def stopped_marketing(kind):
    """Our message was not delivered, because the person stopped marketing in their own app."""
    content = not_opted_in(kind)
    if kind == "sinch_conversation":
        reason = {"code": "DELIVERY_REJECTED_DUE_TO_POLICY", "channel_code": "131050"}
        content["message_delivery_report"]["reason"] = reason
    elif kind == "sinch_whatsapp":
        content["statuses"][0] |= {"state": "failed", "details": "131050"}
    else:
        content["delivery_status"][0]["status_remark"] = "131050"
    return content


def preference(value, at):
    """What the person chose in their own app, as Meta's webhook tells it."""
    one = {"wa_id": NUMBER, "category": "marketing_messages", "value": value}
    one["timestamp"] = int(at.timestamp())
    value = {"user_preferences": [one]}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"value": value}]}]}


def test_not_opted_in_where_the_ledger_says_opted_in_is_left_to_staff(anyone):
    opt_in()
    tell(anyone, not_opted_in(anyone.kind))
    [item] = reviews(telling.CONTRADICTING)
    assert item.identity.address == NUMBER
    assert state_of() == "opted_in"


def test_a_person_who_stopped_marketing_is_opted_out_of_it_and_of_nothing_else(anyone):
    opt_in(occurred_at=ago(days=1))
    tell(anyone, stopped_marketing(anyone.kind))
    line = events()[-1]
    assert (line.action, line.purpose.key, line.origin) == ("opt_out", "marketing", "provider")
    assert line.detail.evidence["code"] == "131050"
    assert state_of(purpose="marketing") == "opted_out"
    assert state_of() == "opted_in"


def test_a_code_that_merely_looks_like_metas_opts_nobody_out(sinch):
    tell(sinch, report("131050"))
    assert events() == []


def test_resumed_marketing_lifts_nothing(anyone):
    tell(anyone, preference("stop", ago(hours=2)))
    tell(anyone, preference("resume", ago(hours=1)))
    assert [line.action for line in events()] == ["opt_out", "opt_in"]
    assert state_of(purpose="marketing") == "opted_out"
    assert len(reviews("would_resurrect")) == 1


def test_a_report_about_nobody_knows_whom_is_left_to_staff_too(sinch):
    nameless = not_opted_in(sinch.kind)
    del nameless["message_delivery_report"]["channel_identity"]["identity"]
    tell(sinch, nameless)
    [item] = reviews(telling.CONTRADICTING)
    assert item.identity is None
    stopped = stopped_marketing(sinch.kind)
    stopped["message_delivery_report"]["channel_identity"] = {"channel": "WHATSAPP"}
    assert tell(sinch, stopped).status == "failed"
    assert len(reviews(telling.UNMATCHED)) == 1
    assert events() == []


# --- applied again


def test_what_nobody_understood_is_applied_when_it_is_understood(sinch, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(registry.listener(sinch.kind), "hear", lambda *_: 1 / 0)
        assert post(sinch, message("STOP")) == 503
    [callback] = stored()
    assert callback.status == "unreadable"
    assert hearing.apply_again(callback).status == "applied"
    assert state_of() == "opted_out"
