"""Progress bars of long commands: a bar on a terminal, elsewhere nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bar(Protocol):
    """Told what is done of the total by now, and how many rows that were."""

    def __call__(self, done: float, rows: int = 0) -> None: ...


@contextmanager
def bar(title: str, total: float | None, begun: int = 0) -> Iterator[Bar]:
    """Shows how far it is, on stderr, from `begun` on: done before, and no measure of the speed.

    How many rows a second only where it is told of rows.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        *(BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn()),
        TextColumn("{task.fields[speed]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total, completed=begun, speed="")

        def show(done: float, rows: int = 0) -> None:
            seconds = progress.tasks[task].elapsed
            speed = f"{rows / seconds:,.0f} rows/s" if rows and seconds else ""
            progress.update(task, completed=done, speed=speed)

        yield show
