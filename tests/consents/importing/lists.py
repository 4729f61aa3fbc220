"""Files of consents as people send them, for the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from consents.importing.files import CSV, NDJSON, Source


def source(
    directory: Path, content: str | bytes, format: str = CSV, delimiter: str = ","
) -> Source:
    """A file with this content, opened."""
    path = directory / f"list.{format}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Source(path, format, delimiter)


def csv_text(header: str, rows: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in (header, *rows))


def ndjson(directory: Path, lines: Sequence[str | bytes]) -> Source:
    joined = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return source(directory, joined + b"\n", NDJSON)
