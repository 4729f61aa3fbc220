"""A write sent twice under one Idempotency-Key is carried out once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connection, connections

from config.cluster import OWNER
from consents import idempotency, ledger
from consents.api import refusals
from consents.api.errors import error_body
from consents.idempotency import Answer, Call, OutcomeUnknown
from consents.models import ApiKey, ConsentEvent, Contact, IdempotencyRecord, InboundMessage
from tests.conftest import CLUSTER
from tests.consents.api.caller import code_of, issue
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import NUMBER, OTHER_NUMBER, ContactFactory, OptInFactory
from tests.consents.parallel import lose_the_connection

MESSAGE = {"channel": "WHATSAPP", "identity": NUMBER, "message_id": "m1", "text": "STOP"}
BULK = {"events": [OPT_IN, {**OPT_IN, "source": ""}, {**OPT_IN, "identity": OTHER_NUMBER}]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("consent-events/", OPT_IN),
        ("consent-events/bulk/", BULK),
        ("inbound-messages/", MESSAGE),
        ("contacts/", {"external_id": "crm-1", "identities": []}),
    ],
)
def test_the_same_request_again_gets_the_first_answer_again(api, path, body, counts):
    first = api.post(path, body, Idempotency_Key="k1")
    after_first = counts()
    again = api.post(path, body, Idempotency_Key="k1")
    assert first.status_code in (200, 201)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert counts() == after_first


@pytest.mark.django_db
def test_the_first_answer_stays_though_its_contact_has_another_name_by_now(api):
    contact = ContactFactory(external_id="crm-7")
    body = {**OPT_IN, "contact": "crm-7"}
    first = api.post("consent-events/", body, Idempotency_Key="k1")
    api.patch(f"contacts/{contact.id}/", {"external_id": "crm-8"})
    assert api.post("consent-events/", body, Idempotency_Key="k1").content == first.content


@pytest.mark.django_db
def test_the_same_key_with_another_body_is_refused(api):
    api.post("consent-events/", OPT_IN, Idempotency_Key="k1")
    answer = api.post("consent-events/", {**OPT_IN, "source": "PAPER"}, Idempotency_Key="k1")
    assert code_of(answer) == (422, "idempotency_key_reused")
    assert ConsentEvent.objects.count() == 1


@pytest.mark.django_db
def test_a_key_belongs_to_one_caller_and_one_address(api):
    api.post("consent-events/", OPT_IN, Idempotency_Key="k1")
    issue().post("consent-events/", OPT_IN, Idempotency_Key="k1")
    api.post("consent-events/bulk/", {"events": [OPT_IN]}, Idempotency_Key="k1")
    assert ConsentEvent.objects.count() == 3


@pytest.mark.django_db
def test_what_failed_may_be_corrected_under_the_same_key(api):
    wrong = api.post("consent-events/", {**OPT_IN, "source": ""}, Idempotency_Key="k1")
    assert wrong.status_code == 400
    assert api.post("consent-events/", OPT_IN, Idempotency_Key="k1").status_code == 201


@pytest.mark.django_db
def test_what_wrote_nothing_is_not_kept(api):
    api.post("consent-events/bulk/", {"events": [{}]}, Idempotency_Key="k1")
    api.post("inbound-messages/", MESSAGE)
    api.post("inbound-messages/", MESSAGE, Idempotency_Key="k2")
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db
def test_what_is_kept_names_nobody(api):
    contact = {"external_id": "crm-1", "display_name": "Ada"}
    api.post("consent-events/", OPT_IN, Idempotency_Key="k1")
    api.post("consent-events/bulk/", BULK, Idempotency_Key="k2")
    api.post("inbound-messages/", MESSAGE, Idempotency_Key="k3")
    api.post("contacts/", contact, Idempotency_Key="k4")
    kept = " ".join(str(record.result) for record in IdempotencyRecord.objects.all())
    assert IdempotencyRecord.objects.count() == 4
    assert not any(word in kept for word in (NUMBER, OTHER_NUMBER, "crm-1", "Ada", "STOP"))


@pytest.mark.django_db
def test_a_change_of_a_contact_is_repeatable_too(api):
    contact = ContactFactory()
    for name in ("Ada", "Bea"):
        api.patch(f"contacts/{contact.id}/", {"display_name": name}, Idempotency_Key=name)
    again = api.patch(f"contacts/{contact.id}/", {"display_name": "Ada"}, Idempotency_Key="Ada")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Contact.objects.get().display_name == "Bea"


def at_once(count, work):
    """Run `work` in that many threads at the same moment, each with a connection of its own."""
    together = threading.Barrier(count)

    def run(index):
        try:
            together.wait(10)
            return work(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["consent-events/", "consent-events/bulk/"])
def test_of_twins_sent_at_once_one_is_carried_out_and_all_get_its_answer(api, path):
    body = OPT_IN if path == "consent-events/" else {"events": [OPT_IN]}
    answers = at_once(6, lambda _: api.post(path, body, Idempotency_Key="twin"))
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].status_code in (200, 201)
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 5
    assert ConsentEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_message_sent_at_once_under_several_keys_counts_once(api):
    answers = at_once(
        4, lambda index: api.post("inbound-messages/", MESSAGE, Idempotency_Key=f"k{index}")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert InboundMessage.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_twin_that_takes_too_long_is_reported(api, as_owner, monkeypatch):
    monkeypatch.setattr(idempotency, "TWIN_WAITS", "50ms")
    key = ApiKey.objects.get()
    twin = Call(key, "POST", "/api/v1/consent-events/", "slow", b"")
    with as_owner.transaction(force_rollback=True):
        as_owner.execute(
            "INSERT INTO consents_idempotencyrecord "
            "(id, api_key_id, method, path, key, body_sha256, status, result, created_at) "
            "VALUES (gen_random_uuid(), %s, %s, %s, %s, '', 0, '{}', now())",
            [key.id, twin.method, twin.path, twin.kept_key],
        )
        answer = api.post("consent-events/", OPT_IN, Idempotency_Key="slow")
    [shown] = refusals.USUAL[409]
    assert code_of(answer) == (409, "idempotency_in_progress")
    assert answer.json() == error_body(shown.code, shown.message, shown.field)
    assert not ConsentEvent.objects.exists()
    assert api.post("consent-events/", OPT_IN, Idempotency_Key="slow").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_waiting_for_a_twin_bounds_no_other_wait(api, as_owner, monkeypatch):
    monkeypatch.setattr(idempotency, "TWIN_WAITS", "50ms")
    OptInFactory()
    holds_lock, is_asked = threading.Event(), threading.Event()

    def hold(name):
        with CLUSTER.connect(OWNER, name) as other, other.transaction(force_rollback=True):
            other.execute("SELECT 1 FROM consents_standing FOR UPDATE")
            holds_lock.set()
            is_asked.wait(10)
            _wait_until_somebody_waits(as_owner)
            as_owner.execute("SELECT pg_sleep(0.2)")

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(hold, connections["default"].settings_dict["NAME"])
        holds_lock.wait(10)
        is_asked.set()
        answer = api.post("consent-events/", OPT_IN, Idempotency_Key="k1")
        holder.result(10)
    assert answer.status_code == 201


def _wait_until_somebody_waits(database: psycopg.Connection) -> None:
    for _ in range(200):
        found = database.execute("SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1").fetchone()
        if found:
            return
        database.execute("SELECT pg_sleep(0.02)")
    raise AssertionError("Nobody ever waited.")


@pytest.mark.django_db(transaction=True)
def test_of_a_connection_lost_while_committing_nobody_knows_the_outcome(sender):
    def work():
        ledger.record(sender, **OPT_IN)
        return Answer(201, {})

    with pytest.raises(OutcomeUnknown):
        idempotency.once(None, work, lambda result: lose_the_connection())
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_of_a_connection_lost_before_it_is_known_that_nothing_was_changed(sender):
    def work():
        lose_the_connection()
        ledger.record(sender, **OPT_IN)
        return Answer(201, {})

    with pytest.raises(OperationalError):
        idempotency.once(None, work, dict)
    connection.close()
    assert not ConsentEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_committed", [True, False])
def test_after_an_unknown_outcome_the_same_key_tells_and_nothing_is_written_twice(
    api, monkeypatch, is_committed
):
    # The connection goes either after COMMIT was carried out, or before it arrived.
    wrapper = type(connections["default"])
    commit = wrapper._commit

    def lose(self):
        if is_committed:
            commit(self)
        lose_the_connection()
        return commit(self)

    with monkeypatch.context() as patch:
        patch.setattr(wrapper, "_commit", lose)
        answer = api.post("consent-events/", OPT_IN, Idempotency_Key="k1")
    connection.close()
    assert code_of(answer) == (503, "outcome_unknown")
    assert answer.headers["Retry-After"]
    again = api.post("consent-events/", OPT_IN, Idempotency_Key="k1")
    assert again.status_code == 201
    assert ("Idempotent-Replayed" in again.headers) is is_committed
    assert ConsentEvent.objects.count() == 1
