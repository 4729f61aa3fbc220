import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.providers.sandbox_client import WHATSAPP_KEY, WHATSAPP_PATH, call, pepipost, whatsapp
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

NUMBER = "46732001122"
ROOT = Path(__file__).parents[2]


def talk(sandbox: RunningSandbox, sent: bytes) -> bytes:
    """Send bytes, end the sending side, and read until the server ends."""
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_one_connection_carries_many_calls(sandbox: RunningSandbox) -> None:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        body = json.dumps({"numbers": [NUMBER]})
        connection.request("POST", f"{WHATSAPP_PATH}optin", body, WHATSAPP_KEY)
        assert connection.getresponse().read() == b""
        assert connection.sock is first
    connection.close()


def test_an_old_client_gets_its_connection_closed(sandbox: RunningSandbox) -> None:
    assert b"Connection: close" in talk(sandbox, b"GET /sandbox/ HTTP/1.0\r\n\r\n")


def test_a_client_that_asks_first_is_told_to_continue(sandbox: RunningSandbox) -> None:
    head = b"POST /sandbox/reset HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"

    assert talk(sandbox, head).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / SMTP/1.0\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(200)) + b"\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    ],
)
def test_an_unreadable_request_is_refused_and_ends_the_connection(
    sandbox: RunningSandbox, sent: bytes, status: int
) -> None:
    received = talk(sandbox, sent)

    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in received


def test_a_place_where_no_provider_lives_is_not_found(sandbox: RunningSandbox) -> None:
    assert call(sandbox.url, "GET", "/elsewhere").status == 404
    assert call(sandbox.url, "GET", "/sandboxes").status == 404
    assert call(sandbox.url, "GET", "/sandbox/elsewhere").status == 404
    assert sandbox.calls() == []


def test_calls_at_once_are_all_counted_and_applied(sandbox: RunningSandbox) -> None:
    def opt_in_many(first: int) -> None:
        for number in range(first, first + 20):
            whatsapp(sandbox.url, [f"46701740{number}"])

    threads = [threading.Thread(target=opt_in_many, args=(100 + 20 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(sandbox.state("sinch_whatsapp")) == 160
    assert [record["sequence"] for record in sandbox.calls()] == list(range(1, 161))


def test_of_many_optins_at_once_exactly_one_is_new(sandbox: RunningSandbox) -> None:
    answers: list[str] = []

    def opt_in() -> None:
        answers.append(pepipost(sandbox.url, "optin", "919869566055").json()["status"])

    threads = [threading.Thread(target=opt_in) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answers) == ["failure"] * 11 + ["success"]


def ask(sandbox: RunningSandbox, method: str, path: str, content: object = None) -> Any:
    return call(sandbox.url, method, path, content).json()


def test_state_and_history_can_be_asked(sandbox: RunningSandbox) -> None:
    whatsapp(sandbox.url, [NUMBER])
    whatsapp(sandbox.url, [NUMBER], "DELETE")

    shown = ask(sandbox, "GET", f"/sandbox/state/sinch_whatsapp/{NUMBER}")

    assert ask(sandbox, "GET", "/sandbox/state") == {
        "pepipost": {},
        "sinch_conversation": {},
        "sinch_whatsapp": {NUMBER: "opted_out"},
    }
    assert shown["state"] == "opted_out"
    assert [(step["state"], step["call"]) for step in shown["history"]] == [
        ("opted_in", 1),
        ("opted_out", 2),
    ]


def test_a_number_never_heard_of_has_no_state(sandbox: RunningSandbox) -> None:
    shown = ask(sandbox, "GET", f"/sandbox/state/pepipost/{NUMBER}")

    assert shown == {"state": None, "history": []}


def test_calls_can_be_asked_by_provider_and_from_a_sequence_on(sandbox: RunningSandbox) -> None:
    whatsapp(sandbox.url, [NUMBER])
    pepipost(sandbox.url, "optout", "919869566055")
    whatsapp(sandbox.url, [NUMBER], "DELETE")

    found = ask(sandbox, "GET", "/sandbox/calls?provider=sinch_whatsapp&since=1")

    assert (found["count"], len(found["calls"])) == (3, 1)
    [record] = found["calls"]
    assert (record["sequence"], record["action"], record["numbers"]) == (3, "opt_out", [NUMBER])
    assert (record["status"], record["applied"], record["endpoint"]) == (200, True, "optin")


def test_legacy_holdings_are_put_in_before(sandbox: RunningSandbox) -> None:
    content = {"numbers": {NUMBER: "opted_in"}}

    assert ask(sandbox, "POST", "/sandbox/state/sinch_conversation", content) == {"preloaded": 1}
    assert sandbox.state("sinch_conversation") == {NUMBER: "opted_in"}


def test_faults_are_switched_over_the_network_too(sandbox: RunningSandbox) -> None:
    wish = {"provider": "sinch_whatsapp", "fault": "status", "status": 410, "count": None}

    added = ask(sandbox, "POST", "/sandbox/faults", wish)

    assert whatsapp(sandbox.url, [NUMBER]).status == 410
    assert ask(sandbox, "GET", "/sandbox/faults")["faults"] == [added]
    assert ask(sandbox, "DELETE", f"/sandbox/faults/{added['id']}") == {"cleared": 1}
    assert ask(sandbox, "DELETE", "/sandbox/faults") == {"cleared": 0}
    assert whatsapp(sandbox.url, [NUMBER]).status == 200


def test_a_reset_forgets_all_but_accounts_and_callback_addresses(sandbox: RunningSandbox) -> None:
    sandbox.listen("pepipost", "http://127.0.0.1:1/")
    sandbox.fault(None, "status", status=500, count=1)
    whatsapp(sandbox.url, [NUMBER])
    whatsapp(sandbox.url, [NUMBER])

    ask(sandbox, "POST", "/sandbox/reset")

    assert sandbox.state("sinch_whatsapp") == {}
    assert (sandbox.calls(), sandbox.core.faults.active()) == ([], [])
    assert len(sandbox.core.callbacks.targets()) == 1


def test_credentials_can_be_changed(sandbox: RunningSandbox) -> None:
    ask(sandbox, "POST", "/sandbox/accounts/sinch_whatsapp", {"token": "other"})

    assert whatsapp(sandbox.url, [NUMBER]).status == 401
    assert ask(sandbox, "GET", "/sandbox/accounts")["sinch_whatsapp"]["token"] == "other"


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/sandbox/state/nobody", None),
        ("GET", "/sandbox/calls?since=-1", None),
        ("GET", "/sandbox/calls?provider=nobody", None),
        ("POST", "/sandbox/state", {"numbers": {}}),
        ("POST", "/sandbox/state/nobody", {"numbers": {}}),
        ("POST", "/sandbox/state/pepipost", {"numbers": {NUMBER: "maybe"}}),
        ("POST", "/sandbox/state/pepipost", {"numbers": {NUMBER: []}}),
        ("POST", "/sandbox/state/pepipost", []),
        ("POST", "/sandbox/faults", b"{"),
        ("DELETE", "/sandbox/faults/x", None),
        ("POST", "/sandbox/accounts", {}),
        ("POST", "/sandbox/accounts/nobody", {}),
        ("POST", "/sandbox/accounts/pepipost", {"tokens": "x"}),
        ("POST", "/sandbox/accounts/pepipost", {"token": ""}),
    ],
)
def test_a_nonsensical_control_call_is_refused(
    sandbox: RunningSandbox, method: str, path: str, content: object
) -> None:
    reply = call(sandbox.url, method, path, content)

    assert reply.status == 400
    assert reply.json()["error"]["message"]
    assert sandbox.state() == {"pepipost": {}, "sinch_conversation": {}, "sinch_whatsapp": {}}


def start_command(*options: str) -> "subprocess.Popen[str]":
    program = (
        "import argparse, functools\n"
        "from providers.sandbox import command_line\n"
        "parser = argparse.ArgumentParser()\n"
        "command_line.add_options(parser)\n"
        "command_line.run(vars(parser.parse_args()), functools.partial(print, flush=True))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_the_program_says_where_it_listens_and_ends_when_told() -> None:
    with start_command("--port", "0", "--whatsapp-token", "mine") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        key = {"Authorization": "Bearer mine"}
        url = line.split()[-1]
        status = call(url, "POST", f"{WHATSAPP_PATH}optin", {"numbers": [NUMBER]}, key).status
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
        assert line.startswith("Provider sandbox listening on http://127.0.0.1:")
        assert status == 200
