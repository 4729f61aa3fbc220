"""The decisions that close a review item: each is made once, by one person."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from consents import holds, ledger
from consents.errors import ConsentError
from consents.models import ConsentEvent, ReviewItem, Revocation, Standing
from consents.vocabulary import Action, Origin

SOURCE = "STAFF REVIEW"


def release(item: ReviewItem, *, actor: str, note: str) -> None:
    """They meant no opt-out: marketing may go on. Raises ConsentError."""
    _decide(item, "released", actor, note, lambda: _release(item, actor, note))


def opt_out(item: ReviewItem, *, purpose: str, actor: str, note: str) -> None:
    """They did mean an opt-out, of this purpose: it is recorded. Raises ConsentError."""
    _decide(item, "opt_out", actor, note, lambda: _opt_out(item, purpose, actor, note))


def leave(item: ReviewItem, *, actor: str, note: str) -> None:
    """Nothing is to be changed. Raises ConsentError."""
    _decide(item, "left", actor, note, lambda: None)


def _decide(
    item: ReviewItem, decision: str, actor: str, note: str, work: Callable[[], None]
) -> None:
    ledger.once_more_on_deadlock(lambda: _decide_once(item, decision, actor, note, work))


def _decide_once(
    item: ReviewItem, decision: str, actor: str, note: str, work: Callable[[], None]
) -> None:
    if item.identity_id is not None:
        # Before the item's own lock, as everybody else does it.
        list(Standing.objects.locked([item.identity_id]))
    locked = ReviewItem.objects.select_for_update().get(pk=item.pk)
    if locked.decided_at is not None:
        raise ConsentError("already_decided", "Somebody else has decided this already.")
    work()
    locked.decided_at, locked.decided_by = timezone.now(), actor
    locked.decision, locked.note = decision, note
    locked.save(update_fields=["decided_at", "decided_by", "decision", "note"])
    Revocation.objects.filter(review=item).update(person="")


def _release(item: ReviewItem, actor: str, note: str) -> None:
    holds.release(hold_of(item), actor=actor, note=note)


def _opt_out(item: ReviewItem, purpose: str, actor: str, note: str) -> None:
    event = hold_of(item)
    identity = event.identity
    if identity.address is None:
        raise ConsentError("erased", "This person has been erased: nothing is sent to them.")
    ledger.record(
        event.sender,
        action=Action.OPT_OUT.value,
        channel=identity.channel,
        identity=identity.address,
        purpose=purpose,
        source=SOURCE,
        evidence={"review": str(item.pk), "held_event": str(event.pk)},
        note=note,
        # They said it when they wrote, not when somebody understood it.
        occurred_at=event.occurred_at,
        origin=Origin.ADMIN,
        actor=actor,
    )


def hold_of(item: ReviewItem) -> ConsentEvent:
    """The line of the ledger that the item asks about. Raises ConsentError where it has none."""
    if item.subject_kind != "event":
        raise ConsentError("no_event", "This question is not about an entry of the ledger.")
    events = ConsentEvent.objects.select_related("identity", "purpose", "sender")
    return events.get(pk=item.subject_id)
