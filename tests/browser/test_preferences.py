"""The preference page, as the person sees it: without a login, and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shop import Shop
from tests.browser.test_accessibility import faults
from tests.consents.factories import british_number


def link(shop: Shop, number: str) -> str:
    """As a business makes it."""
    event = shop.record("opt_in", number, sender="default")
    made = shop.post(f"/api/v1/contacts/{event['contact']}/preference-link/", {})
    path = str(made["preferences"]).split("/preferences/", 1)[1]
    return f"{shop.address}/preferences/{path}"


def may_send(shop: Shop, number: str, purpose: str) -> bool:
    asked = {"channel": "WHATSAPP", "purpose": purpose, "identities": [number]}
    answer = shop.post("/api/v1/permissions/", {**asked, "sender": "default"})
    return bool(answer["results"][0]["allowed"])


def test_offers_are_switched_off_and_the_rest_stays(page, shop):
    number = british_number(910)
    page.goto(link(shop, number))
    page.get_by_label("Offers and news").uncheck(force=True)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert not may_send(shop, number, "marketing")
    assert may_send(shop, number, "utility")


def test_one_click_stops_everything(page, shop):
    number = british_number(911)
    page.goto(link(shop, number))
    page.get_by_role("button", name="Stop all messages").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert not may_send(shop, number, "marketing")
    assert not may_send(shop, number, "utility")


def test_it_works_without_scripts(browser: Browser, shop: Shop):
    context = browser.new_context(java_script_enabled=False, locale="sv-SE")
    number = british_number(912)
    page: Page = context.new_page()
    page.goto(link(shop, number))
    expect(page.locator("html")).to_have_attribute("lang", "sv")
    page.locator("button[name=leave]").click()
    assert not may_send(shop, number, "utility")
    context.close()


def test_a_link_that_does_not_work_tells_nothing(page, shop):
    answer = page.goto(f"{shop.address}/preferences/nonsense/")
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize("width", [1280, 390])
def test_it_can_be_used_by_everybody(page, shop, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(link(shop, british_number(913)))
    assert not faults(page)
