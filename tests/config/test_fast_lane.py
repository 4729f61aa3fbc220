"""What goes past Django, and what does not.

That both answer alike is shown by tests/providers/test_callbacks.py.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.http import HttpResponse

from config import fast_lane
from config.fast_lane import FastLane
from providers import callbacks

ACCOUNT = "01890000-0000-7000-8000-000000000001"
BODY = b"{}"


@pytest.fixture
def taken(monkeypatch) -> list[callbacks.Call]:
    """What came by the fast lane."""
    calls: list[callbacks.Call] = []
    monkeypatch.setattr(callbacks, "take", lambda _, call: calls.append(call) or 200)
    monkeypatch.setattr(fast_lane, "give_back_connection", lambda: None)
    return calls


def environ(**changes: Any) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/callbacks/{ACCOUNT}/",
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(BODY)),
        "CONTENT_TYPE": "application/json",
        "HTTP_X_SINCH_WEBHOOK_SIGNATURE": "c2lnbmVk",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(BODY),
        **changes,
    }


def through(**changes: Any) -> str:
    """The status of the answer; `django` where it was left to Django."""
    said = ["django"]

    def django(*_: object) -> HttpResponse:
        return HttpResponse()

    FastLane(django)(  # type: ignore[arg-type]  # no more of Django is needed
        environ(**changes), lambda status, _: said.insert(0, status)
    )
    return said[0]


def test_a_callback_is_answered_without_django(taken):
    assert through() == "200 OK"
    [call] = taken
    assert call.body == BODY
    assert call.headers == {
        "content-type": "application/json",
        "x-sinch-webhook-signature": "c2lnbmVk",
    }


@pytest.mark.parametrize(
    "peculiar",
    [
        {"PATH_INFO": "/callbacks/nobody/"},
        {"PATH_INFO": f"/callbacks/{ACCOUNT}"},
        {"PATH_INFO": f"/callbacks/{ACCOUNT}/\n"},
        {"PATH_INFO": f"/callbacks/{ACCOUNT.upper()}/x/"},
        {"REQUEST_METHOD": "HEAD"},
        {"REQUEST_METHOD": "GET"},
        {"QUERY_STRING": "token=t"},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": "0"},
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": "99999999"},
        {"CONTENT_LENGTH": "٣"},
    ],
)
def test_what_is_peculiar_is_left_to_django(taken, peculiar):
    assert through(**peculiar) == "django"
    assert not taken


def test_a_body_that_ends_early_is_400(taken):
    assert through(CONTENT_LENGTH="3") == "400 Bad Request"
    assert not taken


def test_a_mistake_of_ours_is_500_and_its_words_are_told_to_nobody(monkeypatch, caplog, taken):
    def fail(*_: object) -> int:
        raise RuntimeError("of +12015550100")

    monkeypatch.setattr(callbacks, "take", fail)
    assert through() == "500 Internal Server Error"
    assert "RuntimeError" in caplog.text
    assert "12015550100" not in caplog.text


def test_where_encryption_is_asked_for_what_comes_without_is_left_to_django(taken, settings):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_PROXY_SSL_HEADER = True, None
    assert through() == "django"
    assert through(**{"wsgi.url_scheme": "https"}) == "200 OK"


def test_behind_a_proxy_the_proxy_tells_whether_it_was_encrypted(taken, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert through(**{"wsgi.url_scheme": "https"}) == "django"
    assert through(HTTP_X_FORWARDED_PROTO="https") == "200 OK"
