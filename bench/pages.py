"""The first page of every list that staff see, as a browser that has logged in asks for it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from bench.load import UnfitError
from bench.rounds import median
from bench.site import PASSWORD, STAFF, Site
from config.cluster import SUPERUSER

LOOKS = 5
"""How often each page is asked for; the median counts, and the first look is not among them."""

RELOAD_SECONDS = 0.3
"""Until idle connections of the server have noticed a changed setting."""

_LIST = re.compile(r'href="(/admin/[a-z]+/[a-z]+/)"')
_STATEMENT = re.compile(
    r"LOG:  (?:statement|execute [^:]*): (.*?)(?=^\d{4}-\d\d-\d\d |\Z)", re.DOTALL | re.MULTILINE
)
_COUNT = re.compile(r"\bcount\s*\(", re.IGNORECASE)
_LEDGER = re.compile(r'\b(?:FROM|JOIN)\s+"?consents_consentevent\b', re.IGNORECASE)
_BOUND = re.compile(r"\bLIMIT\s+\d", re.IGNORECASE)


class Pages:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._browser = requests.Session()
        self._log_in()
        self.paths = ["/admin/", *self._lists()]

    def slowest(self) -> tuple[str, float]:
        """The page that takes the longest, and its milliseconds."""
        times = {path: self._milliseconds(path) for path in self.paths}
        slowest = max(times, key=lambda path: times[path])
        return slowest, times[slowest]

    def counting_the_ledger(self) -> list[str]:
        """The pages for which PostgreSQL is made to count every line there is."""
        guilty = []
        for path in self.paths:
            with self._statements() as given:
                self._get(path)
            if any(map(counts_the_ledger, given)):
                guilty.append(path)
        return guilty

    def _log_in(self) -> None:
        path = "/admin/login/"
        self._get(path)
        form = {
            "csrfmiddlewaretoken": self._browser.cookies["csrftoken"],
            "username": STAFF,
            "password": PASSWORD,
            "next": "/admin/",
        }
        self._browser.post(self._url(path), form, timeout=30).raise_for_status()
        if "sessionid" not in self._browser.cookies:
            raise UnfitError("nobody could log in to the admin")

    def _lists(self) -> list[str]:
        found = sorted(set(_LIST.findall(self._get("/admin/"))))
        if not found:
            raise UnfitError("the admin's home page names no list")
        return found

    def _milliseconds(self, path: str) -> float:
        self._get(path)
        times = []
        for _ in range(LOOKS):
            begun = time.perf_counter()
            self._get(path)
            times.append(1000 * (time.perf_counter() - begun))
        return median(times)

    def _get(self, path: str) -> str:
        answer = self._browser.get(self._url(path), timeout=60)
        if answer.status_code != 200:
            raise UnfitError(f"{path} was answered {answer.status_code}")
        return answer.text

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._site.port}{path}"

    @contextmanager
    def _statements(self) -> Iterator[list[str]]:
        """Every statement that PostgreSQL is given meanwhile; the list is full at the end."""
        log, said = self._site.installation.cluster.log, list[str]()
        self._log_statements("ALTER SYSTEM SET log_statement = 'all'")
        begin = log.stat().st_size
        try:
            yield said
        finally:
            self._log_statements("ALTER SYSTEM RESET log_statement")
        with log.open("rb") as file:
            file.seek(begin)
            said += statements(file.read().decode(errors="replace"))
        if not said:
            raise UnfitError("PostgreSQL did not log the statements of a page")

    def _log_statements(self, change: str) -> None:
        with self._site.installation.connect(SUPERUSER) as connection:
            connection.execute(change)
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(RELOAD_SECONDS)


def statements(log: str) -> list[str]:
    """The statements in a piece of PostgreSQL's log."""
    return [statement.strip() for statement in _STATEMENT.findall(log)]


def counts_the_ledger(statement: str) -> bool:
    """Whether it counts lines of the ledger, and no `LIMIT` says how many at most."""
    counts = _COUNT.search(statement) and _LEDGER.search(statement)
    return bool(counts) and not _BOUND.search(statement)
