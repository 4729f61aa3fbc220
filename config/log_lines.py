"""Log lines: JSON or plain, one line each, with nobody's number or address in them."""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# A number written as one word of digits: shorter ones are ports and counts, longer ones no MSISDN.
_NUMBER = re.compile(r"(?<![\w-])(?:\+|%2B)?(\d{2})\d{4,11}(\d{2})(?![\w-])", re.IGNORECASE)
# Whoever has the link may change the preferences it leads to.
_LINK = re.compile(r"/(preferences|unsubscribe|confirm)/[^/\s]+")
_EMAIL = re.compile(r"[\w.+-]+(?:@|%40)[\w-]+\.[\w.-]+", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with numbers shortened to their ends, and without e-mail addresses and links."""
    return _EMAIL.sub("<address>", _NUMBER.sub(r"\1***\2", _LINK.sub(r"/\1/<link>", text)))


class NoVariables(SafeExceptionReporterFilter):
    """Django's error reports without local variables and without what was posted."""

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        return []

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {}


class PlainLines(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING django.request Not Found: /nowhere`."""

    def format(self, record: logging.LogRecord) -> str:
        entry = _entry(record)
        text = f"{entry.pop('time')} {entry.pop('level')} {entry.pop('logger')} "
        return text + "\n".join(str(part) for part in entry.values())


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message and, after a failure, trace."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_entry(record), ensure_ascii=False)


def _entry(record: logging.LogRecord) -> dict[str, str]:
    entry = {
        "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "level": record.levelname,
        "logger": record.name,
        "message": masked(record.getMessage()),
    }
    if record.exc_info and record.exc_info[1] is not None:
        entry["trace"] = masked("".join(traceback.format_exception(record.exc_info[1])).rstrip())
    return entry


def logging_settings(style: str, level: str) -> dict[str, Any]:
    """What logging.config.dictConfig wants: everything to stderr, in the style asked for.

    `style` is `json` or `plain`; `level` is one of logging's names.
    """
    lines = "JsonLines" if style == "json" else "PlainLines"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": f"config.log_lines.{lines}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Its own handlers print in another shape and mail administrators.
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # Statements with their parameters are personal data.
            "django.db.backends": {"level": "WARNING"},
            "psycopg.pool": {"level": "ERROR"},
        },
    }
