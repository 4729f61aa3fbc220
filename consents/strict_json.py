"""JSON as others hand it in, read so that no two readers could take it differently.

What Python's reader takes beyond RFC 8259 (NaN, numbers without end), fields that stand twice, and
depths that cannot be read back everywhere, are refused.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

DEPTH_MAX: Final = 64


class MalformedError(ValueError):
    """Says what is wrong in a sentence that does not quote the text."""


def read(text: str) -> Any:
    """The value. Raises MalformedError."""
    try:
        value = _DECODER.decode(text)
    except MalformedError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise MalformedError("This is not JSON.") from None
    _check_depth(value)
    return value


def _too_deep() -> MalformedError:
    return MalformedError(f"JSON here is at most {DEPTH_MAX} levels deep.")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [child for one in level for child in _children(one)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return []
    return [child for child in value if isinstance(child, dict | list)]


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two fields with one name, which one counts is anybody's guess."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedError("An object has a field twice.")
    return value


_DECODER: Final = json.JSONDecoder(
    parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_without_repeats
)
