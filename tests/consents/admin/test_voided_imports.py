"""The page of an import, and taking it back."""

from __future__ import annotations

import pytest
from django.urls import reverse

from consents.admin import imports
from consents.models import ConsentEvent, StaffAction
from tests.consents.factories import NUMBER, OTHER_NUMBER, state_of
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(sender, tmp_path):
    rows = (f"{number},LIST" for number in (NUMBER, OTHER_NUMBER))
    return recorded(sender, source(tmp_path, csv_text("identity,source", rows)))


def url(run, name):
    return reverse(f"admin:consents_importrun_{name}", args=[run.pk])


def test_the_question_says_what_it_will_change_and_changes_nothing(desk, run):
    text = desk.get(url(run, "void_import")).content.decode()
    assert "2 entries of this import count now" in text
    assert "2 opt-ins and 0 opt-outs that hold today" in text
    assert state_of() == "opted_in"


def test_an_import_made_in_error_is_voided_with_a_reason(desk, officer, run):
    assert "note" in desk.post(url(run, "void_import"), {"note": ""}).context["form"].errors
    desk.post(url(run, "void_import"), {"note": "the wrong list"})
    assert (state_of(), state_of(OTHER_NUMBER)) == (None, None)
    voided = StaffAction.objects.get(model="consents.ImportRun")
    assert (voided.actor, voided.text) == (f"staff:{officer.pk}", "Voided, with 2 entries.")
    page = desk.get(url(run, "change")).content.decode()
    assert "Void" in page
    assert f"by {officer.username}" in page


def test_more_than_a_browser_can_wait_for_is_left_to_the_command(desk, run, monkeypatch):
    monkeypatch.setattr(imports, "VOIDED_HERE", 1)
    answer = desk.post(url(run, "void_import"), {"note": "the wrong list"})
    assert f"void_import {run.pk}" in answer.content.decode()
    assert not ConsentEvent.objects.filter(action="voided").exists()
