"""A statement in order, with all that can be worked out of it before the database is asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consents.addressbook import AddressKey
from consents.commitments import canonical, commit_to_address, commit_to_parts, identity_digest
from consents.commitments import new_salt as _new_salt
from consents.entries import Draft
from consents.identifiers import Address
from consents.models.base import new_id_text
from consents.vocabulary import SPREADING_ORIGINS, Action


class NewContact(NamedTuple):
    """Whose an identity will be where nobody knows it yet; `id` as text."""

    id: str
    external_id: str | None = None
    display_name: str = ""
    language: str = ""


class Prepared(NamedTuple):
    """`digest` recognises the address; the salts and commitments are those of the line.

    `event` is its id as text, `evidence` canonical JSON.
    """

    address: Address
    digest: bytes
    event: str
    action: str
    purpose: UUID
    source: str
    origin: str
    actor: str
    lifts: str
    occurred_at: datetime | None
    ip: str | None
    user_agent: str
    evidence: str
    note: str
    salt: bytes
    address_salt: bytes
    address_commitment: bytes
    detail_commitment: bytes
    contact: NewContact | None = None


def stands_alone(draft: Draft, now: datetime) -> bool:
    """Whether it speaks of one identity alone, at a time that is past by `now`.

    A claim of a time yet to come is cut when it is written, and kept in the evidence.
    """
    return (
        draft.address is not None
        and draft.contact is None
        and not (draft.action == Action.OPT_OUT and draft.origin in SPREADING_ORIGINS)
        and (draft.occurred_at is None or draft.occurred_at <= now)
    )


def waits(draft: Draft) -> bool:
    """Whether it is an opt-in that has to be confirmed."""
    return draft.action == Action.OPT_IN_REQUESTED


def ask_and_say_more(said: Collection[tuple[AddressKey, bool]]) -> set[AddressKey]:
    """Who has to confirm something and says something else besides, by who says what that `waits`.

    What they say is not written together with others': one thing depends on the other.
    """
    asking = {key for key, is_waiting in said if is_waiting}
    return (
        {key for key, is_waiting in said if not is_waiting and key in asking} if asking else set()
    )


def prepare(draft: Draft, contact: NewContact | None = None) -> Prepared:
    """For a draft that `stands_alone`."""
    address = draft.address
    assert address is not None  # noqa: S101 - by the condition above
    salt, address_salt = _new_salt(), _new_salt()
    evidence = canonical(draft.evidence)
    return Prepared(
        address=address,
        digest=identity_digest(address.channel.value, address.lookup_key),
        event=new_id_text(),
        action=draft.action.value,
        purpose=draft.purpose.id,
        source=draft.source,
        origin=draft.origin.value,
        actor=draft.actor,
        lifts=draft.lifts.value,
        occurred_at=draft.occurred_at,
        ip=draft.ip,
        user_agent=draft.user_agent,
        evidence=evidence,
        note=draft.note,
        salt=salt,
        address_salt=address_salt,
        address_commitment=commit_to_address(address_salt, address.channel.value, address.value),
        detail_commitment=commit_to_parts(
            salt,
            ip=draft.ip,
            user_agent=draft.user_agent,
            evidence=evidence,
            note=draft.note,
        ),
        contact=contact,
    )
