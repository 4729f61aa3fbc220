"""`preference_link`: a link, and the headers of an e-mail, from the command line."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from consents.models import Contact
from tests.consents.factories import NUMBER, ContactFactory, OptInFactory, SenderFactory

pytestmark = pytest.mark.usefixtures("sender")


@pytest.fixture(autouse=True)
def _published(settings) -> None:
    settings.PUBLIC_URL = "https://consent.example.com"


@pytest.fixture
def anna() -> Contact:
    contact: Contact = ContactFactory(external_id="crm-anna")
    OptInFactory(contact=contact, channel="EMAIL", identity="anna@example.com")
    return contact


def run(*words: str) -> list[str]:
    out = io.StringIO()
    call_command("preference_link", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue().splitlines()


def test_it_prints_the_link_and_the_headers_and_the_link_works(anna, client) -> None:
    link, header, post = run("--contact", "crm-anna")
    base = "https://consent.example.com"
    assert client.get(link.removeprefix(base)).status_code == 200
    assert post == "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    offered = header.removeprefix(f"List-Unsubscribe: <{base}").removesuffix(">")
    assert client.post(offered, {"List-Unsubscribe": "One-Click"}).status_code == 200


@pytest.mark.parametrize(
    "words",
    [
        ["--identity", "Anna@Example.com"],
        ["--contact", "crm-anna", "--channel", "email"],
        ["--contact", "crm-anna", "--purpose", "marketing", "--days", "90"],
    ],
)
def test_a_person_is_found_by_what_is_known_of_them(anna, words) -> None:
    assert len(run(*words)) == 3


def test_a_contact_is_found_by_our_id(anna) -> None:
    assert len(run("--contact", str(anna.id))) == 3


def test_somebody_without_e_mail_gets_the_page_alone() -> None:
    OptInFactory()
    assert len(run("--identity", NUMBER, "--channel", "WHATSAPP")) == 3
    assert len(run("--contact", str(Contact.objects.get().id))) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "required"),
        (["--contact", "crm-anna", "--identity", "a@b.example"], "not allowed"),
        (["--contact", "nobody"], "no such contact"),
        (["--identity", "b@example.com"], "no such contact"),
        (["--identity", "nonsense"], "e-mail address"),
        (["--contact", "crm-anna", "--sender", "nowhere"], "no such sender"),
        (["--contact", "crm-anna", "--sender", "other"], "no such contact"),
        (["--contact", "crm-anna", "--channel", "FAX"], "invalid choice"),
        (["--contact", "crm-anna", "--purpose", "nothing"], "no such purpose"),
        (["--contact", "crm-anna", "--days", "0"], "1 to 3650"),
        (["--contact", "crm-anna", "--days", "soon"], "invalid int"),
        (["--contact", "crm-without"], "no address"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(anna, words, says) -> None:
    SenderFactory(key="other")
    ContactFactory(external_id="crm-without")
    with pytest.raises(CommandError, match=says):
        run(*words)


def test_without_an_address_of_our_own_no_link_can_be_made(anna, settings) -> None:
    settings.PUBLIC_URL = ""
    with pytest.raises(CommandError, match="PUBLIC_URL"):
        run("--contact", "crm-anna")
