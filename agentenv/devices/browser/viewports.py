"""The screen a page is shown on: its size, and whether it is a phone's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentenv.config import closest
from agentenv.errors import ConfigError

MAX_SIDE = 8192
MAX_SCALE = 4.0
TOUCH_POINTS = 1
"""Fingers that a mobile screen tells apart; Playwright has one."""

# What Chrome for Android calls itself on every phone and tablet since version 110.
_ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{major}.0.0.0 Mobile Safari/537.36"
)
_ANDROID_TABLET = _ANDROID.replace(" Mobile", "")
_APPLE = (
    "Mozilla/5.0 ({device}; CPU {system} 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
_IPHONE = _APPLE.format(device="iPhone", system="iPhone OS")
_IPAD = _APPLE.format(device="iPad", system="OS")


@dataclass(frozen=True)
class Viewport:
    """A screen. Positions on it are fractions, so no action depends on these numbers.

    Raises:
        ConfigError: a number is out of range.
    """

    width: int
    """In CSS pixels."""
    height: int
    scale: float = 1.0
    """Device pixels for each CSS pixel, in the screenshot as for the page; with 1 the
    screenshot has `width` x `height` pixels. Drawing time grows with its square."""
    mobile: bool = False
    """Pages are laid out as on a phone (their viewport tag counts, wide ones are zoomed
    out), are told so by the user agent, and are touched instead of clicked. A swipe scrolls
    by its length what lies under it, and where the page wants the movement for itself
    (touch-action) it is one of the pointer."""
    user_agent: str = ""
    """What the browser calls itself, where "{major}" is its own version; by default its own
    name, or if mobile that of Chrome on an Android phone."""

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            size = f"{self.width} x {self.height}"
            raise ConfigError(f"a viewport has 1 to {MAX_SIDE} pixels a side, not {size}")
        if not 0 < self.scale <= MAX_SCALE:
            raise ConfigError(f"scale is above 0 and at most {MAX_SCALE:g}, not {self.scale}")

    @property
    def screenshot_size(self) -> tuple[int, int]:
        """(width, height) of the screenshot in pixels."""
        return round(self.width * self.scale), round(self.height * self.scale)

    @property
    def metrics(self) -> dict[str, Any]:
        """As ``Emulation.setDeviceMetricsOverride`` takes it."""
        return {
            "width": self.width,
            "height": self.height,
            "deviceScaleFactor": self.scale,
            "mobile": self.mobile,
        }

    def user_agent_of(self, version: str) -> str:
        """What a browser of that version ("156.0.8078.79") calls itself; "" for its own name."""
        agent = self.user_agent or (_ANDROID if self.mobile else "")
        return agent.replace("{major}", version.partition(".")[0])


def _phone(width: int, height: int, user_agent: str = _ANDROID) -> Viewport:
    return Viewport(width, height, mobile=True, user_agent=user_agent)


VIEWPORTS: dict[str, Viewport] = {
    "phone-small": _phone(360, 640),
    "galaxy-s20": _phone(360, 800),
    "pixel-5": _phone(393, 851),
    "pixel-8": _phone(412, 915),
    "iphone-se": _phone(375, 667, _IPHONE),
    "iphone-15": _phone(393, 852, _IPHONE),
    "iphone-15-pro-max": _phone(430, 932, _IPHONE),
    "galaxy-tab-s4": _phone(712, 1138, _ANDROID_TABLET),
    "ipad-mini": _phone(768, 1024, _IPAD),
    "ipad-pro-11": _phone(834, 1194, _IPAD),
    "laptop-small": Viewport(1280, 720),
    "laptop": Viewport(1366, 768),
    "macbook-air": Viewport(1440, 900),
    "desktop": Viewport(1920, 1080),
}
"""Screens by name, upright. All have scale 1: a screenshot in CSS pixels is what agents are
trained on, and several times faster. `dataclasses.replace(viewport, scale=2)` for another."""

DEFAULT_VIEWPORT = VIEWPORTS["laptop-small"]


def get_viewport(name: str) -> Viewport:
    """The viewport of that name.

    Raises:
        ConfigError: there is none; the message names the closest ones.
    """
    if name not in VIEWPORTS:
        raise ConfigError(f"no viewport {name!r}{closest(name, list(VIEWPORTS))}")
    return VIEWPORTS[name]


def user_agent_override(viewport: Viewport, version: str) -> dict[str, Any]:
    """Parameters of `Emulation.setUserAgentOverride`; empty if there is nothing to override."""
    agent = viewport.user_agent_of(version)
    if not agent:
        return {}
    metadata = {
        "platform": "iOS" if "like Mac OS X" in agent else "Android",
        "platformVersion": "",
        "architecture": "",
        "model": "",
        "mobile": "Mobile" in agent,
    }
    return {"userAgent": agent} | ({"userAgentMetadata": metadata} if viewport.mobile else {})
