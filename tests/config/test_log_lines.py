"""Log lines say what happened and to nobody in particular."""

import json
import logging
import sys

import pytest

from config.log_lines import JsonLines, NoVariables, PlainLines, masked


def record(message, *args, exc_info=None):
    return logging.LogRecord("optbook", logging.WARNING, "file", 1, message, args, exc_info)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to 46732001122 now", "to 46***22 now"),
        ("identity=%2B46732001122&x=1", "identity=46***22&x=1"),
        ("+12025550123", "12***23"),
        ("ask anna.b@example.com", "ask <address>"),
        ("?identity=anna%40example.com", "?identity=<address>"),
        ("Not Found: /preferences/WyIwMTkz.x-Y_z/", "Not Found: /preferences/<link>/"),
        ("Not Found: /confirm/IjAxOTM.x-Y_z/", "Not Found: /confirm/<link>/"),
        ("/unsubscribe/a.b?language=sv", "/unsubscribe/<link>"),
        ("status 200 in 12345 ms on 18000", "status 200 in 12345 ms on 18000"),
        ("0193a1f2-1111-7222-8333-123456789012", "0193a1f2-1111-7222-8333-123456789012"),
    ],
)
def test_numbers_and_addresses_are_masked_and_nothing_else(text, shown):
    assert masked(text) == shown


def test_a_json_line_is_one_object_with_the_time_in_utc():
    line = JsonLines().format(record("call to %s failed", "46732001122"))
    entry = json.loads(line)
    assert entry["message"] == "call to 46***22 failed"
    assert (entry["level"], entry["logger"]) == ("WARNING", "optbook")
    assert entry["time"].endswith("Z")
    assert "\n" not in line


@pytest.mark.parametrize("lines", [JsonLines(), PlainLines()])
def test_a_trace_shows_where_but_neither_variables_nor_numbers(lines):
    def fail(number):
        raise ValueError(f"cannot send to {number}")

    try:
        fail("46732001122")
    except ValueError:
        text = lines.format(record("failed", exc_info=sys.exc_info()))
    assert "in fail" in text
    assert "ValueError: cannot send to 46***22" in text
    assert "46732001122" not in text


def test_error_reports_have_no_local_variables(rf):
    reports = NoVariables()
    request = rf.post("/", {"identity": "46732001122"})
    assert reports.get_traceback_frame_variables(request, sys._getframe()) == []
    assert reports.get_post_parameters(request) == {}
