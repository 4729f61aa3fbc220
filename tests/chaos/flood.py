"""Posts callbacks at a steady pace, as a provider does: what is not answered is sent again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECTIONS = 40
AGAIN_AFTER = 0.5
PATIENCE = 120.0


@dataclass
class Flood:
    """`posts` are whole HTTP requests. `seconds`: from the first post to the last answer."""

    port: int
    posts: Sequence[bytes]
    per_second: int
    answers: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    seconds: float = 0.0

    def run(self) -> Flood:
        asyncio.run(asyncio.wait_for(self._run(), PATIENCE))
        return self

    async def _run(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        begun = time.monotonic()
        tasks = [asyncio.create_task(self._connection()) for _ in range(CONNECTIONS)]
        for at, post in enumerate(self.posts):
            ahead = at / self.per_second - (time.monotonic() - begun)
            if ahead > 0.002:
                await asyncio.sleep(ahead)
            self._queue.put_nowait(post)
        await self._queue.join()
        self.seconds = time.monotonic() - begun
        for task in tasks:
            task.cancel()

    async def _connection(self) -> None:
        streams = None
        while True:
            post = await self._queue.get()
            try:
                if streams is None:
                    streams = await asyncio.open_connection("127.0.0.1", self.port)
                status = await _exchange(*streams, post)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                streams, status = None, 0
            if status == 200:
                self.answers[status] += 1
            else:
                self.answers[status] += status > 0
                self.broken += 1
                await asyncio.sleep(AGAIN_AFTER)
                self._queue.put_nowait(post)
            self._queue.task_done()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, post: bytes) -> int:
    writer.write(post)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lengths = [
        line.partition(":")[2]
        for line in head.split("\r\n")
        if line.lower().startswith("content-length:")
    ]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return int(head.split(" ", 2)[1])


def request(port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
