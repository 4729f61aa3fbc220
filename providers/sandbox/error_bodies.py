"""The several shapes in which each provider is known to say that something went wrong."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from .exchange import (
    PEPIPOST,
    SINCH_CONVERSATION,
    SINCH_WHATSAPP,
    Answer,
    html_answer,
    json_answer,
)

Shape = Callable[[int, str], object]

# Status words of the Sinch Conversation API document and the SDKs' test data.
CONVERSATION_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "UNAUTHORIZED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}


def pepipost_failure(status: int, text: str) -> object:
    """Pepipost consent page: the code is text."""
    return {"status": "failure", "error": {"code": "8006", "message": text}}


def pepipost_gateway(status: int, text: str) -> object:
    """Pepipost's gateway: `status` is a number and `error` is text."""
    return {"error": _phrase(status), "message": text, "status": status}


def _conversation_fields(status: int, text: str) -> dict[str, object]:
    word = CONVERSATION_WORDS.get(status, "INTERNAL_ERROR")
    return {"code": status, "message": text, "status": word, "details": []}


def conversation_nested(status: int, text: str) -> object:
    """Sinch Conversation: prose and current schema."""
    return {"error": _conversation_fields(status, text)}


def conversation_flat(status: int, text: str) -> object:
    """Sinch Conversation: the examples of the same document, and the Batch API."""
    return _conversation_fields(status, text)


def conversation_text(status: int, text: str) -> object:
    """Sinch Conversation: the older schema, flat with an extra `error` that is text."""
    return {"error": text, **_conversation_fields(status, text)}


def whatsapp_details(status: int, text: str) -> object:
    """Sinch WhatsApp: the introduction page's "HTTP errors"."""
    return {"message": _phrase(status), "details": text}


def whatsapp_reason(status: int, text: str) -> object:
    """Sinch WhatsApp: the samples of its OpenAPI file."""
    return {"message": str(status), "reason": text}


def whatsapp_title(status: int, text: str) -> object:
    """Sinch WhatsApp: the schema of its OpenAPI file."""
    return {"title": _phrase(status), "reason": text}


# The first shape of each provider is the one it uses unless told otherwise.
SHAPES: Mapping[str, Mapping[str, Shape]] = {
    PEPIPOST: {"gateway": pepipost_gateway, "failure": pepipost_failure},
    SINCH_CONVERSATION: {
        "nested": conversation_nested,
        "flat": conversation_flat,
        "text": conversation_text,
    },
    SINCH_WHATSAPP: {
        "details": whatsapp_details,
        "reason": whatsapp_reason,
        "title": whatsapp_title,
    },
}
PLAIN_SHAPES = ("html", "empty", "plain")


def shapes_of(provider: str) -> tuple[str, ...]:
    return (*SHAPES[provider], *PLAIN_SHAPES)


def error_answer(provider: str, status: int, text: str = "", shape: str | None = None) -> Answer:
    """An error of `provider` in one of its shapes. ValueError: it has no such shape."""
    text = text or _phrase(status)
    if shape == "html":
        return html_answer(status, f"{status} {text}")
    if shape == "empty":
        return Answer(status)
    if shape == "plain":
        return Answer(status, text.encode(), content_type="text/plain")
    shapes = SHAPES[provider]
    name = shape or next(iter(shapes))
    if name not in shapes:
        raise ValueError(f"body must be one of {', '.join(shapes_of(provider))}")
    return json_answer(status, shapes[name](status, text))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
