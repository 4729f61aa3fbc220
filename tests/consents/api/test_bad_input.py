"""Bad input gets a clear error with a code, and changes nothing."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from consents.models import IdempotencyRecord
from tests.consents.api.caller import code_of, issue
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import NUMBER, SenderFactory

pytestmark = pytest.mark.django_db

TOMORROW = (timezone.now() + timedelta(days=1)).isoformat()
DEEP_EVIDENCE: dict = {}
for _ in range(100):
    DEEP_EVIDENCE = {"deeper": DEEP_EVIDENCE}


@pytest.fixture(autouse=True)
def _changes_nothing(sender, counts):
    """Whatever a test here sends, nothing of it is written down."""
    before = counts()
    yield
    assert counts() == before
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"action": "opt_up"}, "unknown_action", "action"),
        ({"action": None}, "action_required", "action"),
        ({"action": ""}, "unknown_action", "action"),
        ({"action": "window_opened"}, "unknown_action", "action"),
        ({"channel": "FAX"}, "unknown_channel", "channel"),
        ({"channel": 7}, "unknown_channel", "channel"),
        ({"channel": None}, "channel_required", "channel"),
        ({"identity": "no number"}, "invalid_identity", "identity"),
        ({"identity": "123456"}, "invalid_identity", "identity"),
        ({"identity": "1234567890123456"}, "invalid_identity", "identity"),
        ({"identity": 46732001122.0}, "invalid_identity", "identity"),
        ({"identity": True}, "invalid_identity", "identity"),
        ({"identity": [NUMBER]}, "invalid_identity", "identity"),
        ({"identity": f"{NUMBER}\0"}, "invalid_identity", "identity"),
        ({"identity": None}, "identity_required", "identity"),
        ({"source": None}, "source_required", "source"),
        ({"source": ""}, "source_required", "source"),
        ({"source": "   "}, "source_required", "source"),
        ({"source": "x" * 26}, "source_too_long", "source"),
        ({"source": "WEB\0"}, "invalid_source", "source"),
        ({"source": "\ud800"}, "invalid_source", "source"),
        ({"source": 5}, "invalid_source", "source"),
        ({"ip": "999.1.1.1"}, "invalid_ip", "ip"),
        ({"ip": 7}, "invalid_ip", "ip"),
        ({"user_agent": "Browser\0"}, "invalid_user_agent", "user_agent"),
        ({"user_agent": ["Browser"]}, "invalid_user_agent", "user_agent"),
        ({"note": "\ud800"}, "invalid_note", "note"),
        ({"occurred_at": TOMORROW}, "occurred_in_future", "occurred_at"),
        ({"occurred_at": "2026-01-31T12:00:00"}, "invalid_occurred_at", "occurred_at"),
        ({"occurred_at": "2026-01-31"}, "invalid_occurred_at", "occurred_at"),
        ({"occurred_at": "yesterday"}, "invalid_occurred_at", "occurred_at"),
        ({"occurred_at": 1769860800}, "invalid_occurred_at", "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid_occurred_at", "occurred_at"),
        ({"purpose": "world-peace"}, "unknown_purpose", "purpose"),
        ({"purpose": ["all"]}, "unknown_purpose", "purpose"),
        ({"contact": "nobody"}, "unknown_contact", "contact"),
        ({"contact": ""}, "unknown_contact", "contact"),
        ({"contact": "no\0body"}, "invalid_contact", "contact"),
        ({"contact": 7}, "invalid_contact", "contact"),
        ({"channels": "SMS"}, "invalid_channels", "channels"),
        ({"channels": ""}, "invalid_channels", "channels"),
        ({"channels": {}}, "invalid_channels", "channels"),
        ({"channels": ["FAX"]}, "unknown_channel", "channels"),
        ({"evidence": ["form"]}, "invalid_evidence", "evidence"),
        ({"evidence": {"form": "\0"}}, "invalid_evidence", "evidence"),
        ({"evidence": {"form": "\ud800"}}, "invalid_evidence", "evidence"),
        ({"evidence": DEEP_EVIDENCE}, "malformed_json", None),
        ({"identitty": NUMBER}, "unknown_field", "identitty"),
        ({"occured_at": TOMORROW}, "unknown_field", "occured_at"),
        ({"\ud800": 1}, "unknown_field", "\\ud800"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_a_code(api, change, code, field):
    answer = api.post("consent-events/", {**OPT_IN, **change}, Idempotency_Key="k")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (400, code, field)
    assert error["message"].endswith((".", "?"))
    assert NUMBER not in error["message"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"action=opt_in",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\x00",
        b'{"action": "opt\x00in"}',
        b'{"action": NaN}',
        b'{"action": Infinity}',
        b'{"action": -Infinity}',
        b'{"evidence": {"score": 1e999}}',
        b'{"evidence": {"score": ' + b"9" * 5000 + b"}}",
        b'{"action": "\xff"}',
        '{"action": "opt_in"}'.encode("utf-16"),
        b'{"action": "opt_in", "action": "opt_out"}',
        b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        json.dumps([OPT_IN]).encode(),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(api, content):
    assert code_of(api.post("consent-events/", content)) == (400, "malformed_json")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "nonsense",
        "",
    ],
)
def test_a_body_of_another_kind_is_refused(api, content_type):
    answer = api.post("consent-events/", OPT_IN, Content_Type=content_type)
    assert code_of(answer) == (415, "unsupported_media_type")


def test_ten_megabytes_are_refused_before_they_are_read(api):
    content = b'{"note": "' + b"x" * 10 * 1024 * 1024 + b'"}'
    assert code_of(api.post("consent-events/", content)) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["consent-events/bulk/", "permissions/"])
def test_bulk_bodies_have_a_limit_too(api, path, settings):
    settings.API_BULK_BODY_MAX = 100
    assert code_of(api.post(path, {"events": ["x" * 100]})) == (413, "body_too_large")


def test_a_key_without_the_scope_records_nothing(sender):
    answer = issue("check", "read", "manage").post("consent-events/", OPT_IN)
    assert code_of(answer) == (403, "scope_missing")


@pytest.mark.parametrize("named", ["other", "nowhere", 7, [], "default\0", ""])
def test_a_sender_that_is_not_the_keys_and_one_that_is_not_there_are_one_to_it(sender, named):
    SenderFactory(key="other")
    answer = issue().post("consent-events/", {**OPT_IN, "sender": named})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "sender_forbidden"
    assert answer.json() == issue().post("consent-events/", {**OPT_IN, "sender": "none"}).json()


def test_of_two_senders_one_must_be_named(sender):
    SenderFactory(key="other")
    answer = issue(senders=["default", "other"]).post("consent-events/", OPT_IN)
    assert code_of(answer) == (400, "sender_required")


@pytest.mark.parametrize("key", ["", "x" * 201, "ümlaut", "tab\there"])
def test_an_idempotency_key_that_cannot_be_is_refused(api, key):
    answer = api.post("consent-events/", OPT_IN, Idempotency_Key=key)
    assert code_of(answer) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"message_id": ""}, "message_id_required"),
        ({"message_id": 7}, "invalid_message_id"),
        ({"message_id": "m\0"}, "invalid_message_id"),
        ({"message_id": "m\ud800"}, "invalid_message_id"),
        ({"message_id": "m" * 201}, "message_id_too_long"),
        ({"channel": "FAX"}, "unknown_channel"),
        ({"identity": "no number"}, "invalid_identity"),
        ({"identity": None}, "identity_required"),
        ({"text": "stop\0"}, "invalid_text"),
        ({"text": {"body": "stop"}}, "invalid_text"),
        ({"text": "x" * 70_000}, "invalid_text"),
        ({"received_at": "2026-01-31T12:00:00"}, "invalid_received_at"),
        ({"recieved_at": TOMORROW}, "unknown_field"),
    ],
)
def test_a_message_that_cannot_be_is_refused(api, change, code):
    message = {"channel": "WHATSAPP", "identity": NUMBER, "message_id": "m1", "text": "STOP"}
    assert code_of(api.post("inbound-messages/", {**message, **change})) == (400, code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"language": "not a language"}, "invalid_language"),
        ({"language": "sv\n"}, "invalid_language"),
        ({"external_id": "x" * 201}, "invalid_external_id"),
        ({"external_id": "x\0"}, "invalid_external_id"),
        ({"display_name": 7}, "invalid_display_name"),
        ({"identities": "x"}, "identities_required"),
        ({"identities": ["x"]}, "invalid_identities"),
        ({"identities": [{"channel": "FAX", "identity": NUMBER}]}, "unknown_channel"),
        ({"identities": [{"channel": "SMS", "identity": "x"}]}, "invalid_identity"),
        ({"identities": [{"channel": "SMS", "identity": NUMBER, "x": 1}]}, "unknown_field"),
        ({"externalId": "x"}, "unknown_field"),
    ],
)
def test_a_contact_that_cannot_be_is_refused(api, change, code):
    assert code_of(api.post("contacts/", change)) == (400, code)
