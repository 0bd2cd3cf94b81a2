"""A real Appium server, from npm, with a session on a real browser's driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agentenv.devices.android.appium import AppiumDriver
from agentenv.errors import DeviceError
from tests.devices.appium_server import capabilities, needs_appium
from tests.devices.local_sites import Site

PAGES: dict[str, str | None] = {
    "/form": """<!doctype html><title>form</title>
        <meta name="viewport" content="width=device-width">
        <body style="margin: 0"><button style="width: 200px; height: 100px; display: block"
        onclick="document.title = 'pressed'">Go</button><input style="width: 200px; height: 50px"
        oninput="document.title = this.value">""",
    "/other": "<!doctype html><title>other</title>",
}
pytestmark = needs_appium


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(folder=tmp_path_factory.mktemp("site"))
    site.pages |= PAGES
    yield site
    site.close()


@pytest.fixture(scope="module")
def shared(appium_url: str) -> Iterator[AppiumDriver]:
    driver = AppiumDriver(appium_url, capabilities())
    driver.connect()
    yield driver
    driver.close()


def go(driver: AppiumDriver, address: str) -> None:
    """Open a page; a browser's session has no deep links."""
    assert driver._session is not None
    driver._session.get(address)


def title(driver: AppiumDriver) -> str:
    assert driver._session is not None
    return driver._session.title


def test_a_page_is_seen_touched_and_typed_into(shared: AppiumDriver, site: Site) -> None:
    go(shared, f"{site.url}/form")
    before = shared.screenshot()
    assert before.startswith(b"\x89PNG")
    assert b"<button" in shared.source()
    shared.touch([(100, 50)], 0)
    assert title(shared) == "pressed"
    shared.touch([(100, 125)], 0)
    shared.type_text("für 2 € 😀")
    assert title(shared) == "für 2 € 😀"
    shared.erase(9)
    shared.type_text("x")
    assert title(shared) == "x"
    assert shared.screenshot() != before


def test_back_goes_to_the_page_before(shared: AppiumDriver, site: Site) -> None:
    go(shared, f"{site.url}/form")
    go(shared, f"{site.url}/other")
    assert shared.focus() == f"{site.url}/other"
    shared.press([4])
    assert title(shared) == "form"


def test_a_session_that_ended_is_told_and_another_begun(shared: AppiumDriver, site: Site) -> None:
    assert shared._session is not None
    shared._session.quit()
    with pytest.raises(DeviceError) as caught:
        shared.screenshot()
    assert caught.value.cause == "session_lost"
    shared.connect()
    go(shared, f"{site.url}/other")
    assert title(shared) == "other"


def test_two_sessions_do_not_touch_each_other(
    shared: AppiumDriver, appium_url: str, site: Site
) -> None:
    with ExitStack() as closing:
        second = AppiumDriver(appium_url, capabilities())
        closing.callback(second.close)
        second.connect()
        go(shared, f"{site.url}/form")
        go(second, f"{site.url}/form")
        second.touch([(100, 50)], 0)
        assert (title(shared), title(second)) == ("form", "pressed")


def test_what_the_driver_cannot_do_is_said(shared: AppiumDriver) -> None:
    with pytest.raises(DeviceError) as caught:
        shared.shell("ls")
    assert caught.value.cause == "appium_error"


def test_a_session_that_cannot_begin_is_said(appium_url: str) -> None:
    driver = AppiumDriver(appium_url, {"appium:automationName": "NoSuchDriver"})
    with pytest.raises(DeviceError, match="NoSuchDriver") as caught:
        driver.connect()
    assert caught.value.cause == "no_session"
