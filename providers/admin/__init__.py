"""What staff see of the providers: the accounts, and what each is owed."""

from providers.admin import accounts, syncs

__all__ = ["accounts", "syncs"]
