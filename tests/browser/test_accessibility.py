"""axe-core finds nothing serious on the main pages: light, dark, and as wide as a phone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PAGES = {
    "home": "/admin/",
    "contacts": "/admin/consents/contact/",
    "ledger": "/admin/consents/consentevent/",
    "record": "/admin/consents/consentevent/add/",
    "notices": "/admin/consents/notice/",
    "notice": "/admin/consents/notice/add/",
    "review": "/admin/consents/reviewitem/",
    "accounts": "/admin/providers/provideraccount/",
    "syncs": "/admin/providers/providersync/",
}
GRAVE = ("serious", "critical")
LOOKS = {"light": ("light", 1400), "dark": ("dark", 1400), "phone": ("light", 390)}


def faults(page: Page) -> list[str]:
    """What axe finds, with the first element of each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(desk, shop, name, look):
    scheme, width = LOOKS[look]
    desk.emulate_media(color_scheme=scheme)
    desk.set_viewport_size({"width": width, "height": 900})
    desk.goto(f"{shop.address}{PAGES[name]}")
    desk.wait_for_load_state("networkidle")
    assert not faults(desk)


def test_a_contacts_page_can_be_used_by_everybody(desk, shop):
    desk.goto(f"{shop.address}/admin/consents/contact/")
    desk.locator("#result_list tbody tr a").first.click()
    desk.wait_for_load_state("networkidle")
    assert not faults(desk)
