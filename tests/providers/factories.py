"""Builds accounts, people and rows of the outbox, through the functions of the product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import factory
from django.db.models import F

from consents import ledger
from consents.models import ChannelIdentity, ConsentEvent, Sender
from consents.writing import database_clock
from providers import accounts, claims
from providers.arrivals import Returned
from providers.claims import Call
from providers.contract import AccountFault, Delivery, Outcome, Result, Trace
from providers.models import ProviderAccount, ProviderSync
from providers.settlement import settle
from tests.consents.factories import NUMBER, OptInFactory, OptOutFactory, StopFactory

CREDENTIALS = {
    "pepipost": {"token": "sandbox-pepipost-token"},
    "sinch_whatsapp": {"token": "sandbox-whatsapp-token"},
    "sinch_conversation": {
        "project_id": "00000000-0000-4000-8000-000000000001",
        "key_id": "sandbox-key-id",
        "key_secret": "sandbox-key-secret",
    },
}
EXTERNAL_IDS = {
    "pepipost": "",
    "sinch_whatsapp": "sandbox-bot",
    "sinch_conversation": "01HZCONSENTAPP000000000001",
}


class AccountFactory(factory.Factory[ProviderAccount]):
    """An account as staff make it, with the sandbox's credentials and every known state told.

    `await_result` is off: here nobody listens for the results that come by callback.
    """

    class Meta:
        model = ProviderAccount

    sender = factory.LazyFunction(lambda: Sender.objects.get(key="default"))
    kind = "pepipost"
    name = factory.Sequence("account-{}".format)
    base_url = "http://127.0.0.1:9"
    external_id = factory.LazyAttribute(lambda made: EXTERNAL_IDS[made.kind])
    settings = factory.LazyFunction(lambda: {"await_result": False})

    @factory.lazy_attribute
    def credentials(self) -> dict[str, str]:
        token_url = {"token_url": f"{self.base_url}/oauth2/token"}
        return CREDENTIALS[self.kind] | (token_url if self.kind == "sinch_conversation" else {})

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> ProviderAccount:
        is_baseline = fields.pop("is_baseline", False)
        account = ProviderAccount(**fields)
        accounts.save(account, is_baseline=is_baseline)
        while accounts.catch_up(account.id):
            pass
        account.refresh_from_db()
        return account


def opt_in(number: str = NUMBER, **fields: Any) -> ConsentEvent:
    return OptInFactory(identity=number, **fields)


def opt_out(number: str = NUMBER, **fields: Any) -> ConsentEvent:
    return OptOutFactory(identity=number, **fields)


def stop(number: str = NUMBER) -> ConsentEvent:
    """The person's own word, which every opt-in by staff or an API must not lift by accident."""
    return StopFactory(identity=number)


def opt_in_many(numbers: list[str]) -> None:
    entries = [
        ledger.Entry(action="opt_in", channel="WHATSAPP", identity=number, source="WEB")
        for number in numbers
    ]
    ledger.record_many("default", entries)


def identity_of(number: str = NUMBER) -> ChannelIdentity:
    return ChannelIdentity.objects.get(address=number)


def rows(account: ProviderAccount, number: str | None = None) -> list[ProviderSync]:
    """The account's rows, oldest first."""
    found = ProviderSync.objects.filter(account=account).order_by("seq")
    return list(found.filter(identity__address=number) if number else found)


def newest(account: ProviderAccount, number: str = NUMBER) -> ProviderSync:
    return rows(account, number)[-1]


def told(account: ProviderAccount, number: str | None = None) -> list[tuple[str, str]]:
    """Kind and status of each of its rows, oldest first."""
    return [(row.kind, row.status) for row in rows(account, number)]


def fetched(account: ProviderAccount) -> ProviderAccount:
    """As it is now in the database."""
    return ProviderAccount.objects.get(id=account.id)


def claim(account: ProviderAccount, room: int = 32, **how: Any) -> list[Call]:
    return claims.claim(fetched(account), room, **how)


def come_back(
    call: Call, result: Result, code: str = "", fault: AccountFault | None = None
) -> Returned:
    """The call returned with this result for each of its changes."""
    outcomes = {change.id: Outcome(result, code, f"in words: {code}") for change in call.changes}
    status = 200 if fault is None else 500
    trace = Trace("POST", "http://provider.example/", status, timedelta(milliseconds=5), "{}", "{}")
    delivery = Delivery(outcomes, fault, (trace,))
    return Returned(call, delivery, database_clock(), timedelta(milliseconds=5))


def settled(account: ProviderAccount, result: Result = Result.SUCCEEDED, code: str = "") -> None:
    """All that the account is owed comes back with this result."""
    settle([come_back(call, result, code) for call in claim(account)])


def let_pass(account: ProviderAccount | None = None, **time: float) -> None:
    """Move what is set for a time nearer by that much, as if the time had passed."""
    earlier = timedelta(**time)
    syncs, all_accounts = ProviderSync.objects.all(), ProviderAccount.objects.all()
    if account is not None:
        syncs, all_accounts = syncs.filter(account=account), all_accounts.filter(id=account.id)
    moved = ("due_at", "sent_at", "lease_until", "suspect_since", "ended_at")
    syncs.update(**{name: F(name) - earlier for name in moved})
    moved = ("paused_until", "paused_since", "last_success_at")
    all_accounts.update(**{name: F(name) - earlier for name in moved})


def ids(found: list[ProviderSync]) -> set[UUID]:
    return {row.id for row in found}


def british_numbers(count: int, start: int = 0) -> Iterator[str]:
    """Of the 1 000 British mobile numbers set aside for fiction (Ofcom)."""
    return (f"447700900{number:03}" for number in range(start, start + count))
