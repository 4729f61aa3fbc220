"""Where the doors of delivery are, under /api/."""

from __future__ import annotations

from django.urls import path

from providers.api import deliveries, endpoints, syncs

urlpatterns = [
    path("v1/provider-syncs/", syncs.ProviderSyncs.as_view(), name="provider-syncs"),
    path("v1/provider-syncs/<uuid:id>/", syncs.OneProviderSync.as_view(), name="provider-sync"),
    path("v1/provider-syncs/<uuid:id>/retry/", syncs.Retry.as_view(), name="provider-sync-retry"),
    path("v1/webhook-endpoints/", endpoints.Endpoints.as_view(), name="webhook-endpoints"),
    path(
        "v1/webhook-endpoints/<uuid:id>/", endpoints.OneEndpoint.as_view(), name="webhook-endpoint"
    ),
    path(
        "v1/webhook-endpoints/<uuid:id>/rotate/", endpoints.Rotate.as_view(), name="webhook-rotate"
    ),
    path("v1/webhook-endpoints/<uuid:id>/test/", endpoints.Test.as_view(), name="webhook-test"),
    path(
        "v1/webhook-endpoints/<uuid:id>/redeliver/",
        endpoints.RedeliverSince.as_view(),
        name="webhook-redeliver-since",
    ),
    path("v1/webhook-deliveries/", deliveries.Deliveries.as_view(), name="webhook-deliveries"),
    path(
        "v1/webhook-deliveries/<uuid:id>/",
        deliveries.OneDelivery.as_view(),
        name="webhook-delivery",
    ),
    path(
        "v1/webhook-deliveries/<uuid:id>/redeliver/",
        deliveries.Redeliver.as_view(),
        name="webhook-redeliver",
    ),
]
