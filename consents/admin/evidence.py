"""What shows that the ledger is as it was: seals, and of each line its proof and receipt."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from consents import dashboard, notices, proofs, receipts, sealing
from consents.admin import wording
from consents.admin.tables import ReadOnlyAdmin
from consents.admin.theme import display
from consents.counting import noun
from consents.dashboard import Card
from consents.errors import ConsentError
from consents.models import ConsentEvent, Seal, Verification
from consents.vocabulary import Action


def cards(now: datetime) -> list[Card]:
    """When the ledger was sealed last, and what its last verification said."""
    last = Seal.objects.light().first()
    verified = Verification.objects.first()
    unsealed = dashboard.bounded(sealing.unsealed())
    lines = f"{dashboard.in_words(unsealed)} {noun(unsealed, 'line')}"
    words = f"{lines} not sealed yet. {_verdict(verified)}"
    return [
        Card(
            title="Ledger sealed",
            figure=str(naturaltime(last.sealed_at)) if last else "Never",
            note=words,
            url=reverse("admin:consents_seal_changelist"),
            tone="danger" if verified and verified.findings else "success" if verified else "",
        )
    ]


dashboard.register(cards)


def _verdict(verified: Verification | None) -> str:
    if verified is None:
        return "Never verified."
    when = naturaltime(verified.verified_at)
    if verified.findings:
        return f"Verified {when}: it is NOT as it was sealed."
    return f"Verified {when}: as it was sealed."


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    list_display = ("numbered", "sealed", "count", "upto", "key", "hash")
    list_display_links = ("numbered",)
    list_before_template = "admin/consents/seal/unsealed.html"
    ordering = ("-number",)
    fields = (
        *("numbered", "sealed", "after", "upto", "count", "hash", "tree_root", "previous_hash"),
        *("key", "public_key", "signed"),
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seal]:
        return Seal.objects.light().select_related("key").order_by("-number")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        count = dashboard.bounded(sealing.unsealed())
        shown = {"unsealed": count, "unsealed_in_words": dashboard.in_words(count)}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    @display("Seal")
    def numbered(self, seal: Seal) -> str:
        return str(seal.number)

    @display("Made")
    def sealed(self, seal: Seal) -> str:
        return wording.moment(seal.sealed_at)

    @display("Hash of the seal")
    def hash(self, seal: Seal) -> str:
        return seal.digest().hex()

    @display("Root over its lines")
    def tree_root(self, seal: Seal) -> str:
        return bytes(seal.root).hex()

    @display("Hash of the seal before")
    def previous_hash(self, seal: Seal) -> str:
        return bytes(seal.previous).hex()

    @display("Public key")
    def public_key(self, seal: Seal) -> str:
        return bytes(seal.key.public).hex()

    @display("Signature")
    def signed(self, seal: Seal) -> str:
        return bytes(seal.signature).hex()


class EvidencePages(ReadOnlyAdmin):
    """The pages of a line that are to be shown to others."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<uuid:id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"consents_consentevent_{name}",
            )
            for name, view in (("proof", self.proof_view), ("receipt", self.receipt_view))
        ]
        return [*own, *super().get_urls()]

    def proof_view(self, request: HttpRequest, id: Any) -> HttpResponse:
        """The proof as a file."""
        event = self._event(request, id)
        try:
            text = json.dumps(proofs.prove(event), indent=2, ensure_ascii=False)
        except ConsentError as error:
            messages.error(request, error.message)
            return redirect("admin:consents_consentevent_change", id)
        answer = HttpResponse(text, content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="proof-{event.seq}.json"'
        return answer

    def receipt_view(self, request: HttpRequest, id: Any) -> HttpResponse:
        """The receipt as a page to be read and printed."""
        event = self._event(request, id)
        try:
            receipt = receipts.receipt(event)
        except ConsentError as error:
            messages.error(request, error.message)
            return redirect("admin:consents_consentevent_change", id)
        context = {
            "event": event,
            "receipt": receipt,
            "record": receipt["consent_record"],
            "unstated": receipts.unstated(event),
        }
        return TemplateResponse(request, "admin/consents/consentevent/receipt.html", context)

    @display("Notice shown")
    def shown(self, event: ConsentEvent) -> str:
        notice = notices.of(event)
        if notice is None:
            return ""
        link = wording.link("admin:consents_notice_change", notice, wording.notice(notice))
        return wording.joined([link, wording.preformatted(notice.text)])

    @display("Sealed")
    def seal(self, event: ConsentEvent) -> str | SafeString:
        seal = proofs.seal_of(event)
        if seal is None:
            return "Not yet: lines are sealed every few minutes"
        link = wording.link("admin:consents_seal_change", seal, f"In seal {seal.number}")
        return format_html('{}, <a href="{}">proof</a>', link, _address("proof", event))

    @display("Receipt")
    def receipt(self, event: ConsentEvent) -> str | SafeString:
        if event.action != Action.OPT_IN:
            return ""
        return format_html('<a href="{}">To read or print</a>', _address("receipt", event))

    def _event(self, request: HttpRequest, id: Any) -> ConsentEvent:
        if not self.has_view_permission(request):
            raise PermissionDenied
        event = receipts.lines().filter(pk=id).first()
        if event is None:
            raise Http404
        return event


def _address(page: str, event: ConsentEvent) -> str:
    return reverse(f"admin:consents_consentevent_{page}", args=[event.pk])
