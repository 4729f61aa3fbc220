"""People: found by any address, shown with all that is known of their consent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from consents import awaiting, disclosure, erasure, extracts, ledger, moving
from consents.admin import (
    audit,
    overview,
    preference_links,
    search,
    timeline,
    trail,
    wording,
)
from consents.admin.asking import Question, ask
from consents.admin.exports import ExportableAdmin
from consents.admin.file_page import printed
from consents.admin.filters import ContactChannelFilter, StateFilter
from consents.admin.forms import MomentForm, NothingForm
from consents.admin.moves import move_form, move_of
from consents.admin.tables import asked_for, may
from consents.admin.theme import action, display
from consents.counting import counted
from consents.models import ChannelIdentity, Consent, Contact
from consents.signals import to_be_told_again
from consents.vocabulary import Deed, State

LISTED = 5
TRAIL = "consents.view_staffaction"
TELL_AGAIN = "providers.change_providersync"
"""Who may tell a provider again may do so from here too."""

_BADGES = {
    "Opted in": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "Opted out": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "On hold": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "Expired": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "Not confirmed": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "Nothing stated": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
}


@admin.register(Contact)
class ContactAdmin(ExportableAdmin):
    list_display = ("name", "external_id", "addresses", "language", "sender")
    list_filter = (ContactChannelFilter, StateFilter, "sender")
    list_select_related = ("sender",)
    search_fields = ("identity",)
    search_help_text = "A number written any way, a name or the CRM's id"
    # UUIDv7: newest first, near enough, and on the index of the primary key.
    ordering = ("-id",)
    fields = ("sender", "display_name", "external_id", "language")
    actions_list = ("record_for_somebody_new", "export")
    extracts = {"contacts": extracts.CONTACTS, "consents": extracts.CONSENTS}
    actions_detail = (
        *("record_consent", "preference_link", "tell_providers"),
        {"title": "More", "icon": "more_horiz", "items": ["move_address", "disclose", "erase"]},
    )
    change_form_outer_before_template = "admin/consents/contact/overview.html"
    change_form_outer_after_template = "admin/consents/contact/timeline.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        consents = Consent.objects.select_related("purpose")
        asked = Exists(awaiting.requests().filter(identity=OuterRef("pk")))
        identities = ChannelIdentity.objects.select_related("standing").annotate(has_asked=asked)
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                Prefetch("identities", identities.order_by("id")),
                Prefetch("identities__consents", consents),
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        text = search_term.replace("\0", "").strip()
        if not text:
            return queryset, False
        owners = {identity.contact_id for identity in search.identities_named(text)}
        if owners:
            return queryset.filter(Q(pk__in=owners) | Q(external_id=text)), False
        by_name = Q(external_id__icontains=text) | Q(display_name__icontains=text)
        return queryset.filter(by_name), False

    def get_readonly_fields(self, request: HttpRequest, obj: Contact | None = None) -> list[str]:
        return ["sender"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: the ledger speaks of people for good. Who must be forgotten is erased."""
        return False

    def has_record_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.add_consentevent")

    def has_erase_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.erase_contact")

    def has_disclose_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.disclose_contact")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        contact = self.get_object(request, object_id)
        shown = {}
        if contact is not None and self.has_view_or_change_permission(request, contact):
            audit.opened(request, contact)
            asked = MomentForm(request.GET if "at" in request.GET else None)
            shown = _shown(request, contact, asked)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @action("Record consent", permissions=["record"], icon="edit_note")
    def record_consent(self, request: HttpRequest, object_id: str) -> HttpResponse:
        page = reverse("admin:consents_consentevent_add")
        return redirect(f"{page}?{urlencode({'contact': object_id})}")

    @action("Preference link…", permissions=["record"], icon="link")
    def preference_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = asked_for(self, request, object_id)
        return preference_links.offer(request, self, contact)

    def has_tell_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, TELL_AGAIN)

    @action("Tell the providers again…", permissions=["tell"], icon="refresh")
    def tell_providers(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = asked_for(self, request, object_id)

        def carry_out(_: dict[str, Any]) -> str:
            identities = list(contact.identities.values_list("id", flat=True))
            answers = ledger.once_more_on_deadlock(
                lambda: to_be_told_again.send(Contact, identities=identities)
            )
            audit.log(request, contact, "Told the providers again.")
            count = sum(int(answer or 0) for _, answer in answers)
            return f"{counted(count, 'change')} will go out at once."

        question = Question(
            title="Tell the providers again",
            explanation="Every account that serves one of their addresses will be told what holds "
            "for it now, whatever it was told before.",
            button="Tell them again",
            back=reverse("admin:consents_contact_change", args=[contact.pk]),
        )
        return ask(request, self, question, NothingForm, carry_out)

    def has_move_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.move_channelidentity")

    @action("Move an address…", permissions=["move"], icon="move_up")
    def move_address(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            moved = moving.carry_out(move_of(data, actor=audit.staff(request)))
            audit.log(request, contact, "Moved an address to another contact.")
            audit.log(request, moved, "Came from another contact.")
            return f"{wording.named(moved.identity)} belongs to {wording.person(data['to'])} now."

        question = Question(
            title=f"Move an address of {wording.person(contact)}",
            explanation="It will belong to the other contact from now on. What was said of it "
            "stays in the ledger; opt-outs of the other contact count for it too.",
            button="Move the address",
            back=reverse("admin:consents_contact_change", args=[contact.pk]),
            is_dangerous=True,
        )
        return ask(request, self, question, move_form(contact), carry_out)

    @action("Their whole file…", permissions=["disclose"], icon="folder_shared")
    def disclose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page to be printed, on POST alone: whoever takes it out is noted."""
        contact = asked_for(self, request, object_id)
        if request.method == "POST":
            audit.log(request, contact, "Took out their whole file.", Deed.EXPORTED)
            return printed(request, self, disclosure.file_of(contact, actor=audit.staff(request)))
        question = Question(
            title="Take out all that is known of this person",
            explanation="A page to be printed or saved, for the person who asked for it. It holds "
            "every entry with its proof, and what providers and subscribers were told. That you "
            "took it out is noted, and stands in it.",
            button="Show the file",
            back=reverse("admin:consents_contact_change", args=[contact.pk]),
        )
        return ask(request, self, question, NothingForm, lambda _: "")

    @action("Erase…", permissions=["erase"], icon="person_remove")
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = asked_for(self, request, object_id)

        def carry_out(_: dict[str, Any]) -> str:
            report = erasure.erase(contact, actor=audit.staff(request))
            audit.log(request, contact, "Erased.")
            return wording.erased(report)

        question = Question(
            title="Erase this person",
            explanation="Names, addresses and evidence go for good; nobody can bring them back. "
            "The person is opted out of everything and stays so until they opt in themselves. The "
            "entries of the ledger stay, without saying who they are about.",
            button="Erase for good",
            back=reverse("admin:consents_contact_change", args=[contact.pk]),
            is_dangerous=True,
        )
        return ask(request, self, question, NothingForm, carry_out)

    @action("Record consent of somebody new", permissions=["record"], icon="edit_note")
    def record_for_somebody_new(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:consents_consentevent_add")

    @display("Name")
    def name(self, contact: Contact) -> str:
        return wording.person(contact)

    @display("Addresses and what they said")
    def addresses(self, contact: Contact) -> str:
        identities = list(contact.identities.all())
        rows = format_html_join(
            "",
            '<div class="flex items-center gap-2 py-1 whitespace-nowrap">{} {}</div>',
            ((wording.named(one), _badge(one)) for one in identities[:LISTED]),
        )
        more = len(identities) - LISTED
        return format_html("{}<div>and {} more</div>", rows, more) if more > 0 else rows


def _shown(request: HttpRequest, contact: Contact, asked: MomentForm) -> dict[str, Any]:
    identities = list(contact.identities.values_list("id", flat=True)[:1000])
    moments = timeline.of(identities)
    return {
        "asked": asked,
        "looked_at": wording.moment(asked.moment) if asked.moment else "",
        "standings": overview.of(contact, asked.moment, hindsight=asked.is_hindsight),
        "questions": overview.open_questions(contact),
        "identity_count": len(identities),
        "moments": moments[: timeline.SHOWN],
        "stops": timeline.stops(moments, timezone.now()),
        "has_more": len(moments) > timeline.SHOWN,
        "opened_by": trail.of(contact.pk) if may(request, TRAIL) else "",
        "ledger_of_contact": f"{reverse('admin:consents_consentevent_changelist')}?"
        + urlencode({"contact": str(contact.pk)}),
    }


def _badge(identity: ChannelIdentity) -> str:
    word = _state(identity)
    return format_html(
        '<span class="inline-block font-semibold h-6 leading-6 px-2 rounded-default text-[11px] '
        'uppercase whitespace-nowrap {}">{}</span>',
        _BADGES[word],
        word,
    )


def _state(identity: ChannelIdentity) -> str:
    """One word for the list; what exactly may be sent is on the contact's page."""
    states = {consent.state for consent in identity.consents.all()}
    if identity.standing.held_by_id is not None and State.OPTED_IN in states:
        return "On hold"
    if identity.standing.may_write:
        return "Opted in"
    if State.OPTED_OUT in states:
        return "Opted out"
    if states:
        return "Expired"
    return "Not confirmed" if getattr(identity, "has_asked", False) else "Nothing stated"
