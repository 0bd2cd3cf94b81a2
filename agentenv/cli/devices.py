"""The devices that commands act on: of this machine, or emulators and handsets that are up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest

from agentenv.devices.base import Device
from agentenv.errors import ConfigError
from agentenv.tasks.base import Task


@dataclass(frozen=True)
class DeviceSettings:
    """Emulators and handsets to act on, instead of devices of this machine's own."""

    appium_url: tuple[str, ...] = ()
    """To act on Android: addresses of Appium servers, one for each device; see `agentenv
    emulators status`."""
    serial: tuple[str, ...] = ()
    """To act on Android: serials as `adb devices` lists them. Without --appium-url adb alone
    drives them; beside it they say which device each server is to use."""

    @property
    def engines(self) -> list[str]:
        """Their addresses; see `agentenv.devices.android.attach`."""
        from agentenv.devices.android.attach import Address

        if self.appium_url and len(self.serial) > len(self.appium_url):
            raise ConfigError("there are more serials than Appium servers: one each, please")
        pairs = zip_longest(self.appium_url, self.serial, fillvalue="")
        return [Address(url, serial).engine for url, serial in pairs]


def attached(
    settings: DeviceSettings, tasks: Iterable[Task], count: int
) -> tuple[Callable[[], Device] | None, int]:
    """What makes the devices, and how many there are.

    Args:
        settings: which.
        tasks: that they are for, of one suite.
        count: how many are used where the settings name none.

    Returns:
        None and `count` where the settings name none; else what gives each once, and how many.

    Raises:
        ConfigError: an address is wrong, or the tasks do not run on Android.
    """
    if not settings.engines:
        return None, count
    task = next(iter(tasks))
    devices = iter([task.open_device(engine) for engine in settings.engines])
    return lambda: next(devices), len(settings.engines)
