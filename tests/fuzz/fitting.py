"""Makes what was made up by chance fit the world.

A schema cannot say which purposes and contacts there are, which address can be read on which
channel, or what time it is. Where a value is meant to be valid, one that is takes its place;
what is meant to be invalid is left alone.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from schemathesis.core.parameters import ParameterLocation

from consents import entries, gate
from consents.api.fields import moment
from consents.defaults import DEFAULT_SENDER
from consents.errors import ConsentError
from consents.vocabulary import Channel, IdentityKind
from tests.consents.factories import british_number

CONTACT = "crm-1"
NOTICE = "checkout-banner"
FILE = f"name,identity\nAda,{british_number(1)}\nBob,nobody\n"
PURPOSES = ("service", "utility", "authentication", "marketing")

Given = Mapping[str, Any]
_serial = itertools.count()


def fit(case: Any) -> None:
    """Change the parts of a request that are meant to be valid."""
    has_key = "Idempotency-Key" in (case.headers or {})
    if has_key and not _is_negative(case, ParameterLocation.HEADER):
        # A key that comes again by chance, with another body, is refused as it should be.
        case.headers["Idempotency-Key"] = f"key {next(_serial)}"
    if isinstance(case.query, Mapping):
        # What would leave no trace in the address makes no request wrong.
        case.query = {name: one for name, one in case.query.items() if one not in (None, [], {})}
        if not _is_negative(case, ParameterLocation.QUERY):
            # Cursors are not made up; following them is tested elsewhere.
            case.query = fitted({name: case.query[name] for name in case.query if name != "cursor"})
    if isinstance(case.body, Mapping) and not _is_negative(case, ParameterLocation.BODY):
        case.body = fitted(case.body)
    if isinstance(case.body, str):
        # Any text is a file, and hardly one is a table with the column that is asked about.
        case.body = FILE


def _is_negative(case: Any, at: ParameterLocation) -> bool:
    """Asked anew each time: what is taken out above may be all that was wrong."""
    negative: bool = case.meta.is_negative_at(at)
    return negative


def fitted(given: Given) -> dict[str, Any]:
    """These fields, and those of objects in lists among them, with values that are there."""
    known = {
        name: _FITTING[name](value, given) if name in _FITTING and value is not None else value
        for name, value in given.items()
    }
    return {name: _fitted_items(value) for name, value in known.items()}


def _fitted_items(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [fitted(one) if isinstance(one, dict) else one for one in value]


def _purpose(value: Any, given: Given) -> str:
    return PURPOSES[len(str(value)) % len(PURPOSES)]


def _contact(value: Any, given: Given) -> str:
    return CONTACT


def _identity(value: Any, given: Given) -> Any:
    """Never a number outside those set aside for fiction."""
    channel = Channel.__members__.get(str(given.get("channel")))
    if channel is None or channel.identity_kind is IdentityKind.PHONE:
        number = british_number(len(str(value)))
        return int(number) if isinstance(value, int) else number
    return value if gate.readable(channel, value) else f"person{len(str(value))}@example.org"


def _past(value: Any, given: Given) -> Any:
    try:
        is_past = entries.EARLIEST <= moment(value, "") <= datetime.now(UTC)
    except ConsentError:
        is_past = False
    return value if is_past else "2025-01-31T12:00:00+01:00"


def _evidence(value: Any, given: Given) -> Any:
    """Of free JSON the schema cannot say that no text in it, however deep, holds a NUL.

    Nor that a notice is there; it is named whole, since others in other languages may come to be.
    """
    plain = json.loads(json.dumps(value).replace("\\u0000", ""))
    if not isinstance(plain, dict) or "notice" not in plain:
        return plain
    return {**plain, "notice": {"key": NOTICE, "version": "1", "language": "en"}}


_FITTING: Mapping[str, Callable[[Any, Given], Any]] = {
    "sender": lambda value, given: DEFAULT_SENDER,
    "evidence": _evidence,
    "purpose": _purpose,
    "column": lambda value, given: "identity",
    "delimiter": lambda value, given: ",",
    "contact": _contact,
    "identity": _identity,
    **dict.fromkeys(("occurred_at", "received_at", "at", "from", "to", "since", "until"), _past),
    "valid_from": _past,
}
