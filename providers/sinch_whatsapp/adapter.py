"""Tells the standalone Sinch WhatsApp API of up to twenty numbers a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from providers.contract import Account, Change, Kind, Outcome, Result
from providers.exchange import Exchange, HttpAdapter, json_request
from providers.http import Answer
from providers.sinch_whatsapp import wire
from providers.sinch_whatsapp.wire import OptOutMethod


class SinchWhatsAppAdapter(HttpAdapter):
    """`external_id` is the bot id, `token` the static token handed over with it.

    The setting `opt_out_method` is `delete` (default) or `post`; where the one is gone the other
    is tried once in the same delivery.
    """

    batch_max = wire.NUMBERS_MAX
    required_credentials = frozenset({"token"})
    optional_credentials = frozenset({"callback_key", "callback_token"})

    def channels(self, account: Account) -> frozenset[str]:
        return frozenset({"WHATSAPP"})

    def tell(
        self, exchange: Exchange, account: Account, changes: Sequence[Change]
    ) -> Mapping[str, Outcome]:
        outcomes = {
            change.id: refusal for change in changes if (refusal := _refusal(change)) is not None
        }
        sendable = [change for change in changes if change.id not in outcomes]
        if sendable:
            outcomes |= wire.judge(sendable, _provision(exchange, account, sendable))
        return outcomes

    def obstacles(self, account: Account) -> list[str]:
        found = super().obstacles(account)
        if not account.external_id:
            found.append("The bot id (external id) is missing.")
        if _method(account) not in {"delete", "post"}:
            found.append("The setting opt_out_method must be delete or post.")
        return found


def _refusal(change: Change) -> Outcome | None:
    """What is known to fail without asking, and would spoil the call for its neighbours."""
    if change.is_user_id:
        return Outcome(
            Result.UNSUPPORTED, text="Sinch WhatsApp knows people by their number alone."
        )
    if not wire.is_msisdn(change.identity):
        return Outcome(Result.REJECTED, "invalid_msisdn", wire.NO_MSISDN)
    return None


def _provision(exchange: Exchange, account: Account, changes: Sequence[Change]) -> Answer:
    kind = changes[0].kind
    first: OptOutMethod = "post" if _method(account) == "post" else "delete"
    answer = _send(exchange, account, changes, first)
    if kind is Kind.OPT_OUT and wire.is_gone(answer):
        answer = _send(exchange, account, changes, "post" if first == "delete" else "delete")
    return answer


def _send(
    exchange: Exchange, account: Account, changes: Sequence[Change], opt_out_method: OptOutMethod
) -> Answer:
    method, url = wire.endpoint(account, changes[0].kind, opt_out_method)
    body, authorization = wire.body_of(changes), f"Bearer {account.credentials['token']}"
    return exchange.send(json_request(method, url, body, authorization))


def _method(account: Account) -> str:
    return str(account.settings.get("opt_out_method", "delete")).strip().lower()
