"""What Optbook says when it refuses: a stable code, a sentence for a person, the field at fault."""

from __future__ import annotations


class ConsentError(Exception):
    """A request that cannot be carried out; nothing was changed.

    `code` is stable and part of the API; `message` is for a person and quotes no personal data;
    `field` names the input at fault, where there is one.
    """

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def __reduce__(self) -> tuple[type[ConsentError], tuple[str, str, str | None]]:
        return type(self), (self.code, self.message, self.field)


class AppendOnly(Exception):
    """Somebody tried to change what is written once, or to write it by another door."""

    def __init__(self) -> None:
        super().__init__(
            "The ledger, its seals and notices are append-only. Only consents.ledger writes the "
            "first (ledger.record() or ledger.record_many()), only consents.sealing the second, "
            "only consents.publishing the last."
        )
