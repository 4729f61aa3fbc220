"""For Hypothesis: what is known of a few people, and files about the same few."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from consents import addressbook, erasure, identifiers
from consents.errors import ConsentError
from consents.importing import applying, runs
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.models import Contact, ImportRun, Sender
from consents.vocabulary import Channel
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    StopFactory,
    confirmed_within,
)
from tests.consents.importing.lists import csv_text, source

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE: Final = (NUMBER, OTHER_NUMBER, "5215512345678", "525512345678")

some = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Few, so that many fall on the same time or before what is known.
minutes = st.integers(0, 4)
channels = st.sampled_from([*["WHATSAPP"] * 4, "SMS"])
owners = st.sampled_from(["", "crm-a", "crm-a", "crm-b"])


class Act(NamedTuple):
    """Something said before the file came."""

    how: str
    number: str
    channel: str
    purpose: str
    owner: str
    minute: int

    def happen(self) -> None:
        if self.how == "erase":
            _erase(self.number, self.channel)
            return
        made = {"opt_in": OptInFactory, "opt_out": OptOutFactory, "stop": StopFactory}[self.how]
        # Whose somebody is may be known otherwise already.
        with suppress(ConsentError):
            made(
                identity=self.number,
                channel=self.channel,
                purpose=self.purpose,
                contact=_contact(self.owner) if self.owner else None,
                occurred_at=START + timedelta(minutes=self.minute),
            )


def _erase(number: str, channel: str) -> None:
    """Whoever has this address, where anybody has."""
    sender = Sender.objects.get(key="default")
    found = addressbook.find(sender, [identifiers.normalise(Channel(channel), number)])
    for identity in found.values():
        erasure.erase(identity.contact, actor="staff:1")


def _contact(external_id: str) -> Contact:
    known = Contact.objects.filter(external_id=external_id).first()
    return known or ContactFactory(external_id=external_id)


class Line(NamedTuple):
    """A row of a file. `minute` None: it does not say when; 99: in some minutes."""

    identity: str
    channel: str
    action: str
    purpose: str
    source: str
    external_id: str
    display_name: str
    notice: str
    minute: int | None

    def cells(self, now: datetime) -> str:
        at = "" if self.minute is None else self._at(now).isoformat()
        return ",".join([*self[:-1], at])

    def _at(self, now: datetime) -> datetime:
        at: timedelta = timedelta(minutes=self.minute or 0)
        return now + timedelta(minutes=4) if self.minute == 99 else START + at


HEADER: Final = ",".join([*Line._fields[:-1], "occurred_at"])

confirmed = st.sampled_from([("all",), ("marketing",), ("all", "marketing", "newsletter")])
purposes = st.sampled_from([*["all"] * 4, "marketing", "newsletter"])
acts = st.builds(
    Act,
    how=st.sampled_from(["opt_in", "opt_out", "stop"]),
    number=st.sampled_from(PEOPLE),
    channel=channels,
    purpose=purposes,
    owner=owners,
    minute=minutes,
)
lines = st.builds(
    Line,
    identity=st.sampled_from([*PEOPLE * 4, "no number"]),
    channel=channels,
    action=st.sampled_from(["opt_in", "opt_out"]),
    purpose=purposes,
    source=st.sampled_from([*["CRM"] * 15, ""]),
    external_id=owners,
    display_name=st.sampled_from(["", "Astrid"]),
    notice=st.sampled_from([*[""] * 5, "banner", "no-such"]),
    minute=st.none() | minutes | minutes | st.just(99),
)
erasures = st.builds(
    Act,
    how=st.just("erase"),
    number=st.sampled_from(PEOPLE),
    channel=channels,
    purpose=st.just(""),
    owner=st.just(""),
    minute=st.just(0),
)
pasts_with_erasures = st.lists(acts | erasures, min_size=2, max_size=8)
pasts = st.lists(acts, max_size=6) | st.lists(acts, min_size=4, max_size=8)
files = st.lists(lines, max_size=12) | st.lists(lines, min_size=6, max_size=12)


def written(directory: Path, rows: Sequence[Line]) -> Source:
    """The rows as a file; a spoilt one after every fifth."""
    now = timezone.now()
    text = [cells for row in rows for cells in (row.cells(now),)]
    for at in range(5, len(text), 6):
        text.insert(at, "broken")
    return source(directory, csv_text(HEADER, text))


def prepare(past: Sequence[Act], confirmed: Sequence[str] = ()) -> Sender:
    """The purposes, and what happened before; opt-ins to these have to be `confirmed`."""
    PurposeFactory(key="newsletter")
    for purpose in confirmed:
        confirmed_within(48, purpose)
    NoticeFactory(valid_from=START + timedelta(minutes=1))
    NoticeFactory(version="2", valid_from=START + timedelta(minutes=3))
    for act in past:
        act.happen()
    return Sender.objects.get(key="default")


def recorded(sender: Sender, file: Source, *, again: bool = False) -> ImportRun:
    """The run that has recorded this file."""
    reader = Reader(Manner(), file.header)
    run = runs.begin(sender, file, reader.manner, "test", again=again)
    applying.apply(run, file, reader, lambda _: None)
    return run
