"""What a fresh Optbook knows: one sender, the root purpose and its categories, the keywords."""

from __future__ import annotations

from django.db import transaction

from consents.keywords import DEFAULT_KEYWORDS
from consents.models import Keyword, Purpose, Sender
from consents.vocabulary import ROOT_PURPOSE, Category

DEFAULT_SENDER = "default"


@transaction.atomic
def ensure_defaults() -> None:
    """Put in what is missing; what is there, also what staff changed, stays as it is.

    Of keywords that is every word of an action of which there is none.
    """
    Sender.objects.get_or_create(key=DEFAULT_SENDER, defaults={"name": "Default"})
    root, _ = Purpose.objects.get_or_create(key=ROOT_PURPOSE, defaults={"name": "All messages"})
    for category in Category:
        Purpose.objects.get_or_create(
            key=category.value,
            defaults={
                "name": category.value.capitalize(),
                "parent": root,
                "category": category.value,
                "allowed_in_window": category.allowed_in_window,
            },
        )
    known = set(Keyword.objects.order_by().values_list("action", flat=True).distinct())
    Keyword.objects.bulk_create(
        Keyword(
            word=keyword.word,
            language=keyword.language,
            action=keyword.action.value,
            watch=keyword.watch,
        )
        for keyword in DEFAULT_KEYWORDS
        if keyword.action not in known
    )
