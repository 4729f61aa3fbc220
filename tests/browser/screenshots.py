"""Pictures of the main pages, of a shop full of people who do not exist.

Run by `script/screenshots`; the pictures are for the README and docs, and for whoever changes a
page to look at.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from config.home import BASE
from tests.browser.conftest import PATIENCE, chromium, log_in
from tests.browser.shop import Shop
from tests.config.servers import installation

PICTURES = BASE / "docs" / "screenshots"
PEOPLE = 3000
PAGES = {
    "home": "/admin/?days=90",
    "contacts": "/admin/consents/contact/",
    "ledger": "/admin/consents/consentevent/",
    "record": "/admin/consents/consentevent/add/",
    "review": "/admin/consents/reviewitem/?decided=no",
    "accounts": "/admin/providers/provideraccount/",
    "syncs": "/admin/providers/providersync/",
}


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="ob-", dir="/tmp"))
    home.chmod(0o755)
    try:
        with installation(home) as server:
            server.start()
            shop = Shop(server)
            shop.manage("seed_demo", "--people", str(PEOPLE))
            shop.manage("sweep")
            _take_all(shop)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _take_all(shop: Shop) -> None:
    with sync_playwright() as playwright:
        program, options = chromium()
        browser = playwright.chromium.launch(executable_path=program, args=options)
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        log_in(page, shop, "admin", shop.admin_password)
        for name, path in PAGES.items():
            page.goto(shop.address + path)
            _take(page, name)
        page.goto(f"{shop.address}/admin/consents/contact/?state=window_open")
        page.locator("#result_list tbody tr a").first.click()
        page.wait_for_load_state()
        _take(page, "contact")
        browser.close()


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")
    sys.stdout.write(f"docs/screenshots/{name}.png\n")


if __name__ == "__main__":
    main()
