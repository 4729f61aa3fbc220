"""What staff do is written down for good: who, when, from where, and whose file it was."""

from __future__ import annotations

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consents.errors import AppendOnly
from consents.models import Contact, StaffAction
from tests.consents.factories import NUMBER, ContactFactory, OptInFactory

pytestmark = pytest.mark.django_db
LIST = "admin:consents_staffaction_changelist"


def change(row):
    return reverse(f"admin:consents_{row._meta.model_name}_change", args=[row.pk])


def test_opening_a_file_is_written_down_once_an_hour(desk, officer):
    contact, other = ContactFactory(), ContactFactory()
    for one in (contact, contact, other):
        desk.get(change(one))
    opened = StaffAction.objects.filter(deed="opened")
    assert {one.contact for one in opened} == {contact.pk, other.pk}
    assert opened.count() == 2
    assert {one.actor for one in opened} == {f"staff:{officer.pk}"}


def test_each_who_opens_a_file_is_written_down(desk, desk_with):
    contact = ContactFactory()
    desk.get(change(contact))
    desk_with("view_contact").get(change(contact))
    assert StaffAction.objects.filter(deed="opened", contact=contact.pk).count() == 2


def test_whoever_is_refused_has_opened_nothing(desk_with):
    contact = ContactFactory()
    assert desk_with("view_consentevent").get(change(contact)).status_code == 403
    assert not StaffAction.objects.filter(deed="opened").exists()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "kept"),
    [
        (0, "198.51.100.7", "203.0.113.9"),
        (1, "192.0.2.1, 198.51.100.7", "198.51.100.7"),
        (1, "nonsense", None),
    ],
)
def test_where_they_sat_is_kept(desk, settings, proxies, forwarded, kept):
    settings.TRUSTED_PROXIES = proxies
    where = {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": forwarded}
    desk.get(change(ContactFactory()), **where)
    assert StaffAction.objects.get(deed="opened").ip == kept


def test_a_login_is_written_down(client, officer):
    officer.set_password("a-long-password")
    officer.save()
    form = {"username": officer.username, "password": "a-long-password"}
    client.post(reverse("admin:login"), form, REMOTE_ADDR="203.0.113.9")
    login = StaffAction.objects.get(deed="logged_in")
    assert (login.actor, login.ip) == (f"staff:{officer.pk}", "203.0.113.9")


def test_the_list_says_who_did_what_with_whose_file(desk, officer):
    contact = OptInFactory().identity.contact
    Contact.objects.filter(pk=contact.pk).update(display_name="Anna Karlsson")
    desk.get(change(contact))
    text = desk.get(reverse(LIST)).content.decode()
    assert officer.username in text
    assert "Opened the file" in text
    assert "Anna Karlsson" in text


def test_the_list_is_searched_by_a_persons_number(desk):
    contact, other = OptInFactory().identity.contact, ContactFactory()
    for one in (contact, other):
        desk.get(change(one))
    found = desk.get(reverse(LIST), {"q": f"+{NUMBER}"}).context["cl"].result_list
    assert [one.contact for one in found] == [contact.pk]


def test_more_rows_make_no_more_queries(desk):
    desk.get(change(ContactFactory()))
    with CaptureQueriesContext(connection) as few:
        desk.get(reverse(LIST))
    for _ in range(5):
        desk.get(change(ContactFactory()))
    with CaptureQueriesContext(connection) as many:
        desk.get(reverse(LIST))
    assert len(many) == len(few)


def test_only_who_may_see_the_trail_is_led_to_it(desk, desk_with):
    contact = ContactFactory()
    assert "Who opened this file" in desk.get(change(contact)).content.decode()
    agent = desk_with("view_contact")
    assert "Who opened this file" not in agent.get(change(contact)).content.decode()


def test_the_history_of_a_row_names_who_changed_it(desk, officer):
    contact = ContactFactory()
    form = {"display_name": "Anna", "external_id": contact.external_id, "language": ""}
    desk.post(change(contact), form)
    url = reverse("admin:consents_contact_history", args=[contact.pk])
    text = desk.get(url).content.decode()
    assert "Changed Display name." in text
    assert officer.username in text


def test_an_action_can_be_neither_changed_nor_deleted(desk):
    desk.get(change(ContactFactory()))
    action = StaffAction.objects.get(deed="opened")
    for refused in (
        action.save,
        action.delete,
        StaffAction.objects.all().delete,
        lambda: StaffAction.objects.update(text="nothing"),
    ):
        with pytest.raises(AppendOnly):
            refused()


@pytest.mark.parametrize("statement", ["UPDATE {} SET text = ''", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_applications_role_may_not_change_the_trail(statement):
    with (
        pytest.raises(ProgrammingError) as info,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("consents_staffaction"))
    assert info.value.sqlstate == "42501"


@pytest.mark.django_db(transaction=True)
def test_the_trails_own_trigger_refuses_even_its_owner(as_owner):
    with pytest.raises(psycopg.errors.RestrictViolation):
        as_owner.execute("DELETE FROM consents_staffaction")
