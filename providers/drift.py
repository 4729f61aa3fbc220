"""Where a provider's own lists and the ledger differ, and how each line is put right.

The lists are lists of opt-outs. Somebody on one who is opted in here: their opt-out never reached
us. Somebody opted out here who is missing on the list that ours go to: it never reached them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from consents import addressbook, identifiers, ledger, reviews
from consents.addressbook import key_of
from consents.entries import channel as channel_named
from consents.errors import ConsentError
from consents.identifiers import Address
from consents.models import ChannelIdentity, Consent, ReviewItem, Standing
from consents.vocabulary import ROOT_PURPOSE, Action, Channel, Origin, State
from consents.writing import database_clock
from providers import outbox, reading, registry, serving
from providers.contract import Kind
from providers.models import Drift, ProviderAccount, ProviderSync
from providers.outcomes import Status
from providers.readback_contract import Reader
from providers.telling import DEFAULT_SOURCE

KIND = "drift"
CHUNK = 1000
RECORDED, TOLD, LEFT = "recorded", "told_again", "left"


@dataclass(frozen=True, slots=True)
class Line:
    """One difference. `listed`: on the list, and not opted out here; else the other way round."""

    identity: ChannelIdentity
    list_type: str
    listed: bool


def compare(account: ProviderAccount) -> list[Drift]:
    """Read the account's lists and note every difference; those that wait for a decision already
    are not noted again, but are among the answer.

    Not in a transaction: it calls the provider. Raises AccountError, and ConsentError
    `not_readable` for a provider that lets nobody read its lists.
    """
    reader = registry.reader(account.kind)
    if reader is None:
        raise ConsentError("not_readable", "This provider lets nobody read what it holds.")
    lines: list[Line] = []
    for list_type, purpose in reader.lists.items():
        texts = reader.listed(account.plain, list_type)
        _make_strangers_known(account, texts)
        addresses = _addresses(account, texts)
        lines += [Line(one, list_type, True) for one in _unheard(account, addresses, purpose)]
        if list_type == reader.told_by_us:
            lines += [Line(one, list_type, False) for one in _lost(account, addresses)]
    return [_noted(account, reader, line) for line in lines]


def record(drift: Drift, *, actor: str) -> str:
    """Believe the provider: an opt-out, with its answer as evidence. Raises ConsentError."""
    if not drift.listed:
        raise ConsentError("not_listed", "The provider's list says nothing of them.")
    _decide(drift, RECORDED, actor, lambda: _record(drift, actor))
    return "The opt-out is recorded."


def tell_again(drift: Drift, *, actor: str) -> str:
    """Believe the ledger: the provider is told once more. Raises ConsentError."""
    _decide(drift, TOLD, actor, lambda: outbox.restate(drift.account, drift.identity_id))
    return "The provider is told again."


def _addresses(account: ProviderAccount, texts: Iterable[str]) -> list[Address]:
    """On every channel of the account: the lists name none."""
    found: list[Address] = []
    for channel in sorted(serving.channels_of(account)):
        for text in texts:
            try:
                found.append(identifiers.normalise(channel_named(channel), text))
            except ConsentError:
                continue
    return found


def _make_strangers_known(account: ProviderAccount, texts: Iterable[str]) -> None:
    """Somebody on a list whom nobody here has heard of gets a contact, on one channel alone."""
    by_text = [_addresses(account, [text]) for text in texts]
    for at in range(0, len(by_text), CHUNK):
        chunk = by_text[at : at + CHUNK]
        known = addressbook.find(account.sender, [one for some in chunk for one in some])
        strangers = [
            min(some, key=lambda one: one.channel != Channel.WHATSAPP)
            for some in chunk
            if some and not any(key_of(one) in known for one in some)
        ]
        with transaction.atomic():
            addressbook.find_or_create(account.sender, dict.fromkeys(strangers))


def _unheard(
    account: ProviderAccount, addresses: list[Address], purpose: str
) -> list[ChannelIdentity]:
    """Those of the listed who are known here and not opted out of this purpose, nor of all."""
    found: list[ChannelIdentity] = []
    for at in range(0, len(addresses), CHUNK):
        known = addressbook.find(account.sender, addresses[at : at + CHUNK])
        out = Consent.objects.filter(
            identity__in=[one.id for one in known.values()],
            state=State.OPTED_OUT.value,
            purpose__key__in={purpose, ROOT_PURPOSE},
        )
        settled = set(out.values_list("identity", flat=True))
        found += [one for one in known.values() if one.id not in settled]
    return found


def _lost(account: ProviderAccount, addresses: list[Address]) -> list[ChannelIdentity]:
    """Those whose opt-out the provider took, and who are not on its list."""
    listed = {key_of(address) for address in addresses}
    newest = ProviderSync.objects.filter(account=account).order_by("identity_id", "-seq")
    newest = newest.distinct("identity_id").select_related("identity")
    return [
        row.identity
        for row in newest.iterator(CHUNK)
        if row.kind == Kind.OPT_OUT
        and row.status == Status.SUCCEEDED
        and (row.identity.channel, row.identity.lookup_key) not in listed
        and row.identity.lookup_key is not None
    ]


def _noted(account: ProviderAccount, reader: Reader, line: Line) -> Drift:
    same = Drift.objects.filter(
        account=account, identity=line.identity, list_type=line.list_type, listed=line.listed
    )
    if waiting := same.filter(review__decided_at=None).first():
        return waiting
    answer: dict[str, Any] = {"list": line.list_type, "listed": line.listed}
    if line.listed:
        answer["audit"] = reader.audit(account.plain, line.identity.address or "")
    with transaction.atomic():
        return _written(account, line, answer)


def _written(account: ProviderAccount, line: Line, answer: dict[str, Any]) -> Drift:
    now = database_clock()
    drift = Drift(
        account=account,
        identity=line.identity,
        list_type=line.list_type,
        listed=line.listed,
        answer=answer,
        found_at=now,
    )
    drift.review = reviews.ask(
        account.sender,
        KIND,
        now,
        identity=line.identity,
        subject=(KIND, hashlib.sha256(str(drift.id).encode()).hexdigest()),
        url=f"/admin/providers/drift/{drift.id}/change/",
    )
    drift.save(force_insert=True)
    return drift


def _decide(drift: Drift, decision: str, actor: str, work: Any) -> None:
    ledger.once_more_on_deadlock(
        lambda: _decide_once(drift.review_id, drift, decision, actor, work)
    )


def _decide_once(review: UUID, drift: Drift, decision: str, actor: str, work: Any) -> None:
    # Before the item's own lock, as everybody else does it.
    list(Standing.objects.locked([drift.identity_id]))
    item = ReviewItem.objects.select_for_update().get(id=review)
    if item.decided_at is not None:
        raise ConsentError("already_decided", "Somebody else has decided this already.")
    work()
    item.decided_at, item.decided_by, item.decision = database_clock(), actor, decision
    item.save(update_fields=["decided_at", "decided_by", "decision"])


def _record(drift: Drift, actor: str) -> None:
    reader = registry.reader(drift.account.kind)
    if reader is None or drift.identity.address is None:
        raise ConsentError("erased", "This person has been erased: nothing is sent to them.")
    ledger.record(
        drift.account.sender,
        action=Action.OPT_OUT.value,
        channel=drift.identity.channel,
        identity=drift.identity.address,
        purpose=reader.lists[drift.list_type],
        source=str((drift.account.settings or {}).get("default_source") or DEFAULT_SOURCE),
        evidence={"provider": drift.account.kind, "drift": str(drift.id), **drift.answer},
        occurred_at=_listed_at(drift) or drift.found_at,
        origin=Origin.PROVIDER.value,
        actor=actor,
    )


def _listed_at(drift: Drift) -> datetime | None:
    """When they were put on the list, where the provider says so."""
    times = [
        reading.moment(one.get("datetime"))
        for one in reading.parts(drift.answer.get("audit"))
        if one.get("list_type") == drift.list_type and one.get("operation") == "OPERATION_INSERT"
    ]
    return max((at for at in times if at), default=None)
