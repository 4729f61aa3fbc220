"""Who may open and do what: every page and action of the admin, for each group of staff.

The pages are taken from the admin itself: one that is not in the table fails here.
"""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.exceptions import PermissionDenied
from django.core.management.sql import emit_post_migrate_signal
from django.test import RequestFactory
from django.urls import resolve, reverse

from config.groups import ADMINISTRATOR, AGENT, GROUPS, OFFICER, VIEWER, may

pytestmark = pytest.mark.django_db
NOBODY = "nobody, whatever their group"

# The first of the groups that may open each page, send its form or choose the action in the list.
READ_ONLY = {"changelist": VIEWER, "change": VIEWER, "history": VIEWER} | {
    "add": NOBODY,
    "save": NOBODY,
    "delete": NOBODY,
}
LOOKED_AFTER_BY_ADMINISTRATORS = {**READ_ONLY, "add": ADMINISTRATOR, "save": ADMINISTRATOR}
RULES_OF_OFFICERS = {**READ_ONLY, "add": OFFICER, "save": OFFICER, "delete": OFFICER}
TABLE = {
    "auth.Group": dict.fromkeys(READ_ONLY, ADMINISTRATOR)
    | {"list: delete_selected": ADMINISTRATOR},
    "auth.User": dict.fromkeys(READ_ONLY, ADMINISTRATOR)
    | {"delete": NOBODY, "password_change": ADMINISTRATOR},
    "consents.ApiKey": {
        **LOOKED_AFTER_BY_ADMINISTRATORS,
        "revoke": ADMINISTRATOR,
        "list: revoke_selected": ADMINISTRATOR,
    },
    "consents.ConsentEvent": {
        **READ_ONLY,
        "add": AGENT,
        "record_consent": AGENT,
        "attach_file": AGENT,
        "void_entry": OFFICER,
        "proof": VIEWER,
        "receipt": VIEWER,
        "export": OFFICER,
    },
    "consents.Contact": {
        **READ_ONLY,
        "add": AGENT,
        "save": AGENT,
        "record_consent": AGENT,
        "record_for_somebody_new": AGENT,
        "preference_link": AGENT,
        "tell_providers": AGENT,
        "move_address": OFFICER,
        "export": OFFICER,
        "disclose": OFFICER,
        "erase": OFFICER,
    },
    "consents.EvidenceFile": {
        **READ_ONLY,
        **dict.fromkeys(("changelist", "change", "history"), AGENT),
        "download": AGENT,
    },
    "consents.ImportRun": {
        **READ_ONLY,
        "add": OFFICER,
        "take_in": OFFICER,
        "void_import": OFFICER,
    },
    "consents.Keyword": {**RULES_OF_OFFICERS, "list: delete_selected": OFFICER}
    | {"try_message": VIEWER},
    "consents.LegalHold": {**READ_ONLY, "add": OFFICER, "lift": OFFICER},
    "consents.Notice": {**READ_ONLY, "add": OFFICER},
    "consents.Purpose": {**RULES_OF_OFFICERS, "delete": NOBODY},  # those that are built in
    "consents.RetentionRule": {**RULES_OF_OFFICERS, "list: delete_selected": OFFICER},
    "consents.ReviewItem": {
        **READ_ONLY,
        "release": AGENT,
        "record_opt_out": AGENT,
        "found": AGENT,
        "assign": AGENT,
        "add_revocation": AGENT,
        "list: assign_to_me": AGENT,
        "leave": AGENT,
    },
    "consents.Seal": READ_ONLY,
    "consents.Sender": {
        **LOOKED_AFTER_BY_ADMINISTRATORS,
        "delete": ADMINISTRATOR,
        "list: delete_selected": ADMINISTRATOR,
    },
    "consents.StaffAction": {
        **READ_ONLY,
        **dict.fromkeys(("changelist", "change", "history"), OFFICER),
    },
    "providers.Drift": {**READ_ONLY, "record": AGENT, "tell_again": AGENT},
    "providers.ProviderAccount": {
        **LOOKED_AFTER_BY_ADMINISTRATORS,
        "delete": ADMINISTRATOR,
        "list: delete_selected": ADMINISTRATOR,
        "try_out": ADMINISTRATOR,
        "hold": ADMINISTRATOR,
        "release": ADMINISTRATOR,
        "compare": ADMINISTRATOR,
    },
    "providers.ProviderCallback": {
        **READ_ONLY,
        "apply_again": AGENT,
        "list: apply_selected": AGENT,
    },
    "providers.ProviderSync": {**READ_ONLY, "retry": AGENT, "list: retry_selected": AGENT},
    "providers.WebhookDelivery": {**READ_ONLY, "list: redeliver_selected": ADMINISTRATOR},
    "providers.WebhookEndpoint": {
        **LOOKED_AFTER_BY_ADMINISTRATORS,
        "delete": ADMINISTRATOR,
        "list: delete_selected": ADMINISTRATOR,
        "try_out": ADMINISTRATOR,
        "resume": ADMINISTRATOR,
        "redeliver": ADMINISTRATOR,
        "replace_secret": ADMINISTRATOR,
    },
}
EVERYBODY = {"anonymous": AnonymousUser, "of no group": lambda: staff_of()}
EVERYBODY |= {name: lambda name=name: staff_of(name) for name in GROUPS}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def staff_of(*groups):
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def pages(model_admin):
    """The admin's pages of this model by name: their URL patterns.

    Those of a file being imported, which is no row of the model, are tried in `test_imports`.
    """
    prefix = f"{model_admin.opts.app_label}_{model_admin.opts.model_name}_"
    patterns = flatten([model_admin.get_urls()])
    of_a_file = [f"consents_importrun_{step}" for step in ("file", "record", "cancel", "sheet")]
    named = [one for one in patterns if one.name and one.name not in of_a_file]
    return {one.name.removeprefix(prefix): one for one in named}


def address(pattern, row):
    takes_row = bool(pattern.pattern.converters)
    return reverse(f"admin:{pattern.name}", args=[row.pk] if takes_row else [])


def answer(user, url, method="get"):
    """What the page answers, not rendered; None where it refuses."""
    request = getattr(RequestFactory(), method)(url)
    request.user, request._messages = user, CookieStorage(request)
    request._dont_enforce_csrf_checks = True
    found = resolve(url)
    try:
        answered = found.func(request, *found.args, **found.kwargs)
    except PermissionDenied:
        return None
    is_login = answered.status_code == 302 and "/login/" in answered["Location"]
    return None if is_login or answered.status_code == 403 else answered


def allowed(user, model_admin, row):
    """All that this user may open and do."""
    opened = pages(model_admin)
    answers = {name: answer(user, address(one, row)) for name, one in opened.items()}
    names = {name for name, answered in answers.items() if answered}
    if answer(user, address(opened["change"], row), "post"):
        names.add("save")
    if answers["changelist"] and (form := answers["changelist"].context_data["action_form"]):
        offered = dict(form.fields["action"].choices)
        names |= {f"list: {name}" for name in offered if name}
    return names


def named(model_admin, user):
    """All that there is to open or do, by the names of the table."""
    request = RequestFactory().get("/")
    request.user = user
    actions = {f"list: {name}" for name in model_admin.get_actions(request)}
    return {*pages(model_admin), "save", *actions}


def test_the_table_names_every_page_and_action(officer):
    known = {model._meta.label: named(admin.site._registry[model], officer) for model in MODELS}
    assert known == {label: set(rows) for label, rows in TABLE.items()}


@pytest.mark.parametrize("who", EVERYBODY)
def test_each_may_open_and_do_what_the_table_says(who, one_of_each):
    user = EVERYBODY[who]()
    groups = GROUPS[: GROUPS.index(who) + 1] if who in GROUPS else ()
    for model in MODELS:
        rows = TABLE[model._meta.label].items()
        expected = {name for name, first in rows if first in groups}
        found = allowed(user, admin.site._registry[model], model.objects.last())
        assert found == expected, model


def codenames(group):
    permissions = Group.objects.get(name=group).permissions.select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in permissions}


def migrated():
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default", apps=apps)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_has_what_it_may_from_the_start(group):
    assert codenames(group) == set(may(group))


def test_what_staff_changed_in_a_group_stays(sender):
    agents = Group.objects.get(name=AGENT)
    agents.permissions.remove(Permission.objects.get(codename="change_reviewitem"))
    agents.permissions.add(Permission.objects.get(codename="add_keyword"))
    changed = codenames(AGENT)
    migrated()
    assert codenames(AGENT) == changed


def test_a_permission_that_is_new_is_given_to_whom_it_belongs(sender):
    Permission.objects.get(codename="void_consentevent").delete()
    migrated()
    assert "consents.void_consentevent" in codenames(OFFICER)
    assert "consents.void_consentevent" not in codenames(AGENT)


@pytest.fixture
def administrator(client):
    user = staff_of(ADMINISTRATOR)
    client.force_login(user)
    return client


def test_an_administrator_makes_nobody_a_superuser(administrator):
    somebody = User.objects.create_user("else")
    url = reverse("admin:auth_user_change", args=[somebody.pk])
    form = {"username": "else", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    permission = Permission.objects.get(codename="delete_logentry")
    answered = administrator.post(url, {**form, **dates, "user_permissions": [permission.pk]})
    assert answered.status_code == 302
    somebody.refresh_from_db()
    assert (somebody.is_staff, somebody.is_superuser) == (True, False)
    assert not somebody.user_permissions.exists()


@pytest.mark.parametrize("page", ["auth_user_change", "auth_user_password_change"])
def test_an_administrator_takes_over_no_superusers_account(administrator, officer, page):
    url = reverse(f"admin:{page}", args=[officer.pk])
    form = {"password1": "a-new-password-1", "password2": "a-new-password-1"}
    assert administrator.post(url, form).status_code == 403
