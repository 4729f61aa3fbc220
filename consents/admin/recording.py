"""What a filled-in form does: one statement in the ledger, once however often it is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection
from django.http import HttpRequest

from consents import attachments, ledger
from consents.admin.audit import log, staff
from consents.attachments import Attachment
from consents.errors import ConsentError
from consents.folding import Fold, Verdict, resolve
from consents.models import Consent, ConsentEvent, Sender, StaffAction
from consents.purposes import PurposeTree
from consents.vocabulary import Action, Deed, Origin, State


@dataclass(frozen=True, slots=True)
class Written:
    """`is_repeat`: the very same form had been carried out before; nothing new was written.

    `lost_file`: the opt-out is recorded, the file that came with it could not be kept.
    """

    event: ConsentEvent
    events: Sequence[ConsentEvent]
    is_repeat: bool = False
    lost_file: bool = False


def stamp(token: str, entry: dict[str, Any]) -> str:
    """Says that two submissions are the same form filled in the same way, and nothing more.

    The token is random and not kept, so the stamp tells nobody what was filled in.
    """
    said = json.dumps(entry, sort_keys=True, default=str)
    return hashlib.sha256(f"{token}\0{said}".encode()).hexdigest()


def record(
    request: HttpRequest,
    sender: Sender,
    entry: dict[str, Any],
    mark: str,
    file: Attachment | None = None,
) -> Written:
    """Record the entry in the name of the member of staff who sent it.

    Raises ConsentError, and changes nothing, also for an opt-in that only an evidence note would
    entitle to lift an opt-out. An opt-out never waits for a note, and never fails with its file.
    """

    def work(file: Attachment | None) -> Written:
        return ledger.once_more_on_deadlock(lambda: _record(request, sender, entry, mark, file))

    if entry["action"] != Action.OPT_OUT:
        return work(file)
    written, is_kept = attachments.or_without(work, file)
    return replace(written, lost_file=not is_kept)


def _record(
    request: HttpRequest,
    sender: Sender,
    entry: dict[str, Any],
    mark: str,
    file: Attachment | None,
) -> Written:
    before = _carried_out(request, mark)
    if before is not None:
        return Written(before, [before], is_repeat=True)
    evidence = {**entry["evidence"], **attachments.as_evidence(file)}
    said = {**entry, "evidence": evidence, "origin": Origin.ADMIN, "actor": staff(request)}
    recorded = ledger.record(sender, **said)
    if not entry["note"].strip():
        _require_no_note(recorded.events)
    if file is not None:
        attachments.keep(file, recorded.event, actor=staff(request))
    log(request, recorded.event, "Recorded by form.", Deed.ADDED, _once(mark))
    return Written(recorded.event, recorded.events)


def as_verdict(event: ConsentEvent) -> Verdict:
    """What holds for the event's identity and purpose now, everything above it considered."""
    chain = PurposeTree.load().chain(event.purpose)
    rows = Consent.objects.filter(identity=event.identity_id, purpose__in=chain)
    folds = {row.purpose_id: row.fold for row in rows}
    return resolve([folds.get(purpose.id, Fold()) for purpose in chain])


def _carried_out(request: HttpRequest, mark: str) -> ConsentEvent | None:
    """The event that this very form has made already; a twin on its way is waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [mark])
    done = StaffAction.objects.filter(actor=staff(request), once=_once(mark)).first()
    return ConsentEvent.objects.get(pk=done.object_id) if done else None


def _once(mark: str) -> str:
    return f"form:{mark}"


def _require_no_note(events: Sequence[ConsentEvent]) -> None:
    if any(_is_held_back(event) for event in events if event.action != Action.OPT_OUT):
        raise ConsentError(
            "note_required",
            "They have opted out. To opt them in again, say here how you know that they want it.",
            "note",
        )


def _is_held_back(event: ConsentEvent) -> bool:
    verdict = as_verdict(event)
    stopped_at = verdict.opted_out_at
    is_out = verdict.state == State.OPTED_OUT
    return is_out and stopped_at is not None and event.occurred_at > stopped_at
