"""One shape for every error, and a status that says who must act."""

import io

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, OperationalError, connections
from django.http import UnreadablePostError
from django.test import Client

from consents.api import errors, events, parsing
from consents.api.errors import ApiError
from consents.idempotency import OutcomeUnknown
from tests.consents.api.caller import code_of
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import NUMBER


def failed(sqlstate):
    error = OperationalError(f"the server at 192.0.2.1 says {NUMBER}")
    error.sqlstate = sqlstate
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (failed("40P01"), "try_again"),
        (failed(None), "try_again"),
        (InterfaceError("closed"), "try_again"),
        (OutcomeUnknown(), "outcome_unknown"),
    ],
)
def test_what_passes_by_itself_is_told_to_come_back(error, code):
    answer = errors.answer(error, {})
    assert (answer.status_code, answer.data["error"]["code"]) == (503, code)
    assert int(answer.headers["Retry-After"]) > 0
    assert NUMBER not in str(answer.data)


def test_a_body_that_broke_off_is_the_callers_to_send_again():
    answer = errors.answer(UnreadablePostError(), {})
    assert (answer.status_code, answer.data["error"]["code"]) == (400, "incomplete_body")


@pytest.mark.django_db
def test_a_fault_of_ours_shows_no_trace(api, monkeypatch, settings):
    def fail(*args, **fields):
        raise RuntimeError(f"{NUMBER} is a secret")

    monkeypatch.setattr(events.ledger, "record", fail)
    settings.DEBUG = True
    answer = api.post("consent-events/", OPT_IN)
    assert code_of(answer) == (500, "internal_error")
    assert set(answer.json()["error"]) == {"code", "message", "field"}
    assert "secret" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_answer_is_to_come_back(api, monkeypatch, tmp_path):
    connection = connections["default"]
    connection.close()
    connection.close_pool()
    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 1, "timeout": 0.2}}
    away = {**connection.settings_dict, "HOST": str(tmp_path), "OPTIONS": options}
    monkeypatch.setattr(connection, "settings_dict", away)
    try:
        answers = [api.get("contacts/"), api.post("consent-events/", OPT_IN)]
    finally:
        connection.close()
        connection.close_pool()
    for answer in answers:
        assert code_of(answer) == (503, "try_again")
        assert answer.headers["Retry-After"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "consent-events/"),
        ("delete", "consent-events/"),
        ("get", "inbound-messages/"),
        ("post", "permission/"),
        ("patch", "contacts/"),
        ("trace", "contacts/"),
    ],
)
def test_a_method_that_is_not_there_is_refused_with_those_that_are(api, method, path):
    answer = getattr(api.client, method)(f"/api/v1/{path}", headers=api._headers({}))
    assert code_of(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.django_db
def test_options_says_which_methods_there_are(api):
    answer = api.client.options("/api/v1/contacts/", headers=api._headers({}))
    assert (answer.status_code, answer.content) == (204, b"")
    assert {"GET", "POST", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.django_db
def test_head_is_get_without_a_body(api):
    answer = api.client.head("/api/v1/contacts/", headers=api._headers({}))
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["nowhere/", "consent-events", "contacts/7/"])
def test_an_address_that_is_not_there_is_answered_in_json(api, path):
    assert code_of(api.post(path, OPT_IN)) == (404, "not_found")
    assert code_of(api.get(path)) == (404, "not_found")


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.9", "nonsense"])
def test_whatever_is_accepted_the_answer_is_json(api, accept):
    headers = api._headers({"Accept": accept})
    answer = api.client.get("/api/v1/contacts/", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"


def test_a_stranger_is_refused_before_the_body_is_looked_at(db):
    answer = Client().post("/api/v1/consent-events/", b"{", content_type="application/json")
    assert code_of(answer) == (401, "key_required")


def request(content, **environ):
    return WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "application/json",
            "wsgi.input": io.BytesIO(content),
            **environ,
        }
    )


def test_a_length_that_promises_too_much_is_refused_unread():
    body = request(b"x" * 50, CONTENT_LENGTH="11")
    with pytest.raises(ApiError) as refused:
        parsing.read_body(body, 10)
    assert refused.value.status == 413
    assert body.META["wsgi.input"].tell() == 0


def test_a_body_shorter_than_its_length_has_broken_off():
    with pytest.raises(ApiError) as refused:
        parsing.read_body(request(b"{}", CONTENT_LENGTH="5"), 10)
    assert (refused.value.status, refused.value.code) == (400, "incomplete_body")


def test_what_comes_after_the_length_is_not_read():
    assert parsing.read_body(request(b"{}" + b"x" * 50, CONTENT_LENGTH="2"), 10) == b"{}"


def test_a_body_in_chunks_is_read_up_to_the_limit():
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    assert parsing.read_body(request(b"x" * 10, **chunked), 10) == b"x" * 10
    with pytest.raises(ApiError) as refused:
        parsing.read_body(request(b"x" * 11, **chunked), 10)
    assert refused.value.status == 413


def test_chunks_without_an_end_need_a_length():
    with pytest.raises(ApiError) as refused:
        parsing.read_body(request(b"{}", HTTP_TRANSFER_ENCODING="chunked"), 10)
    assert (refused.value.status, refused.value.code) == (411, "length_required")


def test_json_may_begin_with_a_byte_order_mark():
    assert parsing.parse_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff", "UTF-8"), (b"[]", "JSON object"), (b"{", "not JSON"), (b'{"a":1,"a":1}', "twice")],
)
def test_a_body_that_is_no_object_in_strict_json_is_refused(content, says):
    with pytest.raises(ApiError, match=says) as refused:
        parsing.parse_object(content)
    assert (refused.value.status, refused.value.code) == (400, "malformed_json")
