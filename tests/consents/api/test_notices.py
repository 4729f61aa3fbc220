"""`notices/`: versions of the wording, put in once and read."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest

from consents.api import notice_shapes
from consents.models import Notice
from tests.consents.api.caller import code_of, issue
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import NoticeFactory, SenderFactory

pytestmark = pytest.mark.django_db
BANNER = {"key": "banner", "version": "2026-03", "language": "sv", "text": "Skicka erbjudanden\n"}


def versions(answer: Any) -> list[str]:
    return [one["version"] for one in answer.json()["results"]]


def test_a_version_is_put_in_to_the_letter_and_read(api):
    answer = api.post("notices/", {**BANNER, "valid_from": "2026-03-01T00:00:00+01:00"})
    body = answer.json()
    assert answer.status_code == 201
    assert set(body) == set(notice_shapes.NoticeBody._declared_fields)
    assert {name: body[name] for name in BANNER} == BANNER
    assert body["sender"] == "default"
    assert body["sha256"] == hashlib.sha256(BANNER["text"].encode()).hexdigest()
    assert body["valid_from"] == "2026-02-28T23:00:00.000000Z"
    assert api.get(f"notices/{body['id']}/").json() == body
    assert api.get("notices/").json()["results"] == [body]


def test_the_same_once_more_is_answered_with_what_is_there(api):
    first = api.post("notices/", BANNER)
    again = api.post("notices/", BANNER)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_another_text_of_the_version_is_refused(api):
    api.post("notices/", BANNER)
    answer = api.post("notices/", {**BANNER, "text": "Annat"})
    assert code_of(answer) == (409, "notice_differs")
    assert Notice.objects.get().text == BANNER["text"]


def test_a_version_may_be_a_number(api):
    assert api.post("notices/", {**BANNER, "version": 3}).json()["version"] == "3"
    assert api.post("notices/", {**BANNER, "version": 3.0}).status_code == 200


def test_an_event_that_names_it_shows_which_one_it_was(api):
    made = api.post("notices/", BANNER).json()
    event = api.post("consent-events/", {**OPT_IN, "evidence": {"notice": "banner"}}).json()
    kept = api.get(f"consent-events/{event['id']}/").json()["detail"]["evidence"]["notice"]
    assert kept == {name: made[name] for name in ("key", "version", "language", "sha256")}


def test_in_bulk_each_event_has_its_own_answer(api):
    api.post("notices/", BANNER)
    named = [{**OPT_IN, "evidence": {"notice": key}} for key in ("banner", "no-such")]
    stopped = {**OPT_IN, "action": "opt_out", "evidence": {"notice": "no-such"}}
    answer = api.post("consent-events/bulk/", {"events": [*named, stopped]}).json()["results"]
    assert [one["status"] for one in answer] == ["recorded", "error", "recorded"]
    assert answer[1]["error"]["code"] == "unknown_notice"
    assert answer[1]["error"]["field"] == "evidence.notice"


def test_the_list_is_narrowed_by_key_and_paged(api):
    for version in ("1", "2", "3"):
        NoticeFactory(version=version)
    NoticeFactory(key="footer", version="f")
    assert versions(api.get("notices/", key="banner")) == ["3", "2", "1"]
    page = api.get("notices/", limit=2).json()
    assert [one["version"] for one in page["results"]] == ["f", "3"]
    cursor = page["next"].partition("cursor=")[2].partition("&")[0]
    assert versions(api.get("notices/", limit=2, cursor=cursor)) == ["2", "1"]


def test_a_key_sees_the_notices_of_its_own_senders_alone(api):
    other = NoticeFactory(sender=SenderFactory(key="other"))
    assert api.get("notices/").json()["results"] == []
    assert code_of(api.get(f"notices/{other.id}/")) == (404, "not_found")
    assert code_of(api.get("notices/", sender="other")) == (403, "sender_forbidden")
    assert code_of(api.post("notices/", {**BANNER, "sender": "other"})) == (403, "sender_forbidden")
    both = issue(senders=["default", "other"])
    assert code_of(both.post("notices/", BANNER)) == (400, "sender_required")
    assert versions(both.get("notices/", sender="other")) == [other.version]


def test_reading_and_publishing_have_their_scopes(sender):
    notice = NoticeFactory()
    assert code_of(issue("read").post("notices/", BANNER)) == (403, "scope_missing")
    assert issue("manage").post("notices/", BANNER).status_code == 201
    assert code_of(issue("manage").get("notices/")) == (403, "scope_missing")
    assert issue("read").get(f"notices/{notice.id}/").status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_notice_is_never_changed(api, method):
    notice = NoticeFactory()
    answer = api.send(method, f"notices/{notice.id}/", {"text": "Other"})
    assert code_of(answer) == (405, "method_not_allowed")
    assert "Add another version" in answer.json()["error"]["message"]
    assert Notice.objects.get().text == notice.text


def test_one_that_is_not_there_is_not_found(api):
    assert code_of(api.get(f"notices/{uuid.uuid4()}/")) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"key": None}, "key_required", "key"),
        ({"key": "a b"}, "invalid_key", "key"),
        ({"key": "x" * 65}, "invalid_key", "key"),
        ({"key": 7}, "invalid_key", "key"),
        ({"version": None}, "version_required", "version"),
        ({"version": True}, "invalid_version", "version"),
        ({"version": 2.5}, "invalid_version", "version"),
        ({"version": -1}, "invalid_version", "version"),
        ({"version": 10**16}, "invalid_version", "version"),
        ({"version": " "}, "invalid_version", "version"),
        ({"version": "\0"}, "invalid_version", "version"),
        ({"language": None}, "language_required", "language"),
        ({"language": "svenska!"}, "invalid_language", "language"),
        ({"language": " sv"}, "invalid_language", "language"),
        ({"text": None}, "text_required", "text"),
        ({"text": " \n"}, "invalid_text", "text"),
        ({"text": "a\0b"}, "invalid_text", "text"),
        ({"text": "\ud800"}, "invalid_text", "text"),
        ({"text": "x" * 50_001}, "invalid_text", "text"),
        ({"valid_from": "2026-03-01"}, "invalid_valid_from", "valid_from"),
        ({"valid_from": "1969-12-31T00:00:00Z"}, "invalid_valid_from", "valid_from"),
        ({"texts": "x"}, "unknown_field", "texts"),
    ],
)
def test_what_cannot_be_is_named_with_a_code(api, change, code, field):
    answer = api.post("notices/", {**BANNER, **change})
    assert code_of(answer) == (400, code)
    assert answer.json()["error"]["field"] == field
    assert not Notice.objects.exists()
