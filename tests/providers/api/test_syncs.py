"""`provider-syncs/`: what is owed to providers, and the retry by hand."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from providers.models import ProviderSync, SyncAttempt
from tests.consents.api.caller import code_of, issue
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    british_number,
)

pytestmark = pytest.mark.django_db


def fail(sync, reason="rejected"):
    ProviderSync.objects.filter(id=sync.id).update(
        status="failed", reason=reason, code="8005", text="Invalid number", attempts=1
    )


def ids(answer):
    assert answer.status_code == 200, answer.json()
    return {row["id"] for row in answer.json()["results"]}


def test_a_row_says_what_is_owed_to_whom(api, make_account):
    account = make_account()
    event = OptInFactory()
    [row] = api.get("provider-syncs/").json()["results"]
    assert row["account"] == {"id": str(account.id), "kind": "pepipost", "name": "shop"}
    assert (row["event"], row["contact"]) == (str(event.id), str(event.identity.contact_id))
    assert (row["identity"], row["kind"], row["status"]) == (NUMBER, "opt_in", "pending")
    assert (row["reason"], row["code"], row["sent_at"]) == (None, None, None)


def test_a_row_by_itself_shows_the_calls_made_for_it(api, make_account):
    make_account()
    OptInFactory()
    sync = ProviderSync.objects.get()
    SyncAttempt.objects.create(
        sync=sync,
        call=uuid4(),
        started_at=datetime(2026, 1, 31, tzinfo=UTC),
        elapsed_ms=12,
        status_code=400,
        result="rejected",
        code="8005",
        trace=[{"status": 400}],
    )
    answer = api.get(f"provider-syncs/{sync.id}/")
    [attempt] = answer.json()["attempts_made"]
    assert (attempt["status_code"], attempt["result"], attempt["text"]) == (400, "rejected", None)
    assert attempt["trace"] == [{"status": 400}]
    assert "a-secret-token" not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ({}, {"failed", "waits", "sms"}),
        ({"identity": f"+{NUMBER}"}, {"failed", "sms"}),
        ({"identity": NUMBER, "channel": "WHATSAPP"}, {"failed"}),
        ({"status": "failed"}, {"failed", "sms"}),
        ({"reason": "gave_up"}, {"sms"}),
        ({"account": "the other's"}, {"sms"}),
        ({"account": str(uuid4())}, set()),
    ],
)
def test_filters_narrow_the_list(api, make_account, query, finds):
    make_account()
    OptInFactory()
    OptInFactory(identity=OTHER_NUMBER)
    failed, waits = ProviderSync.objects.order_by("seq")
    other = make_account("other")
    sms = ProviderSync.objects.create(
        account=other,
        identity=failed.identity,
        kind="opt_in",
        due_at=failed.due_at,
        created_at=failed.created_at,
    )
    if query == {"identity": NUMBER, "channel": "WHATSAPP"}:
        ProviderSync.objects.filter(id=sms.id).update(identity=OptInFactory(channel="SMS").identity)
    fail(failed)
    fail(sms, "gave_up")
    rows = {"failed": failed, "waits": waits, "sms": sms}
    query = {name: str(other.id) if "'" in value else value for name, value in query.items()}
    assert ids(api.get("provider-syncs/", **query)) == {str(rows[name].id) for name in finds}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"status": "lost"}, "unknown_status"),
        ({"reason": "bad_luck"}, "unknown_reason"),
        ({"account": "shop"}, "invalid_account"),
        ({"identity": "\t"}, "invalid_identity"),
        ({"kind": "opt_in"}, "unknown_parameter"),
    ],
)
def test_parameters_that_cannot_be_are_refused(api, query, code):
    assert code_of(api.get("provider-syncs/", **query)) == (400, code)


def test_a_retry_owes_what_holds_now_and_leaves_the_old_row_as_it_is(api, make_account):
    make_account()
    OptInFactory()
    old = ProviderSync.objects.get()
    fail(old)
    answer = api.post(f"provider-syncs/{old.id}/retry/")
    assert answer.status_code == 200
    new = answer.json()
    assert (new["status"], new["kind"], new["id"] == str(old.id)) == ("pending", "opt_in", False)
    old.refresh_from_db()
    assert old.status == "failed"
    OptOutFactory()
    assert api.post(f"provider-syncs/{old.id}/retry/").json()["kind"] == "opt_out"


def test_a_retry_repeated_under_its_key_makes_one_row(api, make_account):
    make_account()
    OptInFactory()
    sync = ProviderSync.objects.get()
    fail(sync)
    first = api.post(f"provider-syncs/{sync.id}/retry/", Idempotency_Key="k1")
    fail(ProviderSync.objects.get(id=first.json()["id"]))
    again = api.post(f"provider-syncs/{sync.id}/retry/", Idempotency_Key="k1")
    assert again.json()["id"] == first.json()["id"]
    assert ProviderSync.objects.count() == 2


def test_a_retry_needs_the_scope(api, make_account):
    make_account()
    OptInFactory()
    path = f"provider-syncs/{ProviderSync.objects.get().id}/retry/"
    assert code_of(issue("read", "record", "check").post(path)) == (403, "scope_missing")


def test_rows_of_another_sender_are_not_there(api, make_account):
    make_account(sender=SenderFactory(key="other"))
    OptInFactory(sender="other")
    sync = ProviderSync.objects.get()
    assert ids(api.get("provider-syncs/")) == set()
    assert code_of(api.get(f"provider-syncs/{sync.id}/")) == (404, "not_found")
    assert code_of(api.post(f"provider-syncs/{sync.id}/retry/")) == (404, "not_found")
    assert ProviderSync.objects.count() == 1


def test_a_long_page_takes_no_more_queries_than_a_short_one(
    api, make_account, django_assert_max_num_queries
):
    make_account()
    for index in range(20):
        OptInFactory(identity=british_number(index))
    for limit in (1, 20):
        with django_assert_max_num_queries(6):
            assert len(api.get("provider-syncs/", limit=limit).json()["results"]) == limit


def test_a_contacts_timeline_shows_what_providers_were_told(api, make_account):
    make_account()
    event = OptInFactory()
    path = f"contacts/{event.identity.contact_id}/timeline/"
    moments = api.get(path).json()["results"]
    assert {moment["kind"] for moment in moments} == {"event", "sync"}
