"""A link is the authority: who has it may, until it expires or the person is erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing
from django.db import transaction

from consents import contacts, links
from consents.errors import ConsentError
from consents.identifiers import normalise
from consents.models import ChannelIdentity, Contact
from consents.purposes import PurposeTree
from consents.vocabulary import Action, Channel, Origin
from consents.writing import Line, Page
from tests.consents.factories import NUMBER, ContactFactory, OptInFactory

pytestmark = pytest.mark.usefixtures("sender")
NOW = datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def contact() -> Contact:
    """Somebody on WhatsApp and by e-mail."""
    made: Contact = ContactFactory()
    OptInFactory(contact=made)
    OptInFactory(contact=made, channel="EMAIL", identity="anna@example.com")
    return made


def holder(token: str, at: datetime = NOW) -> Contact | None:
    bearer = links.bearer(token, at)
    return bearer.contact if bearer else None


def test_a_link_leads_to_whom_it_was_made_for(contact: Contact) -> None:
    assert holder(links.make(contact, NOW).token) == contact


def erase(contact: Contact) -> None:
    """What an erasure writes down first, while the addresses are there yet."""
    with transaction.atomic():
        page = Page(contact.sender, PurposeTree.load())
        identities = list(contact.identities.all())
        page.lock(identity.id for identity in identities)
        root = page.purposes.named("all")
        for one in identities:
            page.add(Line(identity=one, action=Action.ERASED, purpose=root, origin=Origin.SYSTEM))
        page.write()


def test_a_link_ends_when_the_settings_or_its_maker_say(contact: Contact, settings) -> None:
    settings.PREFERENCE_LINK_DAYS = 30
    for link, days in [(links.make(contact, NOW), 30), (links.make(contact, NOW, days=2), 2)]:
        end = NOW.replace(microsecond=0) + timedelta(days=days)
        assert link.expires_at == end
        assert holder(link.token, end - timedelta(seconds=1)) == contact
        assert holder(link.token, end) is None


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_link_is_good_for_a_day_at_least_and_ten_years_at_most(contact: Contact, days) -> None:
    with pytest.raises(ConsentError, match="1 to 3650 days") as refused:
        links.make(contact, NOW, days=days)
    assert refused.value.code == "invalid_days"


def test_the_same_link_reads_the_same_whenever_it_is_asked_for(contact: Contact) -> None:
    link = links.make(contact, NOW, purpose="marketing")
    again = links.Link.of_fields(link.fields())
    assert again == link
    assert again.token == link.token


def test_a_link_holds_nothing_of_the_person(contact: Contact) -> None:
    token = links.make(contact, NOW).token
    said = signing.b64_decode(token.partition(".")[0].encode()).decode()
    assert NUMBER not in said
    assert "anna" not in said
    assert contact.external_id not in said


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1],
        lambda token: token[1:],
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token.partition(".")[0],
        lambda token: token.replace(".", ":"),
        lambda token: token + "=",
        lambda token: "",
        lambda token: "nonsense",
        lambda token: "ÿ\ud800." * 3,
        lambda token: signing.dumps(["a", 1]),
        lambda token: signing.Signer(salt="consents.links", sep=".").sign("nonsense"),
        lambda token: signing.Signer(salt="consents.links", sep=".").sign_object([1, 2]),
    ],
)
def test_what_was_not_made_here_leads_nowhere(contact: Contact, spoil) -> None:
    assert holder(spoil(links.make(contact, NOW).token)) is None


def test_a_link_signed_with_a_former_key_goes_on_working(contact: Contact, settings) -> None:
    token = links.make(contact, NOW).token
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert holder(token) == contact
    settings.SECRET_KEY_FALLBACKS = []
    assert holder(token) is None


def test_every_dead_link_costs_the_same_questions(
    contact: Contact, django_assert_num_queries
) -> None:
    token = links.make(contact, NOW, days=1).token
    for tried, at in [(token, NOW), (token, NOW + timedelta(days=2)), ("nonsense", NOW)]:
        with django_assert_num_queries(1):
            links.bearer(tried, at)


def test_a_link_dies_with_the_address_it_was_made_for(contact: Contact) -> None:
    token = links.make(contact, NOW).token
    ChannelIdentity.objects.update(address=None, lookup_key=None)
    assert holder(token) is None


def test_a_link_of_before_an_erasure_is_dead_though_the_person_comes_back(contact: Contact) -> None:
    before = links.make(contact, NOW)
    erase(contact)
    assert holder(before.token) is None
    after = links.make(contact, datetime.now(UTC) + timedelta(seconds=2))
    assert holder(after.token, after.made_at) == contact


def test_a_link_follows_an_address_to_the_contact_it_turns_out_to_be() -> None:
    stranger = OptInFactory(channel="EMAIL", identity="anna@example.com").identity.contact
    token = links.make(stranger, NOW).token
    contact = ContactFactory()
    OptInFactory(contact=contact, channel="EMAIL", identity="anna@example.com")
    assert not Contact.objects.filter(id=stranger.id).exists()
    assert holder(token) == contact


def test_nobody_without_an_address_gets_a_link() -> None:
    with pytest.raises(ConsentError) as refused:
        links.make(ContactFactory(), NOW)
    assert refused.value.code == "no_identity"


def test_a_link_for_a_purpose_that_is_none_is_refused(contact: Contact) -> None:
    with pytest.raises(ConsentError) as refused:
        links.make(contact, NOW, purpose="nothing")
    assert refused.value.code == "unknown_purpose"


def test_the_addresses_come_with_the_headers_of_an_e_mail(contact: Contact) -> None:
    link = links.make(contact, NOW)
    made = links.addresses(link, "https://consent.example.com/")
    assert made.preferences == f"https://consent.example.com/preferences/{link.token}/"
    assert made.unsubscribe == f"https://consent.example.com/unsubscribe/{link.token}/"
    assert made.headers == {
        "List-Unsubscribe": f"<{made.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_where_the_person_has_no_address_nothing_is_offered_to_unsubscribe(
    contact: Contact,
) -> None:
    made = links.addresses(links.make(contact, NOW, channel=Channel.SMS), "https://x.example")
    assert (made.unsubscribe, made.headers) == (None, {})
    contacts.attach(contact, normalise(Channel.SMS, NUMBER))
    made = links.addresses(links.make(contact, NOW, channel=Channel.SMS), "https://x.example")
    assert made.unsubscribe
