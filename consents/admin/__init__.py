"""The desk of compliance staff."""

from consents.admin import (
    contacts,
    evidence,
    files,
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
    "files",
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
