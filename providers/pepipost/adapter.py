"""Tells Pepipost (Netcore) of one consent change per call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from providers.contract import Account, Change, Outcome, Result
from providers.exchange import Exchange, HttpAdapter, json_request
from providers.pepipost import wire


class PepipostAdapter(HttpAdapter):
    """`token` is the static API key of Netcore's dashboard; it also decides the sender.

    The setting `default_source` is told where a change has no source of its own.
    """

    batch_max = 1
    required_credentials = frozenset({"token"})
    optional_credentials = frozenset({"callback_secret", "callback_token"})

    def channels(self, account: Account) -> frozenset[str]:
        return frozenset({"WHATSAPP"})

    def tell(
        self, exchange: Exchange, account: Account, changes: Sequence[Change]
    ) -> Mapping[str, Outcome]:
        return {change.id: _tell_one(exchange, account, change) for change in changes}


def _tell_one(exchange: Exchange, account: Account, change: Change) -> Outcome:
    if change.is_user_id:
        return Outcome(Result.UNSUPPORTED, text="Pepipost knows people by their number alone.")
    source = change.source or str(account.settings.get("default_source", ""))
    if refusal := wire.refusal_of_recipient(change.identity, source):
        return Outcome(Result.REJECTED, wire.VALIDATION, refusal)
    request = json_request(
        "POST",
        account.base_url.rstrip("/") + wire.PATH,
        wire.request_body(change, source),
        # Without the word the gateway answers a 403 that looks like a firewall's.
        f"Bearer {account.credentials['token']}",
    )
    return wire.judge(change.kind, exchange.send(request))
