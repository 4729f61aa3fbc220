"""The desk of compliance staff."""

from consents.admin import (
    contacts,
    evidence,
    home,
    imports,
    keys,
    ledger,
    notices,
    purposes,
    retaining,
    review,
    staff,
    trail,
)

__all__ = [
    "contacts",
    "evidence",
    "home",
    "imports",
    "keys",
    "ledger",
    "notices",
    "purposes",
    "retaining",
    "review",
    "staff",
    "trail",
]
