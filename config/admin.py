"""The admin's application: Django's, with our site."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class OptbookAdminConfig(AdminConfig):
    default_site = "config.admin_site.OptbookAdminSite"
