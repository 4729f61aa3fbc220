"""Taking back what was entered in error: it stays written down, and the fold skips it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from consents.errors import ConsentError
from consents.folding import Fold, fold
from consents.history import lines, statements
from consents.models import Consent, ConsentEvent, ImportRun
from consents.models.imports import actor_of
from consents.vocabulary import (
    CONSENT_ACTIONS,
    SPREADING_ORIGINS,
    VOIDABLE_ACTIONS,
    Action,
    Origin,
    State,
)
from consents.writing import Line, Page


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What voiding some lines would do: how many there are, and how many states rest on them."""

    lines: int
    opted_in: int
    opted_out: int


def check(event: ConsentEvent, note: str) -> None:
    """Raises ConsentError for a line that nobody may void, and where no reason is given."""
    if event.action not in VOIDABLE_ACTIONS:
        raise ConsentError("not_voidable", "Only an opt-in or opt-out can be voided.")
    if is_own_stop(event):
        raise ConsentError("not_voidable", "A person's own opt-out cannot be voided.")
    check_note(note)
    if is_void(event):
        raise ConsentError("already_void", "This line is void already.")


def check_note(note: str) -> None:
    if not note.strip():
        raise ConsentError("note_required", "Say why the line is void.", "note")


def is_own_stop(event: ConsentEvent) -> bool:
    """Whether it is the word of the person, which nobody may take back."""
    return event.action == Action.OPT_OUT and event.origin in SPREADING_ORIGINS


def is_void(event: ConsentEvent) -> bool:
    return event.consequences.filter(action=Action.VOIDED.value).exists()


def strike(
    page: Page, events: Sequence[ConsentEvent], *, note: str, actor: str
) -> list[ConsentEvent]:
    """Void these on a page that holds their identities' locks; the lines that do so."""
    voidings = [page.add(_voiding(event, note, actor)) for event in events]
    struck = {event.id for event in events}
    said = statements({event.identity_id for event in events})
    stated = [event for event in events if event.action in CONSENT_ACTIONS]
    for pair in {(event.identity_id, event.purpose_id) for event in stated}:
        page.replace_fold(pair, [one for one in said.get(pair, []) if one.event not in struck])
    return voidings


def of_run(run: ImportRun) -> QuerySet[ConsentEvent]:
    """The lines of an import that count still, oldest first."""
    bounds = run.chunks.exclude(first_seq=None).order_by("first_seq")
    first, last = bounds.first(), bounds.order_by("-last_seq").first()
    if first is None or last is None:
        return ConsentEvent.objects.none()
    within = lines(of=VOIDABLE_ACTIONS).filter(
        seq__range=(first.first_seq, last.last_seq), sender=run.sender_id
    )
    return within.filter(origin=Origin.IMPORT.value, actor=actor_of(run.id)).order_by("seq")


def foresee(events: QuerySet[ConsentEvent]) -> Foreseen:
    """What voiding all of these would do."""
    resting = Consent.objects.filter(event__in=events.order_by())
    return Foreseen(
        lines=events.count(),
        opted_in=resting.filter(state=State.OPTED_IN.value).count(),
        opted_out=resting.filter(state=State.OPTED_OUT.value).count(),
    )


def without(event: ConsentEvent) -> Fold:
    """The state of the line's identity and purpose as it would be if the line were void."""
    said = statements([event.identity_id]).get((event.identity_id, event.purpose_id), [])
    return fold(one for one in said if one.event != event.id)


def _voiding(event: ConsentEvent, note: str, actor: str) -> Line:
    return Line(
        identity=event.identity,
        action=Action.VOIDED,
        purpose=event.purpose,
        origin=Origin.ADMIN,
        actor=actor,
        note=note,
        cause=event.id,
    )
