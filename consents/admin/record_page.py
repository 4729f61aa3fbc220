"""The page on which staff record an opt-in or opt-out, and what it says afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from consents import notices
from consents.admin import recording, wording
from consents.admin.asking import add_error
from consents.admin.file_pages import NO_ROOM, say_not_kept
from consents.admin.record_form import RecordConsentForm
from consents.admin.tables import ReadOnlyAdmin, may
from consents.admin.theme import action
from consents.attachments import FILE, as_evidence
from consents.counting import counted
from consents.errors import ConsentError
from consents.models import ConsentEvent, Contact
from consents.vocabulary import Outcome

_FORM_FIELDS = {
    "identity": "address",
    "contact": "who",
    "channels": "who",
    notices.FIELD: "notice",
}


class RecordPages(ReadOnlyAdmin):
    """A line is added by the form of what somebody said."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, "consents.add_consentevent")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page on which staff record an opt-in or opt-out."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = _form(request)
        if request.method == "POST":
            written = _record(request, form) if form.is_valid() else None
            if written is not None:
                _report(request, written, form)
                return redirect(_after(request, written.event))
            form.ask_for_file_again()
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "opts": self.opts,
            "title": f"Record consent of {wording.person(form.contact)}"
            if form.contact
            else "Record consent",
            "form": form,
        }
        return TemplateResponse(request, "admin/consents/consentevent/record.html", context)

    @action("Record consent", permissions=["add"], icon="edit_note")
    def record_consent(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:consents_consentevent_add")


def _form(request: HttpRequest) -> RecordConsentForm:
    contact = _contact(request)
    if request.method != "POST":
        return RecordConsentForm(None, contact=contact)
    return RecordConsentForm(request.POST, request.FILES, contact=contact)


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
    entry, file = form.entry(), form.cleaned_data[FILE]
    sender = form.contact.sender if form.contact else form.cleaned_data["sender"]
    said = {"sender": sender.pk, **entry, **as_evidence(file)}
    mark = recording.stamp(form.cleaned_data["token"], said)
    try:
        return recording.record(request, sender, entry, mark, file)
    except ConsentError as error:
        add_error(form, error, _FORM_FIELDS)
        return None


def _report(request: HttpRequest, written: recording.Written, form: RecordConsentForm) -> None:
    refused = form.refused or (NO_ROOM if written.lost_file else "")
    if refused:
        say_not_kept(request, refused, written.event)
    without_effect = [line for line in written.events if line.outcome != Outcome.CHANGED]
    if written.is_repeat:
        messages.info(request, "This form had been sent before: nothing was written twice.")
        return
    if len(without_effect) < len(written.events):
        count = len(written.events) - len(without_effect)
        messages.success(request, f"Recorded, and in effect for {_addresses(count)}.")
    for outcome in sorted({wording.outcome(line) for line in without_effect}):
        count = sum(wording.outcome(line) == outcome for line in without_effect)
        messages.warning(request, f"Recorded for {_addresses(count)}. {outcome}.")


def _addresses(count: int) -> str:
    return counted(count, "address", "addresses")


def _after(request: HttpRequest, event: ConsentEvent) -> str:
    """The contact's page, or as near as this member of staff may go."""
    if may(request, "consents.view_contact") or may(request, "consents.change_contact"):
        return reverse("admin:consents_contact_change", args=[event.identity.contact_id])
    if may(request, "consents.view_consentevent"):
        return reverse("admin:consents_consentevent_change", args=[event.pk])
    return reverse("admin:consents_consentevent_add")
