"""One delivery over HTTP: its calls under one deadline, each traced, and the faults all share.

`HttpAdapter` is what the providers' adapters have in common; each adds its dialect in `tell`.
"""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from providers import http
from providers.contract import (
    Account,
    AccountFault,
    Adapter,
    Change,
    Delivery,
    Fault,
    Outcome,
    Result,
    Trace,
)
from providers.errors import AccountError
from providers.http import Answer, Request
from providers.redaction import BODY_MAX, Mask


class Exchange:
    """The calls of one delivery. `mask` knows every secret and every person in it."""

    def __init__(self, mask: Mask, seconds: float) -> None:
        self.mask = mask
        self.traces: list[Trace] = []
        self.is_repeated = False
        self._deadline = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left of the whole delivery."""
        return self._deadline - time.monotonic()

    def send(self, request: Request, *, brings_secret: bool = False) -> Answer:
        """Make one call and keep its trace. Raises AccountError when no whole answer came.

        `brings_secret`: a successful answer is a credential, of which the trace keeps nothing.
        """
        started = time.monotonic()
        try:
            answer = http.send(request, seconds=self.remaining())
        except AccountError as error:
            self._trace(request, None, time.monotonic() - started, str(error))
            raise
        self.is_repeated |= answer.is_repeated and not brings_secret
        text = answer.body.decode("utf-8", "replace")
        if brings_secret and answer.is_success:
            text = "(a credential, not kept)"
        self._trace(request, answer.status, answer.elapsed.total_seconds(), text)
        return answer

    def _trace(self, request: Request, status: int | None, seconds: float, response: str) -> None:
        self.traces.append(
            Trace(
                method=request.method,
                url=_masked_url(request.url, self.mask),
                status=status,
                elapsed=timedelta(seconds=seconds),
                request=self.mask.apply(request.body.decode("utf-8", "replace"), limit=BODY_MAX),
                response=self.mask.apply(response, limit=BODY_MAX),
            )
        )


class HttpAdapter(Adapter):
    """An adapter that speaks JSON over HTTP.

    `open_credentials`: those of the credentials that are no secrets and may stand in a trace.
    """

    open_credentials: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def tell(
        self, exchange: Exchange, account: Account, changes: Sequence[Change]
    ) -> Mapping[str, Outcome]:
        """Tell the provider, and say what became of each change.

        Raises AccountError when the account, not a row, is at fault.
        """

    def deliver(self, account: Account, changes: Sequence[Change], *, seconds: float) -> Delivery:
        exchange = Exchange(self._mask(account, changes), seconds)
        try:
            self._require_working(account)
            outcomes = self.tell(exchange, account, changes)
        except AccountError as error:
            return _failed(exchange, changes, error)
        # Most of a call's changes have one outcome.
        masked = {outcome: _masked(outcome, exchange.mask) for outcome in set(outcomes.values())}
        return Delivery(
            {key: masked[outcome] for key, outcome in outcomes.items()},
            traces=tuple(exchange.traces),
            is_repeated=exchange.is_repeated,
        )

    def greet(self, exchange: Exchange, account: Account) -> bool:
        """Ask something that changes nothing; False where no such question is known."""
        return False

    def try_out(self, account: Account, *, seconds: float) -> bool:
        exchange = Exchange(self._mask(account, ()), seconds)
        try:
            self._require_working(account)
            return self.greet(exchange, account)
        except AccountError as error:
            code, text = exchange.mask.apply(error.code), exchange.mask.apply(error.text)
            arrived = error.may_have_arrived
            raise AccountError(error.fault, code, text, may_have_arrived=arrived) from None

    def obstacles(self, account: Account) -> list[str]:
        found = super().obstacles(account)
        if url_problem := http.base_url_problem(account):
            found.append(f"Base URL: {url_problem}")
        for name, value in sorted(account.credentials.items()):
            if value and not (value.isascii() and value.isprintable() and value.strip() == value):
                found.append(f"The credential {name!r} has characters no header can carry.")
        return found

    def _require_working(self, account: Account) -> None:
        if found := self.obstacles(account):
            raise AccountError(
                Fault.CREDENTIALS, "misconfigured", " ".join(found), may_have_arrived=False
            )

    def _mask(self, account: Account, changes: Sequence[Change]) -> Mask:
        closed = account.credentials.keys() - self.open_credentials
        return Mask(
            secrets=[account.credentials[name] for name in closed],
            identities=[change.identity for change in changes],
            personal=[
                text for change in changes for text in (change.ip, change.user_agent) if text
            ],
        )


def json_request(method: str, url: str, body: Any, authorization: str) -> Request:
    """A JSON request. The body is ASCII, so that no encoding can be disputed."""
    return Request(
        method,
        url,
        headers={"Authorization": authorization, "Content-Type": "application/json"},
        body=json.dumps(body, separators=(",", ":")).encode("ascii"),
    )


def fault_of(status: int) -> Fault | None:
    """The fault of an account that a status speaks of, at any provider; None for a row's.

    A redirect is one: what answers there is not the provider, and following it would hand the
    credential on. It may be a maintenance page, so waiting may help.
    """
    if status in {401, 402, 403}:
        return Fault.CREDENTIALS
    if status == 429:
        return Fault.RATE_LIMITED
    if status < 200 or 300 <= status < 400 or status in {407, 408, 425} or status >= 500:
        return Fault.UNAVAILABLE
    return None


def account_error(
    fault: Fault, answer: Answer, text: str = "", *, code: str = "", status: int | None = None
) -> AccountError:
    """The error an answer stands for. Only from 500 up may the request have been acted on."""
    status = answer.status if status is None else status
    return AccountError(
        fault,
        code or str(status),
        text or f"HTTP {status} without a readable reason.",
        may_have_arrived=status >= 500,
        retry_after=answer.retry_after(),
    )


def unreadable(answer: Answer) -> AccountError:
    """The answer claims success but is not the provider's: a proxy's page, or half a body."""
    kind = answer.headers.get("content-type", "no content type")
    return AccountError(
        Fault.UNAVAILABLE,
        "unreadable",
        f"HTTP {answer.status} with a body that is not this provider's ({kind}).",
        may_have_arrived=True,
        retry_after=answer.retry_after(),
    )


def same_for_all(changes: Sequence[Change], outcome: Outcome) -> dict[str, Outcome]:
    return {change.id: outcome for change in changes}


def _failed(exchange: Exchange, changes: Sequence[Change], error: AccountError) -> Delivery:
    code, text = exchange.mask.apply(error.code), exchange.mask.apply(error.text)
    result = Result.UNKNOWN if error.may_have_arrived else Result.NOT_SENT
    return Delivery(
        same_for_all(changes, Outcome(result, code, text)),
        AccountFault(error.fault, code, text, error.retry_after),
        tuple(exchange.traces),
        exchange.is_repeated,
    )


def _masked(outcome: Outcome, mask: Mask) -> Outcome:
    return replace(outcome, code=mask.apply(outcome.code, limit=100), text=mask.apply(outcome.text))


def _masked_url(url: str, mask: Mask) -> str:
    """The host stays: an operator who configured an address wants to see it."""
    parts = urlsplit(url)
    path = mask.apply(urlunsplit(("", "", parts.path, parts.query, "")))
    return f"{parts.scheme}://{parts.netloc}{path}"
