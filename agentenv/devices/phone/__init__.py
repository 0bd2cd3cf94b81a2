"""The embedded phone as a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentenv.devices.browser import BrowserDevice, open_browser
from agentenv.devices.browser.viewports import Viewport
from agentenv.devices.phone.device import PHONE_ACTIONS, PhoneDevice

if TYPE_CHECKING:
    from agentenv.devices.android.appium import AppiumDriver

__all__ = [
    "HEIGHT",
    "PHONE_ACTIONS",
    "WIDTH",
    "PhoneDevice",
    "open_phone",
    "open_phone_through",
]

WIDTH, HEIGHT = 360, 640
_LOAD_TIMEOUT = 60.0
"""Seconds that a page may take in another browser."""


def open_phone(width: int = WIDTH, height: int = HEIGHT, engine: str = "auto") -> PhoneDevice:
    """A phone that starts at its first `reset`, in a browser of its own.

    Args:
        width, height: of its screen, in pixels.
        engine: which browser engine draws it; see `agentenv.devices.browser.open_browser`.

    Raises:
        ConfigError: no such engine, or no such size.
    """
    # A restored screen is the one that was there, byte for byte.
    return PhoneDevice(open_browser(width, height, engine, draw_whole=True, still=True))


def open_phone_through(
    driver: AppiumDriver, reach: Callable[[], None] = lambda: None
) -> PhoneDevice:
    """The same phone on a page of another browser: Chrome on Android, or any behind Appium.

    Args:
        driver: with the capabilities of a browser's session.
        reach: called with each new session: makes this machine's addresses the browser's too.
    """
    from agentenv.devices.android.chrome import ChromeEngine

    screen = Viewport(WIDTH, HEIGHT)
    return PhoneDevice(
        BrowserDevice(screen, lambda: ChromeEngine(driver, screen, reach), _LOAD_TIMEOUT)
    )
