"""What every door of the API has: a key, a sender, bounded bodies, repeatable writes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.views.decorators.common import no_append_slash
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from consents import idempotency
from consents.api import access, parsing, ratelimit
from consents.api.authentication import KeyAuthentication, KeyThrottle
from consents.api.errors import ApiError
from consents.api.fields import Fields, Query
from consents.api.pagination import PARAMETERS, Page, Row
from consents.idempotency import Answer, Call, Result
from consents.models import ApiKey, Sender
from consents.quotas import Quota
from consents.vocabulary import Scope


class AlwaysJson(BaseContentNegotiation):
    """Answers JSON whatever the caller accepts: there is nothing else."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


# A redirect to the address with a slash would lose the body of a POST.
@method_decorator(no_append_slash, name="dispatch")
class Door(APIView):
    """One address of the API. `scopes`: what each method needs. `is_bulk`: takes large bodies.

    `refused`: why a method that one might expect is not there.
    """

    authentication_classes = [KeyAuthentication]
    permission_classes = [access.HasScope]
    throttle_classes = [KeyThrottle]
    content_negotiation_class = AlwaysJson
    scopes: ClassVar[Mapping[str, Scope]] = {}
    refused: ClassVar[Mapping[str, str]] = {}
    is_bulk: ClassVar[bool] = False

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        method = str(request.method)
        if method in self.refused:
            raise ApiError(405, "method_not_allowed", self.refused[method])
        raise MethodNotAllowed(method)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Which methods there are, in the header Allow."""
        return Response(status=204)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        quota: Quota | None = getattr(request, "quota", None)
        for name, value in ratelimit.fields(quota).items() if quota else ():
            answer[name] = value
        return answer

    @property
    def key(self) -> ApiKey:
        return cast(ApiKey, self.request.auth)

    @property
    def actor(self) -> str:
        """Who is named in the ledger: the public part of the key."""
        return self.key.prefix

    @cached_property
    def content(self) -> bytes:
        limit = settings.API_BULK_BODY_MAX if self.is_bulk else settings.API_BODY_MAX
        return parsing.read_body(self.request._request, limit)

    def body(self, shape: type[BaseSerializer[Any]]) -> Fields:
        """The body, of the fields that the schema shows and no others."""
        return fields_of(parsing.parse_object(self.content), shape)

    def without_body(self) -> None:
        """Refuse a body with anything in it: what is asked for here would pass it over."""
        if self.content:
            Fields(parsing.parse_object(self.content), ())

    def query(self, *known: str) -> Query:
        given = self.request.query_params.lists()
        return Query({name: [str(one) for one in values] for name, values in given}, known)

    def list_query(self, *known: str) -> Query:
        return self.query("sender", *known, *PARAMETERS)

    def sender(self, fields: Fields) -> Sender:
        return access.the_sender(self.key, fields.raw("sender"))

    def senders(self, fields: Fields) -> list[Sender]:
        return access.the_senders(self.key, fields.raw("sender"))

    @property
    def site(self) -> str:
        """What links for people begin with."""
        return settings.PUBLIC_URL or self.request.build_absolute_uri("/")

    def once(self, work: Callable[[], Answer], render: Callable[[Result], Any]) -> Response:
        """Carry a write out, or find that this request was carried out before."""
        self.query()
        answer = idempotency.once(self._call(), work, render)
        headers = {"Idempotent-Replayed": "true"} if answer.is_replay else {}
        return Response(answer.body, status=answer.status, headers=headers)

    def page(self, page: Page[Row], shown: Callable[[Row], Mapping[str, Any]]) -> Response:
        return Response({"results": list(map(shown, page.rows)), **page.links(self.request)})

    def _call(self) -> Call | None:
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return None
        digest = hashlib.sha256(self.content).digest()
        return Call(self.key, str(self.request.method), self.request.path, key, digest)


def fields_of(given: Mapping[str, Any], shape: type[BaseSerializer[Any]]) -> Fields:
    """What was sent in this shape. Raises ConsentError and ApiError 400."""
    declared = _declared(shape)
    required = [name for name, field in declared.items() if field.required]
    return Fields(given, declared.keys(), required=required)


def known_to(shape: type[BaseSerializer[Any]]) -> Collection[str]:
    return _declared(shape).keys()


def _declared(shape: type[BaseSerializer[Any]]) -> Mapping[str, Any]:
    declared: Mapping[str, Any] = getattr(shape, "_declared_fields", {})
    return declared
