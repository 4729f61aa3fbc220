"""Where the doors of the record are, under /api/."""

from __future__ import annotations

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from consents.api import (
    audiences,
    confirming,
    contacts,
    events,
    evidence,
    inbound,
    notices,
    permission,
)

# Swagger UI styles its elements inline and draws with data: images; no other page may.
_SWAGGER_CSP = {"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        csp_update(_SWAGGER_CSP)(SpectacularSwaggerSplitView.as_view(url_name="schema")),
        name="docs",
    ),
    path("v1/consent-events/", events.ConsentEvents.as_view(), name="consent-events"),
    path(
        "v1/consent-events/bulk/", events.ConsentEventsInBulk.as_view(), name="consent-events-bulk"
    ),
    path("v1/consent-events/<uuid:id>/", events.OneConsentEvent.as_view(), name="consent-event"),
    path(
        "v1/consent-events/<uuid:id>/confirm/",
        confirming.Confirming.as_view(),
        name="confirm-consent-event",
    ),
    path("v1/consent-events/<uuid:id>/proof/", evidence.Proof.as_view(), name="proof"),
    path("v1/consent-events/<uuid:id>/receipt/", evidence.Receipt.as_view(), name="receipt"),
    path("v1/permission/", permission.OnePermission.as_view(), name="permission"),
    path("v1/permission/confirmation/", permission.Confirmation.as_view(), name="confirmation"),
    path("v1/permissions/", permission.Permissions.as_view(), name="permissions"),
    path("v1/audiences/check/", audiences.AudienceCheck.as_view(), name="audience-check"),
    path("v1/inbound-messages/", inbound.InboundMessages.as_view(), name="inbound-messages"),
    path("v1/notices/", notices.Notices.as_view(), name="notices"),
    path("v1/notices/<uuid:id>/", notices.OneNotice.as_view(), name="notice"),
    path("v1/contacts/", contacts.Contacts.as_view(), name="contacts"),
    path("v1/contacts/<uuid:id>/", contacts.OneContact.as_view(), name="contact"),
    path(
        "v1/contacts/<uuid:id>/preference-link/",
        contacts.PreferenceLink.as_view(),
        name="contact-preference-link",
    ),
    path("v1/contacts/<uuid:id>/erase/", contacts.Erasures.as_view(), name="contact-erase"),
    path("v1/contacts/<uuid:id>/export/", contacts.WholeFile.as_view(), name="contact-export"),
    path("v1/contacts/<uuid:id>/timeline/", contacts.Timeline.as_view(), name="contact-timeline"),
]
