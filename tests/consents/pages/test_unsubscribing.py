"""One click in a mail program, or one on the page, and they are unsubscribed (RFC 8058)."""

from __future__ import annotations

import re

import pytest

from consents import preferences
from consents.models import ConsentEvent, Contact, Purpose, Sender
from consents.vocabulary import Channel
from tests.consents.factories import OptInFactory, PurposeFactory
from tests.consents.pages.test_preferences import shown
from tests.consents.parallel import at_once
from tests.consents.test_preferences import on

pytestmark = pytest.mark.usefixtures("sender")
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def reader(person: Contact) -> Contact:
    """The same person, who reads newsletters by e-mail too."""
    OptInFactory(contact=person, channel="EMAIL", identity="anna@example.com")
    return person


@pytest.fixture
def address(reader: Contact, link_to) -> str:
    return f"/unsubscribe/{link_to(reader)}/"


def newest() -> ConsentEvent:
    return ConsentEvent.objects.latest("seq")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", FORM),
        (
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
            b"One-Click\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_a_mail_programs_click_opts_out_of_everything_by_e_mail(
    client, reader, address, body, content_type
) -> None:
    """Both ways to send a form that RFC 8058 names, in 3.1."""
    answer = client.post(address, body, content_type=content_type, REMOTE_ADDR="192.0.2.9")
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert {key for key in preferences.of(reader).controls if key not in on(reader)} == {
        *("EMAIL.service", "EMAIL.utility", "EMAIL.authentication", "EMAIL.marketing")
    }
    event = newest()
    assert (event.action, event.purpose.key) == ("opt_out", "all")
    assert (event.origin, event.source) == ("preference_page", "ONE_CLICK_UNSUBSCRIBE")
    assert event.detail.ip == "192.0.2.9"
    assert event.detail.evidence["body"] == "List-Unsubscribe=One-Click"


def test_a_click_is_not_sent_on_for_want_of_a_slash(client, reader, address) -> None:
    assert client.post(address.rstrip("/"), ONE_CLICK).status_code == 200
    assert "EMAIL.marketing" not in on(reader)


def test_a_body_whose_length_is_not_told_is_asked_for_with_its_length(client, address) -> None:
    answer = client.post(address, ONE_CLICK, headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code == 411


def test_a_click_again_writes_nothing(client, address, counts) -> None:
    client.post(address, ONE_CLICK)
    before = counts()
    assert client.post(address, ONE_CLICK).status_code == 200
    assert counts() == before


def test_the_purpose_and_the_channel_are_those_of_the_link(client, reader, link_to) -> None:
    PurposeFactory(key="letter", name="Newsletter")
    token = link_to(reader, purpose="letter", channel=Channel.SMS)
    client.post(f"/unsubscribe/{token}/", ONE_CLICK)
    assert {key for key in preferences.of(reader).controls if key not in on(reader)} == {
        "SMS.letter"
    }


def test_it_spreads_as_a_persons_own_opt_out_does(client, reader, address) -> None:
    Sender.objects.update(stop_scope="contact")
    client.post(address, ONE_CLICK)
    assert on(reader) == set()


def test_the_page_asks_once_and_looking_at_it_changes_nothing(client, address, counts) -> None:
    before = counts()
    words = shown(client.get(address))
    assert "Stop all messages from Default?" in words
    assert "On this channel: E-mail a•••@•••.com" in words
    assert counts() == before


def test_the_question_names_the_purpose(client, reader, link_to) -> None:
    token = link_to(reader, purpose="marketing")
    words = shown(client.get(f"/unsubscribe/{token}/"))
    assert "Stop “Offers and news” from Default?" in words


def test_the_pages_own_button_opts_out_with_what_it_said_as_evidence(
    client, reader, address
) -> None:
    question = shown(client.get(address))
    answer = client.post(address, {"confirm": "yes"})
    assert answer.status_code == 200
    assert "Done. You are unsubscribed." in shown(answer)
    assert "EMAIL.marketing" not in on(reader)
    event = newest()
    assert event.source == "PREFERENCE_PAGE"
    for line in event.detail.evidence["wording"].splitlines():
        assert line in question


def test_it_leads_on_to_everything_else(client, reader, address) -> None:
    page = client.get(address).content.decode()
    found = re.search(r'href="(/preferences/[^"]+)"', page)
    assert found
    assert client.get(found[1]).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"List-Unsubscribe": "one-click"}, {"List-Unsubscribe": ""}, {"confirm": "no"}],
)
def test_anything_else_that_is_posted_changes_nothing(client, address, counts, body) -> None:
    before = counts()
    assert client.post(address, body).status_code == 400
    assert counts() == before


def test_whoever_has_no_address_on_the_channel_is_told_what_a_dead_link_is_told(
    client, person, link_to
) -> None:
    for ask in (client.get, client.post):
        answer = ask(f"/unsubscribe/{link_to(person)}/")
        assert answer.status_code == 404
        assert answer.content == ask("/unsubscribe/nonsense/").content


def test_a_purpose_that_has_gone_since_is_told_what_a_dead_link_is_told(
    client, reader, link_to, counts
) -> None:
    letter: Purpose = PurposeFactory(key="letter")
    token = link_to(reader, purpose="letter")
    letter.delete()
    before = counts()
    assert client.post(f"/unsubscribe/{token}/", ONE_CLICK).status_code == 404
    assert counts() == before


def test_many_people_of_one_mail_provider_are_unsubscribed_from_one_address(
    client, reader, address, settings
) -> None:
    settings.PREFERENCE_RATE_PER_ADDRESS = "1/hour"
    asked = [client.get("/preferences/nonsense/").status_code for _ in range(2)]
    assert asked == [404, 429]
    assert client.post(address, ONE_CLICK).status_code == 200
    assert "EMAIL.marketing" not in on(reader)
    assert client.post("/unsubscribe/nonsense/", ONE_CLICK).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_a_click_that_comes_several_times_at_once_is_written_down_once(
    client, reader, address
) -> None:
    before = newest().seq
    answers = at_once(*[lambda: client.post(address, ONE_CLICK).status_code] * 3)
    assert answers == [200, 200, 200]
    assert ConsentEvent.objects.filter(seq__gt=before).count() == 1
