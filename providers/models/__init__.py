"""The tables of providers, by subject."""

from providers.models.accounts import ProviderAccount
from providers.models.callbacks import Drift, ProviderCallback
from providers.models.syncs import ProviderSync, SyncAttempt
from providers.models.webhooks import Registration, WebhookDelivery, WebhookEndpoint

__all__ = [
    "Drift",
    "ProviderAccount",
    "ProviderCallback",
    "ProviderSync",
    "Registration",
    "SyncAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
