"""The ledger's pages: to be read, added to by a form, and never changed."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from consents import attachments, extracts, ledger, voiding
from consents.admin import search, timeline, wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.evidence import EvidencePages
from consents.admin.exports import ExportableAdmin
from consents.admin.file_pages import FilePages
from consents.admin.filters import ActionFilter, ChannelFilter, ContactFilter, OutcomeFilter
from consents.admin.forms import NoteForm
from consents.admin.record_page import RecordPages
from consents.admin.tables import asked_for, may
from consents.admin.theme import action, display
from consents.models import Consent, ConsentEvent
from consents.vocabulary import VOIDABLE_ACTIONS, Action, Origin, State

_EVENT = (
    "sentence",
    "effect",
    "confirming",
    "contact",
    "occurred",
    "recorded",
    "source",
    "written_by",
    "lifting",
    "follows_from",
    "led_to",
)
_STATED = {
    State.OPTED_IN: "opted in",
    State.OPTED_OUT: "opted out",
    State.EXPIRED: "expired",
    None: "nothing stated",
}
_EVIDENCE = ("note", "shown", "evidence", "files", "ip", "user_agent", "erased", "seal", "receipt")
_FOR_PROGRAMS = ("id", "seq", "sender", "actor")


@admin.register(ConsentEvent)
class ConsentEventAdmin(RecordPages, FilePages, EvidencePages, ExportableAdmin):
    list_display = (
        "recorded",
        "what",
        "identity_shown",
        "purpose",
        "origin_shown",
        "source",
        "effect",
    )
    list_display_links = ("recorded",)
    list_filter = (
        ContactFilter,
        ActionFilter,
        OutcomeFilter,
        ChannelFilter,
        "origin",
        "purpose",
        "recorded_at",
        "sender",
    )
    search_fields = ("identity",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    ordering = ("-seq",)
    actions_list = ("record_consent", "export")
    extracts = {"ledger": extracts.LINES}
    actions_detail = ("attach_file", "void_entry")
    fieldsets = (
        (None, {"fields": _EVENT}),
        ("Evidence", {"fields": _EVIDENCE}),
        ("For programs", {"fields": _FOR_PROGRAMS, "classes": ("collapse",)}),
    )
    readonly_fields = (*_EVENT, *_EVIDENCE, *_FOR_PROGRAMS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEvent]:
        return (
            super().get_queryset(request).select_related("detail", "identity__contact", "purpose")
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConsentEvent], search_term: str
    ) -> tuple[QuerySet[ConsentEvent], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(identity__in=search.identities_of(search_term)), False

    def has_void_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.void_consentevent")

    # --- voiding

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        event = self.get_object(request, str(object_id))
        if event is None:
            return []
        offered = {"void_entry": _is_voidable, "attach_file": attachments.takes}
        allowed: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in allowed if offered[one.action_name.removeprefix(prefix)](event)]

    @action("Void this entry…", permissions=["void"], icon="block")
    def void_entry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = asked_for(self, request, object_id)
        page = reverse("admin:consents_consentevent_change", args=[event.pk])

        def carry_out(data: dict[str, Any]) -> str:
            ledger.void(event, note=data["note"], actor=staff(request))
            log(request, event, "Voided.")
            return "The entry is void. It stays written down and counts no longer."

        question = Question(
            title="Void an entry made in error",
            explanation=f"“{wording.event(event)}” will stay in the ledger, marked as void. "
            f"{_what_voiding_does(event)} This cannot be taken back.",
            button="Void the entry",
            back=page,
            is_dangerous=True,
        )
        return ask(request, self, question, NoteForm, carry_out)

    # --- what the pages show

    @display("Recorded")
    def recorded(self, event: ConsentEvent) -> str:
        return wording.moment(event.recorded_at)

    @display("They said it")
    def occurred(self, event: ConsentEvent) -> str:
        return wording.moment(event.occurred_at)

    @display(
        "What",
        label={
            "Opted in": "success",
            "Opted out": "danger",
            "Marketing put on hold": "warning",
            "Asked to confirm": "info",
        },
    )
    def what(self, event: ConsentEvent) -> str:
        return wording.ACTIONS[Action(event.action)]

    @display("Address")
    def identity_shown(self, event: ConsentEvent) -> str:
        return wording.named(event.identity)

    @display("How")
    def origin_shown(self, event: ConsentEvent) -> str:
        return wording.ORIGINS[Origin(event.origin)]

    @display("Effect")
    def effect(self, event: ConsentEvent) -> str:
        return wording.outcome(event)

    @display("Confirmation")
    def confirming(self, event: ConsentEvent) -> str:
        waiting = timeline.progress([event]).get(event.id)
        return wording.confirmation(waiting) if waiting else wording.confirmed_by(event)

    @display("Event")
    def sentence(self, event: ConsentEvent) -> str:
        return wording.event(event)

    @display("Contact")
    def contact(self, event: ConsentEvent) -> str:
        contact = event.identity.contact
        return wording.link("admin:consents_contact_change", contact, wording.person(contact))

    @display("Written by")
    def written_by(self, event: ConsentEvent) -> str:
        who = timeline.staff_names([event.actor]).get(event.actor, event.actor)
        how = wording.ORIGINS[Origin(event.origin)]
        return f"{who}, {how}" if who else how

    @display("Entitled to")
    def lifting(self, event: ConsentEvent) -> str:
        may_lift = event.action in (Action.OPT_IN, Action.OPT_IN_REQUESTED)
        return wording.lifts(event) if may_lift else ""

    @display("Follows from")
    def follows_from(self, event: ConsentEvent) -> str:
        return _link(event.cause) if event.cause else ""

    @display("Led to")
    def led_to(self, event: ConsentEvent) -> str:
        lines = event.consequences.select_related("identity", "purpose").order_by("seq")[:20]
        return wording.joined(_link(line) for line in lines)

    @display("Note")
    def note(self, event: ConsentEvent) -> str:
        return event.detail.note

    @display("Evidence")
    def evidence(self, event: ConsentEvent) -> str:
        if not event.detail.evidence:
            return ""
        text = json.dumps(event.detail.evidence, indent=2, ensure_ascii=False, sort_keys=True)
        return wording.preformatted(text)

    @display("IP address")
    def ip(self, event: ConsentEvent) -> str:
        return event.detail.ip or ""

    @display("Browser")
    def user_agent(self, event: ConsentEvent) -> str:
        return event.detail.user_agent

    @display("Erased")
    def erased(self, event: ConsentEvent) -> str:
        return wording.moment(event.detail.erased_at) if event.detail.erased_at else "No"


def _is_voidable(event: ConsentEvent) -> bool:
    is_said = event.action in VOIDABLE_ACTIONS
    return is_said and not voiding.is_own_stop(event) and not voiding.is_void(event)


def _what_voiding_does(event: ConsentEvent) -> str:
    """What would be known of the address and purpose afterwards, in words."""
    purpose = wording.for_purpose(event.purpose.key, event.purpose.name)
    now = Consent.objects.filter(identity=event.identity_id, purpose=event.purpose_id).first()
    before, after = now.fold.state if now else None, voiding.without(event).state
    if before == after:
        return f"It changes nothing of what holds for {purpose}: {_STATED[after]}."
    return f"For {purpose} what holds now is “{_STATED[before]}”; it will be “{_STATED[after]}”."


def _link(event: ConsentEvent) -> str:
    return wording.link("admin:consents_consentevent_change", event, wording.event(event))
