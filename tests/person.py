"""A person's own browser, for pages that people use: real Chromium through Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser, require_browser

PATIENCE = 60_000
"""Milliseconds a busy machine may take."""


@contextmanager
def own_browser() -> Iterator[Browser]:
    """A browser that is closed at the end."""
    program = find_browser(HEADLESS_SHELL) or require_browser(CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def flawless_page(browser: Browser, width: int, height: int) -> Iterator[Page]:
    """A page, on which no script may fail."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    page.close()
    assert problems == []
