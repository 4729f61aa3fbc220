"""The sidebar of the admin: what staff look for, in the order of how often they do."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse_lazy

_SECTIONS: Final = {
    "Desk": (
        ("Contacts", "consents.contact", "group"),
        ("Ledger", "consents.consentevent", "menu_book"),
        ("To be decided", "consents.reviewitem", "fact_check"),
        ("Imports", "consents.importrun", "upload_file"),
    ),
    "Providers": (
        ("Accounts", "providers.provideraccount", "hub"),
        ("Changes to tell", "providers.providersync", "sync"),
        ("Callbacks", "providers.providercallback", "call_received"),
        ("Drift", "providers.drift", "difference"),
    ),
    "Subscribers": (
        ("Endpoints", "providers.webhookendpoint", "webhook"),
        ("Deliveries", "providers.webhookdelivery", "outbox"),
    ),
    "Rules": (
        ("Purposes", "consents.purpose", "label"),
        ("Keywords", "consents.keyword", "chat"),
        ("Notices", "consents.notice", "format_quote"),
        ("Retention", "consents.retentionrule", "auto_delete"),
        ("Legal holds", "consents.legalhold", "gavel"),
    ),
    "Evidence": (
        ("Seals", "consents.seal", "verified"),
        ("Files", "consents.evidencefile", "attach_file"),
        ("Staff actions", "consents.staffaction", "history"),
    ),
    "Setup": (
        ("Senders", "consents.sender", "storefront"),
        ("API keys", "consents.apikey", "key"),
        ("Staff", "auth.user", "badge"),
        ("Groups", "auth.group", "groups"),
    ),
}


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    """As the theme takes them, for whom they are asked: those with something that they may see."""
    home = {"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")}
    shown = {
        title: [_item(*one) for one in items if _may_see(request, one[1])]
        for title, items in _SECTIONS.items()
    }
    return [
        {"items": [home]},
        *(
            {"title": title, "separator": True, "items": items}
            for title, items in shown.items()
            if items
        ),
    ]


def models() -> set[str]:
    """All that the sidebar leads to."""
    return {model for items in _SECTIONS.values() for _, model, _ in items}


def _item(title: str, model: str, icon: str) -> dict[str, Any]:
    name = model.replace(".", "_")
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}_changelist")}


def _may_see(request: HttpRequest, model: str) -> bool:
    application, name = model.split(".")
    rights = (f"{application}.{verb}_{name}" for verb in ("view", "change"))
    return any(request.user.has_perm(right) for right in rights)
