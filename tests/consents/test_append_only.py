"""The ledger is append-only at every door: model, queryset, SQL; and what can never be in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.utils import timezone

from consents import sealing
from consents.errors import AppendOnly
from consents.models import Consent, ConsentEvent, EventDetail, Notice, Seal, SealKey, Sender
from tests.consents.conftest import Counts
from tests.consents.factories import NUMBER, NoticeFactory, OptInFactory

LEDGER = "consents_consentevent"


@pytest.fixture
def event(sender: Sender) -> ConsentEvent:
    return OptInFactory(evidence={"wording": "Yes"}, ip="192.0.2.1")


def copy_of(event: ConsentEvent) -> ConsentEvent:
    fields = {
        field.attname: getattr(event, field.attname)
        for field in ConsentEvent._meta.concrete_fields
        if field.attname not in ("id", "seq")
    }
    return ConsentEvent(**fields)


def as_read() -> list[dict[str, Any]]:
    return list(ConsentEvent.objects.values())


WRITES: dict[str, Callable[[ConsentEvent], object]] = {
    "save of a new line": lambda event: copy_of(event).save(),
    "save_base of a new line": lambda event: copy_of(event).save_base(),
    "save of a line there is": lambda event: event.save(),
    "save of some fields": lambda event: event.save(update_fields=["source"]),
    "create": lambda _: ConsentEvent.objects.create(action="opt_in"),
    "get_or_create": lambda _: ConsentEvent.objects.get_or_create(source="nobody"),
    "update_or_create": lambda _: ConsentEvent.objects.update_or_create(source="WEB"),
    "bulk_create": lambda event: ConsentEvent.objects.bulk_create([copy_of(event)]),
    "bulk_update": lambda event: ConsentEvent.objects.bulk_update([event], ["source"]),
    "update": lambda _: ConsentEvent.objects.update(source="X"),
    "update of some": lambda event: ConsentEvent.objects.filter(pk=event.pk).update(source="X"),
    "delete of a line": lambda event: event.delete(),
    "delete": lambda _: ConsentEvent.objects.all().delete(),
    "delete of some": lambda event: ConsentEvent.objects.filter(pk=event.pk).delete(),
    "base manager": lambda event: ConsentEvent._base_manager.update(source="X"),
    "related create": lambda event: event.identity.events.create(action="opt_in"),
    "related update": lambda event: event.identity.events.update(source="X"),
    "related delete": lambda event: event.identity.events.all().delete(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_no_way_of_the_orm_writes_the_ledger(
    write: Callable[[ConsentEvent], object], event: ConsentEvent, counts: Callable[[], Counts]
) -> None:
    before, lines = counts(), as_read()
    rung: list[object] = []

    def bell(**fields: object) -> None:
        rung.append(fields)

    post_save.connect(bell, sender=ConsentEvent)
    try:
        with pytest.raises(AppendOnly):
            write(event)
    finally:
        post_save.disconnect(bell, sender=ConsentEvent)
    assert (counts(), as_read(), rung) == (before, lines, [])


SEAL_WRITES: dict[str, Callable[[Any], object]] = {
    "save": lambda row: row.save(),
    "save_base": lambda row: row.save_base(),
    "save of a new one": lambda row: type(row)().save(),
    "delete of one": lambda row: row.delete(),
    "create": lambda row: type(row).objects.create(pk=2),
    "get_or_create": lambda row: type(row).objects.get_or_create(pk=2),
    "update_or_create": lambda row: type(row).objects.update_or_create(pk=row.pk),
    "bulk_create": lambda row: type(row).objects.bulk_create([row]),
    "bulk_update": lambda row: type(row).objects.bulk_update([row], ["pk"]),
    "update": lambda row: type(row).objects.update(pk=2),
    "delete": lambda row: type(row).objects.all().delete(),
    "base manager": lambda row: type(row)._base_manager.all().delete(),
}


@pytest.mark.parametrize("write", SEAL_WRITES.values(), ids=SEAL_WRITES.keys())
@pytest.mark.parametrize("model", [Seal, SealKey, Notice])
def test_no_way_of_the_orm_writes_seals_and_notices(
    model: type[Seal | SealKey | Notice], write: Callable[[Any], object], event: ConsentEvent
) -> None:
    list(sealing.seal())
    NoticeFactory()
    before = list(model.objects.values())
    with pytest.raises(AppendOnly):
        write(model.objects.get())
    assert list(model.objects.values()) == before


CHANGES = [
    f"UPDATE {LEDGER} SET source = 'X'",
    f"DELETE FROM {LEDGER}",
    f"TRUNCATE {LEDGER} CASCADE",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_the_applications_role_may_not_change_the_ledger(
    statement: str, event: ConsentEvent
) -> None:
    before = as_read()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        execute(statement)
    assert as_read() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", CHANGES)
def test_not_even_the_owner_of_the_tables_changes_the_ledger_by_mistake(
    statement: str, event: ConsentEvent, as_owner: psycopg.Connection[Any]
) -> None:
    before = as_read()
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        as_owner.execute(statement)
    assert as_read() == before


# --- nor are notices changed, whose hash is in the evidence

NOTICE_CHANGES = [
    "UPDATE consents_notice SET text = 'Anything'",
    "UPDATE consents_notice SET valid_from = now()",
    "DELETE FROM consents_notice",
    "TRUNCATE consents_notice",
]


@pytest.mark.parametrize("statement", NOTICE_CHANGES)
def test_the_applications_role_may_not_change_a_notice(statement: str, sender: Sender) -> None:
    NoticeFactory()
    before = list(Notice.objects.values())
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        execute(statement)
    assert list(Notice.objects.values()) == before


def test_the_database_refuses_a_hash_that_is_not_of_the_text(sender: Sender) -> None:
    notice = Notice.objects.values().get(id=NoticeFactory().id)
    columns = {**notice, "id": uuid4(), "version": "2", "text": "Anything"}
    values = ", ".join(["%s"] * len(columns))
    names = ", ".join(columns)
    with pytest.raises(IntegrityError, match="of_the_text"), transaction.atomic():
        execute(f"INSERT INTO consents_notice ({names}) VALUES ({values})", [*columns.values()])


# --- evidence can be erased, never rewritten


def execute(statement: str, parameters: list[object] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


REWRITES: dict[str, dict[str, Any]] = {
    "another ip": {"ip": "192.0.2.2"},
    "other evidence": {"evidence": {}},
    "said to be erased, and not": {"erased_at": timezone.now()},
    "erased but for the note": {
        "erased_at": timezone.now(),
        "ip": None,
        "evidence": {},
        "note": "x",
    },
}


@pytest.mark.parametrize("fields", REWRITES.values(), ids=REWRITES.keys())
def test_evidence_cannot_be_rewritten(fields: dict[str, Any], event: ConsentEvent) -> None:
    details = EventDetail.objects.filter(event=event)
    before = details.values().get()
    with pytest.raises(DatabaseError, match="never rewritten"), transaction.atomic():
        details.update(**fields)
    assert details.values().get() == before


def test_evidence_cannot_be_deleted(event: ConsentEvent) -> None:
    with pytest.raises(DatabaseError, match="never rewritten"), transaction.atomic():
        event.detail.delete()
    assert EventDetail.objects.filter(event=event).exists()


def test_evidence_can_be_erased_and_the_line_and_its_hash_stay(event: ConsentEvent) -> None:
    erased = {"ip": None, "user_agent": "", "evidence": {}, "note": "", "salt": None}
    EventDetail.objects.update(**erased, address_salt=None, erased_at=timezone.now())
    assert bytes(ConsentEvent.objects.get().detail_commitment) == event.detail_commitment


# --- what the database itself refuses, whoever asks


def insert_copy(event: ConsentEvent, **changed: object) -> None:
    """Straight into the table, as a program with a bug might."""
    names = [
        field.attname for field in ConsentEvent._meta.concrete_fields if field.attname != "seq"
    ]
    fields: dict[str, object] = {name: getattr(event, name) for name in names}
    fields |= {"id": "00000000-0000-7000-8000-000000000001", **changed}
    values = ", ".join(["%s"] * len(fields))
    execute(f"INSERT INTO {LEDGER} ({', '.join(fields)}) VALUES ({values})", [*fields.values()])


IMPOSSIBLE: dict[str, dict[str, object]] = {
    "a source over 25 characters": {"source": "x" * 26},
    "an opt-in without source": {"source": ""},
    "an unknown action": {"action": "opt_sideways"},
    "an unknown origin": {"origin": "pigeon"},
    "an unknown entitlement": {"lifts": "some"},
    "an opt-out that lifts": {"action": "opt_out", "lifts": "any"},
    "recorded before it occurred": {"occurred_at": "2100-01-01T00:00:00Z"},
    "no identity": {"identity_id": None},
    "no purpose": {"purpose_id": None},
}


@pytest.mark.parametrize("changed", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_the_database_refuses_an_impossible_line(
    changed: dict[str, object], event: ConsentEvent
) -> None:
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        insert_copy(event, **changed)
    assert ConsentEvent.objects.get() == event


def test_the_database_takes_a_line_that_is_possible(event: ConsentEvent) -> None:
    insert_copy(event)
    assert ConsentEvent.objects.count() == 2


def test_a_line_cannot_have_the_number_of_another(event: ConsentEvent) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_copy(event, seq=event.seq)


def test_two_states_for_one_identity_and_purpose_are_refused(event: ConsentEvent) -> None:
    columns = "identity_id, purpose_id, state, event_id, since"
    with pytest.raises(IntegrityError), transaction.atomic():
        execute(
            f"INSERT INTO consents_consent (id, {columns}) "
            f"SELECT gen_random_uuid(), {columns} FROM consents_consent"
        )
    assert Consent.objects.count() == 1


def test_two_identities_with_one_address_are_refused(event: ConsentEvent) -> None:
    columns = "sender_id, contact_id, channel, address, lookup_key, warnings, created_at"
    with pytest.raises(IntegrityError), transaction.atomic():
        execute(
            f"INSERT INTO consents_channelidentity (id, digest, {columns}) "
            f"SELECT gen_random_uuid(), 'other', {columns} FROM consents_channelidentity"
        )


def test_no_error_of_the_database_quotes_the_row(event: ConsentEvent) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        insert_copy(event, source="", actor=NUMBER)
    assert NUMBER not in str(caught.value)
