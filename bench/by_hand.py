"""The same rows as an import writes, by hand-written SQL over whole sets: the floor of importing,
and how the benchmark's data are made.

What it spares itself: it takes for granted that every address is new, canonical and its own lookup
key, and that nobody else writes. What it writes is real: digests and commitments are those that
the product would compute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg

from bench.people import CHANNEL, DIGITS, PREFIX
from consents.identifiers import PLAN_DOES_NOT_KNOW

CHUNK = 10_000
"""Rows a transaction."""

_STAGE = """
CREATE TEMP TABLE staged (
    address text NOT NULL,
    action text NOT NULL DEFAULT 'opt_in',
    ip text,
    user_agent text NOT NULL DEFAULT '',
    evidence text NOT NULL DEFAULT '{}',
    contact uuid NOT NULL DEFAULT uuidv7(),
    identity uuid NOT NULL DEFAULT uuidv7(),
    event uuid NOT NULL DEFAULT uuidv7(),
    salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
    address_salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid())
) ON COMMIT DELETE ROWS
"""

_PEOPLE = """
INSERT INTO staged (address, action, ip, user_agent, evidence)
SELECT %(prefix)s || lpad(index::text, %(digits)s, '0'),
       CASE WHEN index %% 10 = 9 THEN 'opt_out' ELSE 'opt_in' END,
       '203.0.113.' || index %% 256, %(user_agent)s, %(evidence)s
FROM generate_series(%(first)s, %(last)s::bigint) AS index
"""

# An HMAC-SHA-256 (RFC 2104) of two plain hashes, for want of an extension: the key comes in as its
# inner and outer block.
_TABLES = (
    """
    INSERT INTO consents_contact
        (id, sender_id, external_id, display_name, language, created_at)
    SELECT contact, %(sender)s, NULL, '', '', now() FROM staged
    """,
    """
    INSERT INTO consents_channelidentity
        (id, sender_id, contact_id, channel, address, lookup_key, digest, warnings, created_at)
    SELECT identity, %(sender)s, contact, %(channel)s::text, address, address,
           sha256(%(outer)s || sha256(
               %(inner)s || convert_to(%(channel)s::text, 'UTF8') || '\\x00'
                         || convert_to(address, 'UTF8'))),
           jsonb_build_array(%(warning)s::text), now()
    FROM staged
    """,
    """
    INSERT INTO consents_standing (identity_id, window_noted, may_write, last_recorded_at)
    SELECT identity, false, action = 'opt_in', now() FROM staged
    """,
    """
    INSERT INTO consents_consentevent
        (id, sender_id, identity_id, action, purpose_id, source, origin, actor, lifts,
         occurred_at, recorded_at, effective, outcome, address_commitment, detail_commitment)
    SELECT event, %(sender)s, identity, action, %(purpose)s, 'IMPORT', 'import', '', 'nothing',
           now(), now(), true, 'changed',
           sha256(convert_to('address', 'UTF8') || '\\x00' || address_salt
                  || convert_to(%(channel)s::text, 'UTF8') || '\\x00'
                  || convert_to(address, 'UTF8')),
           sha256(convert_to('detail', 'UTF8') || '\\x00' || salt || convert_to(
               '{"evidence":' || evidence || ',"ip":' || coalesce(to_json(ip)::text, 'null')
               || ',"note":"","user_agent":' || to_json(user_agent) || '}', 'UTF8'))
    FROM staged
    """,
    """
    INSERT INTO consents_eventdetail
        (event_id, ip, user_agent, evidence, note, salt, address_salt)
    SELECT event, ip::inet, user_agent, evidence::jsonb, '', salt, address_salt FROM staged
    """,
    """
    INSERT INTO consents_consent
        (id, identity_id, purpose_id, state, event_id, since, opted_in_at, opted_out_at)
    SELECT uuidv7(), identity, %(purpose)s,
           CASE action WHEN 'opt_in' THEN 'opted_in' ELSE 'opted_out' END, event, now(),
           CASE action WHEN 'opt_in' THEN now() END, CASE action WHEN 'opt_out' THEN now() END
    FROM staged
    """,
    """
    INSERT INTO providers_providersync
        (id, account_id, identity_id, event_id, kind, status, reason, code, text, attempts,
         due_at, sent_at, ended_at, is_uncertain, is_resend, created_at)
    SELECT uuidv7(), account, identity, event, action,
           CASE WHEN %(is_told)s THEN 'succeeded' ELSE 'pending' END, '', '', '',
           %(is_told)s::int, now(), CASE WHEN %(is_told)s THEN now() END,
           CASE WHEN %(is_told)s THEN now() END, false, false, now()
    FROM staged CROSS JOIN unnest(%(accounts)s::uuid[]) AS account
    """,
)

EVIDENCE = '{"form":"newsletter","policy":"2026-01","url":"https://www.example.com/join"}'
"""Written as commitments write JSON: sorted, without spaces."""

USER_AGENT = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36"
)


@dataclass(frozen=True, slots=True)
class ByHand:
    """Writes into one sender's book; `accounts`: those that are owed each change."""

    connection: psycopg.Connection[Any]
    sender: UUID
    purpose: UUID
    accounts: tuple[UUID, ...]
    digest_key: str

    def __post_init__(self) -> None:
        self.connection.execute(_STAGE)

    def populate(self, people: range) -> None:
        """The people of these indices, most of them opted in; the providers know already."""
        for at in range(0, len(people), CHUNK):
            chunk = people[at : at + CHUNK]
            values = {
                "prefix": PREFIX,
                "digits": DIGITS,
                "user_agent": USER_AGENT,
                "evidence": EVIDENCE,
                "first": chunk[0],
                "last": chunk[-1],
            }
            with self.connection.transaction(), self.connection.cursor() as cursor:
                cursor.execute(_PEOPLE, values)
                self._write(cursor, is_told=True)

    def opt_in(self, addresses: Iterable[str]) -> None:
        """Opt all of them in, as an import would that was given nothing but their addresses."""
        for chunk in _chunks(addresses):
            with self.connection.transaction(), self.connection.cursor() as cursor:
                with cursor.copy("COPY staged (address) FROM STDIN") as copy:
                    copy.write("".join(f"{address}\n" for address in chunk))
                self._write(cursor, is_told=False)

    def _write(self, cursor: psycopg.Cursor[Any], *, is_told: bool) -> None:
        inner, outer = _hmac_blocks(self.digest_key)
        values = {
            "sender": self.sender,
            "purpose": self.purpose,
            "channel": CHANNEL,
            "accounts": list(self.accounts),
            "is_told": is_told,
            "warning": PLAN_DOES_NOT_KNOW,
            "inner": inner,
            "outer": outer,
        }
        for statement in _TABLES:
            cursor.execute(statement, values)


def _hmac_blocks(key: str) -> tuple[bytes, bytes]:
    """The key as RFC 2104 mixes it in before the inner and the outer hash."""
    raw = key.encode()
    block = (hashlib.sha256(raw).digest() if len(raw) > 64 else raw).ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _chunks(addresses: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(addresses)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
