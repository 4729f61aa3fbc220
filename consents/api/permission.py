"""`permission/`, `permissions/` and `permission/confirmation/`: asks the gate."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.common import no_append_slash
from rest_framework.request import Request
from rest_framework.response import Response

from consents import confirmation, entries, gate, gate_bulk, verdicts
from consents.api import lookups, schema
from consents.api.authentication import in_use, shown_key
from consents.api.door import Door, known_to
from consents.api.errors import ApiError
from consents.api.fields import Query
from consents.decision import Permission
from consents.errors import ConsentError
from consents.gate_bulk import Form
from consents.idempotency import Answer, Result
from consents.models import ApiKey
from consents.vocabulary import Category, Channel, Scope

IDENTITIES_MAX: Final = 10_000
DEFAULT_PURPOSE: Final = Category.SERVICE.value


@method_decorator(no_append_slash, name="dispatch")
class OnePermission(Door):
    """Asked before every message, so a question about now that is in order takes a short way.

    It goes around Django REST framework, with one query for the key and the answer together. Any
    other question, and whatever goes wrong with this one, is answered the usual way.
    """

    scopes = {"GET": Scope.CHECK}
    trouble: Exception | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            answer = self._at_once(request) if request.method == "GET" else None
        except Exception as error:
            self.trouble, answer = error, None
        return answer or super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if self.trouble:
            raise self.trouble
        super().initial(request, *args, **kwargs)

    @schema.describe(
        "check",
        {200: schema.PermissionBody},
        parameters=[
            schema.query("sender", "May be left out where the key has only one."),
            schema.query("channel", required=True),
            schema.query("identity", required=True),
            schema.query("purpose", "Else service."),
            schema.query("at", "A time with its zone; else now."),
            schema.query("hindsight", "true: of a past time, by all that is known now."),
        ],
    )
    def get(self, request: Request) -> Response:
        """May this be sent to this person now?

        Whoever gets no answer must not send. An answer may be kept for `valid_for` seconds.
        """
        query = self.query("sender", "channel", "identity", "purpose", "at", "hindsight")
        channel = entries.channel(query.required_text("channel"))
        purpose = query.text("purpose") or DEFAULT_PURPOSE
        answer = gate.check(
            self.sender(query),
            channel,
            lookups.as_meant(channel, query.required_text("identity")),
            purpose,
            query.time("at"),
            hindsight=query.flag("hindsight"),
        )
        return Response(_body(answer, channel, purpose))

    def _at_once(self, request: HttpRequest) -> HttpResponse | None:
        """Raises what the usual way would, for a key that may not ask."""
        text = shown_key(request.META)
        asked = _plain_question(request)
        found = gate.check_with_key(ApiKey.digest_of(text), *asked) if text and asked else None
        if asked is None or found is None:
            return None
        key, answer = found
        checked = cast(Request, request)
        checked.auth = in_use(key, timezone.now())
        self.check_permissions(checked)
        self.check_throttles(checked)
        self.headers = self.default_response_headers
        _, channel, _, purpose = asked
        body = _body(answer, channel, purpose)
        plain = HttpResponse(verdicts.compact(body), content_type="application/json")
        return self.finalize_response(checked, cast(Response, plain))


class Permissions(Door):
    scopes = {"POST": Scope.CHECK}
    is_bulk = True

    @schema.describe("check_many", {200: schema.PermissionsBody}, request=schema.PermissionsRequest)
    def post(self, request: Request) -> HttpResponse:
        """The same of up to 10 000 people, in their order."""
        body = self.body(schema.PermissionsRequest)
        sender = self.sender(body)
        channel = entries.channel(body.required_text("channel"))
        purpose = body.text("purpose") or DEFAULT_PURPOSE
        identities = body.items("identities", IDENTITIES_MAX)
        answers = gate_bulk.check_many(sender, channel, identities, purpose, show=_in_json)
        results = ",".join(_shown_item(index, *one) for index, one in enumerate(answers))
        head = verdicts.compact({"channel": channel.value, "purpose": purpose})
        content = f'{head[:-1]},"results":[{results}]}}'
        return HttpResponse(content, content_type="application/json")


class Confirmation(Door):
    scopes = {"POST": Scope.CHECK}

    @schema.describe(
        "claim_confirmation",
        {200: schema.PermissionBody},
        request=schema.ConfirmationRequest,
        repeatable=True,
    )
    def post(self, request: Request) -> Response:
        """Claim the one confirmation that may follow an opt-out, within five minutes of it."""
        body = self.body(schema.ConfirmationRequest)
        sender = self.sender(body)
        channel = entries.channel(body.required_text("channel"))

        def work() -> Answer:
            answer = confirmation.claim(sender, channel, body.raw("identity"))
            result = {**verdicts.fields(answer), "channel": channel.value, "purpose": None}
            return Answer(200, result, wrote=answer.allowed)

        return self.once(work, _in_order)


def _plain_question(request: HttpRequest) -> tuple[str | None, Channel, str, str] | None:
    """Sender, channel, identity and purpose of a question about now; None where any is amiss."""
    try:
        query = Query(dict(request.GET.lists()), ("sender", "channel", "identity", "purpose"))
        channel = entries.channel(query.required_text("channel"))
        identity = lookups.as_meant(channel, query.required_text("identity"))
        sender = query.text("sender") if query.has("sender") else None
        return sender, channel, identity, query.text("purpose") or DEFAULT_PURPOSE
    except (ApiError, ConsentError):
        return None


def _in_json(answer: Permission) -> tuple[str, str]:
    return verdicts.in_json(verdicts.fields(answer))


def _body(answer: Permission, channel: Channel, purpose: str) -> dict[str, Any]:
    return {**verdicts.fields(answer), "channel": channel.value, "purpose": purpose}


def _in_order(result: Result) -> dict[str, Any]:
    """The database does not keep the order of fields; the first answer again is the same bytes."""
    return {name: result[name] for name in known_to(schema.PermissionBody)}


def _shown_item(
    index: int, identity: str | None, form: Form[tuple[str, str]], event: str | None
) -> str:
    """JSON, put together from pieces: ten thousand objects take longer than all the rest."""
    read_as = "null" if identity is None else encode_basestring(identity)
    before, after = form.shown
    decided_by = f'"{event}"' if event else "null"
    return f'{{"index":{index},"identity":{read_as},{before}{decided_by}{after}}}'
