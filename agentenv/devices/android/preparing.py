"""A device brought into the state that a task begins with."""

from __future__ import annotations

from collections.abc import Callable

from agentenv.devices.adb.own_apps import OwnApps
from agentenv.devices.android.driver import Driver
from agentenv.devices.android.pins import Pins
from agentenv.devices.android.setup import AndroidSetup
from agentenv.errors import ActionError, ConfigError, DeviceError

_HOME_KEY = 3
_EMULATORS = {
    "ro.boot.qemu": ("1",),
    "ro.kernel.qemu": ("1",),
    "ro.hardware": ("ranchu", "goldfish", "redroid", "cutf_cvm"),
}
"""Properties that only emulators have, and containers."""


def prepare(
    driver: Driver,
    pins: Pins,
    setup: AndroidSetup,
    own_apps: OwnApps | None,
    load_snapshot: Callable[[str], None],
) -> None:
    """Bring it about, in the order in which the setup says it.

    Args:
        driver: of the device, connected.
        pins: what is held still on it.
        setup: the state.
        own_apps: of the device, if the setup may have some.
        load_snapshot: loads one and makes sure of it.

    Raises:
        ConfigError: it would destroy what is a person's, or cannot be on this device.
        DeviceError: the device failed, or the task cannot start ("start_failed").
    """
    if setup.emulator_only and not is_emulator(driver):
        raise ConfigError(
            "this task erases an app's data, and this device is no emulator; choose tasks "
            "that erase nothing (android/settings-..., android/files-...)"
        )
    if setup.snapshot:
        load_snapshot(setup.snapshot)
    if setup.clock is not None:
        pins.set_clock(setup.clock)
    _prepare_apps(driver, setup, own_apps)
    if setup.clipboard is not None:
        driver.set_clipboard(setup.clipboard)
    for words in setup.commands:
        driver.shell(*words)
    driver.press([_HOME_KEY])
    try:
        if setup.app:
            driver.start_app(setup.app)
        if setup.url:
            driver.open_url(setup.url)
    except ActionError as error:
        raise DeviceError(f"the task cannot start: {error}", "start_failed") from error


def is_emulator(driver: Driver) -> bool:
    """Whether a device is one, by what it says of itself."""
    known = {name: driver.shell("getprop", name).strip() for name in _EMULATORS}
    return any(known[name] in values for name, values in _EMULATORS.items())


def _prepare_apps(driver: Driver, setup: AndroidSetup, own_apps: OwnApps | None) -> None:
    """Install, empty and fill them, and give them their permissions."""
    for apk in setup.install:
        driver.install(apk)
    there = driver.packages() if setup.clear else []
    for package in setup.clear:
        if package in there:
            driver.clear_app(package)
    if setup.own_apps:
        if own_apps is None:
            raise ConfigError("this task has apps of its own, which are installed by adb")
        may_erase = is_emulator(driver)
        for app in setup.own_apps:
            own_apps.prepare(app, is_emulator=may_erase)
    for package, permission in setup.grants:
        driver.grant(package, [permission])
