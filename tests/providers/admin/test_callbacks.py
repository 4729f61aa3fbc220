"""What staff see of callbacks: found, masked, applied again."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from consents import holders
from consents.models import ChannelIdentity, ConsentEvent, ReviewItem, StaffAction
from providers import telling
from providers.admin.callbacks import masked
from tests.consents.factories import NUMBER, state_of
from tests.providers.callback_examples import message, post, report, result, stored, tell
from tests.providers.factories import opt_in

pytestmark = pytest.mark.django_db
LIST = "admin:providers_providercallback_changelist"


def url(callback, name="change"):
    return reverse(f"admin:providers_providercallback_{name}", args=[callback.pk])


def found(desk, **query):
    return list(desk.get(reverse(LIST), query).context["cl"].result_list)


def test_a_callback_is_shown_without_number_text_or_name(desk, sinch):
    content = message("my secret wish") | {"name": "Asha"}
    text = desk.get(url(tell(sinch, content))).content.decode()
    body = text[text.index("Body, masked") :]
    assert "my secret wish" not in text
    assert "Asha" not in text
    assert NUMBER not in body
    assert "4673•••••22" in body
    assert "contact_message" in body


def test_what_is_no_json_is_not_shown():
    assert masked(b"hello 46732001122") == "17 bytes that are no JSON"
    assert "bytes" in masked(b"[" * 100_000)


@pytest.mark.parametrize("key", ["identity", "from", "recipient", "wa_id"])
@pytest.mark.parametrize("address", [NUMBER, "SE.1349abcdefgh"])
def test_addresses_are_masked_under_every_name(key, address):
    assert address not in masked(json.dumps({"a": [{key: address}]}).encode())


def test_callbacks_are_found_by_the_number_they_are_about(desk, sinch):
    mine = tell(sinch, message("hello"))
    tell(sinch, message("hello", "46732002244", id="m-2"))
    assert found(desk, q=NUMBER) == [mine]


def test_callbacks_are_found_by_status(desk, sinch):
    post(sinch, b"hello")
    tell(sinch, message())
    assert [one.status for one in found(desk, status="unreadable")] == ["unreadable"]


def test_one_that_a_mistake_left_undone_is_applied_again_and_logged(desk, sinch, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(telling._HANDLERS, telling.ResultHeard, lambda *_: ("nothing", ()))
        callback = tell(sinch, result("OPT_OUT_SUCCEEDED"))
    page = desk.get(url(callback)).content.decode()
    path = reverse("admin:providers_providercallback_apply_again", args=[callback.pk])
    assert path in page
    assert desk.get(path).status_code == 200
    assert not ConsentEvent.objects.exists()
    desk.post(path)
    assert state_of() == "opted_out"
    assert StaffAction.objects.filter(object_id=callback.pk, text="Applied again.").exists()


def test_several_are_applied_again_at_once(desk, sinch):
    first, second = tell(sinch, message(id="m-1")), tell(sinch, message(id="m-2"))
    form = {"action": "apply_selected", "_selected_action": [first.pk, second.pk]}
    desk.post(reverse(LIST), form)
    assert [one.outcome for one in stored()] == ["message known already"] * 2


def test_who_may_only_look_may_not_apply_again(sinch):
    callback = tell(sinch, message())
    user = User.objects.create_user("auditor", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_providercallback"))
    client = Client()
    client.force_login(user)
    assert client.get(url(callback)).status_code == 200
    path = reverse("admin:providers_providercallback_apply_again", args=[callback.pk])
    assert client.post(path).status_code == 403
    assert callback.outcome == "message"


def test_a_callback_stands_on_the_timeline_of_whom_it_is_about(sinch):
    callback = tell(sinch, message("STOP"))
    identity = ChannelIdentity.objects.get(address=NUMBER)
    [moment] = [one for one in holders.timeline([identity.id], 10) if one.kind == "callback"]
    assert (moment.id, moment.lines) == (callback.id, ["message: stop"])


def test_a_question_raised_by_a_callback_leads_to_it_and_can_be_left(desk, sinch):
    opt_in()
    callback = tell(sinch, report("RECIPIENT_NOT_OPTED_IN"))
    item = ReviewItem.objects.get()
    page = reverse("admin:consents_reviewitem_change", args=[item.pk])
    text = desk.get(page).content.decode()
    assert "A provider says they are not opted in" in text
    assert url(callback) in text
    leave = reverse("admin:consents_reviewitem_leave", args=[item.pk])
    assert "Nothing is changed." in desk.get(leave).content.decode()
    desk.post(leave)
    item.refresh_from_db()
    assert item.decision == "left"
