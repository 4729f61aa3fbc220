"""Posting callbacks: where to, signed how, when, and what became of each try."""

import heapq
import http.client
import ipaddress
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from .exchange import PROVIDERS
from .signatures import ENCODINGS, SIGNERS

THREADS = 4
TRIES = 5
TRIES_KEPT = 10_000
WAITING_AT_MOST = 100_000
POST_TIMEOUT = 10.0


@dataclass(frozen=True)
class Target:
    """Where a provider's callbacks go. Times are in seconds; a failed post is tried again after
    `retry_seconds`, doubling: the providers' own series of hours, scaled down."""

    provider: str
    url: str
    secret: str = ""
    delay_seconds: float = 0.05
    retry_seconds: float = 0.2
    encoding: str = "hex"
    header_name: str = ""
    header_value: str = ""


@dataclass(frozen=True)
class Post:
    """One callback as it goes over the wire; a further try sends the same bytes and headers."""

    target: Target
    event: str
    body: bytes
    headers: Mapping[str, str]
    attempt: int = 1


def read_target(wish: Mapping[str, Any]) -> Target:
    """A target from its JSON form. ValueError says what is wrong; loopback addresses only."""
    given = {name: value for name, value in wish.items() if value is not None}
    types = {field.name: field.type for field in fields(Target)}
    if unknown := sorted(set(given) - set(types)):
        raise ValueError(f"unknown {', '.join(unknown)}; there are {', '.join(types)}")
    for name, value in given.items():
        _check_type(name, value, is_number=types[name] is float)
    if given.get("provider") not in PROVIDERS:
        raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}")
    if given.get("encoding", ENCODINGS[0]) not in ENCODINGS:
        raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}")
    if not is_loopback(given.get("url", "")):
        raise ValueError("url must be http:// to a loopback address")
    return Target(**given)


def _check_type(name: str, value: object, *, is_number: bool) -> None:
    if is_number:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 300:
            raise ValueError(f"{name} must be a number of seconds from 0 to 300")
    elif not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{name} must be one line of text")


def is_loopback(url: str) -> bool:
    """Whether `url` is plain HTTP to this machine; names other than localhost are not looked up."""
    try:
        parts = urlsplit(url)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
        _ = parts.port
        return parts.scheme == "http" and ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def seal(
    target: Target,
    event: str,
    content: object,
    now: datetime,
    *,
    unsigned: bool = False,
    secret: str | None = None,
) -> Post:
    """A callback ready to go; `secret` in place of the target's own makes a false signature."""
    body = json.dumps(content, ensure_ascii=False).encode(errors="replace")
    headers = {"Content-Type": "application/json", "User-Agent": "provider-sandbox"}
    if target.header_name:
        headers[target.header_name] = target.header_value
    key = target.secret if secret is None else secret
    if key and not unsigned:
        nonce = secrets.token_hex(13).upper()
        headers |= SIGNERS[target.provider](key, body, nonce, now, target.encoding)
    return Post(target, event, body, headers)


class Callbacks:
    """The targets and a few threads that post. Order is usual, not promised, as with Sinch."""

    def __init__(self) -> None:
        lock = threading.RLock()
        self._ready = threading.Condition(lock)
        self._tried = threading.Condition(lock)
        self._order = count()
        self._waiting: list[tuple[float, int, Post]] = []
        self._threads: list[threading.Thread] = []
        self._targets: dict[str, Target] = {}
        self._tries: deque[dict[str, object]] = deque(maxlen=TRIES_KEPT)
        self._is_closed = False

    def set_target(self, target: Target) -> None:
        with self._ready:
            self._targets[target.provider] = target

    def target_of(self, provider: str) -> Target | None:
        with self._ready:
            return self._targets.get(provider)

    def targets(self) -> list[Target]:
        with self._ready:
            return list(self._targets.values())

    def clear_targets(self) -> None:
        with self._ready:
            self._targets.clear()

    def reset(self) -> None:
        """Forget what waits and what was tried; the targets stay."""
        with self._ready:
            self._waiting.clear()
            self._tries.clear()

    def close(self) -> None:
        with self._ready:
            self._is_closed = True
            self._waiting.clear()
            self._ready.notify_all()
        for thread in self._threads:
            thread.join(POST_TIMEOUT)

    def tries(self) -> list[dict[str, object]]:
        """Each post that was tried, oldest first, with the status answered or the error."""
        with self._ready:
            return list(self._tries)

    def wait_for_tries(self, number: int, timeout: float) -> bool:
        """Whether `number` posts were tried within `timeout` seconds from now."""
        with self._tried:
            return self._tried.wait_for(lambda: len(self._tries) >= number, timeout)

    def schedule(self, post: Post, delay: float) -> None:
        """Post after `delay` seconds; beyond a limit nothing more is queued, as nobody listens."""
        with self._ready:
            if self._is_closed or len(self._waiting) >= WAITING_AT_MOST:
                return
            heapq.heappush(self._waiting, (time.monotonic() + delay, next(self._order), post))
            self._start_threads()
            self._ready.notify()

    def _start_threads(self) -> None:
        if self._threads:
            return
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while post := self._next_post():
            self._try(post)

    def _next_post(self) -> Post | None:
        """The next post when its time has come; None when the sandbox closes."""
        with self._ready:
            while not self._is_closed:
                wait = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._ready.wait(wait)
        return None

    def _try(self, post: Post) -> None:
        status, error = send(post)
        self._note(post, status, error)
        # The sister SMS API's rule: a server's trouble and 429 are tried again, other 4xx are not.
        is_temporary = status is None or status >= 500 or status == 429
        if is_temporary and post.attempt < TRIES:
            delay = post.target.retry_seconds * 2 ** (post.attempt - 1)
            self.schedule(replace(post, attempt=post.attempt + 1), delay)

    def _note(self, post: Post, status: int | None, error: str | None) -> None:
        tried = {
            "provider": post.target.provider,
            "event": post.event,
            "attempt": post.attempt,
            "status": status,
            "error": error,
            "at": datetime.now(UTC).isoformat(),
            "body": post.body.decode(),
        }
        with self._ready:
            self._tries.append(tried)
            self._tried.notify_all()


def send(post: Post) -> tuple[int | None, str | None]:
    """Post once, no redirects: the status answered, or None and the name of the error."""
    parts = urlsplit(post.target.url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=POST_TIMEOUT
    )
    try:
        connection.request("POST", path, post.body, dict(post.headers))
        response = connection.getresponse()
        response.read()
        return response.status, None
    except (OSError, http.client.HTTPException) as error:
        return None, type(error).__name__
    finally:
        connection.close()
