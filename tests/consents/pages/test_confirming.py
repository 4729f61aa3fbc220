"""One click on the page, and what was handed in for a person counts."""

from __future__ import annotations

import re

import pytest

from consents import confirm_links
from consents.models import ChannelIdentity, ConsentEvent, Contact, EventDetail, Sender
from tests.consents.factories import (
    NUMBER,
    RequestFactory,
    StopFactory,
    ago,
    confirmed_within,
    state_of,
)
from tests.consents.pages.test_preferences import shown
from tests.consents.parallel import at_once

YES = {"confirm": "yes"}
NO_LONGER = "This can no longer be confirmed"


@pytest.fixture(autouse=True)
def marketing(sender: Sender) -> None:
    confirmed_within(48)


def page_of(request: ConsentEvent) -> str:
    return confirm_links.address(request.id, "")


@pytest.fixture
def address(marketing: None) -> str:
    return page_of(RequestFactory())


def test_the_page_asks_in_plain_words_and_looking_at_it_changes_nothing(
    client, address, counts
) -> None:
    before = counts()
    words = shown(client.get(address))
    assert "Do you want “Offers and news” from Default?" in words
    assert re.search(r"On this channel: WhatsApp •+22 ", words)
    assert NUMBER not in words
    client.head(address)
    assert counts() == before


def test_the_button_confirms_with_what_it_said_as_evidence(client, address) -> None:
    question = shown(client.get(address))
    answer = client.post(address, YES, REMOTE_ADDR="192.0.2.9", headers={"User-Agent": "Firefox"})
    assert answer.status_code == 200
    assert "Done. You have confirmed it." in shown(answer)
    event = ConsentEvent.objects.latest("seq")
    assert (event.action, event.origin) == ("opt_in", "confirm_page")
    detail = EventDetail.objects.get(event=event)
    assert (detail.ip, detail.user_agent) == ("192.0.2.9", "Firefox")
    assert detail.evidence["confirmed_by"] == "link"
    assert all(line in question for line in detail.evidence["wording"].splitlines())
    assert state_of(purpose="marketing") == "opted_in"


def test_a_second_click_is_answered_alike_and_writes_nothing(client, address, counts) -> None:
    first = client.post(address, YES)
    before = counts()
    assert client.post(address, YES).content == first.content
    assert "Done. You have confirmed it." in shown(client.get(address))
    assert counts() == before


@pytest.mark.parametrize("body", [{}, {"confirm": "no"}, {"yes": "confirm"}])
def test_anything_else_that_is_posted_confirms_nothing(client, address, counts, body) -> None:
    before = counts()
    assert client.post(address, body).status_code == 400
    assert counts() == before


def test_a_link_that_has_run_out_says_so(client, counts) -> None:
    address = page_of(RequestFactory(taken_at=ago(hours=49)))
    before = counts()
    for answer in (client.get(address), client.post(address, YES)):
        assert answer.status_code == 410
        assert NO_LONGER in shown(answer)
    assert counts() == before


def test_a_link_is_good_for_nothing_after_a_stop(client, address) -> None:
    StopFactory()
    assert client.post(address, YES).status_code == 410
    assert state_of() == "opted_out"


def test_every_link_that_is_none_of_ours_gets_the_same_page(client, address, link_to) -> None:
    contact = Contact.objects.get()
    erased = page_of(RequestFactory(identity="447700900001"))
    ChannelIdentity.objects.filter(address="447700900001").update(address=None, lookup_key=None)
    preference = f"/confirm/{link_to(contact)}/"
    tampered = re.sub(r".{4}/$", "AAAA/", address)
    for ask in (client.get, client.post):
        answers = {
            (answer.status_code, answer.content, str(sorted(answer.headers.items())))
            for path in ("/confirm/nonsense/", tampered, erased, preference)
            for answer in [ask(path)]
        }
        assert len(answers) == 1
        [(status, content, _)] = answers
        assert status == 404
        assert b"This link does not work" in content


def test_it_leads_to_nobodys_preferences(client, address) -> None:
    token = address.split("/")[2]
    assert client.get(f"/preferences/{token}/").status_code == 404
    assert client.post(f"/unsubscribe/{token}/", YES).status_code == 404


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", "Ja, ich bestätige"), ("es", "Sí, confirmo"), ("sv", "Ja, jag bekräftar")],
)
def test_it_speaks_the_language_of_the_contact(client, address, language, words) -> None:
    Contact.objects.update(language=language)
    assert words in shown(client.get(address))


def test_it_leaves_no_traces_and_lets_nothing_in(client, address) -> None:
    answer = client.get(address)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not answer.cookies
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "form-action 'self'"} <= set(policy)
    assert "<script" not in answer.content.decode()


def test_whoever_asks_too_often_is_told_when_to_come_back(client, address, settings) -> None:
    settings.PREFERENCE_RATE_PER_LINK = "2/hour"
    assert [client.get(address).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_are_written_once(client, address) -> None:
    answers = at_once(*[lambda: client.post(address, YES)] * 3)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert ConsentEvent.objects.filter(action="opt_in").count() == 1
