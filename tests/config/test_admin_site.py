"""The content policy: strict everywhere, relaxed on the admin's pages by what its scripts need."""

import pytest
from django.contrib import admin

from config.admin_site import OptbookAdminSite


def policy(answer):
    header = answer.headers["Content-Security-Policy"]
    return {part.split()[0]: part.split()[1:] for part in header.split(";") if part.strip()}


def test_the_site_is_ours():
    assert isinstance(admin.site, OptbookAdminSite) or isinstance(
        admin.site._wrapped, OptbookAdminSite
    )


@pytest.mark.django_db
def test_a_page_outside_the_admin_may_load_from_here_alone(client):
    directives = policy(client.get("/nowhere/"))
    assert directives["default-src"] == ["'self'"]
    assert directives["frame-ancestors"] == ["'none'"]
    assert "script-src" not in directives


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/"])
def test_an_admin_page_may_evaluate_and_style_itself(admin_client, client, path):
    visitor = client if "login" in path else admin_client
    answer = visitor.get(path)
    assert answer.status_code == 200
    directives = policy(answer)
    assert directives["script-src"] == ["'self'", "'unsafe-eval'"]
    assert directives["style-src"] == ["'self'", "'unsafe-inline'"]
    assert directives["default-src"] == ["'self'"]


@pytest.mark.django_db
def test_the_admins_pages_have_an_icon_of_our_own(client):
    page = client.get("/admin/login/").content.decode()
    assert '<link rel="icon" href="/static/favicon.svg" type="image/svg+xml"' in page
    icon = client.get("/static/favicon.svg")
    assert icon.headers["Content-Type"] == "image/svg+xml"
    assert icon.getvalue().startswith(b"<svg")


def test_a_browser_that_asks_for_the_icon_at_its_usual_address_gets_it(client):
    answer = client.get("/favicon.ico", follow=True)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
