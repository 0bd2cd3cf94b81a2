"""The embedded phone as a device."""

from __future__ import annotations

from agentenv.devices.browser import open_browser
from agentenv.devices.phone.device import PHONE_ACTIONS, PhoneDevice

__all__ = ["HEIGHT", "PHONE_ACTIONS", "WIDTH", "PhoneDevice", "open_phone"]

WIDTH, HEIGHT = 360, 640


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
