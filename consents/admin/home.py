"""The home page: what has been said lately, how many can be reached, and what needs somebody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from consents import dashboard, expiry
from consents.dashboard import Card, bounded, in_words
from consents.models import DayTally, Purpose, ReachTally, ReviewItem, Standing, TallyMark
from consents.vocabulary import CUSTOMER_WINDOW, ROOT_PURPOSE, Action, Channel, State

PERIODS: Final = {30: "30 days", 90: "90 days", 365: "A year"}
_BY_WEEK_FROM = 180
_THIN = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A day, or the week that begins with it."""

    day: date
    opt_ins: int
    opt_outs: int


@dataclass(frozen=True, slots=True)
class Cell:
    opted_in: str
    opted_out: str
    in_url: str
    out_url: str


@dataclass(frozen=True, slots=True)
class Reach:
    """A channel's line of the table: a cell, or None, for each purpose of its head."""

    channel: str
    cells: Sequence[Cell | None]


def shown(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the template shows; called by the theme for the admin's first page."""
    now = timezone.now()
    days = _period(request)
    bars = _bars(now, days)
    purposes, reach = _reach()
    mark = TallyMark.objects.filter(id=1).first()
    context.update(
        cards=dashboard.cards(now),
        bars=bars,
        chart=json.dumps(_chart(bars)),
        chart_options=json.dumps(_CHART_OPTIONS),
        is_by_week=days >= _BY_WEEK_FROM,
        periods=[(f"?days={length}", name, length == days) for length, name in PERIODS.items()],
        purposes=purposes,
        reach=reach,
        reach_counted=naturaltime(mark.reach_counted_at) if mark and mark.reach_counted_at else "",
    )
    return context


def cards(now: datetime) -> list[Card]:
    return [*_review_cards(now), _window_card(now), *_ending_cards()]


dashboard.register(cards)


def _period(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else 30


def _bars(now: datetime, days: int) -> list[Bar]:
    first = now.date() - timedelta(days=days - 1)
    step = 7 if days >= _BY_WEEK_FROM else 1
    first -= timedelta(days=first.weekday() if step > 1 else 0)
    counted = _counted_since(first)
    starts = range(0, (now.date() - first).days + 1, step)
    return [_bar(first + timedelta(days=at), step, counted) for at in starts]


def _counted_since(first: date) -> dict[tuple[date, str], int]:
    rows = DayTally.objects.filter(day__gte=first).values("day", "action").order_by()
    return {(row["day"], row["action"]): row["total"] for row in rows.annotate(total=Sum("lines"))}


def _bar(start: date, step: int, counted: Mapping[tuple[date, str], int]) -> Bar:
    days = [start + timedelta(days=at) for at in range(step)]
    opt_ins, opt_outs = (
        sum(counted.get((day, action.value), 0) for day in days)
        for action in (Action.OPT_IN, Action.OPT_OUT)
    )
    return Bar(start, opt_ins, opt_outs)


def _chart(bars: Sequence[Bar]) -> dict[str, Any]:
    return {
        "labels": [f"{bar.day:%d %b}" for bar in bars],
        "datasets": [
            _dataset("Opt-ins", [bar.opt_ins for bar in bars], "#0d9488"),
            _dataset("Opt-outs", [bar.opt_outs for bar in bars], "#e11d48"),
        ],
    }


def _dataset(label: str, data: Sequence[int], colour: str) -> dict[str, Any]:
    return {
        "label": label,
        "data": data,
        "backgroundColor": colour,
        "borderRadius": 2,
        "maxBarThickness": 18,
    }


_CHART_OPTIONS: Final = {
    "animation": False,
    "maintainAspectRatio": False,
    "scales": {
        "x": {"grid": {"display": False}, "ticks": {"maxTicksLimit": 10, "maxRotation": 0}},
        "y": {"beginAtZero": True, "ticks": {"precision": 0, "maxTicksLimit": 5}},
    },
    "plugins": {"legend": {"display": True, "align": "end", "labels": {"boxWidth": 10}}},
}


def _reach() -> tuple[list[str], list[Reach]]:
    """The names of the purposes anybody spoke of, and a line for each channel."""
    counted = _identities()
    purposes = sorted(
        Purpose.objects.filter(id__in={purpose for _, purpose, _ in counted}),
        key=lambda purpose: (purpose.key != ROOT_PURPOSE, purpose.name),
    )
    channels = sorted(
        {channel for channel, _, _ in counted}, key=[channel.value for channel in Channel].index
    )
    lines = [
        Reach(channel, [_cell(counted, channel, purpose.id) for purpose in purposes])
        for channel in channels
    ]
    return [purpose.name for purpose in purposes], lines


def _identities() -> dict[tuple[str, Any, str], int]:
    rows = ReachTally.objects.values("channel", "purpose", "state").order_by()
    return {
        (row["channel"], row["purpose"], row["state"]): row["total"]
        for row in rows.annotate(total=Sum("identities"))
    }


def _cell(counted: Mapping[tuple[str, Any, str], int], channel: str, purpose: Any) -> Cell | None:
    into, out = (
        counted.get((channel, purpose, state.value), 0)
        for state in (State.OPTED_IN, State.OPTED_OUT)
    )
    if not into and not out:
        return None
    return Cell(
        _grouped(into), _grouped(out), _people(channel, "opted_in"), _people(channel, "opted_out")
    )


def _people(channel: str, state: str) -> str:
    page = reverse("admin:consents_contact_changelist")
    return f"{page}?{urlencode({'channel': channel, 'state': state})}"


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", _THIN)


def _review_cards(now: datetime) -> list[Card]:
    page = reverse("admin:consents_reviewitem_changelist")
    waiting = ReviewItem.objects.filter(decided_at__isnull=True)
    overdue = bounded(waiting.filter(due_at__lt=now))
    total = bounded(waiting)
    return [
        Card(
            title="To be decided",
            figure=in_words(total),
            note=f"{in_words(overdue)} overdue" if overdue else "None overdue",
            url=f"{page}?decided=no",
            tone="danger" if overdue else "warning" if total else "success",
        )
    ]


def _ending_cards() -> list[Card]:
    """Only where some opt-in runs out at all."""
    ending = bounded(expiry.ending_soon())
    if not ending:
        return []
    page = reverse("admin:consents_contact_changelist")
    return [
        Card(
            title="Opt-ins that run out soon",
            figure=in_words(ending),
            note=f"Within {settings.EXPIRY_WARNING_DAYS} days",
            url=f"{page}?state=ending",
            tone="warning",
        )
    ]


def _window_card(now: datetime) -> Card:
    open_now = Standing.objects.filter(window_noted=True, last_inbound_at__gt=now - CUSTOMER_WINDOW)
    page = reverse("admin:consents_contact_changelist")
    return Card(
        title="Customer windows open",
        figure=in_words(bounded(open_now)),
        note="May be answered freely for 24 hours",
        url=f"{page}?state=window_open",
    )
