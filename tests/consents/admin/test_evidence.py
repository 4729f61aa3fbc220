"""Seals, proofs and receipts as staff see them; and what staff cannot do to the ledger."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from consents import proofs, sealing, verification
from consents.models import ConsentEvent, Seal, Sender
from tests.consents.factories import NUMBER, OptInFactory, StopFactory

EVENTS, SEALS = "admin:consents_consentevent_{}", "admin:consents_seal_{}"


@pytest.fixture
def event(sender: Sender) -> ConsentEvent:
    """A sealed opt-in."""
    event = OptInFactory(evidence={"wording": "Yes, <b>please</b>"})
    list(sealing.seal())
    return event


def page(name: str, *args: object) -> str:
    return reverse(name, args=args)


def text(answer: Any) -> str:
    assert answer.status_code == 200
    content: str = answer.content.decode()
    return content


def test_the_list_of_seals_says_how_many_lines_are_not_sealed(
    desk: Client, event: ConsentEvent
) -> None:
    assert "Every line of the ledger is sealed." in text(desk.get(page(SEALS.format("changelist"))))
    StopFactory()
    shown = text(desk.get(page(SEALS.format("changelist"))))
    assert "1 line of the ledger is not sealed yet." in shown
    assert Seal.objects.get().digest().hex() in shown


def test_an_entry_says_in_which_seal_it_is(desk: Client, event: ConsentEvent) -> None:
    shown = text(desk.get(page(EVENTS.format("change"), event.pk)))
    assert page(SEALS.format("change"), 1) in shown
    assert page(EVENTS.format("proof"), event.pk) in shown
    assert page(EVENTS.format("receipt"), event.pk) in shown


def test_an_entry_that_is_not_sealed_says_so(desk: Client, event: ConsentEvent) -> None:
    late = StopFactory()
    shown = text(desk.get(page(EVENTS.format("change"), late.pk)))
    assert "Not yet" in shown
    answer = desk.get(page(EVENTS.format("proof"), late.pk), follow=True)
    assert "not sealed yet" in text(answer)


def test_a_proof_is_a_file(desk: Client, event: ConsentEvent) -> None:
    answer = desk.get(page(EVENTS.format("proof"), event.pk))
    assert json.loads(text(answer)) == proofs.prove(event)
    assert f"proof-{event.seq}.json" in answer["Content-Disposition"]


def test_a_receipt_is_a_page_to_be_read_and_printed(desk: Client, event: ConsentEvent) -> None:
    shown = text(desk.get(page(EVENTS.format("receipt"), event.pk)))
    for words in (NUMBER, "Consent receipt", "Withdrawal", "Yes, &lt;b&gt;please&lt;/b&gt;"):
        assert words in shown
    assert bytes(Seal.objects.get().root).hex() in shown
    assert "Not stated yet: privacy_notice" in shown.replace("party_address, party_contact, ", "")


def test_there_is_no_receipt_for_an_opt_out(desk: Client, event: ConsentEvent) -> None:
    answer = desk.get(page(EVENTS.format("receipt"), StopFactory().pk), follow=True)
    assert "There are receipts for opt-ins only." in text(answer)


@pytest.mark.parametrize("name", ["proof", "receipt"])
def test_only_who_may_see_entries_sees_their_evidence(
    desk_with: Callable[..., Client], desk: Client, event: ConsentEvent, name: str
) -> None:
    address = page(EVENTS.format(name), event.pk)
    assert desk_with("view_consentevent").get(address).status_code == 200
    assert desk_with("view_contact").get(address).status_code == 403
    assert Client().get(address).status_code == 302
    nobody = page(EVENTS.format(name), "00000000-0000-7000-8000-000000000001")
    assert desk.get(nobody).status_code == 404


@pytest.mark.parametrize("name", ["change", "delete"])
def test_not_even_a_superuser_changes_or_deletes_an_entry_or_a_seal(
    desk: Client, event: ConsentEvent, name: str
) -> None:
    for model, key in ((EVENTS, event.pk), (SEALS, 1)):
        answer = desk.post(page(model.format(name), key), {"source": "X", "post": "yes"})
        assert answer.status_code == 403
    assert desk.post(page(SEALS.format("add")), {}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": str(event.pk), "post": "yes"}
    desk.post(page(EVENTS.format("changelist")), chosen)
    assert (ConsentEvent.objects.get().source, Seal.objects.count()) == ("WEB", 1)


# --- the tile of the home page


def tile(desk):
    cards = desk.get(reverse("admin:index")).context["cards"]
    return next(one for one in cards if one.title == "Ledger sealed")


def test_the_home_page_says_when_the_ledger_was_sealed_and_what_is_not(desk):
    assert tile(desk).figure == "Never"
    OptInFactory()
    assert tile(desk).note == "1 line not sealed yet. Never verified."


@pytest.mark.django_db(transaction=True)
def test_the_home_page_says_how_the_last_verification_went(desk):
    OptInFactory()
    list(sealing.seal())
    call_command("verify_ledger", stdout=io.StringIO())
    assert tile(desk).figure == "now"
    assert tile(desk).note == "0 lines not sealed yet. Verified now: as it was sealed."
    assert tile(desk).tone == "success"
    verification.note(verification.tally(), 1)
    assert "NOT as it was sealed" in tile(desk).note
    assert tile(desk).tone == "danger"
