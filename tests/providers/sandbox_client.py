"""A plain HTTP client for tests of the sandbox, and the credentials that it accepts."""

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PEPIPOST_PATH = "/api/v2/consent/manage/"
PEPIPOST_KEY = {"Authorization": "Bearer sandbox-pepipost-token"}
WHATSAPP_PATH = "/whatsapp/v1/sandbox-bot/provision/"
WHATSAPP_KEY = {"Authorization": "Bearer sandbox-whatsapp-token"}
PROJECT_PATH = "/v1/projects/00000000-0000-4000-8000-000000000001/"
APP = "01HZCONSENTAPP000000000001"


def basic(user: str, password: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


CONVERSATION_KEY = basic("sandbox-key-id", "sandbox-key-secret")


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    url: str,
    method: str,
    path: str,
    content: object = None,
    headers: dict[str, str] | None = None,
    timeout: float = 5,
) -> Reply:
    """One request on a connection of its own; bytes go as they are, anything else as JSON."""
    body = content if isinstance(content, bytes | None) else json.dumps(content).encode()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, response.read(), found)
    finally:
        connection.close()


def pepipost(url: str, kind: str, number: object, **more: object) -> Reply:
    recipient = {"recipient": number, "source": "WEB", **more}
    content = {"type": kind, "recipients": [recipient]}
    return call(url, "POST", PEPIPOST_PATH, content, PEPIPOST_KEY)


def whatsapp(url: str, numbers: object, method: str = "POST", end: str = "optin") -> Reply:
    return call(url, method, WHATSAPP_PATH + end, {"numbers": numbers}, WHATSAPP_KEY)


def registration(number: str, channel: str = "WHATSAPP") -> dict[str, Any]:
    identities = [{"channel": channel, "identity": number}]
    recipient = {"identified_by": {"channel_identities": identities}}
    return {"app_id": APP, "channels": [channel], "recipient": recipient}


def register(url: str, what: str, content: object, **headers: str) -> Reply:
    path = f"{PROJECT_PATH}{what}:register"
    return call(url, "POST", path, content, headers or CONVERSATION_KEY)
