"""The floor of asking about many people: the rows that decide, read by plain psycopg.

Runs in processes of its own, which import nothing of Django.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from uuid import UUID

import psycopg

from bench.people import CHANNEL

_DECIDING = """
SELECT identity.lookup_key, standing.last_inbound_at, standing.held_at, consent.purpose_id,
       consent.state, consent.event_id, consent.since, consent.opted_in_at, consent.lifted_at,
       consent.dropin_lifted_at, consent.opted_out_at, consent.dropin_opted_out_at
FROM consents_channelidentity AS identity
JOIN consents_standing AS standing ON standing.identity_id = identity.id
LEFT JOIN consents_consent AS consent
       ON consent.identity_id = identity.id AND consent.purpose_id = ANY(%s)
WHERE identity.sender_id = %s AND identity.channel = %s AND identity.lookup_key = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Question:
    """`chain`: the purposes that have a say. `url`: of the database."""

    url: str
    sender: UUID
    chain: Sequence[UUID]
    batches: Sequence[Sequence[str]]


def once(question: Question) -> float:
    """People a second, each batch asked about once."""
    return _ask(question, seconds=None)


def for_a_while(question: Question, seconds: float) -> float:
    """People a second, the batches asked about over and over."""
    return _ask(question, seconds)


def _ask(question: Question, seconds: float | None) -> float:
    people = 0
    batches = question.batches if seconds is None else cycle(question.batches)
    with psycopg.connect(question.url, autocommit=True) as connection:
        begun = time.perf_counter()
        for batch in batches:
            values = [list(question.chain), question.sender, CHANNEL, list(batch)]
            connection.execute(_DECIDING, values).fetchall()
            people += len(batch)
            if seconds is not None and time.perf_counter() - begun >= seconds:
                break
        return people / (time.perf_counter() - begun)
