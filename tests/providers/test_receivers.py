"""Every way in rings the same doorbell; a bare write of a line rings nothing and leaves nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from consents import ledger
from consents.errors import AppendOnly
from consents.ledger import Entry
from consents.models import ApiKey, ConsentEvent, Sender
from consents.signals import may_write_changed
from providers import receivers
from providers.models import ProviderSync
from tests.consents.factories import NUMBER, MessageFactory
from tests.providers.factories import identity_of, opt_in, told

pytestmark = pytest.mark.django_db


def in_the_shell():
    ledger.record("default", action="opt_out", channel="WHATSAPP", identity=NUMBER, source="WEB")


def in_bulk():
    entry = Entry(action="opt_out", channel="WHATSAPP", identity=NUMBER, source="WEB")
    other = Entry(action="opt_in", channel="WHATSAPP", identity="447700900001", source="WEB")
    assert len(ledger.record_many("default", [entry, other])) == 2


def by_keyword():
    MessageFactory(text="Stop please")


def post_to_the_api(path, body):
    key, text = ApiKey.issue("shop", ["record"])
    key.save()
    key.senders.add(Sender.objects.get(key="default"))
    answer = Client().post(
        f"/api/v1/{path}",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}"},
    )
    assert answer.status_code in {200, 201}


STOP = {"action": "opt_out", "channel": "WHATSAPP", "identity": NUMBER, "source": "WEB"}


def over_the_api():
    post_to_the_api("consent-events/", STOP)


def over_the_api_in_bulk():
    post_to_the_api("consent-events/bulk/", {"events": [STOP]})


def by_a_message_over_the_api():
    message = {"channel": "WHATSAPP", "identity": NUMBER, "message_id": "m-1", "text": "STOP"}
    post_to_the_api("inbound-messages/", message)


def by_the_admins_form():
    desk = Client()
    desk.force_login(User.objects.create_superuser("officer"))
    form = {
        "token": "one",
        "sender": str(Sender.objects.get(key="default").pk),
        "action": "opt_out",
        "purpose": "all",
        "channel": "WHATSAPP",
        "address": NUMBER,
        "source": "PHONE CALL",
    }
    assert desk.post(reverse("admin:consents_consentevent_add"), form).status_code == 302


WAYS_IN = [
    in_the_shell,
    in_bulk,
    by_keyword,
    over_the_api,
    over_the_api_in_bulk,
    by_a_message_over_the_api,
    by_the_admins_form,
]


@pytest.mark.parametrize("way_in", WAYS_IN, ids=lambda way_in: way_in.__name__)
def test_every_way_in_rings_the_doorbell(account, way_in):
    way_in()
    assert told(account, NUMBER) == [("opt_out", "pending")]


def copy_of(event):
    copied = ConsentEvent.objects.get(id=event.id)
    copied.id, copied.action = ConsentEvent().id, "opt_out"
    return copied


BARE_WRITES = {
    "save": lambda event: copy_of(event).save(),
    "save of a read one": lambda event: event.save(),
    "bulk_create": lambda event: ConsentEvent.objects.bulk_create([copy_of(event)]),
    "create": lambda event: ConsentEvent.objects.create(action="opt_out"),
    "update": lambda event: ConsentEvent.objects.update(action="opt_out"),
    "bulk_update": lambda event: ConsentEvent.objects.bulk_update([event], ["action"]),
    "delete of one": lambda event: event.delete(),
    "delete of all": lambda event: ConsentEvent.objects.all().delete(),
}


@pytest.mark.parametrize("write", BARE_WRITES.values(), ids=BARE_WRITES)
def test_a_bare_write_of_the_ledger_raises_and_leaves_nothing(account, write):
    event = opt_in()
    with pytest.raises(AppendOnly), transaction.atomic():
        write(event)
    assert list(ConsentEvent.objects.values_list("id", "action")) == [(event.id, "opt_in")]
    assert told(account) == [("opt_in", "pending")]


def test_connecting_twice_rings_once(account):
    receivers.connect()
    opt_in()
    assert told(account) == [("opt_in", "pending")]


def test_a_hold_on_marketing_is_nothing_to_tell_a_provider(account):
    opt_in()
    MessageFactory(text="I think I will stop reading these")
    assert told(account) == [("opt_in", "pending")]


def test_a_change_without_a_line_rings_too(account):
    opt_in()
    ProviderSync.objects.all().delete()
    may_write_changed.send(sender=None, identities=[identity_of().id])
    assert told(account) == [("opt_in", "pending")]
