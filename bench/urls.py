"""Optbook's doors, and the floors beside them."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from bench import floors
from config import urls

handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/floor/permission/", floors.permission),
    path("api/floor/lines/", floors.Lines.as_view({"post": "create"})),
    *urls.urlpatterns,
]
