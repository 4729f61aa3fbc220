"""All that is written down, so that two ways of writing the same can be compared."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from consents import ledger
from consents.models import ChannelIdentity, Consent, ConsentEvent, Contact, Standing

Names = Mapping[UUID, Hashable]


@contextmanager
def by_the_general_path() -> Iterator[None]:
    """Within it nothing is written by a few statements for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "_stand_alone", lambda *_: False)
        yield


def everything() -> dict[str, Any]:
    """Every row, with names for ids, and without the instants of writing.

    A line of an import goes by its row, whatever its place among the others.
    """
    names = _names()
    events = ConsentEvent.objects.select_related("detail", "identity", "purpose", "sender")
    return {
        "contacts": sorted(
            (one.external_id or "", one.display_name, one.language, len(one.identities.all()))
            for one in Contact.objects.prefetch_related("identities")
        ),
        "identities": [
            (
                *(one.channel, one.address, one.lookup_key, bytes(one.digest), one.warnings),
                one.contact.external_id,
            )
            for one in ChannelIdentity.objects.order_by("channel", "lookup_key")
        ],
        "lines": sorted((_line(event, names) for event in events.order_by("seq")), key=_place),
        "states": states(names),
        "may_write": may_write(),
    }


def states(names: Names | None = None) -> dict[Any, Any]:
    names = names or _names()
    return {
        (one.identity.channel, one.identity.address, one.purpose.key): (
            *(one.state, names[_decided_by(one)], _or_now(one.since, one.event)),
            *(one.lifted_at is None, one.dropin_lifted_at is None, one.opted_in_at is None),
            *(one.opted_out_at is None, one.dropin_opted_out_at is None),
        )
        for one in Consent.objects.select_related("identity", "purpose", "event")
    }


def _decided_by(consent: Consent) -> UUID:
    """Of lines that say the same of the same moment any may be named: the first of them."""
    named = consent.event
    about = {"identity": named.identity_id, "purpose": named.purpose_id, "action": named.action}
    same = ConsentEvent.objects.filter(**about, occurred_at=named.occurred_at)
    return same.earliest("seq").id


def may_write() -> dict[Any, Any]:
    return {
        (one.identity.channel, one.identity.address): one.may_write
        for one in Standing.objects.select_related("identity")
    }


def _names() -> dict[UUID, Hashable]:
    """The row of a line that was imported, else its place among those that were not.

    That an opt-in has run out goes by the opt-in.
    """
    names: dict[UUID, Hashable] = {}
    others = 0
    for event in ConsentEvent.objects.select_related("detail").order_by("seq"):
        if event.action == "expired":
            names[event.id] = ("end of", names[event.cause_id])
            continue
        ours = event.detail.evidence.get("import")
        others += ours is None
        names[event.id] = ("line", others) if ours is None else ("row", ours["row"])
    return names


def _place(line: tuple[Any, ...]) -> Any:
    return line[0]


def _line(event: ConsentEvent, names: Names) -> tuple[Any, ...]:
    detail = event.detail
    return (
        names[event.id],
        *(event.sender.key, event.identity.channel, event.identity.address, event.action),
        *(event.purpose.key, event.source, event.origin, event.actor.partition(":")[0]),
        *(event.lifts, _or_now(event.occurred_at, event), event.effective, event.outcome),
        *(event.cause_id and names[event.cause_id], detail.ip, detail.user_agent, detail.note),
        _without_instants(_without_ids(detail.evidence)),
    )


def _without_ids(evidence: dict[str, Any]) -> dict[str, Any]:
    """Which run it was, and the ids of strangers, are made anew each time."""
    ids = ("import", "from", "to")
    return {name: part for name, part in evidence.items() if name not in ids}


def _without_instants(evidence: dict[str, Any]) -> dict[str, Any]:
    """Until when it can be confirmed hangs on when it was written."""
    confirmation = evidence.get("confirmation")
    if not isinstance(confirmation, dict) or "until" not in confirmation:
        return evidence
    return {**evidence, "confirmation": "open"}


def _or_now(at: datetime, event: ConsentEvent) -> datetime | str:
    return "now" if at == event.recorded_at else at
