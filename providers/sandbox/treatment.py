"""What a fault does to a call: another answer, a delay, a broken connection, a lost change."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from .error_bodies import error_answer
from .exchange import Answer, html_answer
from .faults import Rule

WHOLE = "whole"
DROPPED = "dropped"
TRUNCATED = "truncated"
DRIPPED = "dripped"

BEFORE = "before"
AFTER = "after"
NEVER = "never"

GARBAGE = b"\x00\xff\xfe<<<{not json"


@dataclass(frozen=True)
class Treatment:
    """`answer` stands in place of the provider's own. The books take the change before the
    connection waits `seconds`, after that, or never (`applied`); a dropped connection whose change
    comes after was closed at once. A dripped answer spends `seconds` at most, `interval` a byte."""

    fault: str | None = None
    answer: Answer | None = None
    applied: str = BEFORE
    seconds: float = 0.0
    transport: str = WHOLE
    interval: float = 0.0
    reset: bool = False


def treat(provider: str, rule: Rule | None) -> Treatment:
    """The treatment that `rule` asks for; a provider's own faults change its answer, no more."""
    if rule is None:
        return Treatment()
    build = _BUILDERS.get(rule.fault)
    return build(provider, rule) if build else Treatment(fault=rule.fault)


def _status(provider: str, rule: Rule) -> Treatment:
    answer = error_answer(provider, rule.get("status"), rule.get("message") or "", rule.get("body"))
    answer = Answer(answer.status, answer.body, answer.content_type, _headers(rule))
    return Treatment(rule.fault, answer, rule.get("applied"), rule.get("seconds"))


def _headers(rule: Rule) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    if (wait := rule.get("retry_after")) is not None:
        is_date = rule.get("retry_after_form") == "date"
        value = formatdate(time.time() + wait, usegmt=True) if is_date else str(wait)
        headers.append(("Retry-After", value))
    if challenge := rule.get("www_authenticate"):
        headers.append(("WWW-Authenticate", challenge))
    return tuple(headers)


def _slow(provider: str, rule: Rule) -> Treatment:
    return Treatment(rule.fault, applied=rule.get("applied"), seconds=rule.get("seconds"))


def _drop(applied: str) -> Callable[[str, Rule], Treatment]:
    def build(provider: str, rule: Rule) -> Treatment:
        return Treatment(
            rule.fault,
            applied=applied,
            seconds=rule.get("seconds"),
            transport=DROPPED,
            reset=rule.get("reset"),
        )

    return build


def _truncated(provider: str, rule: Rule) -> Treatment:
    return Treatment(rule.fault, applied=rule.get("applied"), transport=TRUNCATED)


def _drip(provider: str, rule: Rule) -> Treatment:
    return Treatment(
        rule.fault,
        applied=rule.get("applied"),
        seconds=rule.get("seconds"),
        transport=DRIPPED,
        interval=rule.get("interval"),
    )


def _garbage(provider: str, rule: Rule) -> Treatment:
    return Treatment(rule.fault, Answer(200, GARBAGE), rule.get("applied"))


def _html(provider: str, rule: Rule) -> Treatment:
    page = html_answer(rule.get("status"), "Please stand by")
    return Treatment(rule.fault, page, rule.get("applied"))


def _redirect(provider: str, rule: Rule) -> Treatment:
    location = (("Location", rule.get("location")),)
    return Treatment(rule.fault, Answer(rule.get("status"), headers=location), rule.get("applied"))


_BUILDERS: dict[str, Callable[[str, Rule], Treatment]] = {
    "status": _status,
    "slow": _slow,
    "drop_before_applying": _drop(NEVER),
    "drop_after_applying": _drop(BEFORE),
    "lands_late": _drop(AFTER),
    "truncated": _truncated,
    "drip": _drip,
    "garbage": _garbage,
    "html": _html,
    "redirect": _redirect,
}
