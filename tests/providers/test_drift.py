"""A provider's lists read back: what differs is found once, and put right by one click."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from consents.errors import ConsentError
from consents.models import ConsentEvent, ReviewItem
from providers import drift, reading
from providers.errors import AccountError
from providers.models import Drift, ProviderAccount
from providers.worker import Worker
from tests.consents.factories import NUMBER, OTHER_NUMBER, ago, state_of
from tests.providers.factories import (
    AccountFactory,
    british_numbers,
    let_pass,
    opt_in,
    opt_out,
    told,
)
from tests.providers.sandbox_client import APP, CONVERSATION_KEY, PROJECT_PATH, call
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.django_db
SINCH = "sinch_conversation"


@pytest.fixture
def account(sender, sandbox: RunningSandbox) -> ProviderAccount:
    return AccountFactory(sender=sender, kind=SINCH, base_url=sandbox.url)


def listed_at_sinch(sandbox, *numbers):
    sandbox.preload(SINCH, dict.fromkeys(numbers, "opted_out"))


def lines(account):
    return [(one.identity.address, one.list_type, one.listed) for one in drift.compare(account)]


def test_where_both_agree_there_is_no_line(account):
    opt_in(NUMBER)
    opt_out(OTHER_NUMBER)
    Worker().drain()
    assert lines(account) == []


def test_somebody_on_the_list_who_is_opted_in_here_is_a_line(account, sandbox):
    opt_in(occurred_at=ago(days=1))
    Worker().drain()
    listed_at_sinch(sandbox, NUMBER)
    assert lines(account) == [(NUMBER, "OPT_OUT_ALL", True)]


def test_somebody_on_the_list_whom_nobody_here_knows_is_a_line(account, sandbox):
    listed_at_sinch(sandbox, NUMBER)
    assert lines(account) == [(NUMBER, "OPT_OUT_ALL", True)]
    assert state_of() is None


def test_an_opt_out_that_the_provider_took_and_lost_is_a_line(account, sandbox):
    opt_out()
    Worker().drain()
    sandbox.preload(SINCH, {NUMBER: "opted_in"})
    assert lines(account) == [(NUMBER, "OPT_OUT_ALL", False)]


def test_an_opt_out_that_was_not_told_yet_is_no_line(account):
    opt_out()
    assert lines(account) == []


def test_somebody_who_opted_out_of_everything_agrees_with_every_list(account, sandbox):
    opt_out()
    Worker().drain()
    put_on(sandbox, "OPT_OUT_MARKETING", NUMBER)
    assert lines(account) == []


def put_on(sandbox, list_type, number):
    """By the provider's own Batch API, which alone fills the lists of a purpose."""
    record = {"identification": number, "consent_type": list_type}
    content = {"app_id": APP, "consent_records": [record]}
    path = f"{PROJECT_PATH}consents"
    assert call(sandbox.url, "POST", path, content, headers=CONVERSATION_KEY).status == 200


@pytest.mark.parametrize(
    ("list_type", "purpose"),
    [("OPT_OUT_MARKETING", "marketing"), ("OPT_OUT_NOTIFICATION", "utility")],
)
def test_each_list_is_of_its_purpose(account, sandbox, list_type, purpose):
    opt_in(occurred_at=ago(days=1))
    Worker().drain()
    put_on(sandbox, list_type, NUMBER)
    [line] = drift.compare(account)
    assert line.list_type == list_type
    drift.record(line, actor="staff:1")
    assert state_of(purpose=purpose) == "opted_out"
    assert state_of() == "opted_in"


def test_a_long_list_is_read_to_its_end(account, sandbox):
    numbers = list(british_numbers(120))
    listed_at_sinch(sandbox, *numbers)
    assert len(drift.compare(account)) == 120


def test_the_same_line_waits_once_for_a_decision(account, sandbox):
    listed_at_sinch(sandbox, NUMBER)
    assert drift.compare(account) == drift.compare(account)
    assert ReviewItem.objects.filter(kind="drift").count() == 1


def test_recording_it_is_an_event_with_the_providers_answer_as_evidence(account, sandbox):
    opt_in(occurred_at=ago(days=1))
    Worker().drain()
    listed_at_sinch(sandbox, NUMBER)
    [line] = drift.compare(account)
    drift.record(line, actor="staff:1")
    event = ConsentEvent.objects.order_by("seq").last()
    assert (event.action, event.origin, event.actor) == ("opt_out", "provider", "staff:1")
    evidence = event.detail.evidence
    assert evidence["list"] == "OPT_OUT_ALL"
    assert evidence["audit"][-1]["operation"] == "OPERATION_INSERT"
    assert NUMBER not in str(evidence)
    assert state_of() == "opted_out"
    assert ReviewItem.objects.get(kind="drift").decision == drift.RECORDED


def test_the_opt_out_counts_from_the_time_that_the_provider_names(account, sandbox):
    """Who has opted in again since is not opted out by what was on a list before that."""
    listed_at_sinch(sandbox, NUMBER)
    [line] = drift.compare(account)
    [record] = line.answer["audit"]
    opt_in(occurred_at=reading.moment(record["datetime"]) + timedelta(milliseconds=1))
    drift.record(line, actor="staff:1")
    event = ConsentEvent.objects.order_by("seq").last()
    assert event.occurred_at == reading.moment(record["datetime"])
    assert event.outcome == "out_of_order"
    assert state_of() == "opted_in"


def test_a_line_that_the_provider_says_nothing_of_cannot_be_recorded(account, sandbox):
    opt_out()
    Worker().drain()
    sandbox.preload(SINCH, {NUMBER: "opted_in"})
    [line] = drift.compare(account)
    with pytest.raises(ConsentError) as refused:
        drift.record(line, actor="staff:1")
    assert refused.value.code == "not_listed"
    assert line.review.decided_at is None


def test_nothing_is_recorded_of_somebody_erased_meanwhile(account, sandbox):
    listed_at_sinch(sandbox, NUMBER)
    [line] = drift.compare(account)
    line.identity.address = None
    with pytest.raises(ConsentError) as refused:
        drift.record(line, actor="staff:1")
    assert refused.value.code == "erased"
    assert not ConsentEvent.objects.exists()
    assert ReviewItem.objects.get().decided_at is None


def test_a_line_that_comes_back_after_it_was_decided_asks_again(account, sandbox):
    opt_in(occurred_at=ago(days=1))
    Worker().drain()
    for _ in range(2):
        listed_at_sinch(sandbox, NUMBER)
        [line] = drift.compare(account)
        drift.tell_again(line, actor="staff:1")
        Worker().drain()
        assert sandbox.state_of(SINCH, NUMBER) == "opted_in"
    assert Drift.objects.count() == 2


def test_telling_it_again_sends_what_holds_here(account, sandbox):
    opt_out()
    Worker().drain()
    sandbox.preload(SINCH, {NUMBER: "opted_in"})
    [line] = drift.compare(account)
    drift.tell_again(line, actor="staff:1")
    Worker().drain()
    assert sandbox.state_of(SINCH, NUMBER) == "opted_out"
    assert lines(account) == []


def test_a_line_is_decided_once(account, sandbox):
    listed_at_sinch(sandbox, NUMBER)
    [line] = drift.compare(account)
    drift.record(line, actor="staff:1")
    with pytest.raises(ConsentError) as refused:
        drift.record(line, actor="staff:2")
    assert refused.value.code == "already_decided"
    assert ConsentEvent.objects.count() == 1


def test_a_provider_that_does_not_answer_leaves_everything_as_it_is(account, sandbox):
    sandbox.fault(SINCH, "status", status=503, actions=["read"])
    with pytest.raises(AccountError):
        drift.compare(account)
    assert not Drift.objects.exists()


def test_a_provider_without_lists_says_so(sender):
    with pytest.raises(ConsentError) as refused:
        drift.compare(AccountFactory(sender=sender))
    assert refused.value.code == "not_readable"


# --- the command and the page


def command(*words):
    out = StringIO()
    try:
        call_command("compare_provider", *words, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_the_command_prints_a_masked_line_for_each_difference(account, sandbox):
    assert command(account.name) == (0, "differences: 0\n")
    listed_at_sinch(sandbox, NUMBER)
    code, out = command(str(account.id))
    assert code == 1
    assert "OPT_OUT_ALL WHATSAPP 4673•••••22 is on the list and not opted out here" in out
    assert "differences: 1" in out


def test_the_command_says_in_a_sentence_what_is_wrong(account, sandbox):
    with pytest.raises(CommandError, match="no account"):
        command("nobody")
    sandbox.fault(SINCH, "status", status=401, actions=["read"])
    with pytest.raises(CommandError, match="401"):
        command(account.name)


def test_the_page_lists_the_lines_and_corrects_one_by_a_click(account, sandbox, admin_client):
    listed_at_sinch(sandbox, NUMBER)
    [line] = drift.compare(account)
    assert admin_client.get(reverse("admin:providers_drift_changelist")).status_code == 200
    page = admin_client.get(reverse("admin:providers_drift_change", args=[line.pk]))
    path = reverse("admin:providers_drift_record", args=[line.pk])
    assert path in page.content.decode()
    admin_client.get(path)
    assert state_of() is None
    admin_client.post(path)
    assert state_of() == "opted_out"
    page = admin_client.get(reverse("admin:providers_drift_change", args=[line.pk]))
    assert path not in page.content.decode()


def test_the_account_page_compares_when_asked_to(account, sandbox, admin_client):
    listed_at_sinch(sandbox, NUMBER)
    path = reverse("admin:providers_provideraccount_compare", args=[account.pk])
    page = admin_client.get(reverse("admin:providers_provideraccount_change", args=[account.pk]))
    assert path in page.content.decode()
    admin_client.get(path)
    assert not Drift.objects.exists()
    answer = admin_client.post(path, follow=True)
    assert "Differences: 1." in answer.content.decode()
    assert Drift.objects.get().identity.address == NUMBER


def test_the_account_page_says_when_the_provider_does_not_answer(account, sandbox, admin_client):
    sandbox.fault(SINCH, "status", status=503, actions=["read"])
    path = reverse("admin:providers_provideraccount_compare", args=[account.pk])
    assert "The provider did not answer" in admin_client.post(path).content.decode()
    assert not Drift.objects.exists()


# --- registering withdrawn


def test_when_registering_is_withdrawn_opt_outs_go_on_the_list_instead(account, sandbox):
    sandbox.fault(SINCH, "withdrawn")
    opt_out()
    Worker().drain()
    account.refresh_from_db()
    assert account.withdrawn_at is not None
    assert told(account) == [("opt_out", "succeeded")]
    assert sandbox.state_of(SINCH, NUMBER) == "opted_out"


def test_when_registering_is_withdrawn_opt_ins_are_unsupported_and_not_tried_again(
    account, sandbox
):
    sandbox.fault(SINCH, "withdrawn")
    opt_in()
    Worker().drain()
    assert [(row.status, row.reason) for row in account.syncs.all()] == [("failed", "unsupported")]
    calls = len(sandbox.consent_calls(SINCH))
    let_pass(days=1)
    with pytest.raises(SystemExit):  # it needs somebody
        call_command("sweep")
    Worker().drain()
    assert len(sandbox.consent_calls(SINCH)) == calls
    assert account.syncs.count() == 1


def test_staff_see_the_opt_ins_that_cannot_be_told(account, sandbox, admin_client):
    sandbox.fault(SINCH, "withdrawn")
    opt_in()
    Worker().drain()
    page = admin_client.get(
        reverse("admin:providers_providersync_changelist"), {"reason": "unsupported"}
    )
    assert list(page.context["cl"].result_list) == list(account.syncs.all())
    assert "The provider cannot hold this" in page.content.decode()


def test_another_address_or_app_ends_the_withdrawal(account, sandbox):
    from providers import accounts

    ProviderAccount.objects.update(withdrawn_at=ago(days=1))
    account.refresh_from_db()
    accounts.save(account)
    assert ProviderAccount.objects.get().withdrawn_at is not None
    account.external_id = "01HZ0THERAPP0000000000000A"
    accounts.save(account)
    assert ProviderAccount.objects.get().withdrawn_at is None


def test_staff_see_that_registering_is_withdrawn(account, admin_client):
    ProviderAccount.objects.update(withdrawn_at=ago(days=1))
    page = admin_client.get(reverse("admin:providers_provideraccount_changelist"))
    assert "takes no registrations" in page.content.decode()
