"""The configured accounts: which serve what, and how a new one learns what is known already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consents.models import Sender, Standing
from consents.writing import database_clock
from providers import callback_secrets, outbox, registry, serving
from providers.contract import Account, Kind
from providers.models import ProviderAccount

CHUNK = 1000


CONFIGURED = ("name", "base_url", "external_id", "settings", "credentials", "is_enabled", "is_held")
"""What people choose of an account; the rest is the workers', and no saving overwrites it."""

CATCHING_UP = ("catch_up", "catch_up_after", "catch_up_is_baseline")


@transaction.atomic
def save(account: ProviderAccount, *, is_baseline: bool = False) -> None:
    """Save an account; one that is new, was switched on or serves more is told all known states.

    `is_baseline`: it holds those states already, so they are marked and no call is made. A paused
    one with new credentials, or at a new address, is tried at once. A callback's secret that is
    replaced counts for a while beside the new one.
    """
    # Whoever records right now either is done before this lock, and is seen by the catching up,
    # or reads the accounts after it, and sees this one.
    Sender.objects.select_for_update().get(id=account.sender_id)
    before = ProviderAccount.objects.filter(id=account.id).first()
    served = serving.channels_of(before) if before and before.is_enabled else frozenset()
    changed = list(CONFIGURED)
    if account.is_enabled and not serving.channels_of(account) <= served:
        account.catch_up, account.catch_up_after = Kind.OPT_OUT.value, None
        account.catch_up_is_baseline = is_baseline
        changed += CATCHING_UP
    if before is None:
        account.save(force_insert=True)
        return
    if before.paused_until and _reaches_elsewhere(before, account):
        account.paused_until = database_clock()
        changed.append("paused_until")
    if before.withdrawn_at and _reaches_elsewhere(before, account):
        account.withdrawn_at = None
        changed.append("withdrawn_at")
    account.credentials = callback_secrets.with_former(
        before.credentials, account.credentials, account.settings, database_clock()
    )
    account.save(update_fields=changed)


def _reaches_elsewhere(before: ProviderAccount, account: ProviderAccount) -> bool:
    reached = (account.base_url, account.external_id, account.credentials)
    return (before.base_url, before.external_id, before.credentials) != reached


def withdraw(account: Account, now: datetime) -> bool:
    """Note that the provider takes no registrations of this account any more.

    Whether there is another way to tell it. Another address or other credentials end it.
    """
    if not registry.adapter(account.kind).has_another_way:
        return False
    ProviderAccount.objects.filter(id=account.id, withdrawn_at=None).update(withdrawn_at=now)
    return True


def problems(account: ProviderAccount) -> tuple[list[str], list[str]]:
    """What keeps it from working, and what may: two lists of sentences."""
    adapter = registry.adapter(account.kind)
    obstacles = adapter.obstacles(account.plain)
    doubts = [one for one in adapter.problems(account.plain) if one not in obstacles]
    return obstacles, doubts


def catch_up(account_id: UUID) -> int:
    """Put a chunk of the known states in the account's outbox; how many were looked at.

    Called until it answers 0. Where it was stopped in between, it goes on.
    """
    account = ProviderAccount.objects.get(id=account_id)
    if not account.catch_up or not account.is_enabled:
        return 0
    chunk = _next_chunk(account)
    with transaction.atomic():
        outbox.enqueue(chunk, only=account, is_baseline=account.catch_up_is_baseline)
        _advance(account, chunk)
    return len(chunk) or 1


def _advance(account: ProviderAccount, chunk: Sequence[UUID]) -> None:
    """Note how far it is; whoever switched it off and on again meanwhile begins anew."""
    here = {"catch_up": account.catch_up, "catch_up_after": account.catch_up_after}
    side = account.catch_up
    if not chunk:
        side = Kind.OPT_IN.value if side == Kind.OPT_OUT else ""
    ProviderAccount.objects.filter(id=account.id, **here).update(
        catch_up=side, catch_up_after=chunk[-1] if chunk else None
    )


def _next_chunk(account: ProviderAccount) -> list[UUID]:
    """The next identities, in the order of their locks, that stand on the side being told."""
    standings = Standing.objects.filter(
        identity__sender=account.sender_id,
        identity__channel__in=serving.channels_of(account),
        may_write=account.catch_up == Kind.OPT_IN,
    )
    if account.catch_up_after is not None:
        standings = standings.filter(identity__gt=account.catch_up_after)
    ids = standings.order_by("identity_id").values_list("identity", flat=True)[:CHUNK]
    return list(ids)
