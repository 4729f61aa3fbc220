"""One run: an installation is made, measured and ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from types import FrameType
from typing import NoReturn

import psycopg
from django import db
from django.conf import settings

from bench import measures, report
from bench.figures import Figure
from bench.installation import Installation, disconnect
from bench.load import UnfitError
from bench.site import Options, Site, open_site
from config.cluster import EmbeddedError

# What a measure may meet that is no mistake of its own.
_FAULTS = (UnfitError, OSError, HTTPException, psycopg.Error, db.Error)


@dataclass(slots=True)
class Results:
    """`failed`: the measures that could not be carried out."""

    postgresql: str = ""
    figures: list[Figure] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def run(names: Sequence[str], options: Options) -> Results:
    """Measures one after the other, printing each figure as it comes.

    Ends the process with the reason when there can be no installation.
    """
    results = Results()
    try:
        with _site(options) as site:
            with site.installation.connect() as connection:
                results.postgresql = connection.info.parameter_status("server_version") or ""
            for name in names:
                _measure(name, site, results)
    except EmbeddedError as error:
        raise SystemExit(str(error)) from None
    return results


def _measure(name: str, site: Site, results: Results) -> None:
    try:
        for figure in measures.named(name)(site):
            results.figures.append(figure)
            print(report.line(figure), flush=True)
    except _FAULTS as error:
        results.failed.append(name)
        print(f"{name}: could not be measured: {error}", flush=True)
        print(site.installation.last_words(), file=sys.stderr)


@contextmanager
def _site(options: Options) -> Iterator[Site]:
    """Whatever happens, and whoever interrupts, all that was started is ended."""
    installation = Installation(settings)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield open_site(installation, options)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        disconnect()
        installation.tear_down()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
