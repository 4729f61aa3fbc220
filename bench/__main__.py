"""The command line of `script/bench`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import environment, report
from bench.environment import BASE
from bench.figures import Verdict
from bench.measures import MODULES

if TYPE_CHECKING:
    from bench.run import Results

PAGE = BASE / "docs" / "benchmarks.md"
ROWS, ROWS_MIN, ROWS_MAX = 100_000, 1000, 20_000_000
SECONDS, SECONDS_MIN, SECONDS_MAX = 5.0, 0.2, 300.0


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 when a measure failed or, with `--check`, a goal was not reached."""
    options = _parser().parse_args(arguments)
    names = [name for name in MODULES if not options.only or name in options.only]
    page = options.output or (PAGE if len(names) == len(MODULES) else None)
    try:
        if page:
            report.parts(page)  # better now than when everything has been measured
        results = _measured(names, options)
    except (OSError, report.NoMarkersError) as error:
        print(f"script/bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("script/bench: interrupted; what it started has ended", file=sys.stderr)
        return 130
    if page:
        command = shlex.join(["script/bench", *arguments])
        about = report.facts(results.postgresql, command, datetime.now(UTC))
        report.write(page, report.section(results.figures, about))
    return int(bool(results.failed) or (options.check and _lacks(results)))


def _measured(names: Sequence[str], options: argparse.Namespace) -> Results:
    with environment.own_home() as home:
        environment.prepare(home)
        # Only now: whatever imports Optbook reads the environment.
        import django

        django.setup()

        from bench.run import run
        from bench.site import Options

        return run(names, Options(options.rows, options.seconds))


def _lacks(results: Results) -> bool:
    return any(one.verdict in (Verdict.MISSED, Verdict.ABSENT) for one in results.figures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measure Optbook against floors in the same run, in an installation of its "
        f"own. A whole run writes its table into {PAGE.relative_to(BASE)}.",
    )
    parser.add_argument(
        "--rows",
        type=_between(int, ROWS_MIN, ROWS_MAX),
        default=ROWS,
        metavar="N",
        help=f"how many consents are in the book (default {ROWS})",
    )
    parser.add_argument(
        "--seconds",
        type=_between(float, SECONDS_MIN, SECONDS_MAX),
        default=SECONDS,
        metavar="S",
        help=f"how long one round of load takes (default {SECONDS:g})",
    )
    parser.add_argument(
        "--only", nargs="+", choices=MODULES, metavar="NAME", help=f"of {', '.join(MODULES)}"
    )
    parser.add_argument(
        "--output", type=Path, metavar="PAGE", help="write the table into this page, even if --only"
    )
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 when a goal is not reached"
    )
    return parser


def _between(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least:g} to {most:g}")
        return value

    return read


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
