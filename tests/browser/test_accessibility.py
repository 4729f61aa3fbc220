"""axe-core finds nothing serious on the pages: light, dark, and as wide as a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.consents.attaching import LETTER
from tests.consents.factories import british_number

PAGES = {
    "home": "/admin/",
    "contacts": "/admin/consents/contact/",
    "ledger": "/admin/consents/consentevent/",
    "record": "/admin/consents/consentevent/add/",
    "notices": "/admin/consents/notice/",
    "notice": "/admin/consents/notice/add/",
    "review": "/admin/consents/reviewitem/",
    "revocation": "/admin/consents/reviewitem/add-revocation",
    "imports": "/admin/consents/importrun/",
    "upload": "/admin/consents/importrun/add/",
    "accounts": "/admin/providers/provideraccount/",
    "syncs": "/admin/providers/providersync/",
    "retention": "/admin/consents/retentionrule/",
    "a rule": "/admin/consents/retentionrule/add/",
    "legal holds": "/admin/consents/legalhold/",
    "a hold": "/admin/consents/legalhold/add/",
    "seals": "/admin/consents/seal/",
    "files": "/admin/consents/evidencefile/",
    "staff actions": "/admin/consents/staffaction/",
}
GRAVE = ("serious", "critical")
LOOKS = {"light": ("light", 1400), "dark": ("dark", 1400), "phone": ("light", 390)}


def look_at(page: Page, look: str) -> None:
    scheme, width = LOOKS[look]
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})


def faults(page: Page) -> list[str]:
    """What axe finds, with the first element of each."""
    page.wait_for_load_state("networkidle")
    found = Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in GRAVE
    ]


def in_every_look(page: Page) -> list[str]:
    """What axe finds on the page where one is, however it is looked at."""
    found = []
    for look in LOOKS:
        look_at(page, look)
        found += [f"{page.url} {look}: {fault}" for fault in faults(page)]
    return found


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(desk, shop, name, look):
    look_at(desk, look)
    answer = desk.goto(f"{shop.address}{PAGES[name]}")
    assert answer.status == 200
    assert not faults(desk)


def test_a_contacts_page_can_be_used_by_everybody(desk, shop):
    desk.goto(f"{shop.address}/admin/consents/contact/")
    desk.locator("#result_list tbody tr a").first.click()
    assert not faults(desk)


@pytest.mark.parametrize("model", ["seal", "staffaction"])
def test_the_page_of_one_row_can_be_used_by_everybody(desk, shop, model):
    shop.manage("seal_ledger")
    desk.goto(f"{shop.address}/admin/consents/{model}/")
    desk.locator("#result_list tbody tr a").first.click()
    assert not in_every_look(desk)


def test_the_pages_of_an_import_can_be_used_by_everybody(desk, shop, tmp_path: Path):
    file = tmp_path / "list.csv"
    file.write_text(f"phone,origin\n{british_number(930)},CRM\nno number,CRM\n")
    desk.goto(f"{shop.address}/admin/consents/importrun/add/")
    desk.locator("#id_file").set_input_files(file)
    desk.get_by_role("button", name="Hand in").click()
    found = in_every_look(desk)  # what its columns mean
    desk.get_by_label("phone").select_option("identity")
    desk.get_by_label("origin").select_option("source")
    desk.get_by_role("button", name="Look at every row").click()
    expect(desk.get_by_text("What would come of it")).to_be_visible()
    found += in_every_look(desk)
    look_at(desk, "light")
    desk.goto(f"{shop.address}/admin/")
    found += in_every_look(desk)  # with a tile for a file that waits
    desk.go_back()
    desk.get_by_role("link", name="Record it").click()
    found += in_every_look(desk)
    desk.get_by_role("button", name="Record it").click()
    expect(desk.get_by_text("Recorded to its end: 2 rows.")).to_be_visible()
    found += in_every_look(desk)
    assert not found


def test_the_pages_of_a_file_can_be_used_by_everybody(desk, shop, tmp_path: Path):
    letter, picture = tmp_path / "letter.pdf", tmp_path / "picture.gif"
    letter.write_bytes(LETTER)
    picture.write_bytes(b"GIF89a\x01\x00")
    desk.goto(f"{shop.address}/admin/consents/consentevent/add/")
    desk.get_by_label("No: they opt out").check()
    desk.get_by_label("Number or address").fill(british_number(931))
    desk.locator("#id_file").set_input_files(picture)
    desk.get_by_role("button", name="Record").click()
    expect(desk.get_by_text("Recorded without its file.")).to_be_visible()
    found = in_every_look(desk)
    look_at(desk, "light")
    desk.get_by_role("link", name="Attach another.").click()
    found += in_every_look(desk)
    desk.locator("#id_file").set_input_files(letter)
    desk.get_by_role("button", name="Attach it").click()
    expect(desk.get_by_text("The hash agrees")).to_be_visible()
    found += in_every_look(desk)
    look_at(desk, "light")
    desk.get_by_role("link", name="PDF,").click()
    expect(desk.get_by_text("letter.pdf").first).to_be_visible()
    found += in_every_look(desk)
    assert not found
