"""Finds the identities that addresses mean, and makes those that are new."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from consents import identifiers
from consents.commitments import identity_digest
from consents.errors import ConsentError
from consents.identifiers import Address
from consents.models import ChannelIdentity, Contact, Sender, Standing
from consents.vocabulary import Channel, Lifts

AddressKey = tuple[str, str]
"""Channel and lookup key: what makes two spellings the same identity."""


@dataclass(frozen=True, slots=True)
class Found:
    """`attached`: identities just made that belong to a contact who was there before."""

    identities: Mapping[AddressKey, ChannelIdentity]
    attached: Collection[ChannelIdentity] = ()


def key_of(address: Address) -> AddressKey:
    return (address.channel.value, address.lookup_key)


def find(sender: Sender, addresses: Iterable[Address]) -> dict[AddressKey, ChannelIdentity]:
    """The identities that exist already, erased ones by their digest."""
    wanted: dict[str, dict[bytes, str]] = {}
    for channel, lookup_key in {key_of(address) for address in addresses}:
        wanted.setdefault(channel, {})[identity_digest(channel, lookup_key)] = lookup_key
    if not wanted:
        return {}
    query = Q()
    for channel, keys in wanted.items():
        known = Q(lookup_key__in=list(keys.values())) | Q(digest__in=list(keys))
        query |= Q(channel=channel) & known
    found = ChannelIdentity.objects.filter(query, sender=sender).select_related("contact")
    return {(one.channel, _lookup_key(one, wanted[one.channel])): one for one in found}


def named(sender: Sender, text: str) -> list[ChannelIdentity]:
    """The identities that this text, taken whole, is an address of on some channel."""
    addresses = [found for channel in Channel if (found := _read(channel, text))]
    return list(find(sender, addresses).values())


def _read(channel: Channel, text: str) -> Address | None:
    try:
        return identifiers.normalise(channel, text)
    except ConsentError:
        return None


def find_or_create(sender: Sender, wanted: Mapping[Address, Contact | None]) -> Found:
    """The identity of each address; a new one belongs to the contact named, else to a new one.

    Must run in a transaction, before any standing is locked. An address that somebody else has
    already stays theirs: the caller looks whose it is. Of several spellings of one address, and of
    several contacts named for it, the first counts.
    """
    contacts: dict[AddressKey, Contact] = {}
    spelled: dict[AddressKey, Address] = {}
    for address, contact in wanted.items():
        spelled.setdefault(key_of(address), address)
        if contact:
            contacts.setdefault(key_of(address), contact)
    found = find(sender, wanted)
    missing = {key: address for key, address in spelled.items() if key not in found}
    if not missing:
        return Found(found)
    made = _create(sender, missing, contacts)
    found |= find(sender, missing.values())
    new = [found[key] for key in missing if found[key].id in made]
    return Found(found, [one for one in new if (one.channel, one.lookup_key) in contacts])


def hand_over(identity: ChannelIdentity, to: Contact) -> bool:
    """Let a stranger's identity belong to the contact that it turns out to be.

    Under the identity's lock. False when somebody else was faster.
    """
    stranger = identity.contact
    moved = ChannelIdentity.objects.filter(id=identity.id, contact=stranger).update(contact=to)
    if moved:
        identity.contact = to
        left = Contact.objects.filter(id=stranger.id, identities__isnull=True)
        left.filter(erasures__isnull=True).delete()
    return bool(moved)


def erased_contacts(contacts: Collection[UUID]) -> set[UUID]:
    """Those of whom nobody is known by any address, since they were erased."""
    rows = Standing.objects.filter(identity__contact__in=contacts)
    known: dict[UUID, bool] = {}
    for contact, erased_at in rows.values_list("identity__contact", "erased_at"):
        known[contact] = known.get(contact, False) or erased_at is None
    return {contact for contact, is_known in known.items() if not is_known}


def comes_back(lifts: Lifts, occurred_at: datetime | None, erased_at: datetime) -> bool:
    """Whether somebody erased then is known again by this opt-in: of their own will, and later."""
    return lifts == Lifts.ANY and (occurred_at is None or occurred_at > erased_at)


def bring_back(identity: ChannelIdentity, address: Address) -> None:
    """Let an erased identity be known by its address again. Under the identity's lock."""
    if identity.address is None:
        identity.address, identity.lookup_key = address.value, address.lookup_key
        identity.warnings = list(address.warnings)
        identity.save(update_fields=["address", "lookup_key", "warnings"])


def _lookup_key(identity: ChannelIdentity, keys: Mapping[bytes, str]) -> str:
    return identity.lookup_key or keys[bytes(identity.digest)]


def _create(
    sender: Sender, missing: Mapping[AddressKey, Address], contacts: Mapping[AddressKey, Contact]
) -> set[UUID]:
    """Make what is missing, in one order for everybody; somebody else may be faster."""
    owners = {key: contacts.get(key) or Contact(sender=sender) for key in sorted(missing)}
    strangers = [owner for key, owner in owners.items() if key not in contacts]
    Contact.objects.bulk_create(strangers)
    identities = [_new_identity(sender, missing[key], owner) for key, owner in owners.items()]
    ChannelIdentity.objects.bulk_create(identities, ignore_conflicts=True)
    ids = [identity.id for identity in identities]
    made = set(ChannelIdentity.objects.filter(id__in=ids).values_list("id", flat=True))
    Standing.objects.bulk_create([Standing(identity_id=id) for id in ids if id in made])
    lost = [one.contact_id for one in identities if one.id not in made]
    unused = {owner.id for owner in strangers}.intersection(lost)
    if unused:
        Contact.objects.filter(id__in=unused).delete()
    return made


def _new_identity(sender: Sender, address: Address, contact: Contact) -> ChannelIdentity:
    return ChannelIdentity(
        sender=sender,
        contact=contact,
        channel=address.channel.value,
        address=address.value,
        lookup_key=address.lookup_key,
        digest=identity_digest(address.channel.value, address.lookup_key),
        warnings=list(address.warnings),
    )
