"""A real server with a real database, and Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.browser.shop import PASSWORD, Shop
from tests.config.servers import installation

PATIENCE = 30_000  # ms
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def chromium() -> tuple[str, list[str]]:
    """The program and its options. CHROMIUM names it where it has another name."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    assert program, "Chromium is needed; CHROMIUM may say where it is."
    # As root its own sandbox cannot work; the pages are ours alone.
    return program, ["--no-sandbox"] if os.geteuid() == 0 else []


def log_in(page: Page, shop: Shop, name: str, password: str) -> None:
    page.goto(f"{shop.address}/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{shop.address}/admin/")


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """One shop for all journeys: each speaks of people of its own."""
    home = Path(tempfile.mkdtemp(prefix="ob-", dir="/tmp"))
    home.chmod(0o755)
    try:
        with installation(home) as server:
            server.start()
            made = Shop(server)
            made.manage("seed_demo", "--sender", "shop", "--people", "300")
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program, options = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose scripts must not fail, and which must keep to its content policy."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: _note(message, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not complaints


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    # What is forbidden is answered 403, and the browser says so: that is no fault of a page.
    if message.type == "error" and "status of 4" not in message.text:
        complaints.append(message.text)


@pytest.fixture
def login(page: Page, shop: Shop) -> Callable[..., Page]:
    def logged_in(name: str = "admin", password: str = "") -> Page:
        log_in(page, shop, name, password or PASSWORD)
        return page

    return logged_in


@pytest.fixture
def desk(login: Callable[..., Page], shop: Shop) -> Page:
    """The home page, before somebody who may do everything."""
    return login("admin", shop.admin_password)
