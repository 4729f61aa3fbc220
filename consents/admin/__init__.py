"""The desk of compliance staff."""

from consents.admin import contacts, home, keys, ledger, purposes, review, staff

__all__ = ["contacts", "home", "keys", "ledger", "purposes", "review", "staff"]
