"""The OpenAPI schema as a whole: what is left to do once every operation has been described."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from consents.api import refusals

_TAGS: Final = {"permissions": "permission", "audiences": "permission"}
_MARK: Final = "x-spec-enum-id"


def tidy(result: dict[str, Any], **given: Any) -> dict[str, Any]:
    """drf-spectacular calls this last, with the schema it has put together."""
    shared: dict[str, Any] = {}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["tags"] = [_TAGS.get(tag, tag) for tag in operation["tags"]]
            if body := operation.get("requestBody"):
                body["required"] = True
            operation["responses"] = {
                status: _shared(status, response, shared)
                for status, response in operation["responses"].items()
            }
    result["components"]["responses"] = shared
    tidied: dict[str, Any] = _without_marks(result)
    return tidied


def _shared(status: str, response: Any, shared: dict[str, Any]) -> Any:
    """What any door may say is told once; what one alone says stays with it."""
    usual = [one.code for one in refusals.USUAL.get(int(status), ())]
    if not usual or _codes(response) != usual:
        return response
    name = f"Refused{status}"
    shared[name] = response
    return {"$ref": f"#/components/responses/{name}"}


def _codes(response: Any) -> list[str]:
    examples = response["content"]["application/json"]["examples"].values()
    return [example["value"]["error"]["code"] for example in examples]


def _without_marks(value: Any) -> Any:
    """Without the marks of enumerations, which are for another hook than ours."""
    if isinstance(value, dict):
        return {name: _without_marks(one) for name, one in value.items() if name != _MARK}
    return [_without_marks(one) for one in value] if isinstance(value, list) else value


class Generator(SchemaGenerator):
    """Puts the schema together once in a process: it is the same for everybody."""

    kept: ClassVar[dict[bool, dict[str, Any]]] = {}

    def get_schema(self, request: Request | None = None, public: bool = False) -> dict[str, Any]:
        if public not in self.kept:
            whole = super().get_schema(request, public)  # type: ignore[no-untyped-call]
            self.kept[public] = whole
        return self.kept[public]
