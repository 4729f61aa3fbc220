"""The ledger's pages: to be read, added to by a form, and never changed."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display

from consents import ledger
from consents.admin import recording, search, timeline, wording
from consents.admin.asking import Question, add_error, ask
from consents.admin.filters import ActionFilter, ChannelFilter, ContactFilter, OutcomeFilter
from consents.admin.forms import NoteForm, RecordConsentForm
from consents.admin.tables import ReadOnlyAdmin, log, may, staff
from consents.errors import ConsentError
from consents.models import ConsentEvent, Contact
from consents.vocabulary import CONSENT_ACTIONS, SPREADING_ORIGINS, Action, Outcome

_FORM_FIELDS = {"identity": "address", "contact": "who", "channels": "who"}


@admin.register(ConsentEvent)
class ConsentEventAdmin(ReadOnlyAdmin):
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
    list_select_related = ("identity", "purpose")
    ordering = ("-seq",)
    actions_detail = ("void_entry",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "sentence",
                    "effect",
                    "contact",
                    "occurred",
                    "recorded",
                    "source",
                    "written_by",
                    "lifting",
                    "follows_from",
                    "led_to",
                )
            },
        ),
        ("Evidence", {"fields": ("note", "evidence", "ip", "user_agent", "erased")}),
        ("For programs", {"fields": ("id", "seq", "sender", "actor"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEvent]:
        return super().get_queryset(request).select_related("detail", "identity__contact")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConsentEvent], search_term: str
    ) -> tuple[QuerySet[ConsentEvent], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(identity__in=search.identities_of(search_term)), False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(name for _, options in self.fieldsets for name in options["fields"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, "consents.add_consentevent")

    def has_void_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.change_consentevent")

    # --- recording

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page on which staff record an opt-in or opt-out."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RecordConsentForm(
            request.POST if request.method == "POST" else None, contact=_contact(request)
        )
        if request.method == "POST" and form.is_valid():
            written = _record(request, form)
            if written is not None:
                _report(request, written)
                return redirect(_after(request, written.event))
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "opts": self.opts,
            "title": f"Record consent of {form.contact}" if form.contact else "Record consent",
            "form": form,
        }
        return TemplateResponse(request, "admin/consents/consentevent/record.html", context)

    # --- voiding

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        event = self.get_object(request, str(object_id))
        is_voidable = event is not None and _is_voidable(event)
        return super().get_actions_detail(request, object_id) if is_voidable else []  # type: ignore[misc,no-any-return]

    @action(description="Void this entry…", permissions=["void"], icon="block")
    def void_entry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = self.get_object(request, object_id)
        if event is None:
            raise Http404
        page = reverse("admin:consents_consentevent_change", args=[event.pk])

        def carry_out(data: dict[str, Any]) -> str:
            ledger.void(event, note=data["note"], actor=staff(request))
            log(request, event, CHANGE, "Voided.")
            return "The entry is void. It stays written down and counts no longer."

        question = Question(
            title="Void an entry made in error",
            explanation=f"“{wording.event(event)}” will stay in the ledger, marked as void, and "
            "what is allowed will be worked out again without it. This cannot be taken back.",
            button="Void the entry",
            back=page,
            is_dangerous=True,
        )
        return ask(request, self, question, NoteForm, carry_out)

    # --- what the pages show

    @display(description="Recorded")
    def recorded(self, event: ConsentEvent) -> str:
        return wording.moment(event.recorded_at)

    @display(description="They said it")
    def occurred(self, event: ConsentEvent) -> str:
        return wording.moment(event.occurred_at)

    @display(
        description="What",
        label={"Opted in": "success", "Opted out": "danger", "Marketing put on hold": "warning"},
    )
    def what(self, event: ConsentEvent) -> str:
        return wording.ACTIONS[Action(event.action)]

    @display(description="Address")
    def identity_shown(self, event: ConsentEvent) -> str:
        return wording.named(event.identity)

    @display(description="How")
    def origin_shown(self, event: ConsentEvent) -> str:
        return wording.ORIGINS[event.origin]  # type: ignore[index]

    @display(description="Effect")
    def effect(self, event: ConsentEvent) -> str:
        return wording.outcome(event)

    @display(description="Event")
    def sentence(self, event: ConsentEvent) -> str:
        return wording.event(event)

    @display(description="Contact")
    def contact(self, event: ConsentEvent) -> str:
        return wording.link("admin:consents_contact_change", event.identity.contact)

    @display(description="Written by")
    def written_by(self, event: ConsentEvent) -> str:
        who = timeline.staff_names([event.actor]).get(event.actor, event.actor)
        how = wording.ORIGINS[event.origin]  # type: ignore[index]
        return f"{who}, {how}" if who else how

    @display(description="Entitled to")
    def lifting(self, event: ConsentEvent) -> str:
        return wording.lifts(event) if event.action == Action.OPT_IN else ""

    @display(description="Follows from")
    def follows_from(self, event: ConsentEvent) -> str:
        return _link(event.cause) if event.cause else ""

    @display(description="Led to")
    def led_to(self, event: ConsentEvent) -> str:
        lines = event.consequences.select_related("identity", "purpose").order_by("seq")[:20]
        return wording.joined(_link(line) for line in lines)

    @display(description="Note")
    def note(self, event: ConsentEvent) -> str:
        return event.detail.note

    @display(description="Evidence")
    def evidence(self, event: ConsentEvent) -> str:
        if not event.detail.evidence:
            return ""
        text = json.dumps(event.detail.evidence, indent=2, ensure_ascii=False, sort_keys=True)
        return wording.preformatted(text)

    @display(description="IP address")
    def ip(self, event: ConsentEvent) -> str:
        return event.detail.ip or ""

    @display(description="Browser")
    def user_agent(self, event: ConsentEvent) -> str:
        return event.detail.user_agent

    @display(description="Erased")
    def erased(self, event: ConsentEvent) -> str:
        return wording.moment(event.detail.erased_at) if event.detail.erased_at else "No"


def _contact(request: HttpRequest) -> Contact | None:
    """The contact that the page was opened for."""
    named = request.GET.get("contact")
    if not named:
        return None
    if not (may(request, "consents.view_contact") or may(request, "consents.change_contact")):
        raise PermissionDenied
    try:
        return Contact.objects.select_related("sender").get(pk=UUID(named))
    except (ValueError, Contact.DoesNotExist):
        raise Http404 from None


def _record(request: HttpRequest, form: RecordConsentForm) -> recording.Written | None:
    entry = form.entry()
    sender = form.contact.sender if form.contact else form.cleaned_data["sender"]
    mark = recording.stamp(form.cleaned_data["token"], {"sender": sender.pk, **entry})
    try:
        return recording.record(request, sender, entry, mark)
    except ConsentError as error:
        add_error(form, error, _FORM_FIELDS)
        return None


def _report(request: HttpRequest, written: recording.Written) -> None:
    event = written.event
    if written.is_repeat:
        messages.info(request, "This form had been sent before: nothing was written twice.")
    elif all(line.outcome == Outcome.CHANGED for line in written.events):
        count = len(written.events)
        lines = f" {count} addresses." if count > 1 else ""
        messages.success(request, f"Recorded, and in effect.{lines}")
    else:
        messages.warning(request, f"Recorded. {wording.outcome(event)}.")


def _after(request: HttpRequest, event: ConsentEvent) -> str:
    """The contact's page, or as near as this member of staff may go."""
    if may(request, "consents.view_contact") or may(request, "consents.change_contact"):
        return reverse("admin:consents_contact_change", args=[event.identity.contact_id])
    if may(request, "consents.view_consentevent"):
        return reverse("admin:consents_consentevent_change", args=[event.pk])
    return reverse("admin:consents_consentevent_add")


def _is_voidable(event: ConsentEvent) -> bool:
    is_own_stop = event.action == Action.OPT_OUT and event.origin in SPREADING_ORIGINS
    is_void = event.consequences.filter(action=Action.VOIDED.value).exists()
    return event.action in CONSENT_ACTIONS and not is_own_stop and not is_void


def _link(event: ConsentEvent) -> str:
    return wording.link("admin:consents_consentevent_change", event, wording.event(event))
