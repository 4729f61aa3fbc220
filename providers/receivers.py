"""The doorbell: whoever records consent rings it, and rows go in the outbox of that transaction.

It decides nothing and calls no network.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models.signals import post_save

from consents.models import Consent, ConsentEvent, Seal
from consents.signals import (
    Line,
    Lines,
    ledger_sealed,
    lines_recorded,
    may_write_changed,
    opt_ins_ending,
    to_be_told_again,
)
from consents.vocabulary import Action
from providers import notifications, outbox

TOUCHES_PROVIDERS = frozenset(
    {
        *(Action.OPT_IN, Action.OPT_OUT, Action.EXPIRED),
        *(Action.VOIDED, Action.IDENTITY_MOVED, Action.ERASED),
    }
)


def connect() -> None:
    """Called once, when the app is ready."""
    post_save.connect(_on_event, sender=ConsentEvent, dispatch_uid="providers.event")
    lines_recorded.connect(_on_lines, dispatch_uid="providers.lines")
    ledger_sealed.connect(_on_seal, dispatch_uid="providers.seal")
    opt_ins_ending.connect(_on_ending, dispatch_uid="providers.ending")
    to_be_told_again.connect(_on_tell_again, dispatch_uid="providers.tell_again")
    may_write_changed.connect(_on_may_write, dispatch_uid="providers.may_write")


def _on_event(instance: ConsentEvent, **_: Any) -> None:
    line = Line(instance.id, instance.identity_id, instance.action)
    _ring(Lines(instance.sender_id, lambda: [line], lambda: [instance]))


def _on_lines(lines: Lines, **_: Any) -> None:
    _ring(lines)


def _on_seal(seal: Seal, **_: Any) -> None:
    notifications.ledger_sealed(seal)


def _on_ending(consents: list[Consent], **_: Any) -> None:
    notifications.opt_ins_ending(consents)


def _on_tell_again(identities: list[UUID], **_: Any) -> int:
    return outbox.tell_again(identities)


def _on_may_write(identities: list[UUID], **_: Any) -> None:
    outbox.enqueue(identities)


def _ring(lines: Lines) -> None:
    if lines.table:
        outbox.enqueue_table(lines.sender, lines.table, lines.count)
    else:
        causes = {line.identity: line for line in lines.lines if line.action in TOUCHES_PROVIDERS}
        if causes:
            outbox.enqueue(causes, causes, of=lines.sender)
    notifications.announce(lines)
