"""The embedded phone behind adb: a plug for any client, and a device driven through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from agentenv.actions import Action
from agentenv.devices.adb.driver import AdbDriver
from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.setup import AndroidSetup
from agentenv.devices.base import DeviceFeatures, Setup
from agentenv.devices.phone.device import PhoneDevice
from agentenv.errors import ConfigError, DeviceError
from agentenv.observations import Screen
from agentenv.phone.adb_commands import PACKAGE, PhoneShell
from agentenv.phone.adb_server import AdbServer
from agentenv.phone.apps import load_apps
from agentenv.phone.setup import PhoneSetup

ON_THE_SCREEN = (
    "tap",
    "long_press",
    "swipe",
    "scroll",
    "input_text",
    "press_key",
    "open_app",
)
"""What is done through adb; the rest (the owner's data, the clock) is no touch of the screen."""
Returned = TypeVar("Returned")


class AdbPhone:
    """An embedded phone to which the real adb connects, at `serial`.

    Args:
        device: draws the phone, which must not be used but through `call` from now on: one
            thread does everything, adb's commands and ours.
        port: of 127.0.0.1; 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(self, device: PhoneDevice, port: int = 0) -> None:
        self._device = device
        self._shell = PhoneShell(device)
        self.server = AdbServer(self._shell, port)

    @property
    def serial(self) -> str:
        """For ``adb connect``."""
        return self.server.serial

    def call(self, function: Callable[[PhoneDevice], Returned]) -> Returned:
        """Do something with the device, between two commands of adb."""
        return self.server.call(lambda: function(self._device))

    def reset(self, setup: PhoneSetup) -> None:
        """Put another phone behind the plug.

        Raises:
            DeviceError: as `PhoneDevice.reset`.
        """

        def begin(device: PhoneDevice) -> None:
            device.reset(setup)
            self._shell.reset()

        self.call(begin)

    def close(self) -> None:
        """Pull the plug and close the device."""
        self.call(lambda device: device.close())
        self.server.close()


class PhoneOverAdb:
    """The embedded phone as an agent on Android meets it: seen and touched through adb alone.

    The same tasks, verifiers and logs as of `PhoneDevice`; every picture, UI tree and touch
    takes the way through the real adb. What is no touch (permissions, the owner's profile,
    questions, waiting) is done directly. Not for several threads at once.

    Args:
        device: draws the phone.
    """

    def __init__(self, device: PhoneDevice) -> None:
        # What adb and its driver hold is in no snapshot, so others cannot go on from one.
        self._features = replace(device.features, snapshots=False)
        self._inner = device
        self._plug: AdbPhone | None = None
        self._android: AndroidDevice | None = None
        self._messages: tuple[str, ...] = ()
        self.deadline: float | None = None

    @property
    def features(self) -> DeviceFeatures:
        return self._features

    def reset(self, setup: Setup) -> None:
        """Begin with another phone.

        Raises:
            ConfigError: not a `PhoneSetup`, or there is no adb.
            DeviceError: as `AndroidDevice.reset`.
        """
        if not isinstance(setup, PhoneSetup):
            raise ConfigError(f"a phone is set up by PhoneSetup, not {type(setup).__name__}")
        if self._plug is None:
            self._plug = AdbPhone(self._inner)
            driver = AdbDriver(self._plug.serial)
            self._android = AndroidDevice(
                driver, self._features.width, self._features.height, settle_time=0
            )
        self._plug.reset(setup)
        self._messages = ()
        self._driven().reset(AndroidSetup(apps=_names(setup)))

    def observe(self) -> Screen:
        screen = self._driven().observe()
        location = self.call(lambda device: device.phone.location)
        messages = (*screen.messages, *self._messages)
        return replace(screen, location=location, messages=messages)

    def act(self, action: Action) -> Action:
        """Carry out an action.

        Raises:
            ActionError: it cannot be carried out on this screen.
            DeviceError: as `AndroidDevice.act`.
        """
        self._messages = ()
        android = self._driven()
        if action.type in ON_THE_SCREEN:
            return android.act(action)
        try:
            return self.call(lambda device: device.act(action))
        finally:
            self._messages = self.call(lambda device: device.observe().messages)
            android.forget()

    def state(self) -> Mapping[str, Any]:
        """As `PhoneDevice.state`."""
        return self.call(lambda device: device.state())

    def event_log(self) -> tuple[str, ...]:
        """As `PhoneDevice.event_log`."""
        return self.call(lambda device: device.event_log())

    def call(self, function: Callable[[PhoneDevice], Returned]) -> Returned:
        """Do something with the phone's own device."""
        self._driven()
        assert self._plug is not None
        return self._plug.call(function)

    def snapshot(self) -> str:
        return self.call(lambda device: device.snapshot())

    def restore(self, token: str) -> None:
        self.call(lambda device: device.restore(token))
        self._driven().forget()

    def close(self) -> None:
        if self._plug is not None:
            self._plug.close()
            self._plug = self._android = None

    def _driven(self) -> AndroidDevice:
        if self._android is None:
            raise DeviceError("the phone is not on; reset the device first", "not_connected")
        self._android.deadline = self.deadline
        return self._android


def _names(setup: PhoneSetup) -> tuple[tuple[str, str], ...]:
    """What the agent may call the apps."""
    names = []
    for app, schema in load_apps(setup.apps).items():
        given = schema.name
        shown = [given] if isinstance(given, str) else list(given.values())
        names += [(name, f"{PACKAGE}.{app}") for name in (app, *shown)]
    return tuple(names)
