"""The configured accounts: which serve what, and how a new one learns what is known already."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from consents.models import Sender, Standing
from providers import outbox, registry
from providers.contract import Kind
from providers.models import ProviderAccount

CHUNK = 1000


@transaction.atomic
def save(account: ProviderAccount, *, is_baseline: bool = False) -> None:
    """Save an account; one that is new or was switched on is told every known state.

    `is_baseline`: it holds those states already, so they are marked and no call is made.
    """
    # Whoever records right now either is done before this lock, and is seen by the catching up,
    # or reads the accounts after it, and sees this one.
    Sender.objects.select_for_update().get(id=account.sender_id)
    was_on = ProviderAccount.objects.filter(id=account.id, is_enabled=True).exists()
    if account.is_enabled and not was_on:
        account.catch_up = Kind.OPT_OUT.value
        account.catch_up_after = None
        account.catch_up_is_baseline = is_baseline
    account.save()


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
    with transaction.atomic():
        account = ProviderAccount.objects.select_for_update(no_key=True).get(id=account_id)
        if not account.catch_up or not account.is_enabled:
            return 0
        chunk = _next_chunk(account)
        outbox.enqueue(chunk, only=account, is_baseline=account.catch_up_is_baseline)
        account.catch_up_after = chunk[-1] if chunk else None
        if not chunk:
            account.catch_up = Kind.OPT_IN.value if account.catch_up == Kind.OPT_OUT else ""
        account.save(update_fields=["catch_up", "catch_up_after"])
        return len(chunk) or int(bool(account.catch_up))


def _next_chunk(account: ProviderAccount) -> list[UUID]:
    """The next identities, in the order of their locks, that stand on the side being told."""
    standings = Standing.objects.filter(
        identity__sender=account.sender_id,
        identity__channel__in=outbox.channels_of(account),
        may_write=account.catch_up == Kind.OPT_IN,
    )
    if account.catch_up_after is not None:
        standings = standings.filter(identity__gt=account.catch_up_after)
    ids = standings.order_by("identity_id").values_list("identity", flat=True)[:CHUNK]
    return list(ids)
