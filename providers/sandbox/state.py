"""What each provider holds about each number, and how it came to hold it."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from .exchange import PROVIDERS, STATES, Change

# Long enough for any proof of order, short enough that an endless demo does not fill the memory.
STEPS_KEPT = 10_000


@dataclass(frozen=True)
class Step:
    """One change that was applied. `sequence` orders all steps of all providers; `call` is the
    sequence number of the call that made it, None for a preloaded holding."""

    sequence: int
    at: str
    state: str
    call: int | None


class Holdings:
    """Thread-safe. Whoever must look and change in one go holds `lock` meanwhile."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.generation = 0
        self._sequence = 0
        self._clear()

    def _clear(self) -> None:
        self._current: dict[str, dict[str, str]] = defaultdict(dict)
        self._steps: dict[tuple[str, str], deque[Step]] = {}

    def reset(self) -> None:
        """Forget everything; a call that is still under way then lands nowhere."""
        with self.lock:
            self.generation += 1
            self._clear()

    def state_of(self, holder: str, number: str) -> str | None:
        with self.lock:
            return self._current[holder].get(number)

    def numbers_in(self, holder: str, state: str) -> list[str]:
        with self.lock:
            return sorted(n for n, held in self._current[holder].items() if held == state)

    def apply(self, changes: Iterable[Change], now: datetime, call: int | None = None) -> None:
        """Write the changes down. A repeat is a step too: the provider was told again."""
        with self.lock:
            for change in changes:
                self._sequence += 1
                step = Step(self._sequence, now.isoformat(), change.state, call)
                key = (change.holder, change.number)
                self._steps.setdefault(key, deque(maxlen=STEPS_KEPT)).append(step)
                self._current[change.holder][change.number] = change.state

    def preload(self, provider: str, numbers: Mapping[str, object], now: datetime) -> None:
        """Put in what the provider already held before. ValueError: unknown provider or state."""
        if provider not in PROVIDERS:
            raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}")
        if wrong := [n for n, state in numbers.items() if state not in STATES]:
            raise ValueError(f"{len(wrong)} numbers have a state other than {' or '.join(STATES)}")
        self.apply([Change(provider, n, str(state)) for n, state in numbers.items()], now)

    def snapshot(self) -> dict[str, dict[str, str]]:
        with self.lock:
            return {provider: dict(self._current[provider]) for provider in PROVIDERS}

    def steps(self, holder: str, number: str) -> list[Step]:
        with self.lock:
            return list(self._steps.get((holder, number), ()))

    def show(self, provider: str, number: str) -> dict[str, object]:
        """One number's state (None if never heard of) and every step that led to it, in order."""
        with self.lock:
            history = [asdict(step) for step in self.steps(provider, number)]
            return {"state": self.state_of(provider, number), "history": history}
