"""Calls the drop-ins as a program written for the provider does."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from consents.management.commands.create_api_key import create
from consents.models import ConsentEvent, EventDetail
from tests.providers.factories import CREDENTIALS, EXTERNAL_IDS

BOT = EXTERNAL_IDS["sinch_whatsapp"]
APP = EXTERNAL_IDS["sinch_conversation"]
PROJECT = CREDENTIALS["sinch_conversation"]["project_id"]

PEPIPOST = "/api/v2/consent/manage/"
WHATSAPP = f"/whatsapp/v1/{BOT}/provision/optin"
CONVERSATION = f"/v1/projects/{PROJECT}/optins:register"
TOKEN = "/oauth2/token"


class DropinCaller:
    """A program with an API key; `authorization` goes with every call that names no other."""

    def __init__(self, *scopes: str, senders: list[str] | None = None) -> None:
        self.api_key, self.key = create("tests", senders or ["default"], list(scopes) or ["record"])
        self.client_id = self.key.rpartition("_")[0]
        self.authorization = f"Bearer {self.key}"
        self.client = Client()

    def send(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        authorization: str | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """`body`: bytes as they are, anything else as JSON. An empty `authorization`: none."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        wanted = self.authorization if authorization is None else authorization
        headers = {"Authorization": wanted} if wanted else {}
        return self.client.generic(method, path, content, content_type, headers=headers)

    def consent(self, word: str, *recipients: Any, **call: Any) -> Any:
        """Pepipost's call. A recipient that is no dictionary is its number."""
        entries = [
            one if isinstance(one, dict) else {"recipient": one, "source": "WEB"}
            for one in recipients
        ]
        return self.send("POST", PEPIPOST, {"type": word, "recipients": entries}, **call)

    def provision(self, method: str, end: str, *numbers: Any, bot: str = BOT, **call: Any) -> Any:
        path = f"/whatsapp/v1/{bot}/provision/{end}"
        return self.send(method, path, {"numbers": list(numbers)}, **call)

    def register(
        self,
        what: str,
        recipient: Any,
        *,
        channels: Any = ("WHATSAPP",),
        project: str = PROJECT,
        query: dict[str, str] | None = None,
        authorization: str | None = None,
        **more: Any,
    ) -> Any:
        """Sinch Conversation's call; `what` is optins or optouts."""
        body = {"app_id": APP, "channels": channels, "recipient": recipient, **more}
        path = f"/v1/projects/{project}/{what}:register"
        path += f"?{urlencode(query)}" if query else ""
        return self.send("POST", path, body, authorization=authorization)

    def token(self, authorization: str | None = None, body: bytes | None = None) -> Any:
        form = b"grant_type=client_credentials" if body is None else body
        credentials = authorization if authorization is not None else self.basic()
        kind = "application/x-www-form-urlencoded"
        return self.send("POST", TOKEN, form, authorization=credentials, content_type=kind)

    def basic(self, client: str | None = None, secret: str | None = None) -> str:
        pair = f"{client or self.client_id}:{secret or self.key}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


def people(*identities: tuple[str, Any]) -> dict[str, Any]:
    """A recipient named by channel identities."""
    named = [{"channel": channel, "identity": identity} for channel, identity in identities]
    return {"identified_by": {"channel_identities": named}}


def lines(**of: Any) -> list[tuple[str, str]]:
    """Action and address of each line of the ledger, oldest first."""
    events = ConsentEvent.objects.filter(**of).select_related("identity").order_by("seq")
    return [(event.action, event.identity.address or "") for event in events]


def detail() -> EventDetail:
    """Of the newest line."""
    return EventDetail.objects.select_related("event").order_by("-event__seq")[0]
