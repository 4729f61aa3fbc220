"""Find a person, prove what was allowed, record that they want no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.browser.shop import Shop
from tests.consents.factories import NUMBER, OTHER_NUMBER, british_number

TYPED = "+46 73-200 11 22"


def find(desk: Page, shop: Shop, text: str) -> None:
    desk.goto(f"{shop.address}/admin/consents/contact/")
    desk.locator("#searchbar").fill(text)
    desk.keyboard.press("Enter")


def open_person(desk: Page, shop: Shop, number: str) -> None:
    find(desk, shop, number)
    desk.locator("#result_list tbody tr a").first.click()
    expect(desk.get_by_role("heading", name=f"WhatsApp +{number}")).to_be_visible()


def test_a_person_is_found_by_a_number_typed_as_people_type_it(desk, shop):
    shop.record("opt_in", NUMBER, sender="default")
    find(desk, shop, TYPED)
    rows = desk.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text(f"+{NUMBER}")
    rows.first.get_by_role("link").first.click()
    expect(desk.get_by_text("Opted in to all messages since")).to_be_visible()


def test_it_can_be_proven_why_a_message_was_allowed_last_tuesday(desk, shop):
    now = datetime.now(UTC)
    tuesday = now - timedelta(days=(now.weekday() - 1) % 7 or 7)
    shop.record(
        "opt_in",
        OTHER_NUMBER,
        sender="default",
        occurred_at=(tuesday - timedelta(days=30)).isoformat(),
        evidence={"wording": "Send me offers on WhatsApp", "url": "https://shop.example/form"},
    )
    shop.record("opt_out", OTHER_NUMBER, sender="default", source="STOP")
    open_person(desk, shop, OTHER_NUMBER)
    expect(desk.get_by_text("May we write now?")).to_be_visible()
    expect(desk.get_by_text("No: they opted out").first).to_be_visible()
    desk.get_by_text("Look at another time").click()
    desk.get_by_label("Time (UTC)").fill(f"{tuesday:%Y-%m-%d}T10:00")
    desk.get_by_label("With what has become known since").check()
    desk.get_by_role("button", name="Look", exact=True).click()
    expect(desk.get_by_text("Could we write on")).to_be_visible()
    expect(desk.get_by_text("Templates only, because they opted in").first).to_be_visible()
    desk.get_by_role("link", name="proof").first.click()
    expect(desk.get_by_text("Send me offers on WhatsApp")).to_be_visible()


def test_a_slider_goes_through_what_happened(desk, shop):
    number = british_number(901)
    shop.record("opt_in", number, sender="default")
    open_person(desk, shop, number)
    desk.get_by_text("Look at another time").click()
    slider = desk.get_by_label("Through what happened")
    expect(slider).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", "Now")
    expect(desk.locator("#stop_words")).to_have_text("Now")


def test_an_opt_out_is_recorded_and_the_providers_are_told(desk, shop):
    number = british_number(900)
    shop.record("opt_in", number, sender="default")
    open_person(desk, shop, number)
    desk.get_by_role("link", name="Record consent").first.click()
    desk.get_by_label("No: they opt out").check()
    desk.get_by_label("Source").fill("PHONE CALL")
    desk.get_by_role("button", name="Record").click()
    expect(desk.get_by_text("Opted out of all messages").first).to_be_visible()
    shop.server.until(lambda: _are_told(shop, number, "opted_out"))
    desk.reload()
    expect(desk.get_by_text("is known to").first).to_be_visible()


def _are_told(shop: Shop, number: str, state: str) -> bool:
    held = [provider.get(number) for provider in shop.told().values()]
    return all(state in str(one) for one in held) and len(held) == 3
