"""The groups of staff that are there from the start, and what each may do.

What is given is decided once: a group gets what it may when it is made, and of what comes later
each permission when that is new. What staff take away or add afterwards stays as they left it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.db import transaction
from django.db.models.signals import post_migrate

VIEWER, AGENT, OFFICER, ADMINISTRATOR = GROUPS = ("Viewer", "Agent", "Officer", "Administrator")

_PEOPLE: Final = (
    *("contact", "consentevent", "seal", "importrun", "reviewitem"),
    *("purpose", "keyword", "notice", "sender", "apikey", "retentionrule", "legalhold"),
)
_PROVIDERS: Final = (
    *("provideraccount", "providersync", "providercallback", "drift"),
    *("webhookendpoint", "webhookdelivery"),
)

# What each may do besides what the one before it may, as `application.verb_model`.
ADDED: Final = {
    VIEWER: (
        *(f"consents.view_{model}" for model in _PEOPLE),
        *(f"providers.view_{model}" for model in _PROVIDERS),
    ),
    AGENT: (
        *("consents.add_contact", "consents.change_contact"),
        *("consents.add_consentevent", "consents.change_reviewitem"),
        "consents.view_evidencefile",
        *("providers.change_providersync", "providers.change_drift"),
        "providers.change_providercallback",
    ),
    OFFICER: (
        *("consents.void_consentevent", "consents.void_importrun", "consents.view_staffaction"),
        *("consents.move_channelidentity", "consents.add_importrun", "consents.export_contact"),
        *("consents.disclose_contact", "consents.erase_contact"),
        *("consents.add_legalhold", "consents.change_legalhold"),
        *(f"consents.{verb}_retentionrule" for verb in ("add", "change", "delete")),
        *(f"consents.{verb}_purpose" for verb in ("add", "change", "delete")),
        *(f"consents.{verb}_keyword" for verb in ("add", "change", "delete")),
        "consents.add_notice",
    ),
    ADMINISTRATOR: (
        *("consents.add_sender", "consents.change_sender", "consents.delete_sender"),
        *("consents.add_apikey", "consents.change_apikey"),
        *(f"providers.{verb}_provideraccount" for verb in ("add", "change", "delete")),
        *(f"providers.{verb}_webhookendpoint" for verb in ("add", "change", "delete")),
        "providers.change_webhookdelivery",
        *(f"auth.{verb}_{model}" for model in ("user", "group") for verb in ("view", "add")),
        *("auth.change_user", "auth.change_group", "auth.delete_group"),
    ),
}
_APPLICATIONS: Final = sorted({one.partition(".")[0] for given in ADDED.values() for one in given})


def may(group: str) -> Iterator[str]:
    """All that one of GROUPS may do."""
    for one in GROUPS[: GROUPS.index(group) + 1]:
        yield from ADDED[one]


def connect() -> None:
    """Called once, when the applications are ready; before Django's own makers of permissions."""
    post_migrate.connect(_after_migration, dispatch_uid="config.groups")


def _after_migration(using: str, app_config: AppConfig, **kwargs: Any) -> None:
    # Sent once for each application with models: by the first one's turn no permission is new yet.
    first = next(config for config in apps.get_app_configs() if config.models_module)
    if app_config == first:
        ensure(kwargs.get("apps", apps), using)


def ensure(state: Any, using: str) -> None:
    """Make the groups that are missing, and give them all the permissions that are new.

    `state`: the applications as they were migrated to. All or nothing: what is new is known only
    now.
    """
    with transaction.atomic(using=using):
        known = set(_permissions(state, using))
        for label in _APPLICATIONS:
            create_permissions(apps.get_app_config(label), 0, using=using, apps=state)
        permissions = _permissions(state, using)
        for name in GROUPS:
            group, is_new = (
                state.get_model("auth", "Group").objects.using(using).get_or_create(name=name)
            )
            given = [one for one in may(name) if is_new or one not in known]
            group.permissions.add(*(permissions[one] for one in given if one in permissions))


def _permissions(state: Any, using: str) -> dict[str, Any]:
    """Every permission there is, by its name."""
    rows = state.get_model("auth", "Permission").objects.using(using)
    return {
        f"{one.content_type.app_label}.{one.codename}": one
        for one in rows.select_related("content_type")
    }
