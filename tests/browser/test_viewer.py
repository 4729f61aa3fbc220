"""Who may only look: everything forbidden is not offered, and refused when it is tried."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.consents.factories import british_number

FORBIDDEN = (
    "/admin/consents/consentevent/add/",
    "/admin/consents/contact/add/",
    "/admin/consents/importrun/add/",
    "/admin/consents/purpose/add/",
    "/admin/consents/apikey/add/",
    "/admin/providers/provideraccount/add/",
    "/admin/auth/user/",
    "/admin/consents/staffaction/",
)


@pytest.fixture
def viewer(login, shop):
    if "viewer" not in shop.employed:
        shop.employ("viewer", "Viewer")
    return login("viewer")


def test_a_viewer_sees_people_and_is_offered_nothing_to_do(viewer, shop):
    number = british_number(930)
    shop.record("opt_in", number, sender="default")
    viewer.goto(f"{shop.address}/admin/consents/contact/?q={number}")
    viewer.locator("#result_list tbody tr a").first.click()
    expect(viewer.get_by_text("Opted in to all messages since")).to_be_visible()
    for word in ("Record consent", "Erase", "Move an address", "Their whole file", "Save"):
        expect(viewer.get_by_role("link", name=word)).to_have_count(0)
        expect(viewer.get_by_role("button", name=word, exact=True)).to_have_count(0)


@pytest.mark.parametrize("path", FORBIDDEN)
def test_what_a_viewer_may_not_is_refused(viewer, shop, path):
    answer = viewer.goto(f"{shop.address}{path}")
    assert answer is not None
    assert answer.status == 403


@pytest.mark.parametrize(
    "action", ["erase", "disclose", "move_address", "preference_link", "tell_providers"]
)
def test_an_action_whose_address_is_guessed_is_refused(viewer, shop, action):
    number = british_number(931)
    contact = shop.record("opt_in", number, sender="default")["contact"]
    answer = viewer.goto(f"{shop.address}/admin/consents/contact/{contact}/{action}/")
    assert answer is not None
    assert answer.status in (403, 404)
    asked = {"sender": "default", "channel": "WHATSAPP", "purpose": "utility"}
    allowed = shop.post("/api/v1/permissions/", {**asked, "identities": [number]})
    assert allowed["results"][0]["allowed"]
