"""The table: printed line by line as it is measured, and written into a page between markers."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.environment import BASE
from bench.figures import Figure, Verdict, shown

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_HEAD = ("what", "Optbook", "floor", "ratio", "goal", "", "note")
_MARKS = {Verdict.STATED: ""}


class NoMarkersError(Exception):
    """The page has no place for the table."""


def line(figure: Figure) -> str:
    """One figure, for a terminal."""
    if figure.verdict is Verdict.ABSENT:
        return f"{figure.name}: {figure.verdict}"
    parts = [f"{figure.name}: {shown(figure.value)} {figure.unit}"]
    if figure.floor is not None:
        parts.append(f"floor {shown(figure.floor)}, ratio {shown(figure.ratio)}")
    if figure.goals:
        parts.append(f"goal {_goals(figure)}: {figure.verdict}")
    return "; ".join(parts) + (f" ({figure.note})" if figure.note else "")


def table(figures: Iterable[Figure]) -> str:
    """The figures, for a page in Markdown."""
    rows = [_HEAD, tuple("---" for _ in _HEAD), *map(_cells, figures)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def facts(postgresql: str, command: str, now: datetime) -> dict[str, str]:
    """Where and of what the figures are."""
    packages = ("django", "granian", "psycopg")
    memory = psutil.virtual_memory().total / 2**30
    return {
        "Date": f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": _commit(),
        "Machine": f"{os.cpu_count()} cores, {_processor()}, {memory:.0f} GiB",
        "Versions": ", ".join(
            [
                f"Python {platform.python_version()}",
                f"PostgreSQL {postgresql}",
                *(f"{name} {version(name)}" for name in packages),
            ]
        ),
        "Command": f"`{command}`",
    }


def section(figures: Sequence[Figure], about: Mapping[str, str]) -> str:
    """What stands between the markers."""
    head = "\n".join(f"- {name}: {value}" for name, value in about.items())
    return f"{head}\n\n{table(figures)}"


def parts(page: Path) -> tuple[str, str]:
    """What stands before and after the table. Raises NoMarkersError where it has no place."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarkersError(f"{page} has no place for the table: {BEGIN} and {END}")
    return before, after


def write(page: Path, text: str) -> None:
    """Put `text` in the table's place. Raises NoMarkersError where the page has none."""
    before, after = parts(page)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _cells(figure: Figure) -> tuple[str, ...]:
    verdict = figure.verdict
    return (
        figure.name,
        f"{shown(figure.value)} {figure.unit}" if figure.value is not None else "–",
        f"{shown(figure.floor)} {figure.unit}" if figure.floor is not None else "",
        shown(figure.ratio) if figure.ratio is not None else "",
        _goals(figure),
        _MARKS.get(verdict, verdict.value),
        figure.note,
    )


def _goals(figure: Figure) -> str:
    return ", ".join(f"{one}" if one.of_ratio else f"{one} {figure.unit}" for one in figure.goals)


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=BASE,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "not known"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or "a processor unknown"
