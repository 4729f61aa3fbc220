"""`create_api_key`: a key, printed once."""

import io

import pytest
from django.core.management import CommandError, call_command

from consents.models import ApiKey
from tests.consents.api.caller import Caller
from tests.consents.factories import SenderFactory

pytestmark = pytest.mark.django_db


def run(*words):
    out = io.StringIO()
    call_command("create_api_key", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_key_stands_alone_on_the_last_line_and_opens_the_api(sender):
    text = run("web shop", "--sender", "default", "--scope", "record,read").splitlines()[-1]
    assert Caller(text).get("contacts/").status_code == 200
    key = ApiKey.objects.get()
    assert (key.name, key.scopes) == ("web shop", ["record", "read"])
    assert text not in str(key.__dict__)


def test_senders_and_scopes_may_be_repeated(sender):
    SenderFactory(key="other")
    run("x", "--sender=default", "--sender=other", "--scope=check", "--scope=check,manage")
    key = ApiKey.objects.get()
    assert key.scopes == ["check", "manage"]
    assert {one.key for one in key.senders.all()} == {"default", "other"}


def test_a_key_may_have_a_rate_of_its_own(sender):
    run("x", "--sender=default", "--scope=read", "--rate=600/min")
    assert ApiKey.objects.get().rate == "600/min"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["x", "--sender=nowhere", "--scope=read"], "nowhere"),
        (["x", "--sender=default", "--sender=nowhere", "--scope=read"], "nowhere"),
        (["x", "--sender=,", "--scope=read"], "no sender"),
        (["x", "--sender=default", "--scope=fly"], "Scopes are|not a valid choice"),
        (["x", "--sender=default", "--scope=,"], "."),
        (["", "--sender=default", "--scope=read"], "."),
        (["x", "--sender=default", "--scope=read", "--rate=often"], "600/min"),
        (["x", "--sender=default"], "--scope"),
        (["x", "--scope=read"], "--sender"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_no_key(sender, words, says):
    with pytest.raises(CommandError, match=says):
        run(*words)
    assert not ApiKey.objects.exists()
