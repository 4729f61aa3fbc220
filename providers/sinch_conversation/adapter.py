"""Registers opt-ins and opt-outs with the Sinch Conversation API, one person per call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from providers import http
from providers.contract import Account, Change, Outcome, Result
from providers.exchange import Exchange, HttpAdapter, json_request
from providers.http import Answer
from providers.sinch_conversation import wire
from providers.sinch_conversation.tokens import Token, TokenCache, token_url


class SinchConversationAdapter(HttpAdapter):
    """`external_id` is the app id. Settings:

    `channels` (default WHATSAPP), `await_result` (default yes: the result comes by callback),
    `auth` (`oauth2`, or `basic`, which Sinch limits heavily and means for tests).
    """

    batch_max = 1
    required_credentials = frozenset({"project_id", "key_id", "key_secret"})
    optional_credentials = frozenset({"token_url"})
    open_credentials = frozenset({"project_id", "token_url"})

    def __init__(self, tokens: TokenCache | None = None) -> None:
        self._tokens = tokens or TokenCache()

    def channels(self, account: Account) -> frozenset[str]:
        return frozenset(_named(account)) & wire.CHANNELS.keys()

    def tell(
        self, exchange: Exchange, account: Account, changes: Sequence[Change]
    ) -> Mapping[str, Outcome]:
        return {change.id: self._tell_one(exchange, account, change) for change in changes}

    def obstacles(self, account: Account) -> list[str]:
        found = super().obstacles(account)
        if problem := http.base_url_problem(account, token_url(account)):
            found.append(f"Token URL: {problem}")
        if not account.external_id:
            found.append("The app id (external id) is missing.")
        return found

    def problems(self, account: Account) -> list[str]:
        found = super().problems(account)
        if account.external_id and not wire.APP_ID.fullmatch(account.external_id):
            found.append("The app id (external id) is not a ULID, which Sinch demands.")
        if unknown := sorted(set(_named(account)) - wire.CHANNELS.keys()):
            found.append(f"Sinch Conversation has no channel {', '.join(unknown)}.")
        if _auth(account) not in {"oauth2", "basic"}:
            found.append("The setting auth must be oauth2 or basic.")
        return found

    def _tell_one(self, exchange: Exchange, account: Account, change: Change) -> Outcome:
        if change.is_user_id or change.channel not in wire.CHANNELS:
            return Outcome(
                Result.UNSUPPORTED, text="Sinch Conversation cannot hold this kind of identity."
            )
        answer = self._register(exchange, account, change)
        awaits_result = account.flag("await_result", default=True)
        return wire.judge(change.kind, answer, awaits_result=awaits_result)

    def _register(self, exchange: Exchange, account: Account, change: Change) -> Answer:
        if _auth(account) == "basic":
            return _post(exchange, account, change, None)
        token = self._tokens.current(exchange, account)
        answer = _post(exchange, account, change, token)
        if wire.is_expired(answer):
            token = self._tokens.current(exchange, account, instead_of=token)
            answer = _post(exchange, account, change, token)
        if answer.status == 401:
            self._tokens.forget(account, token)
        return answer


def _post(exchange: Exchange, account: Account, change: Change, token: Token | None) -> Answer:
    return exchange.send(
        json_request(
            "POST",
            wire.register_url(account, change),
            wire.register_body(account, change),
            f"Bearer {token.value}" if token else wire.basic(account),
        )
    )


def _named(account: Account) -> list[str]:
    return account.names("channels", default=wire.DEFAULT_CHANNELS)


def _auth(account: Account) -> str:
    return str(account.settings.get("auth", "oauth2")).strip().lower()
