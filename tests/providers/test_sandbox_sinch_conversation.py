from typing import Any

import pytest

from tests.providers.sandbox_client import (
    APP,
    CONVERSATION_KEY,
    PROJECT_PATH,
    Reply,
    basic,
    call,
    register,
    registration,
)
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

NUMBER = "14707864783"
GRANT = b"grant_type=client_credentials"


def fetch_token(sandbox: RunningSandbox, key: dict[str, str] = CONVERSATION_KEY) -> Reply:
    return call(sandbox.url, "POST", "/oauth2/token", GRANT, key)


def bearer(sandbox: RunningSandbox) -> str:
    return f"Bearer {fetch_token(sandbox).json()['access_token']}"


def test_a_token_opens_the_register_endpoints(sandbox: RunningSandbox) -> None:
    answer = fetch_token(sandbox).json()

    reply = register(
        sandbox.url,
        "optins",
        registration(NUMBER),
        Authorization=f"Bearer {answer['access_token']}",
    )

    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3599)
    assert reply.status == 200


@pytest.mark.parametrize(
    "key", [{}, basic("sandbox-key-id", "wrong"), {"Authorization": "Basic !"}]
)
def test_a_wrong_client_gets_the_oauth_error(sandbox: RunningSandbox, key: dict[str, str]) -> None:
    reply = fetch_token(sandbox, key)

    assert (reply.status, reply.json()["error"]) == (401, "invalid_client")


def test_a_wrong_grant_type_is_refused(sandbox: RunningSandbox) -> None:
    reply = call(sandbox.url, "POST", "/oauth2/token", b"grant_type=password", CONVERSATION_KEY)

    assert (reply.status, reply.json()["error"]) == (400, "unsupported_grant_type")


def test_the_answer_is_the_request_with_defaults_filled_in(sandbox: RunningSandbox) -> None:
    path = f"{PROJECT_PATH}optouts:register?request_id=01HZREQ0000000000000000001"

    answer = call(sandbox.url, "POST", path, registration(NUMBER), CONVERSATION_KEY).json()

    assert answer == {
        "opt_out": {
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
        "request_id": "01HZREQ0000000000000000001",
    }
    assert sandbox.state("sinch_conversation") == {NUMBER: "opted_out"}


def test_a_request_id_is_made_when_none_is_given(sandbox: RunningSandbox) -> None:
    answer = register(sandbox.url, "optins", registration(NUMBER)).json()

    assert len(answer["request_id"]) == 26
    assert sandbox.calls()[0]["request_id"] == answer["request_id"]


def test_a_contact_id_stands_for_the_recipient(sandbox: RunningSandbox) -> None:
    content = {"app_id": APP, "channels": ["WHATSAPP"], "recipient": {"contact_id": "01HZC"}}

    answer = register(sandbox.url, "optins", content).json()

    assert answer["opt_in"]["recipient"] == {"contact_id": "01HZC"}
    assert sandbox.state("sinch_conversation") == {"contact:01HZC": "opted_in"}


def test_a_channel_without_support_is_accepted_and_not_held(sandbox: RunningSandbox) -> None:
    assert register(sandbox.url, "optins", registration("+46732001122", "SMS")).status == 200
    assert sandbox.state("sinch_conversation") == {}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in registration(NUMBER).items() if key != name}


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        [],
        without("app_id"),
        without("channels"),
        without("recipient"),
        registration(NUMBER) | {"app_id": "short"},
        registration(NUMBER) | {"channels": ["PIGEON"]},
        registration(NUMBER) | {"channels": [{}]},
        registration(NUMBER) | {"channels": ["SMS"]},
        registration(NUMBER) | {"processing_strategy": "LATER"},
        registration(NUMBER) | {"recipient": {}},
        registration(NUMBER) | {"recipient": {"contact_id": "a", "identified_by": {}}},
        registration(NUMBER) | {"recipient": {"identified_by": {"channel_identities": []}}},
        registration("+14707864783"),
        registration(""),
    ],
)
def test_a_wrong_registration_is_an_invalid_argument(
    sandbox: RunningSandbox, content: object
) -> None:
    reply = register(sandbox.url, "optins", content)

    assert (reply.status, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert sandbox.state("sinch_conversation") == {}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v1/projects/other/optins:register", registration(NUMBER)),
        (f"{PROJECT_PATH}optins:register", registration(NUMBER) | {"app_id": "0" * 26}),
        (f"{PROJECT_PATH}optins%3Aregister", registration(NUMBER)),
        (f"{PROJECT_PATH}messages:send", {}),
    ],
)
def test_an_unknown_project_app_or_endpoint_is_not_found(
    sandbox: RunningSandbox, path: str, content: object
) -> None:
    reply = call(sandbox.url, "POST", path, content, CONVERSATION_KEY)

    assert (reply.status, reply.json()["error"]["code"]) == (404, 404)


@pytest.mark.parametrize("key", ["Bearer nonsense", "Bearer a-b-c.d", "Basic eDp5", "x"])
def test_a_wrong_key_is_401_without_the_word_expired(sandbox: RunningSandbox, key: str) -> None:
    reply = register(sandbox.url, "optins", registration(NUMBER), Authorization=key)

    assert reply.status == 401
    assert "www-authenticate" not in reply.headers


def test_an_expired_token_says_so_in_the_header(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_conversation", "short_token", expires_in=0)

    reply = register(sandbox.url, "optins", registration(NUMBER), Authorization=bearer(sandbox))

    assert reply.status == 401
    assert "expired" in reply.headers["www-authenticate"]


def test_tokens_can_be_expired_and_fetched_anew(sandbox: RunningSandbox) -> None:
    old = bearer(sandbox)
    sandbox.ask("POST", "/sandbox/expired-tokens")

    replies = [
        register(sandbox.url, "optins", registration(NUMBER), Authorization=key)
        for key in (old, bearer(sandbox))
    ]

    assert [reply.status for reply in replies] == [401, 200]


@pytest.mark.parametrize(
    ("fault", "status"),
    [("expired_token", 401), ("wrong_region", 404), ("withdrawn", 404)],
)
def test_its_own_faults_refuse_a_registration(
    sandbox: RunningSandbox, fault: str, status: int
) -> None:
    sandbox.fault("sinch_conversation", fault, count=1)

    replies = [register(sandbox.url, "optins", registration(NUMBER)).status for _ in range(2)]

    assert replies == [status, 200]


def test_the_token_endpoint_has_faults_of_its_own(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_conversation", "invalid_client", count=1)
    sandbox.fault("sinch_conversation", "status", status=429, actions=["token"], count=1)

    assert [fetch_token(sandbox).status for _ in range(3)] == [401, 429, 200]


def test_a_fault_for_changes_is_not_spent_on_a_token(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_conversation", "status", status=500, count=1)

    assert fetch_token(sandbox).status == 200
    assert register(sandbox.url, "optins", registration(NUMBER)).status == 500


@pytest.mark.parametrize(
    ("shape", "where"), [("nested", ("error", "code")), ("flat", ("code",)), ("text", ("code",))]
)
def test_errors_come_in_every_shape_its_documents_show(
    sandbox: RunningSandbox, shape: str, where: tuple[str, ...]
) -> None:
    sandbox.fault("sinch_conversation", "status", status=503, body=shape)

    found = register(sandbox.url, "optins", registration(NUMBER)).json()
    for key in where:
        found = found[key]

    assert found == 503


def insert(sandbox: RunningSandbox, *numbers: str, kind: str = "OPT_OUT_ALL") -> Reply:
    records = [{"identification": number, "consent_type": kind} for number in numbers]
    content = {"app_id": APP, "consent_records": records}
    return call(sandbox.url, "POST", f"{PROJECT_PATH}consents", content, CONVERSATION_KEY)


def read_consents(sandbox: RunningSandbox, path: str) -> Reply:
    return call(
        sandbox.url, "GET", f"{PROJECT_PATH}apps/{APP}/consents/{path}", None, CONVERSATION_KEY
    )


def test_the_batch_puts_numbers_on_the_opt_out_list(sandbox: RunningSandbox) -> None:
    assert "batch_id" in insert(sandbox, NUMBER).json()
    assert sandbox.state("sinch_conversation") == {NUMBER: "opted_out"}


def test_a_marketing_list_is_a_list_of_its_own(sandbox: RunningSandbox) -> None:
    insert(sandbox, NUMBER, kind="OPT_OUT_MARKETING")

    assert read_consents(sandbox, "OPT_OUT_MARKETING").json()["identities"] == [
        {"identity": NUMBER}
    ]
    assert read_consents(sandbox, "OPT_OUT_ALL").json()["identities"] == []


def test_a_wrong_batch_is_refused_with_the_flat_shape(sandbox: RunningSandbox) -> None:
    assert insert(sandbox, "+4670").json()["code"] == 400
    assert insert(sandbox).json()["code"] == 400
    assert insert(sandbox, NUMBER, kind="OPT_IN").json()["code"] == 400


def test_the_list_is_read_page_by_page(sandbox: RunningSandbox) -> None:
    numbers = [f"467017406{n:02d}" for n in range(5, 10)]
    insert(sandbox, *numbers)

    first = read_consents(sandbox, "OPT_OUT_ALL?page_size=3").json()
    token = first["next_page_token"]
    second = read_consents(sandbox, f"OPT_OUT_ALL?page_size=3&page_token={token}").json()

    found = [row["identity"] for row in first["identities"] + second["identities"]]
    assert (found, second["next_page_token"]) == (numbers, "")


@pytest.mark.parametrize("query", ["page_size=0", "page_size=51", "page_size=x", "page_token=%21"])
def test_a_wrong_page_is_refused(sandbox: RunningSandbox, query: str) -> None:
    assert read_consents(sandbox, f"OPT_OUT_ALL?{query}").status == 400


def test_the_audit_of_an_identity_shows_every_step(sandbox: RunningSandbox) -> None:
    insert(sandbox, NUMBER)
    register(sandbox.url, "optins", registration(NUMBER))

    records = read_consents(sandbox, f"identities/{NUMBER}").json()["audit_records"]

    assert [row["operation"] for row in records] == ["OPERATION_INSERT", "OPERATION_DELETE"]


def test_an_identity_never_heard_of_is_not_found(sandbox: RunningSandbox) -> None:
    assert read_consents(sandbox, f"identities/{NUMBER}").status == 404
    assert read_consents(sandbox, "OPT_OUT_NOTHING").status == 404
