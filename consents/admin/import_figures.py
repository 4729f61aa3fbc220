"""What the pages of an import show: what would come of a file, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from django.urls import reverse

from consents.admin.import_forms import FIELDS, PASSED_OVER
from consents.importing import pace, pieces
from consents.importing.columns import DEFAULTS, Manner
from consents.importing.files import NDJSON
from consents.importing.report import first_rows
from consents.importing.verdicts import CATEGORIES, INVALID
from consents.models import ImportFile, ImportRun
from consents.vocabulary import FileStatus

ROWS_SHOWN: Final = 100
CELLS_SHOWN: Final = 8
_BEGINNING: Final = 2
"""Pieces of a sheet that are looked through for its first rows."""

_TAKES_EFFECT: Final = ("new", "changed")
_NO_EFFECT: Final = ("no_change", "out_of_order", "would_resurrect", "unconfirmed")
_CAME_OF_IT: Final = {
    "changed": "took effect",
    **{name: CATEGORIES[name] for name in _NO_EFFECT},
    INVALID: CATEGORIES[INVALID],
}


def of(file: ImportFile, *, with_rows: bool) -> dict[str, Any]:
    """What there is to show of a file as it stands; `with_rows`: of its content, too."""
    if file.run:
        return of_run(file.run)
    if file.status == FileStatus.CHECKING:
        return {"percent": _percent(file.position, file.size)}
    return _of_check(file, with_rows=with_rows) if file.status == FileStatus.CHECKED else {}


def _of_check(file: ImportFile, *, with_rows: bool) -> dict[str, Any]:
    return {
        "categories": [
            {
                "name": name,
                "meaning": meaning,
                "count": file.counts[name],
                "rows": _first_rows(file, name) if with_rows else None,
                "url": _sheet(file, name),
            }
            for name, meaning in CATEGORIES.items()
            if file.counts.get(name)
        ],
        **sums(file.counts),
    }


def sums(counts: Mapping[str, int]) -> dict[str, int]:
    """What recording rows by these counts would do."""
    total, refused = sum(counts.values()), counts.get(INVALID, 0)
    return {
        "total": total,
        "refused": refused,
        "written": total - refused,
        "effective": sum(counts.get(name, 0) for name in _TAKES_EFFECT),
    }


def _first_rows(file: ImportFile, category: str) -> dict[str, Any]:
    found = list(islice(pieces.read(file, category), _BEGINNING + 1))
    is_whole = len(found) <= _BEGINNING
    sheet = first_rows(b"".join(found[:_BEGINNING]), ROWS_SHOWN, is_whole=is_whole)
    [number, why, *header] = sheet[0] if sheet else ["row", "why"]
    columns = [*([why] if category == INVALID else []), *header[:CELLS_SHOWN]]
    start = 1 if category == INVALID else 2
    lines = [(row[0], row[start : 2 + CELLS_SHOWN]) for row in sheet[1:]]
    return {"number": number, "columns": columns, "lines": lines}


def _sheet(file: ImportFile, category: str) -> str:
    return reverse("admin:consents_importrun_sheet", args=[file.pk, category])


def of_run(run: ImportRun) -> dict[str, Any]:
    """How far it is, what came of its rows, and where those are that were refused."""
    file = run.files.order_by("id").last()
    has_refused = file is not None and INVALID in pieces.parts(file)
    return {
        "file": file,
        "run": run,
        "percent": 100 if run.finished_at else _percent(run.position, run.size),
        "pace": None if run.finished_at else pace.of(run),
        "results": [
            (meaning, run.counts[name])
            for name, meaning in _CAME_OF_IT.items()
            if run.counts.get(name)
        ],
        "refused_url": _sheet(file, INVALID) if file and has_refused else "",
    }


def _percent(done: int, whole: int) -> int:
    return min(100, 100 * done // max(whole, 1))


def in_words(manner: Mapping[str, Any]) -> list[str]:
    """How a file was read, a line for each thing said of it."""
    known = Manner(**manner)
    columns = known.columns.items()
    kind = "JSON lines" if known.format == NDJSON else f"CSV with {known.delimiter!r} between cells"
    return [
        kind,
        *(f"“{name}” is: {FIELDS.get(field, field or PASSED_OVER)}" for name, field in columns),
        *(f"Else {name}: {known.defaults[name]}" for name in DEFAULTS if known.defaults.get(name)),
        *([f"Times without a zone: {known.zone}"] if known.zone else []),
    ]
