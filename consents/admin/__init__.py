"""The desk of compliance staff."""

from consents.admin import contacts, keys, ledger, purposes, review, staff

__all__ = ["contacts", "keys", "ledger", "purposes", "review", "staff"]
