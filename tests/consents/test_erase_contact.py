"""`erase_contact`: says whom it is about, and erases when it is told to."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from consents.models import ChannelIdentity, Contact
from tests.consents.factories import NUMBER, ContactFactory, OptInFactory, SenderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sender")]


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("erase_contact", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def contact(sender) -> Contact:
    made: Contact = ContactFactory(external_id="crm-1", display_name="Astrid")
    OptInFactory(contact=made)
    return made


def is_erased() -> bool:
    return ChannelIdentity.objects.get().address is None


@pytest.mark.parametrize(
    "named",
    [
        ["--external-id", "crm-1"],
        ["--identity", f"+{NUMBER}"],
        ["--identity", NUMBER, "--channel", "whatsapp"],
    ],
)
def test_a_person_is_named_in_any_way_and_erased_when_it_is_meant(contact, named):
    assert f"Contact {contact.id} with 1 address. --apply erases it." in run(*named)
    assert not is_erased()
    assert "is erased." in run(*named, "--apply")
    assert is_erased()
    assert ChannelIdentity.objects.get().events.latest("seq").actor == "erase_contact"


def test_it_says_what_is_kept_and_why(contact):
    text = run("--contact", str(contact.id), "--apply")
    assert "Kept: 3 ledger_lines. They say what was agreed and when" in text
    assert NUMBER not in text
    assert "Astrid" not in text


@pytest.mark.parametrize(
    "named",
    [
        ["--contact", str(uuid4())],
        ["--contact", "nonsense"],
        ["--external-id", "crm-2"],
        ["--identity", "nonsense"],
        ["--identity", NUMBER, "--channel", "SMS"],
        ["--external-id", "crm-1", "--sender", "other"],
        ["--external-id", "crm-1", "--sender", "nobody"],
        [],
    ],
)
def test_who_is_not_there_is_said_so_and_nobody_is_erased(contact, named):
    SenderFactory(key="other")
    with pytest.raises(CommandError):
        run(*named, "--apply")
    assert not is_erased()
