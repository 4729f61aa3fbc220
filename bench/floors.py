"""The floors that are served over HTTP, by the same server, pool and middleware as the product.

They lie under `/api/`, so that whatever the middleware does for the API it does for them.
"""

from __future__ import annotations

from typing import Any, cast

from django.db import connection
from django.http import HttpRequest, JsonResponse
from rest_framework.permissions import AllowAny
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from bench.models import Line
from bench.people import CHANNEL
from consents.commitments import identity_digest
from consents.models import ApiKey
from consents.models.standing import FOLD_FIELDS

# All that the gate's answer depends on, the key that asks included, in one statement.
_PERMISSION = f"""
SELECT clock_timestamp(), key.scopes, key.expires_at, key.revoked_at, key.last_used_at,
       purpose.category, purpose.allowed_in_window, purpose.requires_own_consent,
       identity.id, standing.last_inbound_at, standing.held_at,
       consent.purpose_id, {", ".join(f"consent.{column}" for column in FOLD_FIELDS)}
FROM consents_apikey key
JOIN consents_apikey_senders granted ON granted.apikey_id = key.id
CROSS JOIN consents_purpose purpose
LEFT JOIN consents_channelidentity identity
       ON identity.sender_id = granted.sender_id AND identity.channel = %(channel)s
      AND (identity.lookup_key = %(lookup_key)s OR identity.digest = %(identity_digest)s)
LEFT JOIN consents_standing standing ON standing.identity_id = identity.id
LEFT JOIN consents_consent consent
       ON consent.identity_id = identity.id
      AND consent.purpose_id IN (purpose.id, purpose.parent_id)
WHERE key.digest = %(key_digest)s AND purpose.key = %(purpose)s
"""


def permission(request: HttpRequest) -> JsonResponse:
    """The gate's facts, read and answered, with nothing decided."""
    lookup_key = request.GET["identity"]
    # Planned once a connection, as the gate's own statement is.
    with cast(Any, connection).prepared_cursor() as cursor:
        cursor.execute(
            _PERMISSION,
            {
                "key_digest": ApiKey.digest_of(request.headers["Authorization"][7:]),
                "purpose": "service",
                "channel": CHANNEL,
                "lookup_key": lookup_key,
                "identity_digest": identity_digest(CHANNEL, lookup_key),
            },
        )
        rows = cursor.fetchall()
    return JsonResponse({"facts": [[str(value) for value in row] for row in rows]})


class LineSerializer(ModelSerializer[Line]):
    class Meta:
        model = Line
        exclude = ("address_commitment", "detail_commitment")


class Lines(ModelViewSet[Line]):
    """The plainest way to write a row by Django REST framework."""

    queryset = Line.objects.all()
    serializer_class = LineSerializer
    permission_classes = [AllowAny]
