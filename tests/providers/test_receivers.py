"""Every way in rings the same doorbell; a bare write of a line rings nothing and leaves nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from consents import ledger
from consents.errors import AppendOnly
from consents.ledger import Entry
from consents.models import ConsentEvent
from consents.signals import may_write_changed
from consents.vocabulary import Origin
from providers import receivers
from providers.models import ProviderSync
from tests.consents.factories import NUMBER, MessageFactory
from tests.providers.factories import identity_of, opt_in, opt_out, told

pytestmark = pytest.mark.django_db


def in_the_shell():
    ledger.record("default", action="opt_out", channel="WHATSAPP", identity=NUMBER, source="WEB")


def in_bulk():
    entry = Entry(action="opt_out", channel="WHATSAPP", identity=NUMBER, source="WEB")
    other = Entry(action="opt_in", channel="WHATSAPP", identity="447700900001", source="WEB")
    assert len(ledger.record_many("default", [entry, other])) == 2


def by_keyword():
    MessageFactory(text="Stop please")


def by_staff():
    opt_out(origin=Origin.ADMIN.value, actor="staff")


@pytest.mark.parametrize("way_in", [in_the_shell, in_bulk, by_keyword, by_staff])
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
