"""What staff see of the providers: the accounts, and what each is owed."""

from providers.admin import accounts, callbacks, drift, endpoints, home, syncs, webhooks

__all__ = ["accounts", "callbacks", "drift", "endpoints", "home", "syncs", "webhooks"]
