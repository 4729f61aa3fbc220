"""The desk of compliance staff."""

from consents.admin import contacts, evidence, home, keys, ledger, purposes, review, staff, trail

__all__ = [
    "contacts",
    "evidence",
    "home",
    "keys",
    "ledger",
    "purposes",
    "review",
    "staff",
    "trail",
]
