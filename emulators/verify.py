"""Use an emulator that is up as an agent does: ``python -m emulators.verify adb|appium``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from agentenv.actions import OpenApp, PressKey, Scroll
from agentenv.devices.adb.driver import AdbDriver
from agentenv.devices.android.appium import AppiumDriver
from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.setup import AndroidSetup
from agentenv.errors import ConfigError
from emulators import state

SETTINGS = "com.android.settings"
WIDTH, HEIGHT = 360, 760


def main(words: Sequence[str]) -> None:
    """Open the settings, scroll, come back; each screen must have a picture and elements."""
    emulators = state.load()
    if not emulators or list(words) not in (["adb"], ["appium"]):
        raise ConfigError("say adb or appium, while an emulator is up")
    one = emulators[0]
    driver = AdbDriver(one.serial) if words[0] == "adb" else AppiumDriver(one.appium_url)
    device = AndroidDevice(driver, WIDTH, HEIGHT)
    try:
        device.reset(AndroidSetup())
        home = device.observe()
        device.act(OpenApp(app=SETTINGS))
        opened = device.observe()
        assert opened.location.startswith(SETTINGS), opened.location
        assert len(opened.elements) > 3, opened.elements
        device.act(Scroll(direction="down"))
        assert device.observe().png != opened.png, "scrolling changed nothing"
        device.act(PressKey(key="home"))
        assert device.observe().location == home.location
        assert not device.failures, dict(device.failures)
    finally:
        device.close()


if __name__ == "__main__":
    main(sys.argv[1:])
