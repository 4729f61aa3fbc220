"""The gate, asked for many people at once: as many queries for ten thousand as for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from consents import addressbook, entries
from consents.addressbook import key_of
from consents.decision import Facts, Permission, decide
from consents.errors import ConsentError
from consents.folding import Fold
from consents.gate import readable
from consents.identifiers import Address
from consents.models import Sender
from consents.models.standing import FOLD_FIELDS
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Category, Reason, State
from consents.writing import database_clock


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer; `address` is how the identity was read, None where it could not be."""

    address: Address | None
    permission: Permission


@dataclass(slots=True)
class _Known:
    """How one identity stands, and its folds by purpose."""

    folds: dict[UUID, Fold]
    last_inbound_at: datetime | None = None
    held_at: datetime | None = None


def check_many(
    sender: Sender, channel: str, identities: Sequence[object], purpose: str = "service"
) -> list[Asked]:
    """What `gate.check` says now of each of these, in their order.

    Raises ConsentError for an unknown channel or purpose and for the root purpose.
    """
    on = entries.channel(channel)
    purposes = PurposeTree.load()
    asked = purposes.named(purpose)
    if asked.key == ROOT_PURPOSE:
        raise ConsentError("purpose_not_askable", "Ask for a purpose narrower than all.", "purpose")
    category = Category(str(asked.category))
    chain = [link.id for link in purposes.chain(asked)]
    # Before anything is read: what is said after this instant need not be in the answer.
    now = database_clock()
    addresses = [readable(on, identity) for identity in identities]
    found = addressbook.find(sender, [one for one in addresses if one])
    known = _read([identity.id for identity in found.values()], chain)

    def answer(address: Address | None) -> Asked:
        if address is None:
            invalid = Permission(allowed=False, reason=Reason.INVALID_IDENTITY, as_of=now)
            return Asked(None, invalid)
        identity = found.get(key_of(address))
        one = known[identity.id] if identity else _Known({})
        facts = Facts(
            channel=on,
            category=category,
            allowed_in_window=asked.allowed_in_window,
            own_only=asked.requires_own_consent,
            identity=identity.id if identity else None,
            chain=[one.folds.get(link, Fold()) for link in chain],
            last_inbound_at=one.last_inbound_at,
            held_at=one.held_at,
        )
        return Asked(address, decide(facts, now))

    return [answer(address) for address in addresses]


_QUERY = f"""
SELECT standing.identity_id, standing.last_inbound_at, standing.held_at, consent.purpose_id,
       {", ".join(f"consent.{column}" for column in FOLD_FIELDS)}
FROM consents_standing standing
LEFT JOIN consents_consent consent
       ON consent.identity_id = standing.identity_id AND consent.purpose_id = ANY(%s)
WHERE standing.identity_id = ANY(%s)
"""  # noqa: S608 - column names are ours


def _read(identities: Sequence[UUID], chain: Sequence[UUID]) -> Mapping[UUID, _Known]:
    """One statement, so that an identity's folds and its standing are of one moment."""
    known: dict[UUID, _Known] = defaultdict(lambda: _Known({}))
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [list(chain), list(identities)])
        for identity, last_inbound_at, held_at, purpose, state, *rest in cursor:
            one = known[identity]
            one.last_inbound_at, one.held_at = last_inbound_at, held_at
            if purpose is not None:
                one.folds[purpose] = Fold(State(state), *rest)
    return known
