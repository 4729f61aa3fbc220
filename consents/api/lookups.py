"""Finds the people that a request names, among the senders it may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q, QuerySet

from consents import entries, identifiers
from consents.api.fields import Fields, as_uuid
from consents.commitments import identity_digest
from consents.errors import ConsentError
from consents.gate import readable
from consents.models import ChannelIdentity, Contact, Sender
from consents.vocabulary import Channel, IdentityKind


def as_meant(channel: Channel, text: str) -> str:
    """An identity from a query: its unescaped `+` has arrived as a space."""
    if channel.identity_kind is not IdentityKind.PHONE:
        return text.replace(" ", "+")
    return f"+{text.lstrip()}" if text.startswith(" ") else text


def identities(senders: Iterable[Sender], query: Fields) -> QuerySet[ChannelIdentity] | None:
    """Those that `identity` and `channel` of a query name; None when it names neither.

    Raises ConsentError `unknown_channel`, and `invalid_identity` for what no channel can read.
    """
    text = query.text("identity")
    named = query.text("channel")
    if not text and not named:
        return None
    channels = [entries.channel(named)] if named else list(Channel)
    found = ChannelIdentity.objects.filter(sender__in=senders, channel__in=channels)
    return found.filter(_is_any_of(_addresses(channels, text))) if text else found


def contacts_named(sender: Sender, names: Iterable[str]) -> Mapping[str, Contact]:
    """Contacts by what they were called: our id of them, or the caller's."""
    wanted = set(names)
    ids = {id: name for name in wanted if (id := as_uuid(name))}
    if not wanted:
        return {}
    rows = Contact.objects.filter(Q(id__in=list(ids)) | Q(external_id__in=wanted), sender=sender)
    found = {}
    for contact in rows:
        if contact.external_id in wanted:
            found[contact.external_id] = contact
    return found | {ids[contact.id]: contact for contact in rows if contact.id in ids}


def contact_named(sender: Sender, name: str) -> Contact:
    """Raises ConsentError `unknown_contact`."""
    return existing(contacts_named(sender, [name]), name)


def existing(contacts: Mapping[str, Contact], name: str) -> Contact:
    """Raises ConsentError `unknown_contact`."""
    if name not in contacts:
        raise ConsentError("unknown_contact", "There is no such contact.", "contact")
    return contacts[name]


def _addresses(channels: Sequence[Channel], text: str) -> list[identifiers.Address]:
    found = [readable(channel, as_meant(channel, text)) for channel in channels]
    addresses = [address for address in found if address]
    if not addresses:
        raise ConsentError("invalid_identity", "No channel can read this identity.", "identity")
    return addresses


def _is_any_of(addresses: Iterable[identifiers.Address]) -> Q:
    keys = {(address.channel.value, address.lookup_key) for address in addresses}
    digests = [identity_digest(*key) for key in keys]
    return Q(lookup_key__in={lookup_key for _, lookup_key in keys}) | Q(digest__in=digests)
