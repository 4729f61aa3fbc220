"""Many callbacks applied in one transaction: those that say one simple thing each.

A registration of thousands comes back as a flood of results, and a campaign as one of answers.
What is not simple, or cannot be recorded, is left for its own turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from consents import addressbook, entries, identifiers, inbound, ledger
from consents.addressbook import AddressKey, key_of
from consents.errors import ConsentError
from consents.models import Standing
from providers import outbox, results, telling
from providers.contract import Heard, Kind, MessageHeard, Result, ResultHeard
from providers.models import ProviderAccount, ProviderCallback
from providers.telling import Report

Told = tuple[ProviderCallback, Heard]
"""A callback and the one thing that it says."""


def tell_many(told: Sequence[Told]) -> dict[UUID, Report]:
    """Let them take effect; a report for each that did. In a transaction."""
    by_account: dict[ProviderAccount, list[Told]] = defaultdict(list)
    for one in told:
        by_account[one[0].account].append(one)
    reports: dict[UUID, Report] = {}
    for account, theirs in by_account.items():
        heard = [(callback, one) for callback, one in theirs if isinstance(one, ResultHeard)]
        reports |= _settled(account, heard)
        reports |= _unsolicited(account, [one for one in heard if one[0].id not in reports])
        reports |= _messages(
            account, [(callback, one) for callback, one in theirs if isinstance(one, MessageHeard)]
        )
    return reports


def _settled(
    account: ProviderAccount, told: Sequence[tuple[ProviderCallback, ResultHeard]]
) -> dict[UUID, Report]:
    """Results that name a row: one of a person, so that each sees what the one before did."""
    rows = results.named(account.id, [heard.request_id for _, heard in told])
    found: dict[UUID, ResultHeard] = {}
    reports: dict[UUID, Report] = {}
    people: set[UUID] = set()
    for callback, heard in told:
        row = rows.get(results.as_row_id(heard.request_id) or callback.id)
        if row is None or row.kind != heard.kind or row.identity_id in people:
            continue
        people.add(row.identity_id)
        found[row.id] = heard
        reports[callback.id] = Report([f"result: {heard.result.value}"], {row.identity_id})
    if found:
        results.settle(found)
    return reports


def _unsolicited(
    account: ProviderAccount, told: Sequence[tuple[ProviderCallback, ResultHeard]]
) -> dict[UUID, Report]:
    simple = _began_there(account, told)
    if not simple:
        return {}
    recorded = ledger.record_many(
        account.sender, [telling.entry_of(callback, heard) for callback, heard in simple]
    )
    reports: dict[UUID, Report] = {}
    said: dict[UUID, Kind] = {}
    for (callback, heard), result in zip(simple, recorded, strict=True):
        if not isinstance(result, ConsentError):
            said[result.event.identity_id] = heard.kind
            words = heard.kind.value.replace("_", "-")
            reports[callback.id] = Report([words], {result.event.identity_id})
    _send_back(account, said)
    return reports


def _began_there(
    account: ProviderAccount, told: Sequence[tuple[ProviderCallback, ResultHeard]]
) -> list[tuple[ProviderCallback, ResultHeard]]:
    """Those that are surely no results of ours, of people who can be named."""
    keys = {
        callback.id: key
        for callback, heard in told
        if heard.result == Result.SUCCEEDED and not results.as_row_id(heard.request_id)
        if (key := _key(heard))
    }
    wanted = [address for address, _ in keys.values()]
    known = addressbook.find(account.sender, wanted)
    expected = results.expected_of(account.id, [one.id for one in known.values()])
    return [
        (callback, heard)
        for callback, heard in told
        if callback.id in keys and not _is_expected(keys[callback.id][1], heard, known, expected)
    ]


def _is_expected(
    key: AddressKey,
    heard: ResultHeard,
    known: Mapping[AddressKey, object],
    expected: set[tuple[UUID, str]],
) -> bool:
    identity = known.get(key)
    return identity is not None and (getattr(identity, "id", None), heard.kind.value) in expected


def _key(heard: ResultHeard) -> tuple[identifiers.Address, AddressKey] | None:
    try:
        address = identifiers.normalise(entries.channel(heard.channel), heard.identity)
    except ConsentError:
        return None
    return address, key_of(address)


def _send_back(account: ProviderAccount, said: Mapping[UUID, Kind]) -> None:
    """Where the ledger does not bear out what the provider says, it is told what holds."""
    standings = Standing.objects.filter(identity__in=list(said))
    for standing in standings.order_by("identity_id"):
        if standing.may_write != (said[standing.identity_id] == Kind.OPT_IN):
            outbox.restate(account, standing.identity_id)


def _messages(
    account: ProviderAccount, told: Sequence[tuple[ProviderCallback, MessageHeard]]
) -> dict[UUID, Report]:
    simple = [one for one in told if not one[1].also]
    if not simple:
        return {}
    received = inbound.receive_many(
        account.sender, [telling.message_of(callback, heard) for callback, heard in simple]
    )
    return {
        callback.id: Report([telling.words_of(one)], {one.identity.id})
        for (callback, _), one in zip(simple, received, strict=True)
        if not isinstance(one, ConsentError)
    }
