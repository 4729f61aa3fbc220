"""The one view of all drop-ins: who asks, on whose behalf, recorded, answered in the dialect."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.common import no_append_slash
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from consents.api import parsing
from consents.api.access import HasScope
from consents.api.authentication import KeyThrottle
from consents.entries import is_storable
from consents.models import ApiKey, Sender
from consents.vocabulary import Scope
from providers import orders, registry
from providers.contract import Kind
from providers.dropin_contract import (
    AccountNamed,
    Call,
    Dropin,
    Problem,
    Reply,
    TokenDropin,
    Wish,
)
from providers.dropins import tokens
from providers.dropins.authentication import BearerKey, ClientCredentials, KeyOrToken
from providers.dropins.problems import Refused, headers_of, problem_of
from providers.models import ProviderAccount
from providers.orders import Order


@method_decorator(no_append_slash, name="dispatch")
class DropinDoor(APIView):
    """`kind`: whose endpoints are imitated here."""

    kind: str = ""
    # Described by the providers themselves, not by our schema.
    schema = None
    permission_classes = [HasScope]
    throttle_classes = [KeyThrottle]
    scopes: ClassVar = {"POST": Scope.RECORD, "DELETE": Scope.RECORD}

    @property
    def dropin(self) -> Dropin:
        return registry.dropin(self.kind)

    @property
    def key(self) -> ApiKey:
        return cast(ApiKey, self.request.auth)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [KeyOrToken() if self.dropin.accepts_client else BearerKey()]

    def post(self, request: Request, **arguments: str) -> HttpResponse:
        return _answer(self._reply(self._call(arguments)))

    # Which methods there are is for the dialect to say.
    get = put = patch = delete = head = post

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise Refused(Problem.NO_SUCH_METHOD)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise Refused(Problem.NO_SUCH_METHOD)

    def handle_exception(self, error: Exception) -> HttpResponse:  # type: ignore[override]
        problem = problem_of(error)
        reply = self.refuse(problem)
        challenge = self.get_authenticate_header(self.request) or ""
        headers = {**reply.headers, **headers_of(error, problem, challenge)}
        return _answer(Reply(reply.status, reply.document, headers))

    def refuse(self, problem: Problem) -> Reply:
        return self.dropin.refuse(problem)

    def _call(self, arguments: dict[str, str]) -> Call:
        limit = settings.API_BODY_MAX
        body = parsing.read_body(self.request._request, limit, is_typed=False)
        return Call(str(self.request.method), arguments, self.request.query_params.dict(), body)

    def _reply(self, call: Call) -> Reply:
        wish = self.dropin.read(call)
        if isinstance(wish, Reply):
            return wish
        sender, account = self._on_behalf_of(wish.account)
        if not _is_recorded(wish):
            return wish.refusal or wish.reply
        order = Order(wish=wish, sender=sender, account=account, actor=self.key.prefix)
        if not orders.carry_out(order):
            return wish.refusal or self.refuse(Problem.INVALID_RECIPIENT)
        return wish.refusal or wish.reply

    def _on_behalf_of(self, named: AccountNamed | None) -> tuple[Sender, ProviderAccount | None]:
        senders = self.key.acts_for
        if named is None:
            if len(senders) != 1:
                raise Refused(Problem.NOT_ALLOWED)
            return senders[0], None
        account = _account(self.kind, named, senders)
        if account is None:
            raise Refused(Problem.UNKNOWN_ACCOUNT)
        return account.sender, account


class TokenDoor(DropinDoor):
    """Gives access tokens out; what they may do is the key's affair and is looked at later."""

    scopes: ClassVar = {}

    @property
    def dialect(self) -> TokenDropin:
        return cast(TokenDropin, self.dropin)

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [ClientCredentials()]

    def refuse(self, problem: Problem) -> Reply:
        return self.dialect.refuse_token(problem)

    def _reply(self, call: Call) -> Reply:
        token = tokens.issue(self.key, timezone.now())
        return self.dialect.grant(call, token, tokens.LIFETIME)


class ElsewhereDoor(DropinDoor):
    """The provider's other addresses, which are not imitated."""

    throttle_classes = []
    permission_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Refused(Problem.NO_SUCH_PATH)


def _is_recorded(wish: Wish) -> bool:
    return wish.refusal is None or wish.kind is Kind.OPT_OUT


def _account(kind: str, named: AccountNamed, senders: Sequence[Sender]) -> ProviderAccount | None:
    """The account of this external id and these credentials, if one of the senders has it."""
    if not is_storable(named.external_id):
        return None
    accounts = ProviderAccount.objects.filter(kind=kind, external_id=named.external_id)
    account = accounts.filter(sender__in=senders).select_related("sender").first()
    held = account.credentials if account else {}
    is_it = all(held.get(name) == value for name, value in named.credentials.items())
    return account if is_it else None


def _answer(reply: Reply) -> HttpResponse:
    if reply.document is None:
        answer = HttpResponse(status=reply.status)
        del answer["Content-Type"]
    else:
        content = json.dumps(reply.document)
        answer = HttpResponse(content, status=reply.status, content_type="application/json")
    for name, value in reply.headers.items():
        answer[name] = value
    return answer
