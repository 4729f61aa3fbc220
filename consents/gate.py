"""The gate: may this be sent to this person now?

One query, then the pure function of `decision`. It fails closed: whoever gets no answer must not
send. It is right without any command having run, because it reads times and not what somebody
noted of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consents import entries, identifiers
from consents.addressbook import key_of
from consents.commitments import identity_digest
from consents.decision import Facts, Permission, decide
from consents.errors import ConsentError
from consents.folding import Fold
from consents.history import held_as_of, last_inbound_as_of, state_as_of
from consents.models import ApiKey, Sender
from consents.models.prepared import columns_of, prepared
from consents.models.standing import FOLD_FIELDS
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Category, Channel, Reason, State


def check(
    sender: Sender,
    channel: str,
    identity: object,
    purpose: str = "service",
    at: datetime | None = None,
    *,
    hindsight: bool = False,
) -> Permission:
    """May this sender write to this identity, for this purpose, now or at another time?

    A time in the past is answered from what was known then, with `hindsight` from all that is
    known now about then. Raises ConsentError for an unknown channel or purpose and for the root
    purpose, which cannot be asked; an unreadable identity is an answer.
    """
    on = entries.channel(channel)
    address = readable(on, identity)
    rows = _fetch(_OF_SENDER, {**_asked(on, address, purpose), "sender": sender.id})
    if not rows:
        raise ConsentError("unknown_purpose", "There is no such purpose.", "purpose")
    refuse_root(purpose)
    if at is not None and at.tzinfo is None:
        raise ConsentError("invalid_at", "This must be a time with its zone.", "at")
    now: datetime = rows[0][0]
    if address is None:
        return Permission(allowed=False, reason=Reason.INVALID_IDENTITY, as_of=at or now)
    facts = _facts(on, rows)
    if at is None:
        return decide(facts, now)
    if at < now:
        facts = _as_of(facts, rows[0][8], rows[0][5:8], at, hindsight=hindsight)
    return replace(decide(facts, at), valid_for=timedelta())


def check_with_key(
    digest: bytes, sender: str | None, channel: Channel, identity: object, purpose: str
) -> tuple[ApiKey, Permission] | None:
    """What `check` says now, and the API key of this digest, all in one query.

    `sender`: its key, None for the only one that the API key has. None is the answer where there
    is no such API key, where it has no such sender, and where the purpose cannot be asked. The
    caller looks whether the API key is valid and may ask.
    """
    address = readable(channel, identity)
    asked = {**_asked(channel, address, purpose), "digest": digest, "sender": sender}
    rows = _fetch(_OF_KEY, asked) if purpose != ROOT_PURPOSE else []
    if not rows:
        return None
    key = ApiKey.from_db(connection.alias, _KEY_FIELDS, rows[0][_WIDTH:])
    if address is None:
        return key, Permission(allowed=False, reason=Reason.INVALID_IDENTITY, as_of=rows[0][0])
    return key, decide(_facts(channel, rows), rows[0][0])


def refuse_root(purpose: object) -> None:
    """Raises ConsentError for the root purpose: nothing is sent for all purposes."""
    if purpose == ROOT_PURPOSE:
        raise ConsentError("purpose_not_askable", "Ask for a purpose narrower than all.", "purpose")


def readable(channel: Channel, identity: object) -> identifiers.Address | None:
    """The address, or None where nobody could read one: to the gate that is an answer."""
    try:
        return identifiers.normalise(channel, identity)
    except ConsentError:
        return None


# One row for each of the identity's consents that counts for the purpose, and one where there is
# none: a single join is planned and carried out faster than one for each level.
_COLUMNS: Final = f"""
clock_timestamp(), purpose.category, purpose.allowed_in_window, purpose.requires_own_consent,
LEAST(purpose.validity_days, above.validity_days, top.validity_days),
above.parent_id, above.id, purpose.id, identity.id, standing.last_inbound_at, standing.held_at,
consent.purpose_id, {", ".join(f"consent.{field}" for field in FOLD_FIELDS)}
"""
_WIDTH: Final = 12 + len(FOLD_FIELDS)

_JOINS: Final = """
LEFT JOIN consents_purpose above ON above.id = purpose.parent_id
LEFT JOIN consents_purpose top ON top.id = above.parent_id
LEFT JOIN consents_channelidentity identity
       ON identity.sender_id = {sender} AND identity.channel = %(channel)s
      AND (identity.lookup_key = %(lookup_key)s OR identity.digest = %(identity_digest)s)
LEFT JOIN consents_standing standing ON standing.identity_id = identity.id
LEFT JOIN consents_consent consent
       ON consent.identity_id = identity.id
      AND consent.purpose_id IN (purpose.id, above.id, above.parent_id)
"""

_OF_SENDER: Final = f"""
SELECT {_COLUMNS}
FROM consents_purpose purpose {_JOINS.format(sender="%(sender)s")}
WHERE purpose.key = %(purpose)s
"""  # noqa: S608 - column names are ours

_KEY_FIELDS: Final = columns_of(ApiKey)

_OF_KEY: Final = f"""
SELECT {_COLUMNS}, {", ".join(f"key.{name}" for name in _KEY_FIELDS)}
FROM consents_apikey key
JOIN consents_apikey_senders granted ON granted.apikey_id = key.id
JOIN consents_sender sender ON sender.id = granted.sender_id
CROSS JOIN consents_purpose purpose {_JOINS.format(sender="sender.id")}
WHERE key.digest = %(digest)s AND purpose.key = %(purpose)s
  AND CASE WHEN %(sender)s::text IS NULL
           THEN (SELECT count(*) FROM consents_apikey_senders WHERE apikey_id = key.id) = 1
           ELSE sender.key = %(sender)s::text END
"""  # noqa: S608 - column names are ours


def _asked(
    channel: Channel, address: identifiers.Address | None, purpose: object
) -> dict[str, Any]:
    lookup_key = key_of(address)[1] if address else ""
    return {
        "channel": channel.value,
        "lookup_key": lookup_key,
        "identity_digest": identity_digest(channel.value, lookup_key),
        "purpose": purpose if isinstance(purpose, str) and "\0" not in purpose else "",
    }


def _fetch(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with prepared() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _facts(channel: Channel, rows: Sequence[tuple[Any, ...]]) -> Facts:
    _, category, allowed_in_window, own_only, days, *purposes = rows[0][:8]
    identity, last_inbound_at, held_at = rows[0][8:11]
    folds = {row[11]: _fold(*row[12:_WIDTH]) for row in rows if row[11]}
    return Facts(
        channel=channel,
        category=Category(category),
        allowed_in_window=allowed_in_window,
        own_only=own_only,
        lasts=timedelta(days=days) if days else None,
        is_known=identity is not None,
        chain=_chain(purposes, folds),
        last_inbound_at=last_inbound_at,
        held_at=held_at,
    )


def _chain(purposes: Sequence[UUID | None], folds: Mapping[UUID, Fold]) -> list[Fold]:
    return [folds.get(purpose, Fold()) if purpose else Fold() for purpose in purposes]


def _fold(state: str, *rest: Any) -> Fold:
    return Fold(State(state), *rest)


def _as_of(
    facts: Facts,
    identity: UUID | None,
    purposes: Sequence[UUID | None],
    at: datetime,
    *,
    hindsight: bool,
) -> Facts:
    if identity is None:
        return facts
    known_by = None if hindsight else at
    return replace(
        facts,
        lasts=PurposeTree.load().lasts_as_of(purposes[-1], at),
        chain=_chain(purposes, state_as_of(identity, at, hindsight=hindsight)),
        last_inbound_at=last_inbound_as_of(identity, at, known_by=known_by),
        held_at=held_as_of(identity, at, known_by=known_by),
    )
