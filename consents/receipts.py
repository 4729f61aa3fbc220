"""Consent receipts: what somebody agreed to, in a form they can keep and anybody can check.

The fields and their names are those of ISO/IEC TS 27560:2023, "Consent record information
structure" (docs/evidence.md says from where they are known). What staff have not filled in reads
"not stated"; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from consents import documents, notices, proofs
from consents.errors import ConsentError
from consents.models import Consent, ConsentEvent, Notice, Purpose, Sender
from consents.purposes import PurposeTree
from consents.timestamps import written
from consents.vocabulary import Action, Channel, IdentityKind, Origin, Outcome, State

SCHEMA_VERSION: Final = "ISO/IEC TS 27560:2023"
NOT_STATED: Final = "not stated"
_UNTIL_WITHDRAWN: Final = "until withdrawn"

Receipt = dict[str, Any]

_PII_TYPES: Final = {
    IdentityKind.PHONE: "telephone number",
    IdentityKind.EMAIL: "e-mail address",
    IdentityKind.OPAQUE: "user id of the channel",
}
_COLLECTED: Final = {
    Origin.API: "a form or program of the controller",
    Origin.ADMIN: "staff of the controller",
    Origin.IMPORT: "a file of the controller",
    Origin.DROPIN: "a form or program of the controller",
    Origin.PROVIDER: "a notice of the messaging provider",
    Origin.KEYWORD: "a message of the person",
    Origin.PREFERENCE_PAGE: "the preference page",
    Origin.CONFIRM_PAGE: "the page that asks the person to confirm",
    Origin.SYSTEM: "Optbook",
}


def lines() -> QuerySet[ConsentEvent]:
    """Lines with all that a receipt or a proof tells of them."""
    return ConsentEvent.objects.select_related("sender", "purpose", "detail", "identity__contact")


def receipt(event: ConsentEvent) -> Receipt:
    """The receipt for one of `lines`, with its proof; without while it is not sealed.

    Raises ConsentError `not_an_opt_in` for any other line, and `line_changed` as `proofs.prove`.
    """
    if event.action != Action.OPT_IN:
        raise ConsentError("not_an_opt_in", "There are receipts for opt-ins only.")
    return {
        "schema_version": SCHEMA_VERSION,
        "receipt_id": str(event.id),
        "consent_record": {
            "schema_version": SCHEMA_VERSION,
            "record_id": str(event.id),
            "pii_principal_id": event.identity.address or str(event.identity_id),
            "pii_processing": _processing(event, notices.of(event)),
            "party_identification": [_controller(event.sender)],
            "events": list(_events(event)),
        },
        "proof": proofs.prove(event) if proofs.seal_of(event) else None,
    }


def unstated(event: ConsentEvent) -> list[str]:
    """Which fields staff have not filled in, as the standard names them."""
    processing = _processing(event, notices.of(event))
    found = [*_controller(event.sender).items(), *processing.items()]
    found += processing["purposes"][0].items()
    return [name for name, value in found if value in (NOT_STATED, [NOT_STATED])]


def _processing(event: ConsentEvent, shown: Notice | None) -> Mapping[str, Any]:
    """With the wording that was shown, where the opt-in names it."""
    spoken = shown.language if shown else event.identity.contact.language
    return {
        "privacy_notice": event.sender.privacy_notice or NOT_STATED,
        "language": spoken or NOT_STATED,
        **({"notice": documents.notice(shown)} if shown else {}),
        "purposes": [_purpose(event)],
    }


def _purpose(event: ConsentEvent) -> Mapping[str, Any]:
    purpose, sender = event.purpose, event.sender
    channel = Channel(event.identity.channel)
    return {
        "purpose": purpose.description or purpose.name,
        "purpose_type": purpose.key,
        "lawful_basis": "consent",
        "pii_information": [_pii(channel)],
        "pii_controllers": [str(sender.id)],
        "collection_method": f"{_COLLECTED[Origin(event.origin)]} ({event.source})",
        "processing_method": f"messages over {channel.value}",
        "storage_locations": _listed(sender.storage_locations),
        "retention_period": purpose.retention or NOT_STATED,
        "jurisdiction": sender.jurisdiction or NOT_STATED,
        "recipient_third_parties": _listed(sender.recipients),
        "withdrawal_method": sender.withdrawal_method or NOT_STATED,
        "privacy_rights": sender.privacy_rights or NOT_STATED,
    }


def _pii(channel: Channel) -> Mapping[str, Any]:
    return {
        "pii_type": _PII_TYPES[channel.identity_kind],
        "pii_attribute_id": channel.value,
        "pii_optional": False,
        "sensitive_pii_category": False,
        "special_pii_category": False,
    }


def _controller(sender: Sender) -> Mapping[str, Any]:
    return {
        "party_id": str(sender.id),
        "party_name": sender.legal_name or sender.name or sender.key,
        "party_address": sender.postal_address or NOT_STATED,
        "party_contact": sender.contact_details or NOT_STATED,
        "party_role": "PII controller",
        "party_type": "organisation",
    }


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()] or [NOT_STATED]


def _events(event: ConsentEvent) -> Iterator[Mapping[str, Any]]:
    """The opt-in, and what has taken it back since."""
    is_idle = event.outcome == Outcome.WOULD_RESURRECT
    yield _event(event, "without effect" if is_idle else "given", _validity(event.purpose_id))
    if end := event.consequences.filter(action=Action.EXPIRED.value).order_by("-seq").first():
        yield _event(end, "expired")
    void = event.consequences.filter(action=Action.VOIDED.value).first()
    if void is not None:
        yield _event(void, "voided")
    refusing = Consent.objects.filter(
        identity=event.identity_id,
        purpose__in=list(_covering(event.purpose)),
        state=State.OPTED_OUT.value,
        since__gte=event.occurred_at,
    )
    for consent in refusing.select_related("event__identity").order_by("since"):
        yield _event(consent.event, "withdrawn")


def _covering(purpose: Purpose | None) -> Iterator[Purpose]:
    """The purpose and those that it belongs to."""
    while purpose is not None:
        yield purpose
        purpose = purpose.parent


def _validity(purpose: UUID) -> str:
    """A duration in ISO 8601, where there is one."""
    lasts = PurposeTree.current()[0].lasts[purpose]
    return f"P{lasts.days}D" if lasts else _UNTIL_WITHDRAWN


def _event(event: ConsentEvent, state: str, validity: str = _UNTIL_WITHDRAWN) -> Mapping[str, Any]:
    return {
        "event_id": str(event.id),
        "event_time": written(event.occurred_at),
        "validity_duration": validity,
        "entity_id": event.identity.address or str(event.identity_id),
        "event_type": "explicit",
        "event_state": state,
    }
