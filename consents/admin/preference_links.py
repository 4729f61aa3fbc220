"""A link to a person's own preferences, for staff to hand on: shown once, kept nowhere."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from consents import links
from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log
from consents.admin.forms import NothingForm
from consents.errors import ConsentError
from consents.links import Link
from consents.models import Contact


def offer(request: HttpRequest, admin: Any, contact: Contact) -> HttpResponse:
    """Asks first; then makes the link and shows it."""
    back = reverse("admin:consents_contact_change", args=[contact.pk])
    if request.method != "POST":
        question = Question(
            title=f"Make a preference link for {wording.person(contact)}",
            explanation="Whoever has the link sees on which channels this person is written to, "
            f"and may change it, for {settings.PREFERENCE_LINK_DAYS} days. Send it to nobody else.",
            button="Make the link",
            back=back,
        )
        return ask(request, admin, question, NothingForm, lambda data: "")
    try:
        link = links.make(contact, timezone.now())
    except ConsentError as error:
        messages.error(request, error.message)
        return redirect(back)
    log(request, contact, "Made a preference link.")
    return _shown(request, admin, contact, link)


def _shown(request: HttpRequest, admin: Any, contact: Contact, link: Link) -> HttpResponse:
    """Never in a message or a redirect, where it would be stored."""
    base = settings.PUBLIC_URL or request.build_absolute_uri("/")
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": "Copy the link now",
        "made": links.addresses(link, base),
        "ends": wording.moment(link.expires_at),
        "original": contact,
    }
    page = TemplateResponse(request, "admin/consents/contact/preference_link.html", context)
    page["Cache-Control"] = "no-store"
    return page
