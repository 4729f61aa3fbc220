"""Calls the API as a program with a key does."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from consents.management.commands.create_api_key import create

ALL_SCOPES = ["record", "check", "read", "manage"]


class Caller:
    """A program with an API key. Paths are those below /api/v1/."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client()

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query, headers=self._headers({}))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("post", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.send("patch", path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """`body`: bytes as they are, None for none, else JSON. `headers`: as Content_Type."""
        raw = b"" if body is None else body
        content = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
        names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        content_type = names.pop("content-type", "application/json")
        return getattr(self.client, method)(
            f"/api/v1/{path}", content, content_type=content_type, headers=self._headers(names)
        )

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **more}


def issue(*scopes: str, senders: list[str] | None = None) -> Caller:
    """A caller with a new key, of the default sender and all scopes where nothing is said."""
    _, text = create("tests", senders or ["default"], list(scopes) or ALL_SCOPES)
    return Caller(text)


def code_of(answer: Any) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]
