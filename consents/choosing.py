"""What a person changes of their own preferences: written down once, and only what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from consents import ledger, preferences
from consents.models import Contact, Standing
from consents.preferences import Control
from consents.vocabulary import ROOT_PURPOSE, Action, Channel, Origin

PAGE_SOURCE: Final = "PREFERENCE_PAGE"
ONE_CLICK_SOURCE: Final = "ONE_CLICK_UNSUBSCRIBE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who says so, as far as the connection tells: for the evidence."""

    ip: str | None = field(default=None, repr=False)
    user_agent: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How one control was shown, and how it was left. `evidence`: what the person read."""

    was_on: bool
    is_on: bool
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """`changed`: how many controls; `is_withheld`: something was not switched on."""

    changed: int
    is_withheld: bool


def save(contact: Contact, wishes: Mapping[str, Wish], version: str, visitor: Visitor) -> Saved:
    """Record what the person changed of what they were shown, and no more.

    `wishes` by the keys of controls. Where something has happened since that version was shown,
    opt-outs are recorded all the same and opt-ins are not: an old form, or one that is sent again,
    must not lift an opt-out that came after it.
    """

    def work() -> Saved:
        _lock(contact)
        is_fresh = preferences.of(contact).version == version
        return _Saving(contact, wishes, visitor, may_switch_on=is_fresh).carry_out()

    return ledger.once_more_on_deadlock(work)


def leave(
    contact: Contact,
    visitor: Visitor,
    evidence: Mapping[str, Any],
    *,
    channel: Channel | None = None,
    purpose: str = ROOT_PURPOSE,
    source: str = PAGE_SOURCE,
) -> bool:
    """Opt out of a purpose and all below it, on one channel or on all; False: it was so already.

    Raises ConsentError `no_identity` when the contact has no address there.
    """

    def work() -> bool:
        _lock(contact)
        if preferences.has_left(contact, channel=channel, purpose=purpose):
            return False
        said = _Said(contact, visitor, evidence, source)
        said.opt_out([channel] if channel else [], purpose)
        return True

    return ledger.once_more_on_deadlock(work)


def action_for(control: Control, wish: Wish, *, is_category_switched_on: bool) -> Action | None:
    """What has to be recorded so that the control stands as the person left it.

    What they left off below a category that they switched on stays off, and that is said aloud.
    What they left on below one that they switched off goes off with it: nobody who has stopped
    offers goes on receiving some of them.
    """
    if wish.is_on:
        return Action.OPT_IN if not wish.was_on and not control.is_on else None
    may_go_off = wish.was_on or is_category_switched_on
    return Action.OPT_OUT if control.is_on and may_go_off else None


@dataclass(slots=True)
class _Saving:
    """One form, control by control: each category before what is below it, and may move with it."""

    contact: Contact
    wishes: Mapping[str, Wish]
    visitor: Visitor
    may_switch_on: bool
    switched_on: set[tuple[Channel, str | None]] = field(default_factory=set)
    changed: int = 0
    is_withheld: bool = False

    def carry_out(self) -> Saved:
        controls = preferences.of(self.contact).controls
        for key in [key for key in controls if key in self.wishes]:
            if self._settle(controls[key], self.wishes[key]):
                controls = preferences.of(self.contact).controls
        return Saved(changed=self.changed, is_withheld=self.is_withheld)

    def _settle(self, control: Control, wish: Wish) -> bool:
        """Whether something was written."""
        above = (control.channel, control.purpose.category)
        action = action_for(control, wish, is_category_switched_on=above in self.switched_on)
        if action == Action.OPT_IN and not self.may_switch_on:
            self.is_withheld = True
            return False
        if action is None:
            return False
        _Said(self.contact, self.visitor, wish.evidence).change(control, action)
        self.changed += 1
        if action == Action.OPT_IN and control.is_category:
            self.switched_on.add(above)
        return True


@dataclass(frozen=True, slots=True)
class _Said:
    """Writes down what the person says."""

    contact: Contact
    visitor: Visitor
    evidence: Mapping[str, Any]
    source: str = PAGE_SOURCE

    def change(self, control: Control, action: Action) -> None:
        if action == Action.OPT_OUT:
            self.opt_out([control.channel], control.purpose.key)
        else:
            self._opt_in(control.channel, control.purpose.key)

    def opt_out(self, channels: Sequence[Channel], purpose: str) -> None:
        self._record(Action.OPT_OUT, purpose, channels=channels)

    def _opt_in(self, channel: Channel, purpose: str) -> None:
        """Address by address: none that has been erased."""
        for one in preferences.reachable(self.contact, channel):
            self._record(Action.OPT_IN, purpose, channel=one.channel, identity=one.address)

    def _record(self, action: Action, purpose: str, **whom: Any) -> None:
        ledger.record(
            self.contact.sender,
            action=action,
            purpose=purpose,
            contact=self.contact,
            source=self.source,
            origin=Origin.PREFERENCE_PAGE,
            ip=self.visitor.ip,
            user_agent=self.visitor.user_agent,
            evidence=self.evidence,
            **whom,
        )


def _lock(contact: Contact) -> None:
    """All of the contact's standings, in the one order: an opt-out may spread over all of them."""
    ids = contact.identities.values_list("id", flat=True)
    list(Standing.objects.locked(ids).values_list("identity_id"))
