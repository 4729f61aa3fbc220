"""Looks at a page and sends its forms as a browser without JavaScript does."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

_INPUT = re.compile(r"<input ([^>]*)>")
_ATTRIBUTE = re.compile(r'([a-z_-]+)(?:="([^"]*)")?')


class Browser:
    """Of somebody with a link. `page`: what was last answered."""

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.token = token
        self.headers: dict[str, str] = {"User-Agent": "Mozilla/5.0"}

    def get(self, path: str = "preferences", query: str = "", **extra: Any) -> Any:
        return self.client.get(f"/{path}/{self.token}/{query}", headers=self.headers, **extra)

    def post(
        self, fields: dict[str, Any], path: str = "preferences", query: str = "", **extra: Any
    ) -> Any:
        address = f"/{path}/{self.token}/{query}"
        return self.client.post(address, fields, headers=self.headers, **extra)

    def form(self) -> dict[str, list[str]]:
        """What the page's form would send as it is."""
        return filled_in(self.get().content.decode())

    def save(
        self,
        form: dict[str, list[str]] | None = None,
        *,
        on: tuple[str, ...] = (),
        off: tuple[str, ...] = (),
        **extra: Any,
    ) -> Any:
        """Switch these on and off in a form, the page's own unless one is given, and send it."""
        form = self.form() if form is None else form
        return self.post({**form, "on": sorted({*form.get("on", ()), *on} - set(off))}, **extra)


def filled_in(page: str) -> dict[str, list[str]]:
    """The fields that a browser would send: hidden ones, and switches that are on."""
    fields: dict[str, list[str]] = {}
    for found in _INPUT.findall(page):
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(found)}
        if attributes["type"] == "hidden" or "checked" in attributes:
            fields.setdefault(attributes["name"], []).append(attributes["value"])
    return fields
