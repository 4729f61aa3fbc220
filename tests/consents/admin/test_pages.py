"""Every page of the admin opens, for those who may see it, and asks the database for little."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consents.admin import tables
from consents.admin.tables import BoundedPaginator
from consents.models import ConsentEvent, Contact, ReviewItem
from providers.models import ProviderSync
from tests.consents.factories import MessageFactory, OptInFactory, OptOutFactory, swedish_number

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
BIG_TABLES = [Contact, ConsentEvent, ProviderSync, ReviewItem]


def page(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_page_opens_for_a_superuser(model, desk, one_of_each):
    row = model.objects.first()
    assert desk.get(page(model, "changelist")).status_code == 200
    assert desk.get(page(model, "change", row.pk)).status_code == 200
    assert desk.get(page(model, "history", row.pk)).status_code == 200
    can_add = admin.site._registry[model].has_add_permission(
        desk.get(page(model, "changelist")).wsgi_request
    )
    assert desk.get(page(model, "add")).status_code == (200 if can_add else 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_search_for_nonsense_opens_too(model, desk, one_of_each):
    for nonsense in ("%00", "'\"<script>", "+46%2073-200%2011%2022", "x" * 600, "%F0%9F%92%A9"):
        assert desk.get(f"{page(model, 'changelist')}?q={nonsense}").status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_whoever_is_not_logged_in_sees_the_login(model, client, one_of_each):
    answer = client.get(page(model, "changelist"))
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_a_login_without_a_goal_ends_on_the_first_page(client, officer):
    officer.set_password("a-long-password")
    officer.save()
    form = {"username": officer.username, "password": "a-long-password"}
    answer = client.post(reverse("admin:login"), form)
    assert answer["Location"] == reverse("admin:index")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_staff_without_permissions_are_refused(model, desk_with, one_of_each):
    nobody = desk_with()
    row = model.objects.first()
    assert nobody.get(page(model, "changelist")).status_code == 403
    assert nobody.get(page(model, "change", row.pk)).status_code == 403


@pytest.mark.parametrize("model", BIG_TABLES, ids=lambda model: model.__name__)
def test_no_list_of_a_big_table_counts_it_whole(
    model, desk, one_of_each, django_assert_max_num_queries
):
    with django_assert_max_num_queries(25) as queries:
        desk.get(page(model, "changelist"))
    counting = [one["sql"] for one in queries.captured_queries if "COUNT(*)" in (one["sql"] or "")]
    assert counting
    assert all("LIMIT" in sql for sql in counting)


@pytest.mark.parametrize("model", BIG_TABLES, ids=lambda model: model.__name__)
def test_nobody_can_have_the_filters_counted(model, desk, one_of_each):
    with CaptureQueriesContext(connection) as queries:
        desk.get(page(model, "changelist"), {"_facets": "True"})
    counting = [one["sql"] for one in queries if "COUNT(*)" in (one["sql"] or "")]
    assert all("LIMIT" in sql for sql in counting)


def test_a_list_says_that_there_is_more_than_it_counted(desk, one_of_each, monkeypatch):
    monkeypatch.setattr(tables, "COUNTED", 1)
    OptOutFactory()
    text = desk.get(page(ConsentEvent, "changelist")).content.decode()
    assert "1+" in text


def test_pages_beyond_what_was_counted_can_be_turned_to(sender, monkeypatch):
    monkeypatch.setattr(tables, "COUNTED", 2)
    for _ in range(7):
        OptInFactory()
    paginator = BoundedPaginator(ConsentEvent.objects.all(), per_page=1)
    assert (paginator.count, paginator.count_in_words) == (3, "2+")
    paginator = BoundedPaginator(ConsentEvent.objects.all(), per_page=1)
    paginator.page_asked_for = 5
    assert (paginator.count, paginator.count_in_words) == (7, "6+")


@pytest.mark.parametrize("model", BIG_TABLES, ids=lambda model: model.__name__)
def test_more_rows_make_no_more_queries(model, desk, one_of_each):
    with CaptureQueriesContext(connection) as few:
        desk.get(page(model, "changelist"))
    for index in range(5):
        MessageFactory(identity=swedish_number(index), text="I said stop calling")
        OptInFactory(identity=swedish_number(index))
    with CaptureQueriesContext(connection) as many:
        desk.get(page(model, "changelist"))
    assert len(many) == len(few)


@pytest.mark.parametrize("model", BIG_TABLES, ids=lambda model: model.__name__)
def test_nothing_that_speaks_of_people_can_be_deleted(model, desk, one_of_each):
    row = model.objects.first()
    assert desk.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()
