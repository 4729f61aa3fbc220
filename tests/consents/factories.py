"""Builds what tests need, through the functions of the product where it has one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import factory
from django.db import transaction
from django.utils import timezone

from consents import entries, inbound, ledger, publishing
from consents.entries import Entry
from consents.errors import ConsentError
from consents.inbound import Message
from consents.ledger import Recorded
from consents.models import Consent, ConsentEvent, Contact, Notice, Purpose, Sender
from consents.notices import Notices
from consents.purposes import PurposeTree
from consents.reach import Reach
from consents.vocabulary import Origin
from consents.writing import Page

NUMBER = "46732001122"
OTHER_NUMBER = "46732002244"


def swedish_number(index: int) -> str:
    """One of the 95 Swedish mobile numbers set aside for fiction (PTS)."""
    return str(46701740605 + index % 95)


def british_number(index: int) -> str:
    """One of the 1 000 British mobile numbers set aside for fiction (Ofcom)."""
    return f"447700900{index % 1000:03}"


class SenderFactory(factory.django.DjangoModelFactory[Sender]):
    class Meta:
        model = Sender

    key = factory.Sequence("brand-{}".format)
    name = factory.Sequence("Brand {}".format)


class ContactFactory(factory.django.DjangoModelFactory[Contact]):
    class Meta:
        model = Contact

    sender = factory.LazyFunction(lambda: Sender.objects.get(key="default"))
    external_id = factory.Sequence("crm-{}".format)


class PurposeFactory(factory.django.DjangoModelFactory[Purpose]):
    """A purpose under marketing."""

    class Meta:
        model = Purpose

    key = factory.Sequence("newsletter-{}".format)
    name = factory.Sequence("Newsletter {}".format)
    parent = factory.LazyFunction(lambda: Purpose.objects.get(key="marketing"))


class NoticeFactory(factory.Factory[Notice]):
    """The default sender's `banner` in English, valid for a year; any field may be given."""

    class Meta:
        model = Notice

    sender = factory.LazyFunction(lambda: Sender.objects.get(key="default"))
    key = "banner"
    version = "1"
    language = "en"
    text = factory.LazyAttribute("Send me offers ({0.version}, {0.language})".format)
    valid_from = factory.LazyFunction(lambda: ago(days=365))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> Notice:
        return publishing.publish(**fields).notice


class OptInFactory(factory.Factory[ConsentEvent]):
    """Records an opt-in over WhatsApp for NUMBER; any field of `Entry` may be given."""

    class Meta:
        model = ConsentEvent

    sender: Any = "default"
    action = "opt_in"
    channel = "WHATSAPP"
    identity = NUMBER
    source = "WEB"

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> ConsentEvent:
        return ledger.record(fields.pop("sender"), **fields).event


class OptOutFactory(OptInFactory):
    action = "opt_out"


class StopFactory(OptOutFactory):
    """A person's own opt-out, as a keyword makes it."""

    origin = Origin.KEYWORD.value
    source = "KEYWORD"


class RequestFactory(OptInFactory):
    """An opt-in to marketing that NUMBER has to confirm, where the purpose says so.

    `taken_at`: when it was handed in, before now.
    """

    purpose = "marketing"

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> ConsentEvent:
        taken_at = fields.pop("taken_at", None)
        if taken_at is None:
            return super()._create(model_class, *args, **fields)
        sender, purposes = Sender.objects.get(key=fields.pop("sender")), PurposeTree.load()
        known = (sender, purposes, Notices())
        draft = entries.check(Entry(**fields), *known, taken_at, is_single=True)
        with transaction.atomic():
            page = Page(sender, purposes)
            reach = Reach(page)
            reach.open([draft])
            [line] = reach.lines_of(draft)
            written = page.add(line)
            page.write()
        return written


class MessageFactory(factory.Factory[inbound.Received]):
    """Lets a message of NUMBER in over WhatsApp; any field of `Message` may be given."""

    class Meta:
        model = inbound.Received

    sender: Any = "default"
    channel = "WHATSAPP"
    identity = NUMBER
    message_id = factory.Sequence("message-{}".format)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> inbound.Received:
        return inbound.receive(fields.pop("sender"), Message(**fields))


def confirmed_within(hours: int | None, purpose: str = "marketing", **fields: Any) -> Purpose:
    """The purpose, to which an opt-in has to be confirmed from now on."""
    found = Purpose.objects.get(key=purpose)
    found.confirm_within_hours = hours
    for name, value in fields.items():
        setattr(found, name, value)
    found.save()
    return found


def ago(**span: float) -> datetime:
    """That long before now."""
    return timezone.now() - timedelta(**span)


def entry(action: str = "opt_in", **fields: Any) -> Entry:
    """An opt-in over WhatsApp for NUMBER, unless said otherwise, not yet recorded."""
    return Entry(
        **{
            "action": action,
            "channel": "WHATSAPP",
            "identity": NUMBER,
            "source": "WEB",
            **fields,
        }
    )


def bulk(*entries: Entry) -> list[Recorded | ConsentError]:
    return ledger.record_many("default", entries)


def recorded(result: Recorded | ConsentError) -> ConsentEvent:
    assert isinstance(result, Recorded)
    return result.event


def refused(result: Recorded | ConsentError) -> str:
    assert isinstance(result, ConsentError)
    return result.code


def state_of(number: str = NUMBER, channel: str = "WHATSAPP", purpose: str = "all") -> str | None:
    found = Consent.objects.filter(
        identity__address=number, identity__channel=channel, purpose__key=purpose
    )
    return found.values_list("state", flat=True).first()
