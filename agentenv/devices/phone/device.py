"""The embedded phone, drawn by a browser: the state lies in `agentenv.phone`, not in the page."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentenv.actions import Action
from agentenv.devices.base import BrowserSetup, DeviceFeatures, Setup
from agentenv.devices.browser import BrowserDevice
from agentenv.devices.phone.system import carry_out
from agentenv.errors import ActionError, ConfigError, DeviceError
from agentenv.observations import Screen
from agentenv.phone.phone import Phone
from agentenv.phone.server import PhoneServer, shared_server
from agentenv.phone.setup import PhoneSetup

PHONE_ACTIONS: tuple[str, ...] = (
    "tap",
    "long_press",
    "double_tap",
    "swipe",
    "scroll",
    "input_text",
    "press_key",
    "open_app",
    "wait",
    "request_permission",
    "read_profile",
    "save_profile",
    "ask_user",
)
"""What a phone carries out."""
_STATE = "({ waiting: phone.waiting() })"
_PATIENCE = 10.0
"""Seconds that the phone may take to answer its page."""
_READY = "document.readyState === 'complete' && typeof phone === 'object'"


class PhoneDevice:
    """One phone on one browser's page. Not for several threads at once.

    Snapshots are of the phone's whole state, and belong to the server: any phone of the same
    process can be brought into them.

    Args:
        browser: what draws it.
        server: where the phone is served; by default the process's own.
    """

    def __init__(self, browser: BrowserDevice, server: PhoneServer | None = None) -> None:
        self._browser = browser
        self._server = server or shared_server()
        features = browser.features
        self._features = DeviceFeatures(
            "phone", features.height, features.width, PHONE_ACTIONS, snapshots=True
        )
        self._phone: Phone | None = None
        self._token = ""
        self._messages: tuple[str, ...] = ()
        self._shown = ""

    @property
    def deadline(self) -> float | None:
        """See `agentenv.devices.base.Device`."""
        return self._browser.deadline

    @deadline.setter
    def deadline(self, value: float | None) -> None:
        self._browser.deadline = value

    @property
    def features(self) -> DeviceFeatures:
        return self._features

    @property
    def phone(self) -> Phone:
        """The phone itself: its event log, its changes, forks of it.

        Raises:
            DeviceError: it was not reset yet ("not_connected").
        """
        if self._phone is None:
            raise DeviceError("the phone is not on; reset the device first", "not_connected")
        return self._phone

    def reset(self, setup: Setup) -> None:
        """Begin with another phone in `setup`'s state.

        Raises:
            ConfigError: not a `PhoneSetup`.
            DeviceError: as `BrowserDevice.reset`.
        """
        if not isinstance(setup, PhoneSetup):
            raise ConfigError(f"a phone is set up by PhoneSetup, not {type(setup).__name__}")
        self.show(Phone(setup))

    def park(self) -> Phone:
        """Take the phone off the screen; `show` puts it on this or another device's."""
        phone, self._phone = self.phone, None
        self._server.remove(self._token)
        return phone

    def show(self, phone: Phone) -> None:
        """Put a phone on the screen instead of the one that is there, which is closed.

        Raises:
            DeviceError: as `BrowserDevice.reset`.
        """
        self._drop()
        self._phone, self._token = phone, self._server.add(phone)
        self._messages = ()
        self._draw()

    def observe(self) -> Screen:
        screen = self._browser.observe()
        return replace(
            screen, location=self.phone.location, messages=(*screen.messages, *self._messages)
        )

    def act(self, action: Action) -> Action:
        """Carry out an action.

        Raises:
            ActionError: it cannot be carried out on this screen.
            DeviceError: as `BrowserDevice.act`.
        """
        self._messages = ()
        failures = self._server.failures
        refusal: ActionError | None = None
        try:
            sent = self._perform(action)
        except ActionError as error:
            refusal = error  # of an action that may be half done
        self._await_answer()
        if self.phone.act_takes_time():
            self._browser.run("phone.sync()")
            self._await_answer()
        self._shown = self.phone.page()
        if self._server.failures > failures:
            raise DeviceError("the phone failed; the log says where", "phone_failed")
        if refusal is not None:
            raise refusal
        return sent

    def sync(self) -> None:
        """Draw what others have done to the phone since this device last acted."""
        if self.phone.page() != self._shown:
            self._browser.run("phone.sync()")
            self._await_answer()
            self._shown = self.phone.page()

    def _await_answer(self) -> None:
        """On a busy machine the page's clock does not wait for the phone as long as it takes."""
        deadline = time.monotonic() + _PATIENCE
        while self._browser.state()["waiting"]:
            if time.monotonic() > deadline:
                raise DeviceError(f"no answer from the phone for {_PATIENCE:g} s", "page_hung")
            self._browser.run("undefined")

    def _perform(self, action: Action) -> Action:
        told = carry_out(self.phone, action)
        if told is not None:
            self._messages = told
            self._browser.run("phone.sync()")
            return action
        if action.type not in PHONE_ACTIONS:
            raise ActionError(f"a phone cannot carry out '{action.type}'")
        return self._browser.act(action)

    def state(self) -> Mapping[str, Any]:
        """The phone's changes since its first state, its location and its event log."""
        phone = self.phone
        return {"changes": phone.changes(), "location": phone.location, "log": phone.log}

    def event_log(self) -> tuple[str, ...]:
        """All that was done since the reset, as JSON lines of the phone's hash-chained log."""
        return tuple(self.phone.log.lines())

    def snapshot(self) -> str:
        return self._server.keep(self.phone)

    def forget(self, token: str) -> None:
        """Free the memory of a snapshot, which is lost."""
        self._server.forget(token)

    def restore(self, token: str) -> None:
        """Return to a snapshot, of this phone or of another one of this process.

        Raises:
            DeviceError: there is no such snapshot ("no_snapshot"), or what was restored is not
                what was saved ("restore_failed").
        """
        kept = self._server.kept(token)
        if self.phone.setup != kept.setup:
            other = Phone(kept.setup)
            other.restore(kept.image)
            self.show(other)
            return
        self.phone.restore(kept.image)
        self._messages = ()
        self._draw()

    def close(self) -> None:
        self._drop()
        self._browser.close()

    def _draw(self) -> None:
        """Show the page of the present state from nothing."""
        start, url = f"phone.open({json.dumps(self._token)})", f"{self._server.url}/"
        if self._browser.url == url:  # much cheaper than a reset
            self._browser.run(start)
            self._await_answer()
        else:
            setup = BrowserSetup(url, start=f"return {start};", ready=_READY, state=_STATE)
            self._browser.reset(setup)
        self._shown = self.phone.page()

    def _drop(self) -> None:
        if self._phone is not None:
            self.park().close()
