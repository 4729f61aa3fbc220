"""The switches for faults: what can be asked for, and which call meets which."""

import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count as counter
from typing import Any

from .error_bodies import PLAIN_SHAPES, shapes_of
from .exchange import ACTIONS, OPT_IN, OPT_OUT, PROVIDERS, UNREADABLE, Call
from .fault_kinds import CALL, KINDS, Kind

# Unless a fault says otherwise it meets consent changes only: a token fetched in between would
# use up a counted fault that was meant for the change itself.
USUAL_ACTIONS = (OPT_IN, OPT_OUT, UNREADABLE)


@dataclass
class Rule:
    """One fault that is switched on. `left` counts down, None lasts until cleared.

    `cleared` is set when it is switched off: calls that it holds back go on.
    """

    fault: str
    provider: str | None = None
    left: int | None = None
    probability: float = 1.0
    numbers: frozenset[str] = frozenset()
    actions: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    cleared: threading.Event = field(default_factory=threading.Event)
    _recent: deque[float] = field(default_factory=deque)

    @property
    def kind(self) -> Kind:
        return KINDS[self.fault]

    def get(self, name: str) -> Any:
        """A parameter as given, else its default."""
        return self.parameters.get(name, self.kind.parameters.get(name))

    def concerns(self, call: Call, monotonic: float) -> bool:
        kind = self.kind
        return (
            self.left != 0
            and self.provider in (None, call.provider)
            and call.provider in kind.providers
            and call.action in (self.actions or kind.actions or USUAL_ACTIONS)
            and (not kind.endpoints or call.endpoint in kind.endpoints)
            and (not self.numbers or not self.numbers.isdisjoint(call.numbers))
            and self._is_over_its_rate(monotonic)
        )

    def _is_over_its_rate(self, monotonic: float) -> bool:
        limit: int | None = self.get("per_second")
        if limit is None:
            return True
        while self._recent and self._recent[0] <= monotonic - 1:
            self._recent.popleft()
        self._recent.append(monotonic)
        return len(self._recent) > limit

    def show(self) -> dict[str, object]:
        return {
            "id": self.id,
            "provider": self.provider,
            "fault": self.fault,
            "count": self.left,
            "probability": self.probability,
            "numbers": sorted(self.numbers),
            "actions": list(self.actions or self.kind.actions or USUAL_ACTIONS),
            **{name: self.get(name) for name in self.kind.parameters},
        }


class FaultBook:
    """Thread-safe. The rules are asked in the order in which they were switched on."""

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._ids = counter(1)
        self._chance = random.Random(seed)  # noqa: S311 the chance of a fault is no secret
        self._rules: list[Rule] = []

    def add(self, wish: Mapping[str, Any]) -> Rule:
        """Switch a fault on. ValueError says what is wrong with the wish."""
        rule = read_rule(wish)
        with self._lock:
            rule.id = next(self._ids)
            self._rules.append(rule)
        return rule

    def clear(self, rule_id: int | None = None) -> int:
        """Switch one fault off, or all; how many there were."""
        with self._lock:
            gone = [rule for rule in self._rules if rule_id in (None, rule.id)]
            self._rules = [rule for rule in self._rules if rule_id not in (None, rule.id)]
        for rule in gone:
            rule.cleared.set()
        return len(gone)

    def active(self) -> list[Rule]:
        with self._lock:
            return [rule for rule in self._rules if rule.left != 0]

    def take(self, call: Call) -> Rule | None:
        """The first fault that strikes this call; it has then struck once."""
        with self._lock:
            return next((rule for rule in self._rules if self._strikes(rule, call, CALL)), None)

    def take_all(self, call: Call, stage: str) -> tuple[Rule, ...]:
        """Every fault of `stage` that strikes: oddities of one callback may come together."""
        with self._lock:
            return tuple(rule for rule in self._rules if self._strikes(rule, call, stage))

    def _strikes(self, rule: Rule, call: Call, stage: str) -> bool:
        if rule.kind.stage != stage or not rule.concerns(call, time.monotonic()):
            return False
        if rule.probability < 1 and self._chance.random() >= rule.probability:
            return False
        if rule.left is not None:
            rule.left -= 1
        return True


def read_rule(wish: Mapping[str, Any]) -> Rule:
    """A rule from its JSON form. ValueError says what is wrong with it."""
    kind = KINDS.get(str(wish.get("fault")))
    if kind is None:
        raise ValueError(f"fault must be one of {', '.join(sorted(KINDS))}")
    given = {name: value for name, value in wish.items() if value is not None}
    own = {"fault", "provider", "count", "probability", "numbers", "actions"}
    parameters = {name: value for name, value in given.items() if name not in own}
    kind.check(parameters)
    rule = Rule(
        fault=given["fault"],
        provider=_read_provider(given.get("provider"), kind),
        left=_read_count(given.get("count")),
        probability=_read_probability(given.get("probability", 1)),
        numbers=frozenset(_read_texts(given.get("numbers", []), "numbers")),
        actions=tuple(_read_texts(given.get("actions", []), "actions")),
        parameters=parameters,
    )
    if unknown := set(rule.actions) - set(ACTIONS):
        raise ValueError(f"no action {', '.join(sorted(unknown))}; there are {', '.join(ACTIONS)}")
    if kind.needs_numbers and not rule.numbers:
        raise ValueError(f"{rule.fault} needs numbers")
    _check_shape(rule)
    return rule


def _check_shape(rule: Rule) -> None:
    shapes = shapes_of(rule.provider) if rule.provider else PLAIN_SHAPES
    if (shape := rule.get("body")) is not None and shape not in shapes:
        raise ValueError(f"body must be one of {', '.join(shapes)}")


def _read_provider(value: object, kind: Kind) -> str | None:
    if value is None:
        return None
    if value not in PROVIDERS:
        raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}")
    if value not in kind.providers:
        raise ValueError(f"this fault is known of {', '.join(kind.providers)} only")
    return str(value)


def _read_count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("count must be a whole number from 1, or null for until cleared")
    return value


def _read_probability(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("probability must be a number from 0 to 1")
    return float(value)


def _read_texts(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of texts")
    return value
