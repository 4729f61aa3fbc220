"""Fills an installation with people who do not exist, to look around in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from consents import demo, demo_notices, inbound, ledger, tallies
from consents.defaults import ensure_defaults
from consents.demo import Person
from consents.entries import Entry
from consents.errors import ConsentError
from consents.management import progress
from consents.models import ChannelIdentity, Contact, Sender
from consents.models.rows import update_rows
from consents.vocabulary import Action, Channel, Origin

CHUNK = 500


class Command(BaseCommand):
    help = (
        "Makes people who do not exist, with a year of consent, messages and open questions, and "
        "the notices that they were shown. Only for a sender who knows nobody yet."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sender", default="default", help="Made where there is none.")
        parser.add_argument("--people", type=int, default=3000)
        parser.add_argument("--seed", type=int, default=1, help="The same makes the same people.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["people"] <= demo.PEOPLE_MAX:
            raise CommandError(f"From 1 to {demo.PEOPLE_MAX} people can be made up.")
        ensure_defaults()
        sender, _ = Sender.objects.get_or_create(
            key=options["sender"], defaults={"name": options["sender"].title()}
        )
        if sender.contacts.exists():
            raise CommandError(
                f"The sender {sender.key} knows people already. Name another: --sender demo."
            )
        now = timezone.now()
        try:
            demo_notices.publish(sender, now)
        except ConsentError as error:
            raise CommandError(f"The sender {sender.key} has notices. {error.message}") from None
        lines = fill(sender, options["people"], options["seed"], now)
        tallies.keep(timezone.now())
        self.stdout.write(f"{options['people']} people said {lines} things to {sender.key}.")


def fill(sender: Sender, count: int, seed: int, now: datetime) -> int:
    """How many statements and messages were recorded."""
    people = iter(demo.people(count, seed))
    chance = random.Random(seed)  # noqa: S311  nothing here is secret
    lines, done = 0, 0
    with progress.bar("Making people up", count) as show:
        while chunk := list(islice(people, CHUNK)):
            lines += _say(sender, chunk, now, chance)
            done += len(chunk)
            show(done)
    return lines


def _say(sender: Sender, people: Sequence[Person], now: datetime, chance: random.Random) -> int:
    said = [entry for person in people for entry in demo.statements(person, now, chance)]
    _record(sender, said)
    contacts = _name(sender, people)
    _record(
        sender,
        [
            _by_mail(one, contacts[one.number], now - demo.ago(chance))
            for one in people
            if one.email
        ],
    )
    written = [demo.message(person, at, now, chance) for at, person in enumerate(people)]
    messages = [one for one in written if one is not None]
    inbound.receive_many(sender, messages)
    return len(said) + len(messages)


def _record(sender: Sender, entries: Sequence[Entry]) -> None:
    for result in ledger.record_many(sender, list(entries)):
        if isinstance(result, ConsentError):
            raise result


def _name(sender: Sender, people: Sequence[Person]) -> dict[str, Contact]:
    """Give their contacts, by number, what a CRM knows of them."""
    numbers = {person.number: person for person in people}
    identities = ChannelIdentity.objects.filter(
        sender=sender, channel=Channel.WHATSAPP.value, address__in=list(numbers)
    ).select_related("contact")
    contacts = {str(identity.address): identity.contact for identity in identities}
    for number, contact in contacts.items():
        person = numbers[number]
        contact.display_name, contact.language = person.name, person.language
        contact.external_id = person.external_id
    update_rows(list(contacts.values()), ["display_name", "language", "external_id"])
    return contacts


def _by_mail(person: Person, contact: Contact, at: datetime) -> Entry:
    return Entry(
        action=Action.OPT_IN,
        channel=Channel.EMAIL,
        identity=person.email,
        contact=contact,
        purpose="marketing",
        source="NEWSLETTER",
        origin=Origin.API,
        actor="demo",
        evidence={"wording": "Our newsletter, once a week"},
        occurred_at=at,
    )
