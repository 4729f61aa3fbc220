"""What the accounts are owed: found, explained and sent again."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consents import ledger
from providers.models import ProviderSync, SyncAttempt

pytestmark = pytest.mark.django_db
LIST = "admin:providers_providersync_changelist"


def record(action, **fields):
    fields = {"channel": "WHATSAPP", "identity": "46732001122", "source": "WEB", **fields}
    return ledger.record("default", action=action, **fields).event


def told_again(desk, event):
    page = reverse("admin:consents_contact_tell_providers", args=[event.identity.contact_id])
    assert desk.get(page).status_code == 200
    return desk.post(page, follow=True).content.decode()


def test_all_that_serve_a_person_are_told_again_from_their_page(desk, account):
    event = record("opt_in")
    record("opt_in", channel="SMS")
    ProviderSync.objects.update(status="succeeded", ended_at=timezone.now())
    assert "1 change will go out at once." in told_again(desk, event)
    kinds = ProviderSync.objects.order_by("seq").values_list("kind", "status")
    assert list(kinds) == [("opt_in", "succeeded"), ("opt_in", "pending")]


def test_of_whom_nothing_is_known_nobody_is_told_anything(desk, account):
    event = record("opt_out", channel="SMS")
    assert "0 changes will go out at once." in told_again(desk, event)


@pytest.fixture
def failed(account):
    """An opt-in that the provider rejected."""
    record("opt_in")
    sync = ProviderSync.objects.get()
    sync.status, sync.reason, sync.code = "failed", "rejected", "40001"
    sync.text, sync.ended_at = "<b>Invalid</b> number", timezone.now()
    sync.save()
    SyncAttempt.objects.create(
        sync=sync,
        call=uuid4(),
        started_at=timezone.now(),
        elapsed_ms=12,
        status_code=400,
        result="rejected",
        code="40001",
        text="Invalid number",
        trace=[{"request": "467******22 <script>alert(1)</script>"}],
    )
    return sync


def url(sync, name="change"):
    return reverse(f"admin:providers_providersync_{name}", args=[sync.pk])


def found(desk, **query):
    return set(desk.get(reverse(LIST), query).context["cl"].result_list)


def test_a_row_explains_why_it_failed(desk, failed):
    text = desk.get(url(failed)).content.decode()
    assert "The provider rejected it" in text
    assert "40001 &lt;b&gt;Invalid&lt;/b&gt; number" in text
    assert "HTTP 400, 12 ms" in text
    assert "467******22 &lt;script&gt;" in text


def test_rows_are_found_by_number_status_reason_and_account(desk, failed, account):
    record("opt_in", identity="46732002244")
    assert found(desk, q="+46 73-200 11 22") == {failed}
    assert found(desk, status="failed") == {failed}
    assert found(desk, reason="rejected") == {failed}
    assert found(desk, reason="gave_up") == set()
    assert len(found(desk, account__id__exact=account.pk, kind__exact="opt_in")) == 2


def test_a_row_is_told_again_with_what_holds_now(desk, failed):
    assert desk.get(url(failed, "retry")).status_code == 200
    assert ProviderSync.objects.count() == 1
    desk.post(url(failed, "retry"))
    failed.refresh_from_db()
    assert failed.status == "failed"
    assert ProviderSync.objects.filter(status="pending", kind="opt_in").count() == 1


def test_rows_are_told_again_from_the_list(desk, failed):
    chosen = {"action": "retry_selected", "_selected_action": [str(failed.pk)]}
    desk.post(reverse(LIST), chosen)
    desk.post(reverse(LIST), chosen)
    assert ProviderSync.objects.filter(status="pending").count() == 1


def test_whoever_may_only_look_cannot_have_it_told_again(failed):
    user = User.objects.create_user("onlooker", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_providersync"))
    client = Client()
    client.force_login(user)
    assert client.get(url(failed)).status_code == 200
    assert "HTTP 400" in client.get(url(failed)).content.decode()
    assert client.post(url(failed, "retry")).status_code == 403
    client.post(reverse(LIST), {"action": "retry_selected", "_selected_action": [str(failed.pk)]})
    assert ProviderSync.objects.count() == 1


def test_a_row_can_be_neither_changed_nor_deleted(desk, failed):
    assert desk.post(url(failed), {"status": "succeeded"}).status_code == 403
    assert desk.post(url(failed, "delete"), {"post": "yes"}).status_code == 403
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_a_contacts_timeline_shows_what_providers_were_told(desk, failed):
    page = reverse("admin:consents_contact_change", args=[failed.identity.contact_id])
    text = desk.get(page).content.decode()
    assert "The opt-in did not reach Pepipost" in text
    assert "Rejected: 40001 &lt;b&gt;Invalid&lt;/b&gt; number" in text
    assert url(failed) in text


def test_the_newest_calls_alone_stand_on_the_timeline(desk, failed):
    for _ in range(8):
        SyncAttempt.objects.create(
            sync=failed, call=uuid4(), started_at=timezone.now(), elapsed_ms=77, result="retry"
        )
    page = reverse("admin:consents_contact_change", args=[failed.identity.contact_id])
    assert desk.get(page).content.decode().count("77 ms") == 5
