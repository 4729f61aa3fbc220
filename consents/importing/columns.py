"""What the columns of a file mean, and what stands for those that it does not have."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

from consents import notices
from consents.entries import Entry
from consents.errors import ConsentError
from consents.importing.names import Names, names_in
from consents.vocabulary import ROOT_PURPOSE, Action, Channel, Origin

NOTICE: Final = {"notice": "key", "notice_version": "version", "notice_language": "language"}
"""The columns that name a notice, and what they go by in the evidence."""

FIELDS: Final = (
    *("identity", "channel", "action", "purpose", "source", "occurred_at"),
    *("ip", "user_agent", "note", *NOTICE, *Names._fields),
)
EVIDENCE: Final = "evidence"
EVIDENCE_OF: Final = "evidence."
"""What a column whose name begins so goes by in the evidence."""

OURS: Final = "import"
"""In the evidence: which run, file and row a line comes from."""

DEFAULTS: Final = {
    "action": Action.OPT_IN.value,
    "channel": Channel.WHATSAPP.value,
    "purpose": ROOT_PURPOSE,
    "source": "",
}

# Objects in JSON may have as many names as they like; no list has more columns.
_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file is read. `columns`: field by column, where the names differ; empty for a column
    that is to be passed over though its name is a field's.

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
    """Makes an entry of each row of a file with this header; JSON has none."""

    def __init__(self, manner: Manner, header: Sequence[str] = ()) -> None:
        """Raises ConsentError for a manner that makes no sense.

        `unknown_zone`, `unknown_field`, `unknown_column`, `repeated_field`, `identity_required`.
        """
        self.manner = manner
        self._zone = _zone(manner.zone)
        self._defaults = {**DEFAULTS, **manner.defaults}
        self._check_mapping(header)
        self._fields = {column: self._meant_by(column) for column in header}
        _check_once([one for one in self._fields.values() if one])
        if header and "identity" not in self._fields.values():
            raise ConsentError("identity_required", "No column of the file is the identity.")

    @property
    def ignored(self) -> list[str]:
        """The columns met so far that mean nothing."""
        return [column for column, known in self._fields.items() if column and not known]

    def entry(
        self, row: Mapping[str, Any], actor: str, evidence: Mapping[str, Any]
    ) -> tuple[Entry, Names | None]:
        """What the row says, and whose the identity is. Raises ConsentError.

        `evidence` is kept under the name of ours, beside what the row has to show.
        """
        given, said = self._sorted(row)
        values = {**self._defaults, **given}
        if OURS in said:
            message = f"The evidence {OURS!r} is what the import itself says."
            raise ConsentError("reserved_evidence", message, "evidence")
        said[OURS] = evidence
        if notice := _notice(values):
            _put(said, notices.NAME, notice)
        entry = Entry(
            action=values["action"].strip().lower(),
            channel=values["channel"].strip(),
            identity=values.get("identity", ""),
            purpose=values["purpose"].strip(),
            source=values["source"],
            ip=values.get("ip"),
            user_agent=values.get("user_agent", ""),
            note=values.get("note", ""),
            evidence=said,
            occurred_at=self._time(values.get("occurred_at", "")),
            language=values.get("language", ""),
            origin=Origin.IMPORT,
            actor=actor,
        )
        return entry, names_in(values)

    def _sorted(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields that say something, and what goes into the evidence."""
        given: dict[str, Any] = {}
        said: dict[str, Any] = {}
        for column, value in row.items():
            if value is None or value == "":
                continue
            name = self._field(column)
            if name in _FIELDS:
                _put(given, name, value if name in _AS_IT_IS else _text(value, name))
            elif name == EVIDENCE:
                for part, content in _evidence(value).items():
                    _put(said, part, content)
            elif name:
                _put(said, name.removeprefix(EVIDENCE_OF), value)
        return given, said

    def _field(self, column: str) -> str:
        known = self._fields.get(column)
        if known is None:
            known = self._meant_by(column)
            if len(self._fields) < _REMEMBERED:
                self._fields[column] = known
        return known

    def _meant_by(self, column: str) -> str:
        """The field that a column is; empty for one that means nothing here."""
        name = self.manner.columns.get(column, column)
        return name if is_field(name) else ""

    def _check_mapping(self, header: Sequence[str]) -> None:
        for column, name in self.manner.columns.items():
            if name and not is_field(name):
                raise ConsentError("unknown_field", f"There is no field {name!r}.")
            if header and column not in header:
                raise ConsentError("unknown_column", f"The file has no column {column!r}.")
        _check_once(list(filter(None, self.manner.columns.values())))

    def _time(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            time = datetime.fromisoformat(text.strip())
        except ValueError:
            raise _no_time() from None
        if time.tzinfo is not None:
            return time
        if self._zone is None:
            raise _no_time()
        return time.replace(tzinfo=self._zone)


_FIELDS: Final = frozenset(FIELDS)
_AS_IT_IS: Final = frozenset({"identity", *NOTICE})


def is_field(name: str) -> bool:
    """Whether a column of this name means something by itself."""
    is_evidence = name == EVIDENCE or (name.startswith(EVIDENCE_OF) and name != EVIDENCE_OF)
    return name in _FIELDS or is_evidence


def _check_once(fields: Sequence[str]) -> None:
    if len(set(fields)) != len(fields):
        raise ConsentError("repeated_field", "Two columns of the file are the same field.")


def _put(into: dict[str, Any], name: str, value: Any) -> None:
    if name in into:
        raise ConsentError("repeated_field", "The row says something twice.")
    into[name] = value


def _notice(values: Mapping[str, Any]) -> Any:
    """What evidence says of the notice: in JSON the column itself may be an object."""
    said = {name: values[column] for column, name in NOTICE.items() if column in values}
    return said["key"] if said.keys() == {"key"} else said


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ConsentError(f"invalid_{name}", "This must be text.", name)
    return value


def _no_time() -> ConsentError:
    message = "This must be an ISO 8601 time with its zone."
    return ConsentError("invalid_occurred_at", message, "occurred_at")


def _evidence(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConsentError("invalid_evidence", "The evidence is a JSON object.", "evidence")
    return value


def _zone(name: str) -> tzinfo | None:
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConsentError("unknown_zone", "There is no such time zone.", "zone") from None
