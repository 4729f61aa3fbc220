"""All that is known of a person, for the person: whoever takes it out is noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from consents import holders
from consents.models import Contact, Disclosure
from consents.timestamps import written
from consents.writing import database_clock


@transaction.atomic
def file_of(contact: Contact, *, actor: str) -> Mapping[str, Any]:
    """The whole file, as JSON: the contact, and what is held of them."""
    now = database_clock()
    contact = Contact.objects.select_related("sender").get(id=contact.id)
    Disclosure.objects.create(contact=contact, actor=actor, at=now)
    identities = list(contact.identities.values_list("id", flat=True))
    return {
        "written_at": written(now),
        "contact": {
            "id": str(contact.id),
            "sender": contact.sender.key,
            "external_id": contact.external_id,
            "display_name": contact.display_name,
            "language": contact.language,
            "created_at": written(contact.created_at),
        },
        "held": holders.file(identities),
    }
