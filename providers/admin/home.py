"""The providers' tiles of the home page: what is owed, what failed, who is paused and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Q
from django.urls import reverse

from consents import dashboard
from consents.dashboard import Card, bounded, in_words
from providers import pace
from providers.admin.accounts import FAULTS
from providers.contract import Fault, Kind
from providers.models import ProviderAccount, ProviderSync
from providers.outcomes import OPEN, Status

ACCOUNTS_SHOWN: Final = 6
LOOKED_AT: Final = 500
_LATE: Final = timedelta(minutes=2)


def cards(now: datetime) -> list[Card]:
    return [_oldest_opt_out(now), _pace(), _waiting(), _failed(), *_in_trouble(now)]


dashboard.register(cards)


def _syncs(**filters: Any) -> str:
    return f"{reverse('admin:providers_providersync_changelist')}?{urlencode(filters)}"


def _oldest_opt_out(now: datetime) -> Card:
    """However it came to wait: a paused account's opt-out is as unsent as any."""
    title = "Oldest unsent opt-out"
    url = _syncs(status=Status.PENDING.value, kind__exact=Kind.OPT_OUT.value)
    oldest = min(_unsent_opt_outs(), default=None)
    if oldest is None:
        return Card(title=title, figure="None", note="All are told", tone="success", url=url)
    age = now - oldest
    return Card(
        title=title,
        figure=_length(age),
        note=f"Recorded {oldest:%Y-%m-%d %H:%M} UTC",
        url=url,
        tone="danger" if age > _LATE else "warning",
    )


def _unsent_opt_outs() -> list[datetime]:
    """When those were recorded that are due first, a bounded number of each account."""
    accounts = ProviderAccount.objects.filter(is_enabled=True).values_list("id", flat=True)
    # Each state by itself: each has an index of its own, and no index has both.
    return [
        recorded
        for account in accounts
        for status in (Status.PENDING, Status.SENDING)
        for recorded in ProviderSync.objects.filter(
            account=account, status=status.value, kind=Kind.OPT_OUT.value
        )
        .order_by("due_at")
        .values_list("created_at", flat=True)[:LOOKED_AT]
    ]


def _pace() -> Card:
    found = pace.of_opt_outs()
    url = _syncs(status=Status.SUCCEEDED.value, kind__exact=Kind.OPT_OUT.value)
    title = "Opt-out to provider"
    if found is None:
        return Card(title=title, figure="\N{EM DASH}", note="None told lately", url=url)
    return Card(
        title=title,
        figure=f"{found.p50:.1f} s",
        note=f"p95 {found.p95:.1f} s, longest {found.longest:.1f} s, of the newest {found.of}",
        url=url,
    )


def _waiting() -> Card:
    # Each by itself: each has an index of its own, and no index has all three.
    served = ProviderSync.objects.filter(account__is_enabled=True)
    count = sum(bounded(served.filter(status=status.value)) for status in sorted(OPEN))
    return Card(
        title="Changes on their way",
        figure=in_words(count),
        note="Waiting, being sent or awaiting a result",
        url=_syncs(status=Status.PENDING.value),
    )


def _failed() -> Card:
    failed = ProviderSync.objects.filter(status=Status.FAILED.value, seen_at__isnull=True)
    count = bounded(failed)
    return Card(
        title="Failed changes",
        figure=in_words(count),
        note="Nobody has looked at them yet" if count else "All are seen to",
        url=_syncs(status=Status.FAILED.value),
        tone="danger" if count else "success",
    )


def _in_trouble(now: datetime) -> list[Card]:
    """One tile for each account that is not served as it should be."""
    stopped = (
        Q(paused_until__gt=now) | Q(is_held=True) | Q(withdrawn_at__isnull=False) | ~Q(fault="")
    )
    accounts = ProviderAccount.objects.filter(stopped, is_enabled=True).order_by("paused_since")
    return [_trouble(account) for account in accounts[:ACCOUNTS_SHOWN]]


def _trouble(account: ProviderAccount) -> Card:
    since = account.withdrawn_at if account.withdrawn_at else account.paused_since
    return Card(
        title=account.name,
        figure=_trouble_in_a_word(account),
        note=" ".join(
            filter(None, [_why(account), f"Since {naturaltime(since)}." if since else ""])
        ),
        url=reverse("admin:providers_provideraccount_change", args=[account.pk]),
        tone="warning" if account.is_held else "danger",
    )


def _trouble_in_a_word(account: ProviderAccount) -> str:
    if account.is_held:
        return "Held"
    return "Withdrawn" if account.withdrawn_at else "Paused"


def _why(account: ProviderAccount) -> str:
    if account.fault:
        return f"{FAULTS[Fault(account.fault)]}."
    return "Staff hold it." if account.is_held else "It takes no registrations any more."


def _length(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
