"""Access tokens of the Conversation API: one per account, shared by all threads."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from providers.contract import Account, Fault
from providers.errors import AccountError
from providers.exchange import Exchange
from providers.http import Request
from providers.sinch_conversation import wire

# As early as Sinch's own SDK of 2023 renews, so that none runs out on the way.
RENEW_BEFORE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """`stale_at` is of the cache's clock; `fingerprint` tells which credentials it was made of."""

    value: str = field(repr=False)
    fingerprint: bytes = field(repr=False)
    stale_at: float


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.token: Token | None = None


class TokenCache:
    """Callers of one account wait for one another here, so that one renewal serves them all.

    `clock` counts seconds from anywhere, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots: dict[str, _Slot] = {}
        self._lock = threading.Lock()

    def current(
        self, exchange: Exchange, account: Account, *, instead_of: Token | None = None
    ) -> Token:
        """A token that is still good, fetched when there is none but `instead_of`.

        Raises AccountError; the change itself has then not been sent.
        """
        slot = self._slot(account)
        if not slot.lock.acquire(timeout=max(exchange.remaining(), 0)):
            raise AccountError(
                Fault.TIMEOUT, "timeout", "No access token came in time.", may_have_arrived=False
            )
        try:
            token = slot.token
            if token is None or token is instead_of or not self._is_good(token, account):
                token = slot.token = self._fetch(exchange, account)
        finally:
            slot.lock.release()
        exchange.mask.hide(token.value)
        return token

    def forget(self, account: Account, token: Token) -> None:
        """Drop a token that was refused, so that the next call begins with a new one."""
        slot = self._slot(account)
        if slot.token is token:
            slot.token = None

    def _slot(self, account: Account) -> _Slot:
        with self._lock:
            return self._slots.setdefault(account.id, _Slot())

    def _is_good(self, token: Token, account: Account) -> bool:
        return token.fingerprint == _fingerprint(account) and self._clock() < token.stale_at

    def _fetch(self, exchange: Exchange, account: Account) -> Token:
        try:
            answer = exchange.send(_request(account), brings_secret=True)
        except AccountError as error:
            error.may_have_arrived = False
            raise
        value, lifetime = wire.token_in(answer)
        # A token that lives shorter than the margin is used for half its life.
        stale_at = self._clock() + max(lifetime - RENEW_BEFORE_SECONDS, lifetime / 2)
        return Token(value, _fingerprint(account), stale_at)


def token_url(account: Account) -> str:
    return account.credentials.get("token_url") or wire.TOKEN_URL


def _request(account: Account) -> Request:
    return Request(
        "POST",
        token_url(account),
        headers={
            "Authorization": wire.basic(account),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=b"grant_type=client_credentials",
    )


def _fingerprint(account: Account) -> bytes:
    parts = (token_url(account), account.credentials["key_id"], account.credentials["key_secret"])
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
