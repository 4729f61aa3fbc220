"""The page on which people see and change what they are written about."""

from __future__ import annotations

import hashlib
import re

import pytest
from django.db import OperationalError

from consents import links, preferences
from consents.models import ChannelIdentity, ConsentEvent, Contact, Purpose, Sender, VisitorUse
from consents.pages import texts
from tests.consents.conftest import Counts
from tests.consents.factories import (
    NUMBER,
    MessageFactory,
    OptInFactory,
    PurposeFactory,
    StopFactory,
    british_number,
    state_of,
)
from tests.consents.pages.browser import filled_in
from tests.consents.test_preferences import on

pytestmark = pytest.mark.usefixtures("sender")


def shown(answer) -> str:
    """The words of a page."""
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", words)


def newest() -> ConsentEvent:
    return ConsentEvent.objects.latest("seq")


# --- looking


def test_looking_changes_nothing(browser, counts) -> None:
    before: Counts = counts()
    for path in ("preferences", "unsubscribe"):
        assert browser.get(path).status_code in (200, 404)
        browser.client.head(f"/{path}/{browser.token}/")
        browser.client.options(f"/{path}/{browser.token}/")
    assert counts() == before


def test_every_channel_is_shown_with_the_ends_of_its_addresses_alone(browser, person) -> None:
    OptInFactory(contact=person, channel="EMAIL", identity="anna@example.com")
    page = browser.get().content.decode()
    words = shown(browser.get())
    assert "WhatsApp ••22, ••44" in words
    assert "SMS ••22" in words
    assert "E-mail a•••@•••.com" in words
    assert NUMBER not in page
    assert "anna@" not in page


def test_the_page_says_in_plain_words_what_may_come_and_what_will_happen(browser, sender) -> None:
    words = shown(browser.get())
    assert f"Your messages from {sender.name}" in words
    assert "Offers and news Promotions, recommendations and news." in words
    assert "Your choice takes effect at once." in words
    assert "on every channel" not in words
    Sender.objects.update(stop_scope="contact")
    assert "What you switch off is switched off on every channel." in shown(browser.get())


def test_a_category_that_staff_renamed_is_called_as_they_call_it(browser) -> None:
    Purpose.objects.filter(key="marketing").update(name="Club offers")
    words = shown(browser.get())
    assert "Club offers" in words
    assert "Offers and news" not in words


def test_a_category_says_that_it_takes_along_what_stands_below_it(browser) -> None:
    assert "what stands below it" not in shown(browser.get())
    PurposeFactory(name="Newsletter")
    assert "Switching it off also switches off what stands below it." in shown(browser.get())


def test_a_pause_is_told_beside_the_switch(link_to, client) -> None:
    contact = OptInFactory(identity=british_number(2)).identity.contact
    MessageFactory(identity=british_number(2), text="I wish you would stop writing to me all day")
    answer = client.get(f"/preferences/{link_to(contact)}/")
    assert "Paused, until somebody has read what you wrote to us." in shown(answer)


def test_names_cannot_bring_markup_into_the_page(browser) -> None:
    Sender.objects.update(name="<script>alert(1)</script> %(sender)s")
    PurposeFactory(name="<b>Newsletter</b>")
    page = browser.get().content.decode()
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def test_every_switch_has_a_label_and_the_page_no_script_or_inline_style(browser) -> None:
    PurposeFactory()
    page = browser.get().content.decode()
    switches = re.findall(r'<input type="checkbox"[^>]* id="([^"]+)"', page)
    labels = re.findall(r'<label for="([^"]+)"', page)
    described = re.findall(r'aria-describedby="([^"]+)"', page)
    assert switches == labels
    assert len(set(switches)) == len(switches) == 10
    assert all(f'id="{one}"' in page for one in described)
    assert '<html lang="en">' in page
    assert "<script" not in page
    assert "style=" not in page


def test_the_page_leaves_no_traces_and_lets_nothing_in(browser) -> None:
    answer = browser.get()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert not answer.cookies
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "style-src 'self'", "form-action 'self'"} <= set(policy)
    assert "unsafe" not in str(policy)


# --- saving


def test_a_switch_is_saved_and_the_page_says_so(browser, person) -> None:
    answer = browser.save(off=("WHATSAPP.marketing",))
    assert answer.status_code == 200
    assert "Saved. This is what holds from now on." in shown(answer)
    assert "WHATSAPP.marketing" not in filled_in(answer.content.decode())["on"]
    assert "WHATSAPP.marketing" not in on(person)


def test_what_was_read_and_whence_it_came_is_kept_as_evidence(browser) -> None:
    browser.save(off=("WHATSAPP.marketing",), REMOTE_ADDR="192.0.2.7")
    event = newest()
    assert (event.origin, event.source) == ("preference_page", "PREFERENCE_PAGE")
    assert (event.detail.ip, event.detail.user_agent) == ("192.0.2.7", "Mozilla/5.0")
    evidence = event.detail.evidence
    assert (evidence["choice"], evidence["language"]) == ("off", "en")
    assert "Offers and news" in evidence["wording"]
    assert "Your choice takes effect at once." in evidence["wording"]
    digest = hashlib.sha256(evidence["wording"].encode()).hexdigest()
    assert evidence["wording_sha256"] == digest


def test_the_evidence_is_word_for_word_what_the_page_shows(browser) -> None:
    PurposeFactory(name="Nyhetsbrev")
    page = shown(browser.get(query="?language=sv"))
    browser.save(off=("SMS.marketing",), query="?language=sv")
    wording = newest().detail.evidence["wording"]
    assert "Stänger du av det stängs även det som står under av." in wording
    for line in wording.splitlines():
        assert line in page


def test_an_opt_in_on_the_page_lifts_a_stop_for_what_was_switched_on(browser, person) -> None:
    StopFactory(contact=person)
    browser.save(on=("WHATSAPP.marketing",))
    assert "WHATSAPP.marketing" in on(person)
    assert "WHATSAPP.utility" not in on(person)


def test_one_click_stops_everything(browser, person) -> None:
    answer = browser.post({"leave": "yes"})
    assert "will send you no more messages" in shown(answer)
    assert on(person) == set()
    assert newest().detail.evidence["choice"] == "stop_all"
    assert "Stop all messages" in newest().detail.evidence["wording"]
    assert 'name="leave"' not in answer.content.decode()


def test_stopping_again_writes_nothing(browser, counts) -> None:
    browser.post({"leave": "yes"})
    before = counts()
    assert browser.post({"leave": "yes"}).status_code == 200
    assert counts() == before


def test_the_same_form_again_does_no_harm(browser, person, counts) -> None:
    StopFactory(contact=person)
    form = browser.form()
    browser.save(form, on=("WHATSAPP.marketing",))
    StopFactory(contact=person)
    before = counts()
    answer = browser.save(form, on=("WHATSAPP.marketing",))
    assert "nothing was switched on" in shown(answer)
    assert counts() == before
    assert "WHATSAPP.marketing" not in on(person)


def test_saving_without_a_change_says_that_nothing_had_to_be_changed(browser, counts) -> None:
    before = counts()
    assert "Nothing had to be changed." in shown(browser.save())
    assert counts() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda form: {},
        lambda form: {name: value for name, value in form.items() if name != "version"},
    ],
)
def test_a_form_that_broke_off_changes_nothing(browser, counts, spoil) -> None:
    before = counts()
    answer = browser.post(spoil(browser.form()))
    assert answer.status_code == 400
    assert counts() == before


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"leave": "yes"}', "application/json"),
        (b"--x\r\nContent-Disposition: nonsense", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
        (b"leave=yes", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"&".join(b"a%d=1" % index for index in range(2000)), "application/x-www-form-urlencoded"),
        (b"\xff\xfe\x00", "text/plain"),
    ],
)
def test_what_is_no_form_changes_nothing(browser, counts, body, content_type) -> None:
    before = counts()
    for path in ("preferences", "unsubscribe"):
        address = f"/{path}/{browser.token}/"
        answer = browser.client.post(address, body, content_type=content_type)
        assert answer.status_code in (400, 404)
        assert "text/html" in answer.headers["Content-Type"]
    assert counts() == before


def test_a_body_beyond_all_measure_is_not_read(browser, counts) -> None:
    before = counts()
    answer = browser.post({"leave": "yes", "more": "x" * 70_000})
    assert answer.status_code == 413
    assert counts() == before


def test_names_in_a_form_that_mean_nothing_are_passed_over(browser, counts) -> None:
    before = counts()
    answer = browser.save(on=("FAX.marketing", "WHATSAPP.nothing", "\0", "x" * 1000))
    assert answer.status_code == 200
    assert counts() == before


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(browser, counts, method) -> None:
    before = counts()
    assert getattr(browser.client, method)(f"/preferences/{browser.token}/").status_code == 405
    assert counts() == before


def test_an_odd_user_agent_stops_nobody(browser, person) -> None:
    browser.headers = {"User-Agent": "\x00\x01" + "x" * 5000}
    browser.save(off=("SMS.marketing",))
    assert "SMS.marketing" not in on(person)
    assert newest().detail.user_agent == ""


# --- links that do not work


@pytest.fixture
def dead_links(person: Contact, link_to) -> dict[str, str]:
    """One of each kind."""
    token = link_to(person)
    stranger = OptInFactory(identity=british_number(1)).identity.contact
    erased = link_to(stranger)
    ChannelIdentity.objects.filter(contact=stranger).update(address=None, lookup_key=None)
    expired = links.make(person, links._NOBODYS.made_at, days=1).token
    return {
        "none": "nonsense",
        "tampered": token[:-3] + "AAA",
        "expired": expired,
        "erased": erased,
    }


def test_every_link_that_does_not_work_gets_the_same_page(client, dead_links, counts) -> None:
    before = counts()
    for path in ("preferences", "unsubscribe"):
        for ask in (client.get, client.post):
            answers = {
                (answer.status_code, answer.content, str(sorted(answer.headers.items())))
                for token in dead_links.values()
                for answer in [ask(f"/{path}/{token}/")]
            }
            assert len(answers) == 1
            [(status, content, _)] = answers
            assert status == 404
            assert b"This link does not work" in content
    assert counts() == before


def test_every_link_that_does_not_work_asks_the_database_the_same(
    client, dead_links, django_assert_num_queries
) -> None:
    for token in dead_links.values():
        for ask in (client.get, client.post):
            for path in ("preferences", "unsubscribe"):
                with django_assert_num_queries(3):
                    ask(f"/{path}/{token}/")


def test_a_dead_link_shows_nothing_in_the_language_of_the_contact(
    client, person, dead_links
) -> None:
    Contact.objects.update(language="sv")
    for token in dead_links.values():
        answer = client.get(f"/preferences/{token}/", headers={"Accept-Language": "de"})
        assert "Dieser Link funktioniert nicht" in answer.content.decode()


# --- how often


def test_whoever_asks_too_often_is_told_when_to_come_back(browser, client, settings) -> None:
    settings.PREFERENCE_RATE_PER_ADDRESS = "2/hour"
    assert [client.get("/preferences/nonsense/").status_code for _ in range(3)] == [404, 404, 429]
    answer = browser.get()
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert "asked for too often" in shown(answer)
    assert browser.get(REMOTE_ADDR="192.0.2.99").status_code == 200


def test_a_link_is_not_used_too_often_from_anywhere(browser, settings) -> None:
    settings.PREFERENCE_RATE_PER_LINK = "2/hour"
    asked = [browser.get(REMOTE_ADDR=f"192.0.2.{index}").status_code for index in range(3)]
    assert asked == [200, 200, 429]


def test_neither_addresses_nor_links_are_kept_by_counting(browser) -> None:
    browser.get(REMOTE_ADDR="192.0.2.7")
    kept = b"".join(bytes(use.visitor) for use in VisitorUse.objects.all())
    assert b"192.0.2.7" not in kept
    assert browser.token.encode() not in kept


# --- when the database is away


def test_without_the_database_the_page_says_to_come_again(browser, monkeypatch) -> None:
    def away(*args, **fields):
        raise OperationalError("As it happens.")

    monkeypatch.setattr(preferences, "of", away)
    answer = browser.get()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert str(texts.LATER.title) in shown(answer)


# --- languages


@pytest.mark.parametrize(
    ("query", "contact", "accepted", "spoken"),
    [
        ("", "", "", "en"),
        ("", "", "de-AT,de;q=0.9", "de"),
        ("", "", "fi", "en"),
        ("", "sv", "de", "sv"),
        ("", "sv-SE", "", "sv"),
        ("", "es_419", "", "es"),
        ("", "fi", "de", "de"),
        ("?language=es", "sv", "de", "es"),
        ("?language=fi", "sv", "de", "sv"),
        ("?language=%00", "", "", "en"),
        ("?language=" + "x" * 900, "", "", "en"),
        ("?language=../../de", "", "", "en"),
    ],
)
def test_the_page_speaks_the_language_asked_for_else_the_contacts_else_the_browsers(
    browser, query, contact, accepted, spoken
) -> None:
    Contact.objects.update(language=contact)
    browser.headers = {"Accept-Language": accepted}
    assert f'<html lang="{spoken}">' in browser.get(query=query).content.decode()


def test_the_language_stays_when_the_form_is_sent(browser) -> None:
    page = browser.get(query="?language=es").content.decode()
    assert page.count('action="?language=es"') == 2
    assert "Guardado" in shown(browser.save(off=("SMS.marketing",), query="?language=es"))
    assert newest().detail.evidence["language"] == "es"


def test_the_language_of_one_request_is_not_that_of_the_next(browser, client) -> None:
    browser.get(query="?language=es")
    assert "This link does not work" in client.get("/preferences/nonsense/").content.decode()
    assert state_of() == "opted_in"
