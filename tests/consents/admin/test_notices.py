"""Notices as staff see them: added for good, read, named when a consent is recorded."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from consents import sealing
from consents.models import ConsentEvent, Notice, StaffAction
from tests.consents.factories import (
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
)

pytestmark = pytest.mark.django_db
LIST, ADD = "admin:consents_notice_changelist", "admin:consents_notice_add"
TEXT = "Ja, skicka <b>erbjudanden</b>\nVarje vecka"


def page_of(row, name="change"):
    return reverse(f"admin:consents_{row._meta.model_name}_{name}", args=[row.pk])


def text_of(answer):
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def add(desk, sender):
    def sent(client=desk, **fields):
        filled_in = {"sender": str(sender.pk), "key": "banner", "version": "2026-03"}
        filled_in |= {"language": "sv", "text": TEXT.replace("\n", "\r\n")}
        return client.post(reverse(ADD), {**filled_in, **fields})

    return sent


def test_a_version_is_added_to_the_letter_and_the_trail_says_by_whom(add, officer):
    answer = add(valid_from="2026-03-01T00:00")
    notice = Notice.objects.get()
    assert answer["Location"] == reverse(LIST)
    assert (notice.key, notice.version, notice.language) == ("banner", "2026-03", "sv")
    assert notice.text == TEXT
    assert notice.valid_from.isoformat() == "2026-03-01T00:00:00+00:00"
    done = StaffAction.objects.get(model="consents.Notice")
    assert (done.actor, done.deed, done.object_id) == (
        f"staff:{officer.pk}",
        "added",
        str(notice.pk),
    )


def test_its_page_shows_text_since_when_and_hash_and_nothing_to_change_them(add, desk):
    add(valid_from="2026-03-01T00:00")
    notice = Notice.objects.get()
    shown = text_of(desk.get(page_of(notice)))
    assert "Ja, skicka &lt;b&gt;erbjudanden&lt;/b&gt;\nVarje vecka" in shown
    assert "1 March 2026, 00:00 UTC" in shown
    assert notice.digest in shown
    assert "<textarea" not in shown
    assert notice.digest[:12] in text_of(desk.get(reverse(LIST)))


def test_not_even_a_superuser_changes_or_deletes_one(add, desk):
    add()
    notice = Notice.objects.get()
    assert desk.post(page_of(notice), {"text": "Other"}).status_code == 403
    assert desk.post(page_of(notice, "delete"), {"post": "yes"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [str(notice.pk)], "post": "yes"}
    desk.post(reverse(LIST), form)
    assert Notice.objects.get().text == TEXT


def test_the_same_once_more_is_no_error_and_leaves_no_trace(add):
    assert add().status_code == add().status_code == 302
    assert Notice.objects.count() == 1
    assert StaffAction.objects.filter(model="consents.Notice").count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"key": "no key"}, "key"),
        ({"key": ""}, "key"),
        ({"version": "v\0"}, "version"),
        ({"language": "svenska!"}, "language"),
        ({"text": " \n"}, "text"),
        ({"text": "x" * 50_001}, "text"),
        ({"valid_from": "soon"}, "valid_from"),
        ({"sender": "nobody"}, "sender"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(add, fields, field):
    answer = add(**fields)
    assert list(answer.context["form"].errors) == [field]
    assert not Notice.objects.exists()


def test_another_text_of_a_version_is_refused_at_its_text(add):
    add()
    answer = add(text="Annat")
    assert "a new text is a new version" in str(answer.context["form"].errors["text"])
    assert Notice.objects.get().text == TEXT


# --- recording what somebody said


def test_a_notice_is_chosen_instead_of_typing_its_wording(desk, submit):
    notice = NoticeFactory()
    submit(desk, notice=str(notice.pk), medium="paper")
    evidence = ConsentEvent.objects.get().detail.evidence
    assert evidence == {
        "notice": {
            "key": "banner",
            "version": "1",
            "language": "en",
            "sha256": notice.digest,
        },
        "medium": "paper",
    }


def test_of_a_contact_only_its_senders_notices_are_offered(desk, submit):
    contact = ContactFactory()
    OptInFactory(contact=contact)
    foreign = NoticeFactory(sender=SenderFactory(name="Other brand"))
    NoticeFactory()
    url = f"{reverse('admin:consents_consentevent_add')}?contact={contact.pk}"
    shown = text_of(desk.get(url))
    assert "Default: banner, version 1, en" in shown
    assert "Other brand" not in shown
    answer = submit(desk, contact, notice=str(foreign.pk))
    assert list(answer.context["form"].errors) == ["notice"]


def test_the_notice_of_another_sender_is_refused_at_its_field(desk, submit):
    foreign = NoticeFactory(sender=SenderFactory())
    answer = submit(desk, notice=str(foreign.pk))
    assert "There is no such notice" in str(answer.context["form"].errors["notice"])
    assert not ConsentEvent.objects.exists()
    NoticeFactory(text="The same name, another text")
    answer = submit(desk, notice=str(foreign.pk))
    assert "another text" in str(answer.context["form"].errors["notice"])


# --- where it is shown


@pytest.fixture
def event(sender):
    NoticeFactory(text=TEXT)
    return OptInFactory(evidence={"notice": "banner"})


def test_an_entry_shows_the_text_and_leads_to_the_notice(desk, event):
    shown = text_of(desk.get(page_of(event)))
    assert page_of(Notice.objects.get()) in shown
    assert "Ja, skicka &lt;b&gt;erbjudanden&lt;/b&gt;" in shown


def test_an_entry_whose_notice_nobody_knows_shows_what_was_claimed(desk, event):
    stopped = OptOutFactory(evidence={"notice": "no-such"})
    shown = text_of(desk.get(page_of(stopped)))
    assert "unresolved" in shown
    assert page_of(Notice.objects.get()) not in shown


def test_a_contacts_timeline_names_it_and_leads_to_it(desk, event):
    OptInFactory()
    shown = text_of(desk.get(page_of(event.identity.contact)))
    assert shown.count(f'href="{page_of(Notice.objects.get())}"') == 1
    assert "banner, version 1, en" in shown


def test_the_printed_receipt_shows_it(desk, event):
    list(sealing.seal())
    shown = text_of(desk.get(page_of(event, "receipt")))
    assert "Ja, skicka &lt;b&gt;erbjudanden&lt;/b&gt;" in shown
    assert "banner, version 1, language en" in shown
    assert Notice.objects.get().digest in shown


def test_the_proof_has_its_text(desk, event):
    list(sealing.seal())
    proof = json.loads(text_of(desk.get(page_of(event, "proof"))))
    assert proof["notice"]["text"] == TEXT


def test_the_printed_file_of_a_person_shows_it(desk, event):
    contact = event.identity.contact
    shown = text_of(desk.post(page_of(contact, "disclose")))
    assert "Ja, skicka &lt;b&gt;erbjudanden&lt;/b&gt;" in shown
