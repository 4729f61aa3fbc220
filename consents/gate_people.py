"""What the gate has to know of many people, looked up by one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from consents.commitments import identity_digest
from consents.folding import Fold
from consents.identifiers import Address
from consents.models import Sender
from consents.models.standing import FOLD_FIELDS
from consents.vocabulary import Channel, State

WHO, LAST_INBOUND_AT, HELD_AT, PURPOSE, STATE, EVENT = range(6)
"""The columns of a row; behind them are the times of the fold."""

Row = tuple[Any, ...]
"""How a person stands, and one of their consents: everything as text, or None."""

NOTHING_SAID: Final = Fold()
_STATES: Final = {state.value: state for state in State}

# As text, since most times are never looked at. LIMIT and OFFSET keep the planner from reading
# two whole tables to join them to some thousand people: it takes each person's rows by index,
# whatever the statistics say.
_QUERY: Final = f"""
SELECT {{who}}, standing.last_inbound_at, standing.held_at, consent.*
FROM consents_channelidentity identity
LEFT JOIN LATERAL (
    SELECT last_inbound_at::text, held_at::text
    FROM consents_standing WHERE identity_id = identity.id LIMIT 1
) standing ON true
LEFT JOIN LATERAL (
    SELECT purpose_id::text, {", ".join(f"{field}::text" for field in FOLD_FIELDS)}
    FROM consents_consent
    WHERE identity_id = identity.id AND purpose_id = ANY(%(purposes)s::uuid[]) OFFSET 0
) consent ON true
WHERE identity.sender_id = %(sender)s AND identity.channel = %(channel)s AND {{condition}}
"""  # noqa: S608 - column names are ours

# One text: a list takes Python as long to write as all else that is done for it here. No key holds
# a line feed, since all are printable.
_KEYS: Final = "string_to_array(%(keys)s, E'\\n')"
_KEPT_UNDER: Final = _QUERY.format(
    who="identity.address", condition=f"identity.lookup_key = ANY({_KEYS})"
)
# No digest looks as a key does here.
_MEANT_BY: Final = _QUERY.format(
    who="COALESCE('=' || identity.lookup_key, encode(identity.digest, 'hex'))",
    condition=f"(identity.lookup_key = ANY({_KEYS}) OR identity.digest = ANY(%(digests)s))",
)


class People:
    """Those of one sender on one channel; what is found of one is read at one moment."""

    def __init__(self, sender: Sender, channel: Channel, purposes: Sequence[str]) -> None:
        self._constants: Mapping[str, Any] = {
            "sender": sender.id,
            "channel": channel.value,
            "purposes": list(purposes),
        }

    def kept_under(self, keys: Collection[str]) -> Mapping[str, list[Row]]:
        """Those that have these lookup keys, by their address."""
        return self._fetch(_KEPT_UNDER, {"keys": "\n".join(keys)}) if keys else {}

    def meant_by(self, addresses: Iterable[Address]) -> Mapping[str, list[Row]]:
        """Those that these addresses mean, erased ones too, by lookup key."""
        digests = {
            address.lookup_key: identity_digest(address.channel.value, address.lookup_key)
            for address in addresses
        }
        wanted = {"keys": "\n".join(digests), "digests": list(digests.values())}
        found = self._fetch(_MEANT_BY, wanted) if digests else {}
        known = {key: found.get(f"={key}") or found.get(digests[key].hex()) for key in digests}
        return {key: rows for key, rows in known.items() if rows}

    def _fetch(self, statement: str, wanted: Mapping[str, Any]) -> Mapping[str, list[Row]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._constants, **wanted})
            rows: list[Row] = cursor.fetchall()
        known = {row[WHO]: [row] for row in rows}
        if len(known) < len(rows):
            # Of those with several consents, one row each is there already.
            for row in rows:
                group = known[row[WHO]]
                if group[0] is not row:
                    group.append(row)
        return known


def fold_of(row: Row) -> Fold:
    """The event stays text: it is passed through to the answer, which shows it as text."""
    _, _, _, _, state, event, *times = row
    return Fold(_STATES[state], event, *map(read_time, times))


def read_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
