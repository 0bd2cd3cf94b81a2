"""An Android whose owner answers: asked for data, and for leave, as on the embedded phone.

The screen is the device's. The owner, the profile and the log of it all are a `Phone`'s, which
nobody sees; in the same log stands what the tasks' apps have in the databases of their forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agentenv.actions import Action
from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.forms import Form, FormWatch
from agentenv.devices.android.setup import AndroidSetup
from agentenv.devices.base import DeviceFeatures, Setup
from agentenv.devices.phone.system import carry_out
from agentenv.errors import ConfigError, DeviceError
from agentenv.observations import Screen
from agentenv.phone.phone import Phone
from agentenv.phone.setup import PhoneSetup

OWNERS_ACTIONS: tuple[str, ...] = (
    "request_permission",
    "read_profile",
    "save_profile",
    "ask_user",
)
"""What no screen is needed for."""


@dataclass(frozen=True)
class OwnedSetup(PhoneSetup):
    """A device and its owner: `apps` are models of the device's own apps, for the contract."""

    android: AndroidSetup = field(default_factory=AndroidSetup)
    forms: tuple[Form, ...] = ()
    """Forms of `android.own_apps` that are watched."""


class OwnedAndroid:
    """See `agentenv.devices.base.Device`; `AndroidDevice` says what it does to the screen.

    Args:
        android: the device.
    """

    def __init__(self, android: AndroidDevice) -> None:
        self.android = android
        features = android.features
        actions = (*features.action_types, *OWNERS_ACTIONS)
        self._features = replace(features, action_types=actions)
        self._phone: Phone | None = None
        self._watches: dict[str, FormWatch] = {}
        self._messages: tuple[str, ...] = ()

    @property
    def deadline(self) -> float | None:
        """See `agentenv.devices.base.Device`."""
        return self.android.deadline

    @deadline.setter
    def deadline(self, value: float | None) -> None:
        self.android.deadline = value

    @property
    def features(self) -> DeviceFeatures:
        return self._features

    def reset(self, setup: Setup) -> None:
        """Bring the device into `setup`'s state, with a new owner.

        Raises:
            ConfigError: not an `OwnedSetup`, or as `AndroidDevice.reset`.
            DeviceError: as `AndroidDevice.reset`.
        """
        if not isinstance(setup, OwnedSetup):
            raise ConfigError(f"its setup is an OwnedSetup, not a {type(setup).__name__}")
        self._forget_owner()
        self.android.reset(setup.android)
        self._phone = Phone(setup)
        self._watches = {one.package: FormWatch(one, self._phone) for one in setup.forms}

    def observe(self) -> Screen:
        screen = self.android.observe()
        return replace(screen, messages=(*screen.messages, *self._messages))

    def act(self, action: Action) -> Action:
        """Carry out an action.

        Raises:
            ActionError: it cannot be carried out on this screen.
            DeviceError: as `AndroidDevice.act`.
        """
        self._messages = ()
        self._owner.act_takes_time()
        if action.type not in OWNERS_ACTIONS:
            return self.android.act(action)
        self._messages = carry_out(self._owner, action) or ()
        return action

    def state(self) -> Mapping[str, Any]:
        """The device's state, what the owner's data have changed by ("changes"), and the log,
        in which what the apps' forms hold by now is noted.

        Raises:
            DeviceError: as `AndroidDevice.state`.
        """
        told = self.android.state()
        for package, image in told.get("databases", {}).items():
            if package in self._watches:
                self._watches[package].look(image)
        return {**told, "changes": self._owner.changes(), "log": self._owner.log}

    def event_log(self) -> tuple[str, ...]:
        """What the owner was asked and what the forms held, as lines of a hash-chained log."""
        return tuple(self._owner.log.lines())

    def snapshot(self) -> str:
        return self.android.snapshot()

    def restore(self, token: str) -> None:
        """As `AndroidDevice.restore`; the owner is a part of no snapshot and goes on."""
        self.android.restore(token)

    def close(self) -> None:
        self._forget_owner()
        self.android.close()

    @property
    def _owner(self) -> Phone:
        if self._phone is None:
            raise DeviceError("there is no owner yet; reset the device first", "not_connected")
        return self._phone

    def _forget_owner(self) -> None:
        if self._phone is not None:
            self._phone.close()
        self._phone, self._watches, self._messages = None, {}, ()
