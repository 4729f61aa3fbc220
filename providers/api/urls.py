"""Where the doors of delivery are, under /api/."""

from __future__ import annotations

from django.urls import path

from providers.api import syncs

urlpatterns = [
    path("v1/provider-syncs/", syncs.ProviderSyncs.as_view(), name="provider-syncs"),
    path("v1/provider-syncs/<uuid:id>/", syncs.OneProviderSync.as_view(), name="provider-sync"),
    path("v1/provider-syncs/<uuid:id>/retry/", syncs.Retry.as_view(), name="provider-sync-retry"),
]
