"""Database errors keep what a program needs and lose what quotes a row."""

import logging
import traceback

import pytest
from django.contrib.auth.models import User
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from consents.models import ApiKey, Sender

NUMBER = "46732001122"


def everything_shown(error: BaseException) -> str:
    """All a log or an error page could print of it."""
    return "".join(traceback.format_exception(error)) + repr(vars(error))


def caught(action, kind):
    with pytest.raises(kind) as info, transaction.atomic():
        action()
    return info.value


@pytest.mark.django_db
def test_a_broken_uniqueness_names_the_constraint_but_not_the_row():
    User.objects.create(username=NUMBER)
    error = caught(lambda: User.objects.create(username=NUMBER), IntegrityError)
    assert (error.sqlstate, error.constraint_name) == ("23505", "auth_user_username_key")
    assert NUMBER not in everything_shown(error)


@pytest.mark.django_db
def test_nothing_leads_back_to_the_drivers_error():
    User.objects.create(username=NUMBER)
    error = caught(lambda: User.objects.create(username=NUMBER), IntegrityError)
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.django_db
def test_a_value_that_is_no_number_is_not_quoted():
    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::int", [f"x{NUMBER}"])

    error = caught(ask, DataError)
    assert error.sqlstate == "22P02"
    assert NUMBER not in everything_shown(error).replace(f'[f"x{NUMBER}"]', "")


@pytest.mark.django_db
def test_copy_fails_with_a_clean_error_too():
    def copy():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE stage (id int)")
            with cursor.copy("COPY stage FROM STDIN") as rows:
                rows.write(f"x{NUMBER}\n")

    error = caught(copy, DataError)
    assert error.sqlstate == "22P02"
    assert NUMBER not in str(error)
    assert error.__context__ is None


@pytest.mark.django_db(transaction=True)
def test_a_constraint_checked_at_commit_fails_with_a_clean_error():
    key, _ = ApiKey.issue("test", ["read"])
    key.save()
    with pytest.raises(IntegrityError) as info, transaction.atomic():
        ApiKey.senders.through.objects.create(
            apikey_id=key.id, sender_id="01890000-0000-7000-8000-046732001122"
        )
    assert info.value.sqlstate == "23503"
    assert info.value.constraint_name.startswith("consents_apikey_send")
    assert NUMBER not in str(info.value)
    assert not Sender.objects.exists()


@pytest.mark.django_db
def test_a_server_that_cannot_be_reached_is_still_explained():
    from config.postgres.base import DatabaseWrapper

    settings = connection.settings_dict | {"HOST": "/nowhere", "OPTIONS": {}}
    elsewhere = DatabaseWrapper(settings, alias="elsewhere")
    error = caught(elsewhere.ensure_connection, OperationalError)
    assert "/nowhere" in str(error)
    assert error.sqlstate is None


@pytest.mark.django_db
def test_a_log_of_the_failure_holds_no_row(caplog):
    User.objects.create(username=NUMBER)
    try:
        with transaction.atomic():
            User.objects.create(username=NUMBER)
    except IntegrityError:
        logging.getLogger("anything").exception("failed")
    assert "auth_user_username_key" in caplog.text
    assert NUMBER not in caplog.text
