"""What the columns of a file mean, and what stands for those that it does not have."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

from django.core.exceptions import ValidationError

from consents.entries import Entry, text_of
from consents.errors import ConsentError
from consents.models import Contact
from consents.vocabulary import ROOT_PURPOSE, Action, Channel, Origin

FIELDS: Final = (
    *("identity", "channel", "action", "purpose", "source", "occurred_at"),
    *("ip", "user_agent", "note", "external_id", "display_name", "language"),
)
EVIDENCE: Final = "evidence"
EVIDENCE_OF: Final = "evidence."
"""What a column whose name begins so goes by in the evidence."""

DEFAULTS: Final = {
    "action": Action.OPT_IN.value,
    "channel": Channel.WHATSAPP.value,
    "purpose": ROOT_PURPOSE,
    "source": "",
}


_CONTACT: Final[Any] = Contact._meta


class Names(NamedTuple):
    """Whose the identity is, as the file says."""

    external_id: str
    display_name: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file is read. `columns`: field by column, where the names differ.

    `defaults`: what holds where a row says nothing. `zone`: of times that do not state theirs;
    where it is empty they are refused.
    """

    format: str = "csv"
    delimiter: str = ","
    columns: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Reader:
    """Makes an entry of each row. Raises ConsentError for a manner that makes no sense."""

    def __init__(self, manner: Manner, header: Sequence[str], actor: str) -> None:
        self._actor = actor
        self._zone = _zone(manner.zone)
        self._defaults = {**DEFAULTS, **manner.defaults}
        self._fields = {name: _field(manner.columns.get(name, name)) for name in header}
        self._columns = manner.columns
        self.ignored = [name for name, known in self._fields.items() if not known]
        if header and "identity" not in self._fields.values():
            raise ConsentError("identity_required", "No column of the file is the identity.")

    def entry(
        self, row: Mapping[str, Any], evidence: Mapping[str, Any]
    ) -> tuple[Entry, Names | None]:
        """What the row says, and whose the identity is. Raises ConsentError."""
        given, said = self._sorted(row)
        values = {**self._defaults, **given}
        entry = Entry(
            action=values["action"].strip().lower(),
            channel=values["channel"].strip(),
            identity=values.get("identity", ""),
            purpose=values["purpose"].strip(),
            source=values["source"],
            ip=values.get("ip"),
            user_agent=values.get("user_agent", ""),
            note=values.get("note", ""),
            evidence={**said, **evidence},
            occurred_at=self._time(values.get("occurred_at", "")),
            origin=Origin.IMPORT,
            actor=self._actor,
        )
        return entry, _names(values)

    def _sorted(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields that say something, and what goes into the evidence."""
        given: dict[str, Any] = {}
        said: dict[str, Any] = {}
        for column, value in row.items():
            name = self._fields.get(column) or _field(self._columns.get(column, column))
            if value is None or value == "" or not name:
                continue
            if name == EVIDENCE:
                said |= _evidence(value)
            elif name.startswith(EVIDENCE_OF):
                said[name.removeprefix(EVIDENCE_OF)] = value
            else:
                given[name] = value if name == "identity" else text_of(value, name)
        return given, said

    def _time(self, text: str) -> datetime | None:
        if not text:
            return None
        problem = ConsentError(
            "invalid_occurred_at", "This must be an ISO 8601 time with its zone.", "occurred_at"
        )
        try:
            time = datetime.fromisoformat(text.strip())
        except ValueError:
            raise problem from None
        if time.tzinfo is not None:
            return time
        if self._zone is None:
            raise problem
        return time.replace(tzinfo=self._zone)


def _field(name: str) -> str:
    """The field that a column is; empty for one that means nothing here."""
    is_known = name in FIELDS or name == EVIDENCE or name.startswith(EVIDENCE_OF)
    return name if is_known else ""


def _zone(name: str) -> tzinfo | None:
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ConsentError("unknown_zone", "There is no such time zone.", "zone") from None


def _evidence(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConsentError("invalid_evidence", "The evidence is a JSON object.", "evidence")
    return value


def _names(values: Mapping[str, Any]) -> Names | None:
    external_id = values.get("external_id", "").strip()
    if not external_id:
        return None
    names = Names(external_id, values.get("display_name", ""), values.get("language", ""))
    for name, value in names._asdict().items():
        try:
            _CONTACT.get_field(name).clean(value, None)
        except ValidationError as invalid:
            raise ConsentError(f"invalid_{name}", " ".join(invalid.messages), name) from None
    return names
