"""Outgoing HTTP calls: pooled, without redirects, cookies or the environment's proxies.

The adapter of `requests` is used below its sessions on purpose: a session follows `.netrc`, keeps
cookies across accounts, and reads the whole body of a redirect even when told not to follow it.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from providers.contract import Account, Fault
from providers.deadlines import (
    CONNECT_SECONDS,
    Call,
    DeadlinePool,
    DeadlineSecurePool,
    Stage,
    Vet,
)
from providers.errors import AccountError

# Its warnings quote headers of the answer, and whole tracebacks; each call has a trace of ours.
logging.getLogger("urllib3").setLevel(logging.ERROR)

USER_AGENT = "Optbook"
BODY_MAX = 64 * 1024
POOLED_CONNECTIONS = 32
RETRY_AFTER_MAX = timedelta(days=1)

# What a broken call is called, by how far it had come.
BROKEN = {
    Stage.PREPARING: ("request_not_sendable", "The request could not be formed; see its settings."),
    Stage.RESOLVING: ("name_not_resolved", "The host name could not be looked up."),
    Stage.VETTING: ("address_refused", "An address of the host is not one that may be called."),
    Stage.CONNECTING: ("connection_failed", "The host took no connection."),
    Stage.SECURING: ("tls_failed", "No secure connection could be agreed with the host."),
    Stage.EXCHANGING: ("connection_broken", "The connection broke before a whole answer came."),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Headers carry credentials and the body people, so neither is in the repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are lower case; `body` is cut at 64 KiB. Times are UTC.

    `is_repeated`: the request had been sent before, over a connection that broke.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    elapsed: timedelta = timedelta()
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_repeated: bool = False

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object, or None when it is anything else."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None

    def retry_after(self) -> timedelta | None:
        """How long the provider asks us to wait, if it does (RFC 9110 10.2.3: seconds or date)."""
        value = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", value):
            return min(timedelta(seconds=int(value)), RETRY_AFTER_MAX)
        try:
            until = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(until - self.received_at, timedelta()), RETRY_AFTER_MAX)


@dataclass(frozen=True, slots=True)
class Broken:
    """A call that brought no whole answer. `stale`: a kept connection had been closed meanwhile."""

    stage: Stage
    timed_out: bool
    stale: bool


def send(request: Request, *, seconds: float, vet: Vet | None = None) -> Answer:
    """Make one call within `seconds` in all, name look-up and TLS included.

    A kept connection that the peer had closed is replaced once: every call Optbook makes may be
    repeated. Whether the peer closed it before or after it had read the request, nobody knows.
    `vet`: which addresses may be connected to, asked at every connection, when the name has been
    looked up. Raises AccountError when there is no whole answer.
    """
    deadline = time.monotonic() + seconds
    # What was connected to without a question is no way around it.
    result = _attempt(_vetted_pool() if vet else _pool(), request, deadline, vet)
    is_repeated = isinstance(result, Broken) and result.stale
    if is_repeated:
        with _new_pool() as fresh:
            result = _attempt(fresh, request, deadline, vet)
    if isinstance(result, Broken):
        error = _error(result)
        error.may_have_arrived |= is_repeated
        raise error
    return replace(result, is_repeated=is_repeated)


def base_url_problem(account: Account, url: str | None = None) -> str | None:
    """Why `url` (or the account's base URL) may not be called, as a sentence; None when it may.

    HTTPS anywhere, plain HTTP to this machine alone unless the setting `allow_http` is on.
    """
    parts = _split(account.base_url if url is None else url)
    if parts is None:
        return "The URL is not an http or https URL with a host."
    if parts.username or parts.password or parts.query or parts.fragment:
        return "The URL must have no user, query or fragment."
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return None
    if account.flag("allow_http", default=False):
        return None
    return "The URL must begin with https://, or the setting allow_http must be on."


def _split(url: str) -> Any:
    """The parts of an http(s) URL; None when it is none."""
    if re.search(r"[^\x21-\x7e]", url):
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _DeadlineAdapter(HTTPAdapter):
    """Requests' transport, with connections that keep to the call's deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": DeadlinePool,
            "https": DeadlineSecurePool,
        }

    def __enter__(self) -> _DeadlineAdapter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _new_pool() -> _DeadlineAdapter:
    return _DeadlineAdapter(
        pool_connections=POOLED_CONNECTIONS, pool_maxsize=POOLED_CONNECTIONS, max_retries=0
    )


@lru_cache(maxsize=1)
def _pool() -> _DeadlineAdapter:
    return _new_pool()


@lru_cache(maxsize=1)
def _vetted_pool() -> _DeadlineAdapter:
    return _new_pool()


# Two processes must never talk over one connection.
os.register_at_fork(after_in_child=_pool.cache_clear)
os.register_at_fork(after_in_child=_vetted_pool.cache_clear)


def _attempt(
    pool: HTTPAdapter, request: Request, deadline: float, vet: Vet | None
) -> Answer | Broken:
    call, started, answered = Call(deadline, vet), time.monotonic(), False
    if call.remaining() <= 0:
        return Broken(call.stage, timed_out=True, stale=False)
    with call.watched():
        try:
            response = _exchange(pool, request, call)
            answered = True
            body = _read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
            # Swallowed whole: the library's frames and messages hold headers and bodies.
            stale = call.reused and not answered and not call.expired
            return Broken(call.stage, timed_out=call.expired, stale=stale)
    if call.expired:
        return Broken(call.stage, timed_out=True, stale=False)
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body,
        elapsed=timedelta(seconds=time.monotonic() - started),
    )


def _exchange(pool: HTTPAdapter, request: Request, call: Call) -> requests.Response:
    # A second later than the alarm, so that the latter alone decides what is a time-out.
    patience = (CONNECT_SECONDS, call.remaining() + 1)
    return pool.send(_prepared(request), stream=True, timeout=patience)


def _prepared(request: Request) -> requests.PreparedRequest:
    """As `requests` prepares one, by those of its steps that have anything to do here."""
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.prepare_url(request.url, None)
    headers = {
        "User-Agent": USER_AGENT,
        "Accept": "application/json",
        # A compressed answer could be far larger than what is read of it.
        "Accept-Encoding": "identity",
    }
    if request.body or request.method != "GET":
        headers["Content-Length"] = str(len(request.body))
    prepared.prepare_headers({**headers, **request.headers})
    prepared.body = request.body or None
    return prepared


def _read(response: requests.Response) -> bytes:
    try:
        body: bytes = response.raw.read(BODY_MAX + 1, decode_content=True)
        return body[:BODY_MAX]
    finally:
        response.close()


def _error(broken: Broken) -> AccountError:
    sent, unprepared = broken.stage is Stage.EXCHANGING, broken.stage is Stage.PREPARING
    if broken.timed_out and (sent or unprepared):
        return AccountError(
            Fault.TIMEOUT, "timeout", "No whole answer came in time.", may_have_arrived=sent
        )
    # What cannot even be formed (a line break in a token) is for a person to correct.
    fault = Fault.CREDENTIALS if unprepared else Fault.UNAVAILABLE
    return AccountError(fault, *BROKEN[broken.stage], may_have_arrived=sent)
