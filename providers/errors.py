"""What may go wrong between Optbook and a provider, and who must act.

A row that fails is no exception: it is an `Outcome`. These are for what concerns more than a row.
"""

from __future__ import annotations

from datetime import timedelta

from providers.contract import Fault


class ProviderError(Exception):
    """The base of all. `code` is stable and for programs, `text` is a sentence for a person.

    Neither holds a credential, a full number or anything else of a person.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class AccountError(ProviderError):
    """The account, not a row, is at fault; `fault` says who must act and whether waiting helps.

    `may_have_arrived` is False only when the provider certainly did not act on the request.
    `retry_after` is what the provider asked for, when it did.
    """

    def __init__(
        self,
        fault: Fault,
        code: str,
        text: str,
        *,
        may_have_arrived: bool,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(code, text)
        self.fault = fault
        self.may_have_arrived = may_have_arrived
        self.retry_after = retry_after


class UnknownKindError(ProviderError):
    """No provider of that name is registered. A person must correct the name."""


class InvalidSignatureError(ProviderError):
    """A callback is not signed as it must be.

    Codes: `signature_missing`, `signature_algorithm`, `signature_timestamp` (unreadable),
    `signature_stale` (outside the accepted time), `signature_mismatch`.
    """


class UnreadableError(ProviderError):
    """A callback is not of the provider's shape. Nothing waits for it."""
