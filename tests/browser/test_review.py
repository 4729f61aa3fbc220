"""The review queue: what people may have meant, decided by a click."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.consents.factories import british_number


def test_an_unclear_stop_is_decided_and_the_person_is_opted_out(desk, shop):
    number = british_number(901)
    shop.record("opt_in", number, sender="default")
    shop.write(number, "please stop writing to my old phone", "browser-1")
    desk.goto(f"{shop.address}/admin/consents/reviewitem/?decided=no")
    desk.locator("#result_list tbody tr", has_text=f"+{number}").get_by_role("link").first.click()
    expect(desk.get_by_text("Did they mean to opt out?").first).to_be_visible()
    desk.get_by_role("link", name="Record an opt-out…").first.click()
    desk.get_by_role("button", name="Record").click()
    expect(desk.get_by_text("Opt-out recorded").first).to_be_visible()
    desk.goto(f"{shop.address}/admin/consents/reviewitem/?decided=no")
    expect(desk.locator("#result_list tbody tr", has_text=f"+{number}")).to_have_count(0)
    answer = shop.post(
        "/api/v1/permissions/",
        {"channel": "WHATSAPP", "purpose": "marketing", "identities": [number]},
    )
    assert answer["results"][0]["reason"] == "opted_out"
