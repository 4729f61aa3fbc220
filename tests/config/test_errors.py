"""What a failure looks like under /api/, and elsewhere."""

import json

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client, override_settings
from django.urls import path

from config import urls


def fail(request, *args):
    raise RuntimeError("46732001122 is a secret")


def deny(request):
    raise PermissionDenied


class Routes:
    handler400, handler403 = urls.handler400, urls.handler403
    handler404, handler500 = urls.handler404, urls.handler500
    urlpatterns = [
        path("api/fails/", fail),
        path("fails/", fail),
        path("api/denied/", deny),
    ]


@pytest.fixture
def quiet_client():
    with override_settings(ROOT_URLCONF=Routes):
        yield Client(raise_request_exception=False)


def test_a_failure_under_api_is_json_with_a_stable_code_and_no_trace(quiet_client):
    answer = quiet_client.get("/api/fails/")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert set(answer.json()["error"]) == {"code", "message", "field"}
    assert "secret" not in json.dumps(answer.json())


def test_a_failure_elsewhere_is_a_page_without_a_trace(quiet_client):
    answer = quiet_client.get("/fails/")
    assert answer.status_code == 500
    assert "text/html" in answer.headers["Content-Type"]
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [("/api/nowhere/", 404, "not_found"), ("/api/denied/", 403, "permission_denied")],
)
def test_other_refusals_under_api_have_the_same_shape(quiet_client, address, status, code):
    answer = quiet_client.get(address)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_host_that_is_not_ours_is_refused_in_the_same_shape(quiet_client):
    answer = quiet_client.get("/api/denied/", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "path",
    ["/", "/nowhere/", "/oauth2/token", "/whatsapp/v1/bot/provision/optin", "/callbacks/none/"],
)
def test_where_programs_call_a_host_that_is_not_ours_is_refused_in_json(client, path):
    answer = client.post(path, headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/"])
def test_where_people_look_a_host_that_is_not_ours_is_refused_in_plain_text(client, path):
    answer = client.get(path, headers={"host": "evil.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain")
    assert answer.content == b"The request cannot be understood.\n"
    assert b"evil" not in answer.content
