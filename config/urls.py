"""Where the doors are. /healthz and /readyz are answered before this, by config.health."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from providers import callbacks

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    # Browsers ask for it here whatever a page says.
    path("favicon.ico", RedirectView.as_view(url=settings.FAVICON)),
    path("admin/", admin.site.urls),
    path("api/", include("consents.api.urls")),
    path("api/", include("providers.api.urls")),
    path("", include("consents.pages.urls")),
    path("", include("providers.dropins.urls")),
    # A redirect to the address with a slash would lose the body.
    path("callbacks/<uuid:account>/", callbacks.receive),
    path("callbacks/<uuid:account>", callbacks.receive),
]
