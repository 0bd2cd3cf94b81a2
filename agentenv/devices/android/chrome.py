"""A page of Chrome on Android (or of any Chromium behind Appium), as a browser's engine.

ChromeDriver, which Appium starts for it, hands DevTools calls on to the page: so what is listed
of a page, and how it is touched, is what it is in a browser of our own. What differs is the
clock, which is the device's own: nothing stands still between two calls.
"""

from __future__ import annotations

import base64
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentenv.devices.android.appium import AppiumDriver
from agentenv.devices.browser.downloads import Downloads
from agentenv.devices.browser.engine import (
    SCREENSHOT,
    InputEvent,
    ScriptError,
    check_navigation,
    value_of,
)
from agentenv.devices.browser.guard import NetworkGuard
from agentenv.devices.browser.launch import CHROMIUM, find_browser, sandbox_flags
from agentenv.devices.browser.notices import Notices
from agentenv.devices.browser.page_script import page_script
from agentenv.devices.browser.storage_state import StorageState
from agentenv.devices.browser.viewports import Viewport
from agentenv.errors import ConfigError, DeviceError

MOST_MS = 50.0
"""Real time that one `advance` takes at most: for pages that tell when they are at rest, as the
phone's does, and need no waiting beyond that."""
_TWO_FRAMES = """new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
  setTimeout(() => done(false), 500);
})"""
"""A screen that is off draws no frame."""


def desktop_chromium() -> dict[str, Any]:
    """Capabilities of a session on this machine's own Chromium, by Appium's Chromium driver: what
    stands for Chrome on Android where there is no Android.

    Raises:
        ConfigError: Chromium or its driver is not installed.
    """
    program, driver = find_browser(CHROMIUM), shutil.which("chromedriver")
    if program is None or driver is None:
        raise ConfigError("there is no chromedriver; apt-get install chromium chromium-driver")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "platformName": "linux",
        "browserName": "chrome",
        "appium:automationName": "Chromium",
        "appium:executable": driver,
        "appium:chromedriverPort": port,
        "appium:newCommandTimeout": 3600,
        "goog:chromeOptions": {
            "binary": str(program),
            "args": ["--headless=new", "--disable-gpu", *sandbox_flags()],
        },
    }


class ChromeEngine:
    """See `agentenv.devices.browser.engine.Engine`: one page, in a session of Appium's.

    The page is laid out for `viewport`, whatever screen the device has.

    Args:
        driver: with the capabilities of a browser's session ("browserName").
        viewport: the page's screen.
        reach: called with each new session, before a page is opened: makes the addresses of
            this machine those of the device too.
    """

    name = "chrome"

    def __init__(
        self, driver: AppiumDriver, viewport: Viewport, reach: Callable[[], None] = lambda: None
    ) -> None:
        self._driver = driver
        self._viewport = viewport
        self._reach = reach
        self.notices = Notices()
        self.downloads = Downloads(self.notices)
        self.file_request: Mapping[str, Any] | None = None

    @property
    def deadline(self) -> float | None:
        """See `Engine`."""
        return self._driver.deadline

    @deadline.setter
    def deadline(self, value: float | None) -> None:
        self._driver.deadline = value

    def open(self, guard: NetworkGuard | None = None) -> None:
        """Begin a session.

        Raises:
            ConfigError: there is a guard, which needs a browser of our own.
        """
        if guard is not None:
            raise ConfigError("on Android nothing guards the network: leave out the policy")
        self._driver.connect()
        self._reach()
        screen = self._viewport
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=page_script())
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=screen.height,
            deviceScaleFactor=screen.scale,
            mobile=screen.mobile,
        )
        self.call("Emulation.setTimezoneOverride", timezoneId="UTC")
        self.call("Emulation.setLocaleOverride", locale="en-US")

    def renew(self, state: StorageState | None = None) -> None:
        """Nothing is deleted: on a handset it would be its owner's.

        Raises:
            ConfigError: there is a storage state.
        """
        if state is not None:
            raise ConfigError("on Android pages begin with no storage state: leave it out")

    def storage_state(self) -> StorageState:
        raise DeviceError("the storage of a page on Android is not read", "unsupported")

    def navigate(self, url: str) -> None:
        check_navigation(url, self.call("Page.navigate", url=url))

    def evaluate(self, expression: str, *, timeout: float | None = None) -> Any:
        """The time is Appium's own limit for a request, whatever `timeout` says."""
        try:
            answer = self.call(
                "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
            )
        except DeviceError as error:
            if error.cause != "protocol":
                raise
            raise ScriptError(str(error)) from error
        return value_of(answer)

    def call(self, method: str, **params: Any) -> Mapping[str, Any]:
        try:
            return self._driver.devtools(method, params)
        except DeviceError as error:
            if error.cause != "appium_error":
                raise
            raise DeviceError(f"{method}: {error}", "protocol") from error

    def send_input(self, events: Sequence[InputEvent]) -> None:
        for method, params in events:
            self.call(method, **params)

    def advance(self, milliseconds: float) -> None:
        time.sleep(max(0.0, min(milliseconds, MOST_MS)) / 1000)

    def draw(self) -> None:
        self.evaluate(_TWO_FRAMES)

    def screenshot(self, then: str = "") -> bytes:
        self.draw()
        return base64.b64decode(self.call("Page.captureScreenshot", **SCREENSHOT)["data"])

    def await_downloads(self) -> None:
        self.downloads.give_up()

    def discard_downloads(self) -> None:
        self.downloads.clear()

    def close(self) -> None:
        self._driver.close()
