"""The secrets that a provider's callbacks are known by, the replaced ones among them.

A replaced secret stays among the credentials as `name@time`, the time being when it was replaced,
and counts for a while beside the new one: the provider learns of the new one a moment later, or
earlier, and what it tries again may be signed as it was at first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from providers.contract import Account
from providers.signing import equal

NAMES: Final = ("callback_secret", "callback_key", "callback_token")

OVERLAP_HOURS: Final = 24.0
"""How long a replaced secret counts, unless the setting `callback_overlap_hours` says otherwise."""


def accepted(account: Account, name: str, now: datetime) -> list[str]:
    """What counts as this secret: the present one first; nothing where there is none.

    `now` is aware. Because the setting is asked now, changing it to 0 ends every former secret.
    """
    present = account.credentials.get(name)
    if not present:
        return []
    former = [
        value
        for key, value in account.credentials.items()
        if key.startswith(f"{name}@") and _still_counts(key, account.settings, now)
    ]
    return [present, *former]


def with_former(
    before: Mapping[str, str], after: Mapping[str, str], settings: Mapping[str, Any], now: datetime
) -> dict[str, str]:
    """Credentials as they are kept once `after` takes the place of `before`.

    What was replaced stays for its time; what has had its time goes. One that was taken away
    without a successor leaves nothing behind.
    """
    replaced = {
        f"{name}@{now.isoformat()}": before[name]
        for name in NAMES
        if before.get(name) and after.get(name) and before[name] != after[name]
    }
    return {
        key: value
        for key, value in {**after, **replaced}.items()
        if "@" not in key or _still_counts(key, settings, now)
    }


def fits(given: str, secrets: Sequence[str]) -> bool:
    """Whether the text is one of the secrets. All are compared, so that time tells nothing."""
    compared = [equal(given, secret) for secret in secrets]
    return any(compared)


def _still_counts(key: str, settings: Mapping[str, Any], now: datetime) -> bool:
    replaced_at = datetime.fromisoformat(key.partition("@")[2])
    return now - replaced_at < _overlap(settings)


def _overlap(settings: Mapping[str, Any]) -> timedelta:
    try:
        return timedelta(hours=float(settings.get("callback_overlap_hours", OVERLAP_HOURS)))
    except (ValueError, TypeError, OverflowError):
        return timedelta(hours=OVERLAP_HOURS)
