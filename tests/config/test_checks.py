"""System checks of our own."""

import pytest

from config import checks


def test_a_wildcard_host_is_warned_of(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert [found.id for found in checks.nothing_wild(None)] == ["optbook.W001"]
    settings.ALLOWED_HOSTS = ["consent.example.com"]
    assert checks.nothing_wild(None) == []


@pytest.mark.django_db
def test_a_server_too_old_is_an_error(monkeypatch):
    assert checks.server_is_new_enough(None, ["default"]) == []
    monkeypatch.setattr(checks, "MINIMUM_VERSION", 990000)
    (found,) = checks.server_is_new_enough(None, ["default"])
    assert found.id == "optbook.E001"
    assert checks.server_is_new_enough(None, None) == []
