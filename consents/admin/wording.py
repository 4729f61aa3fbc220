"""How consent reads to staff: sentences for events, states and the gate's answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from django.db.models import Model
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from consents.awaiting import Progress, Stage
from consents.decision import Permission
from consents.erasure import Report
from consents.identifiers import is_business_scoped
from consents.media import known
from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    Contact,
    EvidenceFile,
    Notice,
)
from consents.vocabulary import (
    ROOT_PURPOSE,
    Action,
    Basis,
    Channel,
    ConfirmedBy,
    Lifts,
    Mode,
    Origin,
    Outcome,
    Proof,
    Reason,
    State,
)

ACTIONS: Final = {
    Action.OPT_IN: "Opted in",
    Action.OPT_IN_REQUESTED: "Asked to confirm",
    Action.OPT_OUT: "Opted out",
    Action.WINDOW_OPENED: "Customer window opened",
    Action.WINDOW_CLOSED: "Customer window closed",
    Action.HELD: "Marketing put on hold",
    Action.RELEASED: "Hold released",
    Action.VOIDED: "Entry voided",
    Action.ERASED: "Erased",
    Action.IDENTITY_MOVED: "Address moved to another contact",
    Action.EXPIRED: "Opt-in has run out",
}

ORIGINS: Final = {
    Origin.API: "over the API",
    Origin.ADMIN: "by staff",
    Origin.IMPORT: "by import",
    Origin.DROPIN: "over a provider's own interface",
    Origin.PROVIDER: "by a provider's notice",
    Origin.KEYWORD: "by keyword",
    Origin.PREFERENCE_PAGE: "on the preference page",
    Origin.CONFIRM_PAGE: "on the page that asks to confirm",
    Origin.SYSTEM: "by Optbook itself",
}

OUTCOMES: Final = {
    Outcome.CHANGED: "Took effect",
    Outcome.NO_CHANGE: "No change: it was so already",
    Outcome.OUT_OF_ORDER: "No effect: something newer was known",
    Outcome.WOULD_RESURRECT: "No effect: it may not lift an opt-out",
    Outcome.UNCONFIRMED: "No effect before they confirm it",
}

CONFIRMATIONS: Final = {
    ConfirmedBy.KEYWORD: "by keyword",
    ConfirmedBy.LINK: "by link",
    ConfirmedBy.API: "as told over the API",
}

PROOFS: Final = {
    Proof.BUSINESS_NAME: "The business name shown",
    Proof.WORDING: "The wording shown",
    Proof.WORDING_VERSION: "The version of the wording",
    Proof.MEDIUM: "The medium",
    Proof.LANGUAGE: "The language",
    Proof.LEGAL_BASIS: "The legal basis",
}

_STATES: Final = {
    State.OPTED_IN: "Opted in to",
    State.OPTED_OUT: "Opted out of",
    State.EXPIRED: "No longer opted in to",
}

_MODES: Final = {
    (Mode.FREE_FORM, Mode.TEMPLATE): "Free-form messages and templates",
    (Mode.FREE_FORM,): "Free-form messages only",
    (Mode.TEMPLATE,): "Templates only",
    (Mode.ANY,): "Yes",
}

_REFUSALS: Final = {
    Reason.OPTED_OUT: "they opted out",
    Reason.NO_OPT_IN: "there is no opt-in",
    Reason.WINDOW_CLOSED: "there is no opt-in, and the customer window has closed",
    Reason.HELD_FOR_REVIEW: "on hold until somebody decides what they meant",
    Reason.EXPIRED: "the opt-in has expired",
    Reason.UNKNOWN_IDENTITY: "this address is not known",
    Reason.INVALID_IDENTITY: "this address cannot be read",
    Reason.CONFIRMATION_USED: "the one confirmation has been sent",
}


_JOINTS: Final = {
    Action.OPT_IN: "to",
    Action.OPT_IN_REQUESTED: "an opt-in to",
    Action.OPT_OUT: "of",
    Action.EXPIRED: "to",
}

NO_NAME: Final = "(no name)"


def moment(at: datetime) -> str:
    """`3 March 2026, 10:15 UTC`."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def channel(name: str) -> str:
    return Channel(name).label


def address(identity: ChannelIdentity) -> str:
    """The address as people write it; a phone number gets its plus."""
    if identity.address is None:
        return "(erased)"
    is_number = identity.address.isdigit() and not is_business_scoped(identity.address)
    plus = "+" if is_number and Channel(identity.channel).identity_kind == "phone" else ""
    return f"{plus}{identity.address}"


def named(identity: ChannelIdentity) -> str:
    return f"{channel(identity.channel)} {address(identity)}"


def person(contact: Contact) -> str:
    """Their name, else the CRM's id."""
    return contact.display_name or contact.external_id or NO_NAME


def state(consent: Consent) -> str:
    """`Opted out of all messages since 3 March 2026, 10:15 UTC, by keyword (KEYWORD)`."""
    verb = _STATES[State(consent.state)]
    event = consent.event
    source = f" ({event.source})" if event.source else ""
    purpose = for_purpose(consent.purpose.key, consent.purpose.name)
    return (
        f"{verb} {purpose} since {moment(consent.since)}, {ORIGINS[Origin(event.origin)]}{source}"
    )


def for_purpose(key: str, name: str) -> str:
    return "all messages" if key == ROOT_PURPOSE else f"{name} messages"


def event(line: ConsentEvent) -> str:
    """`Opted in to all messages on WhatsApp +46…, over the API (WEB)`."""
    action = Action(line.action)
    words = ACTIONS[action]
    if joint := _JOINTS.get(action):
        words = f"{words} {joint} {for_purpose(line.purpose.key, line.purpose.name)}"
    source = f" ({line.source})" if line.source else ""
    return f"{words}: {named(line.identity)}, {ORIGINS[Origin(line.origin)]}{source}"


def notice(named: Notice) -> str:
    """`checkout-banner, version 2026-03, sv`."""
    return f"{named.key}, version {named.version}, {named.language}"


def outcome(line: ConsentEvent) -> str:
    return OUTCOMES[Outcome(line.outcome)] if line.outcome else ""


def kind_of_file(file: EvidenceFile) -> str:
    """`PDF, 1.2 MB`: without its name, which may be personal."""
    return f"{known(file.media_type).words}, {filesizeformat(file.size)}"


def hash_of(file: EvidenceFile) -> str:
    return f"SHA-256 {file.hexdigest}" if file.hexdigest else ""


def unbroken(text: str) -> str:
    """Something long without a space, which a narrow screen may break anywhere."""
    return format_html('<span class="break-all">{}</span>', text)


def confirmation(found: Progress) -> str:
    """How far an opt-in has come that they have to confirm."""
    until = f" until {moment(found.until)}" if found.until else ""
    return {
        Stage.OPEN: f"Not confirmed yet: they can confirm it{until}",
        Stage.CONFIRMED: "Confirmed",
        Stage.EXPIRED: f"Not confirmed: they could{until}",
        Stage.WITHDRAWN: "Not confirmed: they opted out since, or it was voided",
    }[found.stage]


def confirmed_by(line: ConsentEvent) -> str:
    """How an opt-in was confirmed, and from where; empty for one that did not have to be."""
    if line.action != Action.OPT_IN or not line.cause_id:
        return ""
    how = line.detail.evidence.get("confirmed_by")
    if how is None:  # it has been forgotten since
        return "Confirmed by them"
    place = f" from {line.detail.ip}" if line.detail.ip else ""
    return f"Confirmed by them, {CONFIRMATIONS[ConfirmedBy(how)]}{place}"


def lifts(line: ConsentEvent) -> str:
    """What an opt-in may lift."""
    return {
        Lifts.ANY: "May lift an opt-out.",
        Lifts.DROPIN: "May lift an opt-out that came over a provider's own interface.",
        Lifts.NOTHING: "May lift no opt-out.",
    }[Lifts(line.lifts)]


def verdict(answer: Permission) -> str:
    """The gate's answer and why: `Templates only, because they opted in`."""
    if not answer.allowed or answer.basis is None:
        return f"No: {_REFUSALS[answer.reason]}" if answer.reason else "No"
    modes = _MODES.get(tuple(answer.modes), "Yes")
    until = f" until {moment(answer.expires_at)}" if answer.expires_at else ""
    if answer.basis == Basis.OPT_IN:
        return f"{modes}{until}, because they opted in"
    return f"{modes}{until}, because they wrote to us"


def erased(report: Report) -> str:
    """What became of it, and what is kept for now or for good."""
    left = " ".join(f"{one.what.replace('_', ' ')} ({one.count}): {one.why}" for one in report.kept)
    end = "Erased." if report.erasure.finished_at else "Erased, but for the address for now."
    return f"{end} Kept: {left}" if left else end


def link(page: str, row: Model, text: str = "") -> str:
    return anchor(reverse(page, args=[row.pk]), text or str(row))


def anchor(url: str, text: str) -> str:
    return format_html(
        '<a class="text-primary-700 dark:text-primary-400 underline" href="{}">{}</a>', url, text
    )


def joined(parts: Iterable[str]) -> str:
    """Parts, escaped where they are not markup of ours, one under the other."""
    return format_html_join(mark_safe("<br>"), "{}", ((part,) for part in parts))


def preformatted(text: str) -> str:
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)


def folded(title: str, text: str) -> str:
    """Long text behind a word to click on."""
    return format_html(
        '<details><summary class="cursor-pointer">{}</summary>'
        '<pre class="whitespace-pre-wrap break-all">{}</pre></details>',
        title,
        text,
    )
