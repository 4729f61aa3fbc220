"""Django's test client, sent by the way that the web server's requests take."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test.client import ClientHandler

from config import fast_lane
from config.fast_lane import FastLane

_BY_DJANGO = ClientHandler.__call__


def take_the_fast_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClientHandler, "__call__", _answer)
    # A test's connection stays open, as it does where Django's client ends a request.
    monkeypatch.setattr(fast_lane, "give_back_connection", lambda: None)


def _answer(handler: ClientHandler, environ: dict[str, Any]) -> Any:
    """The first of two that is heard: Django's whole answer, or what the lane says."""
    answers: list[Any] = []

    def django(environ: dict[str, Any], _: object) -> tuple[bytes, ...]:
        answers.append(_BY_DJANGO(handler, environ))
        return ()

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        answer: Any = HttpResponse(status=int(status.split()[0]), headers=dict(headers))
        answer.wsgi_request = WSGIRequest(environ)
        answers.append(answer)

    FastLane(django)(environ, start)  # type: ignore[arg-type]  # all it has to do is answer
    return answers[0]
