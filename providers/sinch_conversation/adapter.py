"""Registers opt-ins and opt-outs with the Sinch Conversation API, one person per call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from providers import http
from providers.contract import Account, Change, Kind, Outcome, Result
from providers.exchange import Exchange, HttpAdapter, json_request
from providers.http import Answer, Request
from providers.sinch_conversation import wire
from providers.sinch_conversation.tokens import TokenCache, token_url

Requested = Callable[[Account, Change, str], Request]
"""Makes a request of a change and the authorization it carries."""


class SinchConversationAdapter(HttpAdapter):
    """`external_id` is the app id. Settings:

    `channels` (default WHATSAPP), `await_result` (default yes: the result comes by callback),
    `auth` (`oauth2`, or `basic`, which Sinch limits heavily and means for tests).
    """

    batch_max = 1
    has_another_way = True
    required_credentials = frozenset({"project_id", "key_id", "key_secret"})
    optional_credentials = frozenset({"token_url", "callback_secret", "callback_token"})
    open_credentials = frozenset({"project_id", "token_url"})

    def __init__(self, tokens: TokenCache | None = None) -> None:
        self._tokens = tokens or TokenCache()

    def channels(self, account: Account) -> frozenset[str]:
        return frozenset(_named(account)) & wire.CHANNELS.keys()

    def tell(
        self, exchange: Exchange, account: Account, changes: Sequence[Change]
    ) -> Mapping[str, Outcome]:
        return {change.id: self._tell_one(exchange, account, change) for change in changes}

    def greet(self, exchange: Exchange, account: Account) -> bool:
        """Asks for an access token: a new one, because one that is kept would prove nothing."""
        TokenCache().current(exchange, account)
        return True

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
        if wire.auth(account) not in {"oauth2", "basic"}:
            found.append("The setting auth must be oauth2 or basic.")
        return found

    def _tell_one(self, exchange: Exchange, account: Account, change: Change) -> Outcome:
        if change.is_user_id or change.channel not in wire.CHANNELS:
            return Outcome(
                Result.UNSUPPORTED, text="Sinch Conversation cannot hold this kind of identity."
            )
        if account.is_withdrawn:
            return self._tell_otherwise(exchange, account, change)
        answer = self._authorised(exchange, account, change, _register)
        awaits_result = account.flag("await_result", default=True)
        return wire.judge(change.kind, answer, awaits_result=awaits_result)

    def _tell_otherwise(self, exchange: Exchange, account: Account, change: Change) -> Outcome:
        """Registering is gone: opt-outs go on the list that the Batch API fills."""
        if change.kind is Kind.OPT_IN:
            return Outcome(Result.UNSUPPORTED, "withdrawn", wire.NO_OPT_INS)
        return wire.judge_batch(self._authorised(exchange, account, change, _list))

    def _authorised(
        self, exchange: Exchange, account: Account, change: Change, request: Requested
    ) -> Answer:
        if wire.auth(account) == "basic":
            return exchange.send(request(account, change, wire.basic(account)))
        token = self._tokens.current(exchange, account)
        answer = exchange.send(request(account, change, f"Bearer {token.value}"))
        if wire.is_expired(answer):
            token = self._tokens.current(exchange, account, instead_of=token)
            answer = exchange.send(request(account, change, f"Bearer {token.value}"))
        if answer.status == 401:
            self._tokens.forget(account, token)
        return answer


def _register(account: Account, change: Change, authorization: str) -> Request:
    body = wire.register_body(account, change)
    return json_request("POST", wire.register_url(account, change), body, authorization)


def _list(account: Account, change: Change, authorization: str) -> Request:
    body = wire.batch_body(account, change)
    return json_request("POST", wire.batch_url(account), body, authorization)


def _named(account: Account) -> list[str]:
    return account.names("channels", default=wire.DEFAULT_CHANNELS)
