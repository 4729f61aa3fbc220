"""Every call that a provider received, in the order of arrival."""

import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime

from .exchange import Call

CALLS_KEPT = 200_000


@dataclass
class CallRecord:
    """`status` is what was answered, None while under way and when the connection was dropped.
    `applied` says whether the provider's books took the change, answered or not.
    `monotonic` and `finished_monotonic` are seconds of the machine's steady clock."""

    sequence: int
    at: str
    monotonic: float
    provider: str
    action: str
    endpoint: str
    numbers: tuple[str, ...]
    request_id: str | None
    status: int | None = None
    fault: str | None = None
    applied: bool = False
    finished_monotonic: float | None = None


class CallLog:
    """Thread-safe, bounded: the oldest calls go first, `count` keeps counting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sequence = 0
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self.count = 0
            self._kept: deque[CallRecord] = deque(maxlen=CALLS_KEPT)

    def open(self, call: Call, now: datetime, monotonic: float) -> CallRecord:
        with self._lock:
            self._sequence += 1
            self.count += 1
            record = CallRecord(
                sequence=self._sequence,
                at=now.isoformat(),
                monotonic=monotonic,
                provider=call.provider,
                action=call.action,
                endpoint=call.endpoint,
                numbers=call.numbers,
                request_id=call.request_id,
            )
            self._kept.append(record)
            return record

    def since(self, sequence: int = 0, provider: str | None = None) -> list[dict[str, object]]:
        """The calls after `sequence`, oldest first, of one provider or of all."""
        with self._lock:
            kept = list(self._kept)
        return [
            asdict(record)
            for record in kept
            if record.sequence > sequence and provider in (None, record.provider)
        ]
