"""`permission/`, `permissions/` and `permission/confirmation/`: asks the gate."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from consents import confirmation, entries, gate, gate_bulk
from consents.api import lookups, schema
from consents.api.door import Door, known_to
from consents.api.fields import shown_time
from consents.gate import Permission
from consents.gate_bulk import Asked
from consents.idempotency import Answer, Result
from consents.vocabulary import Category, Scope

IDENTITIES_MAX: Final = 10_000
DEFAULT_PURPOSE: Final = Category.SERVICE.value


class OnePermission(Door):
    scopes = {"GET": Scope.CHECK}

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
        return Response({**shown(answer), "channel": channel.value, "purpose": purpose})


class Permissions(Door):
    scopes = {"POST": Scope.CHECK}
    is_bulk = True

    @schema.describe("check_many", {200: schema.PermissionsBody}, request=schema.PermissionsRequest)
    def post(self, request: Request) -> Response:
        """The same of up to 10 000 people, in their order."""
        body = self.body(schema.PermissionsRequest)
        sender = self.sender(body)
        channel = entries.channel(body.required_text("channel"))
        purpose = body.text("purpose") or DEFAULT_PURPOSE
        identities = body.items("identities", IDENTITIES_MAX)
        answers = gate_bulk.check_many(sender, channel, identities, purpose)
        results = [_shown_item(index, answer) for index, answer in enumerate(answers)]
        return Response({"channel": channel.value, "purpose": purpose, "results": results})


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
            result = {**shown(answer), "channel": channel.value, "purpose": None}
            return Answer(200, result, wrote=answer.allowed)

        return self.once(work, _in_order)


def shown(answer: Permission) -> dict[str, Any]:
    return {
        "allowed": answer.allowed,
        "modes": [mode.value for mode in answer.modes],
        "basis": answer.basis.value if answer.basis else None,
        "reason": answer.reason.value if answer.reason else None,
        "expires_at": shown_time(answer.expires_at),
        "free_form_until": shown_time(answer.free_form_until),
        "event": str(answer.event) if answer.event else None,
        "as_of": shown_time(answer.as_of),
        "valid_for": int(answer.valid_for.total_seconds()),
    }


def _in_order(result: Result) -> dict[str, Any]:
    """The database does not keep the order of fields; the first answer again is the same bytes."""
    return {name: result[name] for name in known_to(schema.PermissionBody)}


def _shown_item(index: int, asked: Asked) -> dict[str, Any]:
    read_as = asked.address.value if asked.address else None
    return {"index": index, "identity": read_as, **shown(asked.permission)}
