"""Sinch Conversation's registering of opt-ins and opt-outs, as Optbook answers it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from consents import addressbook
from consents.errors import ConsentError
from consents.models import ApiKey, ChannelIdentity, ConsentEvent, Contact, Sender
from consents.vocabulary import Lifts, Outcome
from providers import orders
from providers.dropins import tokens
from providers.models import ProviderAccount, Registration
from providers.orders import NO_IDENTITY
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    state_of,
)
from tests.providers.dropin_caller import APP, DropinCaller, detail, lines, people
from tests.providers.factories import AccountFactory

pytestmark = pytest.mark.django_db

WHATSAPP = ("WHATSAPP", NUMBER)
BOTH_KINDS = [("optins", "opt_in"), ("optouts", "opt_out")]


@pytest.fixture
def app(sender: Sender) -> ProviderAccount:
    return AccountFactory(sender=sender, kind="sinch_conversation")


@pytest.fixture
def caller(app: ProviderAccount) -> DropinCaller:
    return DropinCaller()


def error(answer: Any, status: int) -> str:
    assert answer.status_code == status
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "status", "details"}
    assert body["error"]["code"] == status
    return str(body["error"]["message"])


def awaited() -> list[tuple[str, str, str, str]]:
    """Kind, channel, address and refusal of each result that subscribers are to hear."""
    found = Registration.objects.select_related("identity").order_by("created_at")
    return [
        (one.kind, one.channel, (one.identity.address or "") if one.identity else "", one.refusal)
        for one in found
    ]


@pytest.mark.parametrize(("what", "kind"), BOTH_KINDS)
def test_by_identity_the_registered_request_is_the_answer(
    caller: DropinCaller, what: str, kind: str
) -> None:
    answer = caller.register(what, people(WHATSAPP), query={"request_id": "01HZREQ"})
    assert answer.status_code == 200
    assert answer.json() == {
        kind: {
            "app_id": APP,
            "channels": ["WHATSAPP"],
            "recipient": {
                "identified_by": {
                    "channel_identities": [
                        {"channel": "WHATSAPP", "identity": NUMBER, "app_id": ""}
                    ]
                }
            },
            "processing_strategy": "DEFAULT",
        },
        "request_id": "01HZREQ",
    }
    assert lines() == [(kind, NUMBER)]


@pytest.mark.parametrize(("what", "kind"), BOTH_KINDS)
def test_by_contact_their_identities_on_the_channels_are_registered(
    caller: DropinCaller, what: str, kind: str
) -> None:
    contact = OptInFactory().identity.contact
    OptInFactory(channel="SMS", identity=NUMBER, contact=contact)
    before = len(lines())
    answer = caller.register(what, {"contact_id": str(contact.id)})
    assert answer.json()[kind]["recipient"] == {"contact_id": str(contact.id)}
    assert lines()[before:] == [(kind, NUMBER)]
    assert ConsentEvent.objects.latest("seq").identity.channel == "WHATSAPP"
    assert awaited() == [(kind, "WHATSAPP", NUMBER, "")]


def test_a_request_id_is_made_where_none_is_given(caller: DropinCaller) -> None:
    made = {caller.register("optins", people(WHATSAPP)).json()["request_id"] for _ in range(2)}
    assert len(made) == 2
    assert {len(one) for one in made} == {26}
    assert set(Registration.objects.values_list("request_id", flat=True)) == made
    assert detail().evidence["request_id"] in made


def test_a_contact_may_be_named_by_the_senders_own_id_and_is_echoed_as_given(
    caller: DropinCaller,
) -> None:
    contact = ContactFactory(external_id="crm-7")
    OptInFactory(contact=contact)
    answer = caller.register("optouts", {"contact_id": "crm-7"})
    assert answer.json()["opt_out"]["recipient"] == {"contact_id": "crm-7"}
    assert state_of() == "opted_out"
    assert Registration.objects.get().contact_ref == "crm-7"


def test_our_own_id_goes_before_the_senders(caller: DropinCaller) -> None:
    mine = OptInFactory().identity.contact
    ContactFactory(external_id=str(mine.id))
    assert caller.register("optouts", {"contact_id": str(mine.id)}).status_code == 200
    assert lines()[-1] == ("opt_out", NUMBER)


@pytest.mark.parametrize(
    "contact", ["crm-9", "00000000-0000-4000-8000-000000000009", "a\0b", "\ud800"]
)
def test_an_unknown_contact_is_a_404(caller: DropinCaller, contact: str) -> None:
    error(caller.register("optouts", {"contact_id": contact}), 404)
    assert (lines(), awaited()) == ([], [])


def test_another_senders_contact_is_unknown(caller: DropinCaller) -> None:
    stranger = ContactFactory(sender=SenderFactory(key="second"), external_id="theirs")
    for named in ("theirs", str(stranger.id)):
        error(caller.register("optouts", {"contact_id": named}), 404)


def test_an_unknown_app_or_project_is_a_404(caller: DropinCaller) -> None:
    error(caller.register("optins", people(WHATSAPP), app_id="01HZANOTHERAPP000000000001"), 404)
    error(caller.register("optins", people(WHATSAPP), app_id="a\0b"), 404)
    error(caller.register("optins", people(WHATSAPP), project="another"), 404)
    assert lines() == []


@pytest.mark.parametrize("what", ["optins", "optouts"])
def test_another_senders_app_is_unknown(caller: DropinCaller, what: str) -> None:
    SenderFactory(key="second")
    error(DropinCaller(senders=["second"]).register(what, people(WHATSAPP)), 404)
    assert lines() == []


def test_a_contact_without_an_identity_on_the_channel_ends_in_a_failed_result(
    caller: DropinCaller,
) -> None:
    contact = OptInFactory().identity.contact
    answer = caller.register(
        "optins", {"contact_id": str(contact.id)}, channels=["WHATSAPP", "SMS"]
    )
    assert answer.status_code == 200
    assert awaited() == [
        ("opt_in", "WHATSAPP", NUMBER, ""),
        ("opt_in", "SMS", "", NO_IDENTITY),
    ]


def test_a_channel_asked_for_without_an_identity_of_it_ends_in_a_failed_result(
    caller: DropinCaller,
) -> None:
    answer = caller.register("optouts", people(WHATSAPP), channels=["WHATSAPP", "RCS"])
    assert answer.status_code == 200
    assert awaited() == [
        ("opt_out", "WHATSAPP", NUMBER, ""),
        ("opt_out", "RCS", "", NO_IDENTITY),
    ]


def test_a_channel_that_no_account_supports_is_recorded_all_the_same(
    caller: DropinCaller,
) -> None:
    answer = caller.register("optins", people(("SMS", NUMBER)), channels=["SMS"])
    assert answer.status_code == 200
    assert state_of(NUMBER, "SMS") == "opted_in"
    assert awaited() == [("opt_in", "SMS", NUMBER, "")]


def test_several_identities_of_one_person_become_one_contact(caller: DropinCaller) -> None:
    channels = ["WHATSAPP", "SMS", "MESSENGER"]
    answer = caller.register(
        "optins", people(*((one, NUMBER) for one in channels)), channels=channels
    )
    assert answer.status_code == 200
    contact = Contact.objects.get()
    assert contact.identities.count() == 3
    assert [line[2] for line in awaited()] == [NUMBER] * 3


def test_an_unknown_identity_joins_the_contact_of_the_one_that_is_known(
    caller: DropinCaller,
) -> None:
    contact = OptInFactory().identity.contact
    answer = caller.register(
        "optins", people(("SMS", NUMBER), WHATSAPP), channels=["SMS", "WHATSAPP"]
    )
    assert answer.status_code == 200
    assert set(contact.identities.values_list("channel", flat=True)) == {"SMS", "WHATSAPP"}


def test_a_persons_own_stop_goes_with_them_to_the_identity_that_joins(
    caller: DropinCaller,
) -> None:
    StopFactory()
    caller.register("optins", people(("WHATSAPP", OTHER_NUMBER), WHATSAPP))
    assert state_of(OTHER_NUMBER) == "opted_out"


def test_identities_of_several_known_contacts_stay_where_they_are(caller: DropinCaller) -> None:
    first = OptInFactory(contact=ContactFactory()).identity
    second = OptInFactory(contact=ContactFactory(), identity=OTHER_NUMBER).identity
    recipient = people(WHATSAPP, ("WHATSAPP", OTHER_NUMBER), ("SMS", NUMBER))
    assert caller.register("optouts", recipient, channels=["WHATSAPP", "SMS"]).status_code == 200
    owners = {one.id: one.contact_id for one in ChannelIdentity.objects.all()}
    assert owners[first.id] == first.contact_id
    assert owners[second.id] == second.contact_id
    assert len(set(owners.values())) == 3
    assert len(lines(action="opt_out")) == 3


@pytest.mark.parametrize("is_known", [True, False])
def test_strangers_turn_out_to_be_the_person_that_they_are_named_with(
    caller: DropinCaller, is_known: bool
) -> None:
    contact = ContactFactory() if is_known else None
    first = OptInFactory(identity=OTHER_NUMBER).identity
    second = OptInFactory(contact=contact).identity
    recipient = people(WHATSAPP, ("WHATSAPP", OTHER_NUMBER))
    assert caller.register("optouts", recipient).status_code == 200
    owners = set(ChannelIdentity.objects.values_list("contact", flat=True))
    assert owners == {second.contact_id if is_known else first.contact_id}


def test_somebody_who_takes_an_identity_meanwhile_keeps_it(
    caller: DropinCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look finds nobody; by the time it is recorded the number is another contact's."""
    contact = ContactFactory()
    OptInFactory(contact=contact)
    real, looks = addressbook.find, []

    def find_late(sender: Sender, addresses: Any) -> Any:
        looks.append(1)
        return {} if len(looks) == 1 else real(sender, addresses)

    monkeypatch.setattr(orders.addressbook, "find", find_late)
    answer = caller.register(
        "optins", people(WHATSAPP, ("SMS", NUMBER)), channels=["WHATSAPP", "SMS"]
    )
    assert answer.status_code == 200
    assert list(Contact.objects.all()) == [contact]
    assert len(lines(origin="dropin")) == 2


def test_whose_identities_keep_changing_hands_is_asked_to_come_back(
    caller: DropinCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conflict(sender: Sender, entries: list[Any]) -> list[ConsentError]:
        return [ConsentError("identity_conflict", "Another's.") for _ in entries]

    monkeypatch.setattr(orders.ledger, "record_many", conflict)
    error(caller.register("optins", people(WHATSAPP)), 503)


def test_identities_on_other_channels_are_not_registered(caller: DropinCaller) -> None:
    caller.register("optouts", people(WHATSAPP, ("SMS", NUMBER)))
    assert list(ChannelIdentity.objects.values_list("channel", flat=True)) == ["WHATSAPP"]


@pytest.mark.parametrize(
    ("theirs", "ours"), [("VIBERBM", "VIBER"), ("VIBER", "VIBER"), ("KAKAOTALKCHAT", "KAKAOTALK")]
)
def test_channels_go_by_sinchs_names(caller: DropinCaller, theirs: str, ours: str) -> None:
    answer = caller.register("optins", people((theirs, NUMBER)), channels=[theirs])
    assert answer.json()["opt_in"]["channels"] == [theirs]
    assert ChannelIdentity.objects.get().channel == ours


def test_a_repeat_is_a_success_each_with_its_result(caller: DropinCaller) -> None:
    for _ in range(2):
        assert caller.register("optins", people(WHATSAPP)).status_code == 200
    outcomes = ConsentEvent.objects.order_by("seq").values_list("outcome", flat=True)
    assert list(outcomes) == [Outcome.CHANGED.value, Outcome.NO_CHANGE.value]
    assert len(awaited()) == 2


def test_it_lifts_what_came_by_a_drop_in_and_nothing_else(caller: DropinCaller) -> None:
    caller.register("optouts", people(WHATSAPP))
    assert caller.register("optins", people(WHATSAPP)).status_code == 200
    assert state_of() == "opted_in"
    OptOutFactory(identity=OTHER_NUMBER)
    other = people(("WHATSAPP", OTHER_NUMBER))
    assert caller.register("optins", other).status_code == 200
    assert state_of(OTHER_NUMBER) == "opted_out"
    newest = ConsentEvent.objects.latest("seq")
    assert (newest.outcome, newest.lifts) == (Outcome.WOULD_RESURRECT, Lifts.DROPIN)


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"app_id": ""}, "Field app_id is required."),
    ({"app_id": 5}, "Field app_id is required."),
    ({"channels": None}, "Field channels is required."),
    ({"channels": "WHATSAPP"}, "Field channels is required."),
    ({"channels": [5]}, "Field channels has an unknown channel."),
    ({"channels": ["EMAIL"]}, "Field channels has an unknown channel."),
    (
        {"recipient": None},
        "Field recipient takes exactly one of contact_id and identified_by.",
    ),
    (
        {"recipient": {"contact_id": "c", **people(WHATSAPP)}},
        "Field recipient takes exactly one of contact_id and identified_by.",
    ),
    ({"recipient": {"contact_id": 5}}, "Field contact_id must be a string."),
    ({"recipient": {"identified_by": "x"}}, "Field channel_identities is required."),
    ({"recipient": people()}, "Field channel_identities is required."),
    ({"recipient": people(("FAX", NUMBER))}, "Field channel_identities has an invalid identity."),
    ({"recipient": people(("WHATSAPP", ""))}, "Field channel_identities has an invalid identity."),
    ({"recipient": people(("WHATSAPP", "x"))}, "Field channel_identities has an invalid identity."),
    ({"processing_strategy": "LATER"}, "Field processing_strategy is invalid."),
]


@pytest.mark.parametrize(("wrong", "message"), NONSENSE)
def test_a_missing_or_badly_formed_field_is_a_400_and_no_opt_in(
    caller: DropinCaller, wrong: dict[str, Any], message: str
) -> None:
    body = {"app_id": APP, "channels": ["WHATSAPP"], "recipient": people(WHATSAPP), **wrong}
    answer = caller.register("optins", body.pop("recipient"), **body)
    assert error(answer, 400) == message
    assert (lines(), awaited()) == ([], [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_object_is_a_400(caller: DropinCaller, body: bytes) -> None:
    path = "/v1/projects/x/optouts:register"
    assert error(caller.send("POST", path, body), 400) == "The body is not a JSON object."


@pytest.mark.parametrize(
    "more",
    [
        {"processing_strategy": "LATER"},
        {"query": {"request_id": "x" * 201}},
        {"query": {"request_id": "a\0b"}},
        {"channels": ["WHATSAPP", "FAX"]},
        {"channels": ["FAX"]},
        {"channels": []},
        {"channels": None},
        {"channels": "WHATSAPP"},
        {"recipient": people(WHATSAPP, ("WHATSAPP", "12"))},
        {"recipient": people(WHATSAPP, ("FAX", "12"))},
    ],
)
def test_an_opt_out_is_recorded_whatever_is_wrong_beside_it(
    caller: DropinCaller, more: dict[str, Any]
) -> None:
    more = {"recipient": people(WHATSAPP), **more}
    error(caller.register("optouts", **more), 400)
    assert lines() == [("opt_out", NUMBER)]
    assert awaited() == [("opt_out", "WHATSAPP", NUMBER, "")]


def test_several_opt_ins_are_recorded_together_or_not_at_all(caller: DropinCaller) -> None:
    error(caller.register("optins", people(WHATSAPP, ("WHATSAPP", "12"))), 400)
    assert (lines(), awaited(), Contact.objects.count()) == ([], [], 0)


# --- access tokens


def test_a_token_is_given_for_an_hour_and_opens_the_calls(caller: DropinCaller) -> None:
    answer = caller.token()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"access_token", "expires_in", "scope", "token_type"}
    assert (body["expires_in"], body["token_type"], body["scope"]) == (3600, "bearer", "")
    bearer = f"Bearer {body['access_token']}"
    registered = caller.register("optins", people(WHATSAPP), authorization=bearer)
    assert registered.status_code == 200
    assert ConsentEvent.objects.get().actor == caller.client_id


def test_the_calls_take_the_key_and_http_basic_too(caller: DropinCaller) -> None:
    for authorization in (caller.basic(), f"Bearer {caller.key}", f"bearer {caller.key}"):
        answer = caller.register("optins", people(WHATSAPP), authorization=authorization)
        assert answer.status_code == 200


def oauth_error(answer: Any, status: int) -> str:
    assert answer.status_code == status
    body = answer.json()
    assert body.keys() == {"error", "error_description", "error_verbose", "status_code"}
    assert body["status_code"] == status
    return str(body["error"])


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer x", "Basic", "Basic !!!", "Basic YTpi", "Basic YTo=", "Basic /w=="],
)
def test_wrong_credentials_at_the_token_endpoint_have_the_oauth_shape(
    caller: DropinCaller, authorization: str
) -> None:
    answer = caller.token(authorization)
    assert oauth_error(answer, 401) == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_client_id_that_is_not_the_keys_is_refused(caller: DropinCaller) -> None:
    other = DropinCaller()
    assert oauth_error(caller.token(caller.basic(client=other.client_id)), 401) == "invalid_client"
    basic = caller.basic(client=other.client_id)
    error(caller.register("optins", people(WHATSAPP), authorization=basic), 401)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_request"),
        (b"{}", "invalid_request"),
        (b"grant_type=", "invalid_request"),
        (b"&a=b" * 200, "invalid_request"),
        (b"grant_type=client_credentials&grant_type=password", "invalid_request"),
        (b"grant_type=password", "unsupported_grant_type"),
        (b"grant_type=\xff", "unsupported_grant_type"),
    ],
)
def test_another_grant_is_refused_in_the_oauth_shape(
    caller: DropinCaller, body: bytes, code: str
) -> None:
    assert oauth_error(caller.token(body=body), 400) == code


def test_the_token_endpoint_takes_posts_alone(caller: DropinCaller) -> None:
    answer = caller.send("GET", "/oauth2/token", authorization=caller.basic())
    assert oauth_error(answer, 405) == "invalid_request"
    assert answer.headers["Allow"] == "POST"


def test_an_expired_token_says_so_where_sinchs_clients_look(caller: DropinCaller) -> None:
    old = tokens.issue(caller.api_key, timezone.now() - tokens.LIFETIME)
    answer = caller.register("optins", people(WHATSAPP), authorization=f"Bearer {old}")
    error(answer, 401)
    assert "expired" in answer.headers["WWW-Authenticate"]


def test_a_token_ends_after_an_hour_and_not_before(caller: DropinCaller) -> None:
    start = datetime(2026, 2, 3, tzinfo=UTC)
    token = tokens.issue(caller.api_key, start)
    almost = start + tokens.LIFETIME - timedelta(seconds=1)
    assert tokens.key_behind(token, almost) == caller.api_key
    with pytest.raises(AuthenticationFailed):
        tokens.key_behind(token, start + tokens.LIFETIME)


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_revoking_the_key_revokes_its_tokens(caller: DropinCaller, ended: str) -> None:
    bearer = f"Bearer {caller.token().json()['access_token']}"
    ApiKey.objects.update(**{ended: timezone.now() - timedelta(seconds=1)})
    answer = caller.register("optins", people(WHATSAPP), authorization=bearer)
    error(answer, 401)
    assert "expired" not in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "change", [str.upper, str.lower, lambda token: token[:-1], lambda _: "a.b"]
)
def test_a_token_that_was_tampered_with_is_worth_nothing(caller: DropinCaller, change: Any) -> None:
    token = change(tokens.issue(caller.api_key, timezone.now()))
    answer = caller.register("optins", people(WHATSAPP), authorization=f"Bearer {token}")
    error(answer, 401)
    assert "expired" not in answer.headers["WWW-Authenticate"]


def test_a_token_does_not_hold_the_key(caller: DropinCaller) -> None:
    token = tokens.issue(caller.api_key, timezone.now())
    assert caller.key.rpartition("_")[2] not in json.dumps(token)
