from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers import deadlines, http
from providers.contract import Account, Fault
from providers.errors import AccountError
from providers.http import Answer, Request, base_url_problem, send
from tests.providers.conftest import Recorder, serving

SECRET = "s3cret-token-value"
NOW = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)


def request(url: str, method: str = "POST", body: bytes = b"{}") -> Request:
    return Request(method, url, headers={"Authorization": f"Bearer {SECRET}"}, body=body)


def account(base_url: str, **settings: object) -> Account:
    return Account(id="a", kind="k", base_url=base_url, settings=settings)


def test_an_answer_brings_status_headers_and_body(server: Recorder) -> None:
    server.answers(418, {"a": 1}, X_Note="yes")
    answer = send(request(server.base_url), seconds=5)
    assert (answer.status, answer.headers["x-note"], answer.document()) == (418, "yes", {"a": 1})


def test_a_delete_carries_its_body(server: Recorder) -> None:
    server.answers()
    send(request(server.base_url, "DELETE", b'{"numbers":["46732001122"]}'), seconds=5)
    assert server.received[0].method == "DELETE"
    assert server.received[0].document == {"numbers": ["46732001122"]}


def test_a_colon_and_a_final_slash_stay_in_the_path(server: Recorder) -> None:
    server.answers()
    send(request(f"{server.base_url}/optins:register/?request_id=1"), seconds=5)
    assert server.received[0].path == "/optins:register/?request_id=1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Recorder, status: int) -> None:
    server.answers(status, b"", Location="/elsewhere").answers(200)
    assert send(request(server.base_url), seconds=5).status == status
    assert len(server.received) == 1


def test_cookies_do_not_travel_from_one_call_to_the_next(server: Recorder) -> None:
    server.answers(200, b"", Set_Cookie="session=1")
    send(request(server.base_url), seconds=5)
    send(request(server.base_url), seconds=5)
    assert "cookie" not in server.received[1].headers


def test_proxies_of_the_environment_are_not_used(
    server: Recorder, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", nobody)
    monkeypatch.setenv("http_proxy", nobody)
    server.answers()
    assert send(request(server.base_url), seconds=5).status == 200


def test_calls_share_a_kept_connection(server: Recorder) -> None:
    server.answers(200, {"a": 1})
    send(request(server.base_url), seconds=5)
    send(request(server.base_url), seconds=5)
    assert server.received[0].connection == server.received[1].connection


def test_a_kept_connection_that_the_peer_closes_is_replaced(server: Recorder) -> None:
    server.answers().drops().answers(201)
    send(request(server.base_url), seconds=5)
    assert send(request(server.base_url), seconds=5).status == 201
    assert len({received.connection for received in server.received[1:]}) == 2


def test_a_fresh_connection_that_the_peer_closes_is_not_tried_again(server: Recorder) -> None:
    server.drops()
    error = _failure(server.base_url)
    assert (error.fault, error.code, error.may_have_arrived) == (
        Fault.UNAVAILABLE,
        "connection_broken",
        True,
    )
    assert len(server.received) == 1


def test_an_answer_over_a_replaced_connection_says_that_it_was_asked_twice(
    server: Recorder,
) -> None:
    server.answers(200).drops().answers(200)
    assert not send(request(server.base_url), seconds=5).is_repeated
    assert send(request(server.base_url), seconds=5).is_repeated
    assert len(server.received) == 3


def test_what_was_sent_over_a_replaced_connection_may_have_arrived(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try never reached anybody, but the first may have."""
    server.answers(200).drops()
    send(request(server.base_url), seconds=5)
    tries = []

    def refuse(*given: object) -> object:
        tries.append(given)
        raise ConnectionError

    monkeypatch.setattr(deadlines, "_connect", refuse)
    error = _failure(server.base_url)
    assert (error.code, error.may_have_arrived, len(tries)) == ("connection_failed", True, 1)


def test_a_body_is_read_up_to_its_limit(server: Recorder) -> None:
    server.answers(500, b"x" * (http.BODY_MAX * 4))
    assert len(send(request(server.base_url), seconds=5).body) == http.BODY_MAX


def test_of_an_endless_body_no_more_than_the_limit_is_waited_for(server: Recorder) -> None:
    length = f"HTTP/1.1 200 OK\r\nContent-Length: {http.BODY_MAX * 100}\r\n\r\n".encode()

    def begin(handler: Any) -> None:
        handler.connection.sendall(length + b"x" * (http.BODY_MAX + 1))
        server.released.wait(5)
        handler.close_connection = True

    server.behaves(begin)
    assert len(send(request(server.base_url), seconds=2).body) == http.BODY_MAX


def test_half_a_body_is_no_answer(server: Recorder) -> None:
    server.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    assert _failure(server.base_url).code == "connection_broken"


@pytest.mark.parametrize(
    "broken_off",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: x",
    ],
)
def test_half_of_the_headers_are_no_answer(
    server: Recorder, broken_off: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.sends(broken_off)
    error = _failure(server.base_url)
    assert (error.code, error.may_have_arrived) == ("connection_broken", True)
    assert caplog.records == []


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_whole_headers_without_a_body_are_an_answer(server: Recorder, end: bytes) -> None:
    server.sends(b"HTTP/1.1 204 No Content" + end + b"X-Note: yes" + end + end)
    assert send(request(server.base_url), seconds=5).headers == {"x-note": "yes"}


def test_headers_that_are_none_are_not_logged(
    server: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    raw = f"HTTP/1.1 200 OK\r\n: {SECRET}\r\nContent-Length: 2\r\n\r\n{{}}"
    server.sends(raw.encode())
    send(request(server.base_url), seconds=5)
    assert caplog.records == []


def test_what_is_no_http_is_no_answer(server: Recorder) -> None:
    server.sends(b"SSH-2.0-OpenSSH\r\n\r\n")
    assert _failure(server.base_url).may_have_arrived


def test_a_refused_connection_has_surely_not_arrived(nobody: str) -> None:
    error = _failure(nobody)
    assert (error.fault, error.code, error.may_have_arrived) == (
        Fault.UNAVAILABLE,
        "connection_failed",
        False,
    )


def test_an_unknown_name_has_surely_not_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(deadlines.socket, "getaddrinfo", unknown)
    error = _failure("http://provider.invalid")
    assert (error.fault, error.may_have_arrived) == (Fault.UNAVAILABLE, False)


def test_a_name_look_up_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(deadlines.socket, "getaddrinfo", lambda *_, **__: [released.wait(5)])
    error = _failure("http://provider.invalid", seconds=0.2)
    released.set()
    assert (error.code, error.may_have_arrived) == ("name_not_resolved", False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def secure_server(certificate: Path) -> Iterator[Recorder]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(tls) as recorder:
        yield recorder


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))


@pytest.mark.usefixtures("trusted")
def test_calls_over_tls_share_a_kept_connection(secure_server: Recorder) -> None:
    secure_server.answers(200, {"a": 1})
    for _ in range(2):
        assert send(request(secure_server.base_url), seconds=5).document() == {"a": 1}
    assert len({received.connection for received in secure_server.received}) == 1


@pytest.mark.usefixtures("trusted")
def test_a_server_that_drips_over_tls_is_cut_on_a_new_and_on_a_kept_connection(
    secure_server: Recorder,
) -> None:
    beginning = b"HTTP/1.1 200 OK\r\nX-Slow: "
    secure_server.drips(beginning).answers().drips(beginning)
    assert _failure(secure_server.base_url, seconds=0.3).fault is Fault.TIMEOUT
    send(request(secure_server.base_url), seconds=5)
    assert _failure(secure_server.base_url, seconds=0.3).fault is Fault.TIMEOUT
    assert len({received.connection for received in secure_server.received}) == 2


def test_a_certificate_nobody_vouches_for_gets_no_request(secure_server: Recorder) -> None:
    secure_server.answers()
    error = _failure(secure_server.base_url)
    assert (error.code, error.may_have_arrived) == ("tls_failed", False)
    assert not secure_server.received


def test_a_server_that_speaks_no_tls_has_not_got_the_request(server: Recorder) -> None:
    server.answers()
    error = _failure(server.base_url.replace("http:", "https:"))
    assert (error.code, error.may_have_arrived) == ("tls_failed", False)
    assert not server.received


def test_a_handshake_that_hangs_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = _failure(f"https://127.0.0.1:{silent.getsockname()[1]}", seconds=0.3)
    assert (error.code, error.may_have_arrived) == ("tls_failed", False)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
    ids=["status line", "header", "body", "body without a length"],
)
def test_a_server_that_drips_is_cut_at_the_deadline(server: Recorder, beginning: bytes) -> None:
    server.drips(beginning)
    error = _failure(server.base_url, seconds=0.3)
    assert (error.fault, error.may_have_arrived) == (Fault.TIMEOUT, True)


def test_a_server_that_keeps_silent_is_cut_and_not_asked_twice(server: Recorder) -> None:
    server.answers().keeps_silent()
    send(request(server.base_url), seconds=5)
    assert _failure(server.base_url, seconds=0.3).fault is Fault.TIMEOUT
    assert len(server.received) == 2


def test_without_time_nothing_is_sent(server: Recorder) -> None:
    server.answers()
    assert not _failure(server.base_url, seconds=0).may_have_arrived
    assert not server.received


@pytest.mark.parametrize("ending", ["\r\nX: 1", "\n folded"])
def test_a_token_no_header_can_carry_is_for_a_person_to_correct(
    server: Recorder, ending: str
) -> None:
    server.answers()
    bad = Request("POST", server.base_url, headers={"Authorization": f"Bearer {SECRET}{ending}"})
    with pytest.raises(AccountError) as caught:
        send(bad, seconds=5)
    assert caught.value.fault is Fault.CREDENTIALS
    assert not server.received


def test_no_failure_shows_a_credential_in_its_chain_or_frames(server: Recorder) -> None:
    server.drops()
    error = _failure(server.base_url)
    shown = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=True).format()
    )
    assert SECRET not in shown
    assert error.__context__ is None
    assert SECRET not in repr(request(server.base_url))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", timedelta(seconds=120)),
        ("Tue, 03 Feb 2026 10:00:30 GMT", timedelta(seconds=30)),
        ("Tue, 03 Feb 2026 09:00:00 GMT", timedelta()),
        ("999999999", timedelta(days=1)),
        ("9" * 5000, None),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected: timedelta | None) -> None:
    answer = Answer(429, headers={"retry-after": value}, received_at=NOW)
    assert answer.retry_after() == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"\xff\xfe\xff", b"[" * 100_000, b"null"])
def test_a_body_that_is_no_json_object_is_no_document(body: bytes) -> None:
    assert Answer(200, body=body).document() is None


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com", "http://127.0.0.1:8001/pre", "http://localhost", "http://[::1]:1"],
)
def test_https_and_this_machine_may_be_called(url: str) -> None:
    assert base_url_problem(account(url)) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://api.example.com",
        "http://api.example.com",
        "http://localhost.example.com",
        "https://user:secret@api.example.com",
        "https://api.example.com/?a=1",
        "https://api.example.com/#a",
        "https://api.example.com:99999",
        "https://[::1",
        "https://api.example.com/manage\u200b/",
        "https:///path",
    ],
)
def test_other_base_urls_may_not_be_called(url: str) -> None:
    assert base_url_problem(account(url)) is not None


@pytest.mark.parametrize(("setting", "allowed"), [(True, True), ("true", True), ("no", False)])
def test_plain_http_elsewhere_needs_a_setting(setting: object, allowed: bool) -> None:
    found = base_url_problem(account("http://api.example.com", allow_http=setting))
    assert (found is None) is allowed


def _failure(url: str, seconds: float = 5) -> AccountError:
    with pytest.raises(AccountError) as caught:
        send(request(url), seconds=seconds)
    return caught.value
