"""Ten thousand callbacks in ten seconds: all stored, answered and applied, whoever is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from config.home import BASE
from providers import signing
from tests.chaos.flood import Flood, request
from tests.config.conftest import home as home
from tests.config.servers import Installation, installation

pytestmark = pytest.mark.chaos

PER_SECOND, COUNT = 1000, 10_000
APPLIED_WITHIN = 60.0
APP = "01HZCONSENTAPP000000000001"
SECRET = "example-webhook-secret"
_PAUSE = threading.Event()


class Book:
    """An installation with one Sinch account, held so that only callbacks are at work."""

    def __init__(self, server: Installation) -> None:
        self.server = server
        self.account = self._manage(
            *("configure_provider", "sinch_conversation", "--sender", "default"),
            *("--name", "Sinch", "--base-url", "http://127.0.0.1:9", "--external-id", APP, "--set"),
            *("project_id=p", "key_id=k", "key_secret=s", f"callback_secret={SECRET}"),
        ).splitlines()[-1]
        self.ask("UPDATE providers_provideraccount SET is_held = true")

    def _manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=BASE,
            env=self.server.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with self.server.cluster.connect() as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def one(self, query: str) -> object:
        return self.ask(query)[0][0]

    def opt_in(self, numbers: list[str]) -> None:
        """Recorded by the API; then the provider has taken them all and owes the results."""
        found = re.search(r"API key: (\S+)", self.server.output)
        assert found
        events = [
            {"action": "opt_in", "channel": "WHATSAPP", "identity": number, "source": "WEB"}
            for number in numbers
        ]
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}/api/v1/consent-events/bulk/",
            json.dumps({"events": events}).encode(),
            {"Authorization": f"Bearer {found[1]}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert answer.status == 200
        self.ask("UPDATE providers_providersync SET status = 'awaiting_result', sent_at = now()")

    def waiting(self) -> int:
        count = self.one("SELECT count(*) FROM providers_providercallback WHERE status = 'stored'")
        return int(str(count))

    def seconds_until_applied(self) -> float:
        begun = time.monotonic()
        while self.waiting():
            assert time.monotonic() - begun < 5 * APPLIED_WITHIN, "they are never applied"
            _PAUSE.wait(0.5)
        return time.monotonic() - begun


@pytest.fixture
def book(home) -> Iterator[Book]:
    with installation(home, OPTBOOK_SANDBOX="false", WEB_WORKERS="2") as server:
        server.start()
        yield Book(server)


def numbers(count: int, start: int = 0) -> list[str]:
    """Of the American numbers set aside for fiction, in many area codes."""
    return [f"1{201 + at // 100}5550{100 + at % 100}" for at in range(start, start + count)]


def posts(book: Book, events: list[dict[str, object]]) -> list[bytes]:
    made = []
    now = int(time.time())
    for at, event in enumerate(events):
        body = json.dumps({"app_id": APP, "accepted_time": stamp(now), **event}).encode()
        headers = signing.sign_conversation(SECRET, body, nonce=f"n-{at}", timestamp=now)
        headers["Content-Type"] = "application/json"
        made.append(request(book.server.port, f"/callbacks/{book.account}/", body, headers))
    return made


def stamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def results_of(book: Book) -> list[dict[str, object]]:
    rows = book.ask("SELECT id FROM providers_providersync ORDER BY seq")
    return [
        {
            "opt_in_notification": {
                "request_id": str(row),
                "channel": "WHATSAPP",
                "status": "OPT_IN_SUCCEEDED",
            }
        }
        for (row,) in rows
    ]


def messages(people: list[str]) -> list[dict[str, object]]:
    return [
        {
            "message": {
                "id": f"m-{number}",
                "contact_message": {"text_message": {"text": "STOP" if at % 10 == 0 else "hello"}},
                "channel_identity": {"channel": "WHATSAPP", "identity": number},
            }
        }
        for at, number in enumerate(people)
    ]


def opt_outs(people: list[str]) -> list[dict[str, object]]:
    return [
        {
            "opt_out_notification": {
                "channel": "WHATSAPP",
                "identity": number,
                "status": "OPT_OUT_SUCCEEDED",
            }
        }
        for number in people
    ]


def mixed(book: Book, each: int) -> list[dict[str, object]]:
    """As many results, messages and opt-outs of the provider's own, in turns."""
    people = numbers(3 * each)
    book.opt_in(people[:each])
    kinds = results_of(book), messages(people[each : 2 * each]), opt_outs(people[2 * each :])
    return [event for turn in zip(*kinds, strict=True) for event in turn]


def kill(book: Book, word: str, after: float) -> threading.Timer:
    """The supervisor brings it back."""

    def strike() -> None:
        for child in book.server.children(word):
            os.killpg(child.pid, signal.SIGKILL)

    timer = threading.Timer(after, strike)
    timer.start()
    return timer


def check_the_books(book: Book, count: int, each: int) -> None:
    stored = book.ask("SELECT status, count(*) FROM providers_providercallback GROUP BY 1")
    assert stored == [("applied", count)]
    heard = "SELECT count(*) FROM providers_providersync WHERE heard_at IS NOT NULL"
    assert book.one(heard) == each
    assert book.one("SELECT count(*) FROM consents_inboundmessage") == each
    told = "SELECT count(*) FROM consents_consentevent WHERE origin = 'provider'"
    assert book.one(told) == each


def test_ten_thousand_in_ten_seconds_are_stored_answered_and_applied_within_a_minute(book):
    each = COUNT // 3
    flood = Flood(book.server.port, posts(book, mixed(book, each)), PER_SECOND).run()
    applied = book.seconds_until_applied()
    line = f"answered in {flood.seconds:.1f} s, applied {applied:.1f} s later, {flood.broken} again"
    sys.stderr.write(f"\n{line}\n")
    assert flood.answers[200] == 3 * each, line
    check_the_books(book, 3 * each, each)
    assert applied < APPLIED_WITHIN, line


def test_none_is_lost_when_worker_and_web_are_killed_in_between(book):
    each = 1000
    content = posts(book, mixed(book, each))
    timers = [kill(book, "granian", 1.0), kill(book, "worker", 2.0), kill(book, "granian", 2.5)]
    flood = Flood(book.server.port, content, PER_SECOND).run()
    for timer in timers:
        timer.join()
    kill(book, "manage.py worker", 0.1).join()
    book.seconds_until_applied()
    assert flood.broken, "nothing was struck"
    check_the_books(book, 3 * each, each)
