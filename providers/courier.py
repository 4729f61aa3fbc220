"""The loop that tells subscribers: resolves results, posts notifications, settles the answers.

One thread talks to the database; a bounded pool of threads talks to subscribers and holds no
connection to the database meanwhile. Few calls go to one endpoint at a time, so a slow one does
not hold up the others. Any number of couriers share the rows by their locks.
"""

from __future__ import annotations

import json
import logging
import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Final
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)
from standardwebhooks import Webhook

from consents.models.base import new_id
from providers import addresses, deliveries, http, signing, verdicts
from providers.deliveries import CALL_SECONDS, CALLS_AT_ONCE, Parcel, Reply, Returned
from providers.errors import AccountError
from providers.http import Request
from providers.outcomes import SignatureStyle
from providers.redaction import Mask

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.2
THREADS_MAX: Final = 32

_DATABASE_AWAY = (OperationalError, InterfaceError)


class Courier:
    """`step` does what is to be done now; `run` steps until told to stop; `drain` until idle."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="webhook")
        self._back: queue.SimpleQueue[Returned] = queue.SimpleQueue()
        self._unsettled: list[Returned] = []
        self._flying = 0
        self._place: verdicts.Place | None = None

    def run(self, stop: Event) -> None:
        """Step until told to stop, then wait for the calls under way.

        Nothing ends it: what fails is logged by its type and tried again.
        """
        try:
            while not stop.is_set():
                try:
                    self.step()
                except Exception as error:
                    # Its words may quote what was sent.
                    log.warning("Telling subscribers was cut short (%s).", type(error).__name__)
                    close_old_connections()
                    stop.wait(1.0)
            self.finish()
        finally:
            connection.close()

    def step(self) -> bool:
        """Resolve, claim, settle; whether there was anything to do."""
        told, self._place = verdicts.resolve(self._place)
        claimed = self._claim()
        settled = self._settle(wait=0.0 if told else POLL_SECONDS)
        return bool(told or claimed or settled)

    def drain(self) -> int:
        """Until nothing is due and nothing under way; how many calls were made."""
        made = 0
        while True:
            told, self._place = verdicts.resolve(self._place)
            claimed = self._claim()
            made += claimed
            if not (told or claimed or self._flying or self._unsettled or self._place):
                return made
            self._settle(wait=POLL_SECONDS if self._flying else 0.0)

    def finish(self) -> None:
        """Wait for the calls under way, and settle them."""
        try:
            while self._flying or self._unsettled:
                self._settle(wait=POLL_SECONDS)
        except _DATABASE_AWAY as error:
            log.warning("What came back is left to its leases (%s).", type(error).__name__)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _claim(self) -> int:
        claimed = 0
        for endpoint in deliveries.due_endpoints() if self._flying < THREADS_MAX else ():
            room = min(CALLS_AT_ONCE, THREADS_MAX - self._flying)
            for parcel in _claim(endpoint, room) if room else ():
                self._flying += 1
                claimed += 1
                self._pool.submit(self._call, parcel)
        return claimed

    def _call(self, parcel: Parcel) -> None:
        """In a thread of the pool: no database here."""
        try:
            reply = post(parcel, datetime.now(UTC))
        except Exception as error:
            log.error("A notification could not be posted (%s).", type(error).__name__)
            reply = Reply(None, f"internal_error: {type(error).__name__}")
        self._back.put(Returned(parcel, reply))

    def _settle(self, wait: float) -> int:
        """Settle what has come back by now, waiting a while for the first."""
        timeout = 0.0 if self._unsettled else wait
        with suppress(queue.Empty):
            while True:
                self._unsettled.append(self._back.get(timeout=timeout))
                self._flying -= 1
                timeout = 0.0
        settled = len(self._unsettled)
        _settle_what_can_be(self._unsettled)
        self._unsettled.clear()
        return settled


def drain() -> int:
    """Tell subscribers all that is due; how many calls were made."""
    courier = Courier()
    try:
        return courier.drain()
    finally:
        courier.finish()


def _claim(endpoint: UUID, room: int) -> Sequence[Parcel]:
    """One whose secret cannot be read must not keep the others from being told."""
    try:
        return deliveries.claim(endpoint, room)
    except ImproperlyConfigured as error:
        log.error("Webhook endpoint %s cannot be told: %s", endpoint, error)
        return []


def _settle_what_can_be(returned: Sequence[Returned]) -> None:
    """Settle together; where the database refuses something of it, one by one.

    What it refuses alone is left to its lease, which runs out.
    """
    try:
        deliveries.settle(returned)
    except (DataError, IntegrityError) as error:
        log.error(
            "Settling %d notifications was refused (%s).", len(returned), type(error).__name__
        )
        if len(returned) > 1:
            for one in returned:
                _settle_what_can_be([one])


def post(parcel: Parcel, now: datetime, *, seconds: float = CALL_SECONDS) -> Reply:
    """Post one notification, within `seconds` in all. Never raises for what a subscriber may do.

    Redirects are not followed; where its name leads is asked at this very connection, and whether
    plain HTTP is allowed, as it may have been when the endpoint was made.
    """
    if not (settings.WEBHOOKS_ALLOW_HTTP or parcel.url.lower().startswith("https://")):
        return Reply(None, "http_refused: The URL must begin with https://.")
    mask = Mask(secrets=parcel.secrets, identities=[parcel.identity] if parcel.identity else [])
    body = json.dumps(parcel.body, separators=(",", ":")).encode("ascii")
    request = Request("POST", parcel.url, headers=headers(parcel, body, now), body=body)
    try:
        answer = http.send(request, seconds=seconds, vet=_vet())
    except AccountError as error:
        return Reply(None, mask.apply(str(error)))
    text = mask.apply(answer.body.decode("utf-8", "replace"))
    retry_after = answer.retry_after() if answer.status in {429, 503} else None
    return Reply(answer.status, text, retry_after)


def headers(parcel: Parcel, body: bytes, now: datetime) -> Mapping[str, str]:
    """What it is, and proof that it is from us, made anew for every attempt."""
    about = {
        "Content-Type": "application/json",
        "Optbook-Delivery": str(parcel.id),
        "Optbook-Trigger": parcel.trigger,
    }
    if parcel.request_id:
        about["Optbook-Request-Id"] = quote(parcel.request_id, safe=":/+=@ ").strip()
    if parcel.signature is SignatureStyle.SINCH:
        # A receiver may refuse a nonce that it has seen, so each attempt has its own.
        signed = signing.sign_conversation(
            parcel.secrets[0], body, nonce=str(new_id()), timestamp=int(now.timestamp())
        )
        return {**about, **signed}
    return {**about, **_standard(parcel.secrets, str(parcel.id), body, now)}


def _standard(secrets: Sequence[str], id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks 1.0; several signatures while a secret changes."""
    signatures = [
        Webhook(secret).sign(id, now.astimezone(UTC), body.decode()) for secret in secrets
    ]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _vet() -> partial[bool]:
    return partial(addresses.may_be_called, allow_private=settings.WEBHOOKS_ALLOW_PRIVATE)
