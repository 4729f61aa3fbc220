"""Files as staff hand them in, look at them, and take them out again."""

from __future__ import annotations

from hashlib import sha256

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from config.groups import AGENT, VIEWER
from consents import attachments, erasure, legal_holds, retention, revocations
from consents.models import ConsentEvent, EvidenceFile, Purpose, ReviewItem, StaffAction
from consents.vocabulary import Channel, Medium
from tests.consents.attaching import LETTER, attachment
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    ago,
    state_of,
)

pytestmark = pytest.mark.django_db

HASH = sha256(LETTER).hexdigest()
REVOKE = "admin:consents_reviewitem_add_revocation"
NONSENSE = b"PK\x03\x04 no file of ours"


def upload(content=LETTER, name="letter.pdf"):
    return SimpleUploadedFile(name, content, "application/octet-stream")


def page(row, name="change"):
    return reverse(f"admin:consents_{row._meta.model_name}_{name}", args=[row.pk])


def text_of(client, row, name="change"):
    return client.get(page(row, name)).content.decode()


def errors(answer):
    return answer.context["form"].errors


def said(client, answer):
    """What the page says after a form was carried out."""
    assert answer.status_code == 302
    return client.get(answer["Location"]).content.decode()


@pytest.fixture
def someone():
    """The browser of somebody of a group."""

    def made(group):
        user = User.objects.create_user(group, is_staff=True)
        user.groups.set([Group.objects.get(name=group)])
        client = Client()
        client.force_login(user)
        return client

    return made


@pytest.fixture
def kept(desk, submit):
    """An opt-out with its letter, recorded at the desk."""
    submit(desk, action="opt_out", file=upload())
    return EvidenceFile.objects.get()


# --- with the form that records


@pytest.mark.parametrize("action", ["opt_in", "opt_out"])
def test_a_file_is_kept_with_what_it_shows(desk, officer, submit, action):
    submit(desk, action=action, file=upload(), policy_version="7")
    event = ConsentEvent.objects.get()
    [file] = attachments.of(event)
    assert (file.name, file.media_type, file.size) == ("letter.pdf", "application/pdf", len(LETTER))
    assert file.added_by == f"staff:{officer.pk}"
    told = {"size": len(LETTER), "media_type": "application/pdf", "sha256": HASH}
    assert event.detail.evidence == {"policy_version": "7", "file": told}
    assert "letter.pdf" not in str(event.detail.evidence)


def test_the_form_can_be_sent_without_a_file(desk, submit):
    submit(desk, action="opt_in")
    assert ConsentEvent.objects.get().detail.evidence == {}
    assert not EvidenceFile.objects.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (NONSENSE, "The file is none of these: PDF, PNG picture"),
        (b"", "The file is empty."),
        (LETTER + b"a" * 2000, "The file has more than 0.00"),
    ],
)
def test_an_opt_out_is_recorded_though_its_file_is_refused(desk, submit, settings, content, words):
    settings.EVIDENCE_FILE_MAX = 1000
    answer = submit(desk, action="opt_out", note="Called us", file=upload(content))
    event = ConsentEvent.objects.get()
    assert state_of() == "opted_out"
    assert (event.detail.note, event.detail.evidence) == ("Called us", {})
    text = said(desk, answer)
    assert f"Recorded without its file. {words}" in text
    assert page(event, "attach_file") in text


def test_fields_behind_a_file_that_is_far_too_large_are_read_and_the_rest_is_dropped(
    desk, submit, settings
):
    settings.EVIDENCE_FILE_MAX = 1000
    submit(desk, action="opt_out", file=upload(LETTER * 100_000), note="Called us")
    submit(desk, file=[upload(LETTER), upload(LETTER * 100)], token="two", address=OTHER_NUMBER)
    assert ConsentEvent.objects.get().detail.note == "Called us"
    assert not EvidenceFile.objects.exists()


def test_an_opt_in_waits_for_a_file_that_can_be_kept_and_keeps_what_was_typed(desk, submit):
    answer = submit(desk, file=upload(NONSENSE), wording_shown="I agree to offers")
    assert "file" in errors(answer)
    assert "I agree to offers" in answer.content.decode()
    assert not ConsentEvent.objects.exists()


def test_a_form_that_comes_back_for_something_else_asks_for_the_file_again(desk, submit):
    for action in ("opt_in", "opt_out"):
        answer = submit(desk, action=action, address="no number", file=upload())
        assert errors(answer)["file"] == ["Please choose the file once more."]
    answer = submit(desk, action="opt_out", address="no number", file=upload(NONSENSE))
    assert "none of these" in errors(answer)["file"][0]


def test_a_second_press_keeps_no_second_file(desk, submit):
    for _ in range(2):
        submit(desk, action="opt_out", file=upload())
    assert (ConsentEvent.objects.count(), EvidenceFile.objects.count()) == (1, 1)


@pytest.fixture
def no_room(as_owner):
    """The database takes no file."""
    as_owner.execute("ALTER TABLE consents_evidencefile ADD CONSTRAINT full_up CHECK (false)")
    yield
    as_owner.execute("ALTER TABLE consents_evidencefile DROP CONSTRAINT full_up")


@pytest.mark.django_db(transaction=True)
def test_an_opt_out_is_recorded_where_the_database_takes_no_file(desk, submit, sender, no_room):
    answer = submit(desk, action="opt_out", file=upload())
    assert state_of() == "opted_out"
    assert ConsentEvent.objects.get().detail.evidence == {}
    assert "Recorded without its file. There was no room for it." in said(desk, answer)
    revoke(desk, sender, person=OTHER_NUMBER, channels=["SMS"], file=upload())
    assert state_of(OTHER_NUMBER, "SMS") == "opted_out"
    assert not EvidenceFile.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_opt_in_is_not_recorded_without_the_file_that_shows_it(desk, submit, no_room):
    with pytest.raises(IntegrityError):
        submit(desk, file=upload())
    assert not ConsentEvent.objects.exists()


# --- attached later


def test_a_file_is_attached_to_a_line_and_its_hash_goes_into_the_trail(desk, officer, submit):
    submit(desk, action="opt_out")
    event = ConsentEvent.objects.get()
    answer = desk.post(page(event, "attach_file"), {"file": upload(name="Åsa.pdf")})
    assert "The file is kept with this entry." in said(desk, answer)
    file = EvidenceFile.objects.get()
    done = StaffAction.objects.get(model="consents.EvidenceFile")
    assert (done.deed, done.text) == ("added", f"Attached, SHA-256 {HASH}.")
    assert (done.object_id, done.contact) == (str(file.pk), event.identity.contact_id)
    assert event.detail.evidence == {}


@pytest.mark.parametrize("content", [NONSENSE, b""])
def test_a_file_that_cannot_be_kept_is_refused_at_its_field(desk, submit, content):
    submit(desk, action="opt_out")
    event = ConsentEvent.objects.get()
    answer = desk.post(page(event, "attach_file"), {"file": upload(content)})
    assert "file" in errors(answer)
    assert "file" in errors(desk.post(page(event, "attach_file"), {}))


def test_the_same_file_again_is_refused_and_leaves_no_trail(desk, submit):
    submit(desk, action="opt_out")
    event = ConsentEvent.objects.get()
    desk.post(page(event, "attach_file"), {"file": upload()})
    before = StaffAction.objects.count()
    answer = desk.post(page(event, "attach_file"), {"file": upload()})
    assert errors(answer)["file"] == ["This very file is attached already."]
    assert StaffAction.objects.count() == before


def test_a_line_of_others_offers_no_way_to_attach(desk, submit):
    submit(desk, action="opt_out")
    event, other = ConsentEvent.objects.get(), OptInFactory(identity=OTHER_NUMBER)
    assert page(event, "attach_file") in text_of(desk, event)
    assert page(other, "attach_file") not in text_of(desk, other)
    answer = desk.post(page(other, "attach_file"), {"file": upload()})
    assert "Only what staff have recorded takes a file." in answer.content.decode()


# --- shown


def test_the_pages_show_what_the_file_is_and_that_its_hash_agrees(desk, kept):
    text = text_of(desk, kept.event)
    assert f"SHA-256 {HASH}</span>. The hash agrees." in text
    assert page(kept) in text
    assert "letter.pdf" not in text
    of_file = text_of(desk, kept)
    assert "letter.pdf" in of_file
    assert "The hash agrees" in of_file
    timeline = text_of(desk, kept.event.identity.contact)
    assert f"File: PDF, {len(LETTER)}" in timeline
    assert HASH in timeline


def test_a_file_that_was_changed_is_said_to_be(desk, kept):
    EvidenceFile.objects.update(content=b"something else")
    assert "The hash does NOT agree" in text_of(desk, kept)
    assert "The hash does NOT agree" in text_of(desk, kept.event)


def test_a_line_whose_file_is_gone_says_so(desk, sender):
    letter = attachment()
    event = OptInFactory(origin="admin", note="x", evidence=attachments.as_evidence(letter))
    assert "The file that the evidence names is not here." in text_of(desk, event)


def test_files_are_listed_and_found_by_their_person(desk, kept):
    listed = reverse("admin:consents_evidencefile_changelist")

    def found(**query):
        return list(desk.get(listed, query).context["cl"].result_list)

    assert found() == found(q=NUMBER) == found(media_type="application/pdf") == [kept]
    assert found(q=OTHER_NUMBER) == found(media_type="audio/wav") == []


# --- taken out


def test_a_file_is_saved_and_never_shown_and_it_is_written_down_who_took_it(desk, officer, kept):
    answer = desk.get(page(kept, "download"))
    assert answer.content == LETTER
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="letter.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    done = StaffAction.objects.get(model="consents.EvidenceFile", text="Downloaded.")
    assert (done.actor, done.contact) == (f"staff:{officer.pk}", kept.event.identity.contact_id)


def test_agents_may_take_a_file_out_and_viewers_may_not(someone, kept):
    assert someone(AGENT).get(page(kept, "download")).content == LETTER
    viewer = someone(VIEWER)
    for name in ("download", "change"):
        assert viewer.get(page(kept, name)).status_code == 403
    assert viewer.get(reverse("admin:consents_evidencefile_changelist")).status_code == 403
    assert "letter.pdf" not in text_of(viewer, kept.event)
    assert StaffAction.objects.filter(text="Downloaded.").count() == 1


def test_whoever_is_not_logged_in_gets_no_file(kept):
    answer = Client().get(page(kept, "download"))
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


def test_a_page_that_calls_itself_text_is_saved_as_text(desk, submit):
    submit(desk, action="opt_out", file=upload(b"<script>alert(1)</script>", "page.html"))
    answer = desk.get(page(EvidenceFile.objects.get(), "download"))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="page.html.txt"'


def test_what_was_forgotten_is_not_there_to_be_taken(desk, kept):
    contact = kept.event.identity.contact
    erasure.erase(contact, actor="staff:1")
    answer = desk.get(page(kept, "download"))
    assert "The file was forgotten." in said(desk, answer)
    assert not StaffAction.objects.filter(text="Downloaded.").exists()
    text = text_of(desk, contact)
    assert "File, forgotten: PDF" in text
    assert HASH not in text
    assert "Forgotten." in text_of(desk, kept.event)


def test_the_printed_file_of_a_person_names_the_file_and_prints_no_base64(desk, kept):
    contact = kept.event.identity.contact
    printed = desk.post(page(contact, "disclose"), {"format": "page"}).content.decode()
    assert "JVBERi0" not in printed


# --- with revocations by telephone and letter

FORM = {"person": NUMBER, "purpose": "all", "medium": "letter", "received_at": "", "note": ""}


def revoke(desk, sender, **fields):
    return desk.post(reverse(REVOKE), {**FORM, "sender": str(sender.pk), **fields})


def test_a_letter_belongs_to_the_opt_out_that_it_asks_for(desk, sender):
    contact = ContactFactory(external_id="crm-7")
    OptInFactory(contact=contact, occurred_at=ago(days=1))
    revoke(desk, sender, file=upload())
    event = ConsentEvent.objects.get(action="opt_out")
    assert [file.name for file in attachments.of(event)] == ["letter.pdf"]
    assert event.detail.evidence["file"]["sha256"] == HASH


def test_a_letter_of_somebody_unknown_is_there_for_whoever_looks_for_them(desk, sender):
    revoke(desk, sender, person="Anna from Malmö", file=upload())
    item, file = ReviewItem.objects.get(), EvidenceFile.objects.get()
    assert (file.review, file.event) == (item, None)
    assert page(file) in text_of(desk, item)
    assert "A revocation" in text_of(desk, file)
    assert desk.get(page(file, "download")).content == LETTER
    OptInFactory(occurred_at=ago(days=1))
    desk.post(page(item, "found"), {"person": NUMBER, "note": "Called back"})
    event = ConsentEvent.objects.get(action="opt_out")
    assert [one.pk for one in attachments.of(event)] == [file.pk]
    assert event.detail.evidence["file"]["sha256"] == HASH


def test_a_revocation_is_written_down_though_its_file_is_refused(desk, sender):
    OptInFactory(occurred_at=ago(days=1))
    answer = revoke(desk, sender, file=upload(NONSENSE))
    assert state_of() == "opted_out"
    assert "Recorded without its file. The file is none of these" in said(desk, answer)


def test_a_revocation_that_comes_back_asks_for_its_file_again(desk, sender):
    answer = revoke(desk, sender, received_at="2999-01-01T10:00", file=upload())
    assert errors(answer)["file"] == ["Please choose the file once more."]


def test_a_letter_of_somebody_who_was_not_found_goes_after_a_month(desk, sender):
    revoke(desk, sender, person="Anna from Malmö", file=upload())
    item = ReviewItem.objects.get(kind=revocations.KIND)
    ReviewItem.objects.filter(pk=item.pk).update(created_at=ago(days=99))
    assert retention.forget_old() == 0
    desk.post(page(item, "leave"), {"note": "Called three times"})
    assert retention.forget_old() == 0
    ReviewItem.objects.filter(pk=item.pk).update(decided_at=ago(days=31))
    assert retention.forget_old() == 1
    assert EvidenceFile.objects.get().name == ""
    assert retention.forget_old() == 0


def test_a_legal_hold_on_the_sender_keeps_the_letter_of_nobody_found(desk, sender):
    revoke(desk, sender, person="Anna from Malmö", file=upload())
    ReviewItem.objects.update(decided_at=ago(days=99), decision="left")
    legal_holds.place(sender, None, reason="case 7", actor="staff:1")
    assert retention.forget_old() == 0
    assert EvidenceFile.objects.get().erased_at is None


def test_a_letter_forgotten_meanwhile_keeps_no_opt_out_from_being_recorded(sender):
    purpose = Purpose.objects.get(key="all")
    said = {"person": "Anna", "purpose": purpose, "medium": Medium.LETTER}
    told = revocations.Told(**said, received_at=ago(days=1))
    item = revocations.take(sender, told, note="", actor="staff:1", file=attachment())
    attachments.forget(EvidenceFile.objects.all())
    revocations.settle(item, person=NUMBER, channels=[Channel.SMS], actor="staff:1", note="")
    assert state_of(channel="SMS") == "opted_out"
