"""Which identities an entry speaks of: found or made, and locked with all that it touches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from consents import addressbook
from consents.addressbook import AddressKey, key_of
from consents.entries import Draft
from consents.errors import ConsentError
from consents.identifiers import Address
from consents.models import ChannelIdentity, ConsentEvent, Contact
from consents.vocabulary import (
    INHERITED_ORIGINS,
    ROOT_PURPOSE,
    SPREADING_ORIGINS,
    Action,
    Origin,
    StopScope,
)
from consents.writing import Line, Page


class Reach:
    """Opened once for all drafts of a page, then asked for the lines of each.

    A person's own opt-out (keyword, preference page, provider) counts for the contact's other
    identities on that channel, or on every channel where the sender says so; also for identities
    that join the contact later. An opt-in never spreads.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._found = addressbook.Found({})
        self._families: dict[UUID, list[ChannelIdentity]] = {}
        self._moved: list[tuple[ChannelIdentity, UUID]] = []
        self._erased: set[UUID] = set()

    def open(self, drafts: Sequence[Draft]) -> None:
        """Find or make every identity named, and lock them with those that may follow."""
        wanted = _wanted(drafts)
        self._found = addressbook.find_or_create(self._page.sender, wanted)
        claimed = self._claimed(wanted)
        self._lock(self._contacts_touched(drafts) | {contact.id for _, contact in claimed})
        self._hand_over(claimed)

    def join(self, address: Address, contact: Contact) -> ChannelIdentity:
        """The identity of this address; a new one joins the contact, and is locked with theirs."""
        self._found = addressbook.find_or_create(self._page.sender, {address: contact})
        self._lock({one.contact_id for one in self._found.attached})
        return self._found.identities[key_of(address)]

    def _lock(self, contacts: Collection[UUID]) -> None:
        named = [identity.id for identity in self._found.identities.values()]
        self._families = _families(contacts)
        self._page.lock([*named, *_ids(self._families)])
        if contacts:
            # Somebody may have joined before the locks were ours; whoever joins after waits.
            self._families = _families(contacts)
            self._page.lock(_ids(self._families))
        standings = self._page.standings.values()
        self._erased = {one.identity_id for one in standings if one.erased_at}

    def lines_of(self, draft: Draft) -> list[Line]:
        """The lines that record this draft, its own first. Raises ConsentError.

        Somebody erased is known again by an opt-in of their own, and in this page is nobody's.
        """
        if draft.address is None:
            first, *others = self._all_of(draft)
            if _spreads(draft):
                kin = [one for named in (first, *others) for one in self._kin(named)]
                others = list({one.id: one for one in (*others, *kin) if one != first}.values())
            return _with_others(_line(draft, first), draft, others)
        identity = self._found.identities[key_of(draft.address)]
        erased_at = self._erased_at(identity)
        if erased_at and _comes_back(draft, erased_at):
            addressbook.bring_back(identity, draft.address)
            self._page.touch(identity.id).erased_at = None
        is_others = draft.contact and draft.contact.id != identity.contact_id
        is_nobodys = identity.id in self._erased
        if is_others and not is_nobodys and draft.action != Action.OPT_OUT:
            raise ConsentError(
                "identity_conflict", "This identity belongs to another contact.", "identity"
            )
        own = _line(draft, identity)
        return _with_others(own, draft, self._kin(identity) if _spreads(draft) else [])

    def inherited(self) -> Iterator[Line]:
        """Who joined which contact, and the opt-outs that they take over from it."""
        for identity, stranger in self._moved:
            yield self._moving(identity, stranger)
        yield from self._taken_over(
            [*self._found.attached, *(identity for identity, _ in self._moved)]
        )

    def bring(self, identity: ChannelIdentity, to: Contact) -> tuple[Contact, Iterator[Line]]:
        """Let a contact have the identity from now on: whose it was, and the opt-outs that it
        takes over from them.

        Locks it and theirs. Raises ConsentError `already_theirs`.
        """
        self._found = addressbook.Found({(identity.channel, str(identity.id)): identity})
        self._lock({to.id})
        identity.refresh_from_db(fields=["contact"])
        before = identity.contact
        if before == to:
            raise ConsentError("already_theirs", "This address is theirs already.", "to")
        identity.contact = to
        identity.save(update_fields=["contact"])
        self._families = _families([to.id])
        return before, self._taken_over([identity])

    def _taken_over(self, joined: Sequence[ChannelIdentity]) -> Iterator[Line]:
        kin = [(identity, self._kin(identity)) for identity in joined]
        stops = _own_stops({other.id for _, others in kin for other in others})
        for identity, others in kin:
            said = [stop for other in others for stop in stops[other.id] if self._refuses(stop)]
            newest = {one.purpose_id: one for one in sorted(said, key=lambda one: one.occurred_at)}
            yield from (_repeated(stop, identity) for stop in newest.values())

    def _claimed(
        self, wanted: Mapping[Address, Contact | None]
    ) -> list[tuple[ChannelIdentity, Contact]]:
        """Identities of strangers, of whom an entry says which contact they are."""
        named = [
            (self._found.identities[key_of(address)], to) for address, to in wanted.items() if to
        ]
        return [
            (identity, to)
            for identity, to in named
            if identity.contact_id != to.id and identity.contact.is_stranger
        ]

    def _hand_over(self, claimed: Sequence[tuple[ChannelIdentity, Contact]]) -> None:
        for identity, contact in claimed:
            stranger = identity.contact_id
            if not self._erased_at(identity) and addressbook.hand_over(identity, contact):
                self._moved.append((identity, stranger))
        if self._moved:
            self._families = _families(self._families)

    def _erased_at(self, identity: ChannelIdentity) -> datetime | None:
        return self._page.standings[identity.id].erased_at

    def _moving(self, identity: ChannelIdentity, stranger: UUID) -> Line:
        return Line(
            identity=identity,
            action=Action.IDENTITY_MOVED,
            purpose=self._page.purposes.named(ROOT_PURPOSE),
            origin=Origin.SYSTEM,
            evidence={"from": str(stranger), "to": str(identity.contact_id)},
        )

    def _refuses(self, stop: ConsentEvent) -> bool:
        """Whether no opt-in has lifted it; those of drop-ins cannot."""
        lifted_at = self._page.folds[stop.identity_id][stop.purpose_id].lifted_at
        return lifted_at is None or lifted_at <= stop.occurred_at

    def _contacts_touched(self, drafts: Sequence[Draft]) -> set[UUID]:
        touched = {one.contact_id for one in self._found.attached}
        for draft in drafts:
            if draft.address is None and draft.contact:
                touched.add(draft.contact.id)
            elif draft.address and _spreads(draft):
                touched.add(self._found.identities[key_of(draft.address)].contact_id)
        return touched

    def _all_of(self, draft: Draft) -> list[ChannelIdentity]:
        family = self._families.get(draft.contact.id, []) if draft.contact else []
        named = [one for one in family if not draft.channels or one.channel in draft.channels]
        if not named:
            raise ConsentError(
                "no_identity", "The contact has no identity on these channels.", "contact"
            )
        if draft.action == Action.OPT_OUT:
            return named
        known = [one for one in named if not self._erased_at(one)]
        if not known:
            message = "This person was erased: name the address with which they came back."
            raise ConsentError("erased", message, "contact")
        return known

    def _kin(self, identity: ChannelIdentity) -> list[ChannelIdentity]:
        """The contact's other identities that a person's own opt-out counts for."""
        everywhere = self._page.sender.stop_scope == StopScope.CONTACT
        return [
            one
            for one in self._families[identity.contact_id]
            if one.id != identity.id and (everywhere or one.channel == identity.channel)
        ]


def _wanted(drafts: Iterable[Draft]) -> dict[Address, Contact | None]:
    """Each address once, as it is spelled first, and the contact that is named for it first."""
    spelled: dict[AddressKey, Address] = {}
    wanted: dict[Address, Contact | None] = {}
    for draft in drafts:
        if draft.address:
            address = spelled.setdefault(key_of(draft.address), draft.address)
            wanted[address] = wanted.get(address) or draft.contact
    return wanted


def _own_stops(identities: Collection[UUID]) -> Mapping[UUID, list[ConsentEvent]]:
    """These people's own opt-outs, by identity; nobody can void them."""
    stops: dict[UUID, list[ConsentEvent]] = defaultdict(list)
    if identities:
        lines = ConsentEvent.objects.filter(identity__in=identities, action=Action.OPT_OUT.value)
        for line in lines.filter(origin__in=INHERITED_ORIGINS).select_related("purpose"):
            stops[line.identity_id].append(line)
    return stops


def _comes_back(draft: Draft, erased_at: datetime) -> bool:
    """Not by an opt-in that anybody may have asked for, and nobody has confirmed."""
    is_own = draft.action != Action.OPT_IN_REQUESTED
    return is_own and addressbook.comes_back(draft.lifts, draft.occurred_at, erased_at)


def _spreads(draft: Draft) -> bool:
    return draft.action == Action.OPT_OUT and draft.origin in SPREADING_ORIGINS


def _families(contacts: Iterable[UUID]) -> dict[UUID, list[ChannelIdentity]]:
    families: dict[UUID, list[ChannelIdentity]] = {contact: [] for contact in contacts}
    if families:
        for one in ChannelIdentity.objects.filter(contact__in=families).order_by("id"):
            families[one.contact_id].append(one)
    return families


def _ids(families: dict[UUID, list[ChannelIdentity]]) -> list[UUID]:
    return [one.id for family in families.values() for one in family]


def _with_others(own: Line, draft: Draft, others: Iterable[ChannelIdentity]) -> list[Line]:
    """One statement of one person: the lines for the others follow from the first."""
    return [own, *(replace(_line(draft, one), cause=own.event) for one in others)]


def _line(draft: Draft, identity: ChannelIdentity) -> Line:
    return Line(
        identity=identity,
        action=draft.action,
        purpose=draft.purpose,
        origin=draft.origin,
        source=draft.source,
        actor=draft.actor,
        lifts=draft.lifts,
        occurred_at=draft.occurred_at,
        ip=draft.ip,
        user_agent=draft.user_agent,
        evidence=draft.evidence,
        note=draft.note,
    )


def _repeated(event: ConsentEvent, identity: ChannelIdentity) -> Line:
    return Line(
        identity=identity,
        action=Action.OPT_OUT,
        purpose=event.purpose,
        origin=Origin(event.origin),
        source=event.source,
        occurred_at=event.occurred_at,
        cause=event.cause_id or event.id,
    )
