"""Emulators and handsets that are up, by their addresses: what the `engine` of a task may say.

``"adb:SERIAL"`` is driven by adb alone, ``"appium:URL"`` by an Appium server; where that has
several devices, ``"appium:URL#SERIAL"`` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentenv.devices.adb.client import Adb
from agentenv.devices.adb.driver import AdbDriver
from agentenv.devices.adb.own_apps import OwnApps
from agentenv.devices.android.appium import AppiumDriver
from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.driver import Driver
from agentenv.errors import ConfigError

if TYPE_CHECKING:
    from agentenv.devices.phone import PhoneDevice

WIDTH, HEIGHT = 360, 760
"""Of the screenshots that an agent sees of Android, in pixels."""
CHROME = {
    "platformName": "Android",
    "browserName": "Chrome",
    "appium:automationName": "UiAutomator2",
    "appium:newCommandTimeout": 3600,
}
"""What Appium is asked for to open pages; it needs a ChromeDriver that fits the device's Chrome,
or leave to fetch one (``--allow-insecure=uiautomator2:chromedriver_autodownload``)."""


@dataclass(frozen=True)
class Address:
    """Where a device is. Without either, it is the only one that adb sees."""

    appium_url: str = ""
    serial: str = ""

    @property
    def engine(self) -> str:
        """As tasks, environments and commands are told it."""
        if not self.appium_url:
            return f"adb:{self.serial}"
        return f"appium:{self.appium_url}" + (f"#{self.serial}" if self.serial else "")

    @property
    def device(self) -> dict[str, Any]:
        """Appium's capability for it."""
        return {"appium:udid": self.serial} if self.serial else {}


def address_of(engine: str) -> Address | None:
    """The address that an engine's name is; None if it is another engine's.

    Raises:
        ConfigError: it is one without a device, or with no URL of a server.
    """
    kind, colon, rest = engine.partition(":")
    if not colon or kind not in ("adb", "appium"):
        return None
    if kind == "adb":
        if not rest:
            raise ConfigError("adb: needs the serial of a device; `adb devices` lists them")
        return Address(serial=rest)
    url, _, serial = rest.partition("#")
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"appium: needs a server's address, such as http://..., not {url!r}")
    return Address(url.rstrip("/"), serial)


def default_address() -> Address:
    """The first emulator that `agentenv emulators up` has started, or the only device there is."""
    from emulators import state  # which itself is built on agentenv

    started = state.load()
    return Address(started[0].appium_url, started[0].serial) if started else Address()


def open_android(engine: str = "auto", width: int = WIDTH, height: int = HEIGHT) -> AndroidDevice:
    """A device that is connected to at its first `reset`.

    If its container is one that `agentenv emulators up` has started, that is started anew where
    nothing else helps.

    Args:
        engine: its address; "auto": see `default_address`.
        width, height: of the screenshots, in pixels.

    Raises:
        ConfigError: it is no address of an Android device.
    """
    address = default_address() if engine == "auto" else address_of(engine)
    if address is None:
        raise ConfigError(f"on Android the engine is adb:SERIAL or appium:URL, not {engine!r}")
    by_adb = AdbDriver(address.serial)
    driver: Driver = by_adb
    if address.appium_url:
        driver = AppiumDriver(address.appium_url, address.device)
    own_apps = OwnApps(by_adb.adb)  # also beside Appium, which gives no databases
    return AndroidDevice(driver, width, height, restart=_restart(address), own_apps=own_apps)


def open_phone_page(address: Address) -> PhoneDevice:
    """The embedded phone, drawn by the Chrome of a device: the same phone, logs and verifiers.

    The phone stays on this machine; ``adb reverse`` makes its address one of the device too.

    Raises:
        ConfigError: there is no Appium, by which alone a page is seen element by element.
    """
    from agentenv.devices.phone import open_phone_through
    from agentenv.phone.server import shared_server

    if not address.appium_url:
        raise ConfigError(
            "the phone's page is opened in the device's Chrome, which Appium drives: say "
            "--appium-url, or appium:URL, beside the serial"
        )

    def reach() -> None:
        port = f"tcp:{shared_server().server_port}"
        adb = Adb(address.serial)
        adb.connect()
        adb.call("reverse", port, port)

    return open_phone_through(AppiumDriver(address.appium_url, CHROME | address.device), reach)


def _restart(address: Address) -> Callable[[], None] | None:
    from emulators.life import restarter

    return restarter(address.serial, address.appium_url)
