"""The embedded phone, drawn by a browser: the state lies in `agentenv.phone`, not in the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from agentenv.actions import Action
from agentenv.devices.base import BrowserSetup, DeviceFeatures, Setup
from agentenv.devices.browser import BrowserDevice, Evaluate
from agentenv.devices.phone.system import carry_out
from agentenv.errors import ActionError, ConfigError, DeviceError
from agentenv.observations import Screen
from agentenv.phone.phone import Phone, UserEvent
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
_STATE = "({ done: phone.take() })"
_ROUNDS = 8
"""How often a page may do something by itself after it was drawn, as scrolling to a field."""
_EVENTS = TypeAdapter(tuple[UserEvent, ...])
_READY = "document.readyState === 'complete' && typeof phone === 'object'"


class PhoneDevice:
    """One phone on one browser's page. Not for several threads at once.

    Snapshots are of the phone's whole state, and belong to the server: any phone of the same
    process can be brought into them.

    Args:
        browser: what draws it.
        server: has the empty page and keeps the snapshots; by default the process's own.
    """

    def __init__(self, browser: BrowserDevice, server: PhoneServer | None = None) -> None:
        self._browser = browser
        self._server = server or shared_server()
        features = browser.features
        self._features = DeviceFeatures(
            "phone", features.height, features.width, PHONE_ACTIONS, snapshots=True
        )
        self._phone: Phone | None = None
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
        return phone

    def show(self, phone: Phone) -> None:
        """Put a phone on the screen instead of the one that is there, which is closed.

        Raises:
            DeviceError: as `BrowserDevice.reset`.
        """
        self._drop()
        self._phone = phone
        self._messages = ()
        self._draw_anew()

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
        self.phone.act_takes_time()
        told = carry_out(self.phone, action)
        if told is not None:
            self._messages = told
            self.sync()
            return action
        if action.type not in PHONE_ACTIONS:
            raise ActionError(f"a phone cannot carry out '{action.type}'")
        try:
            sent = self._browser.act(action, self._answer)
        except ActionError:
            self._follow()
            raise
        self._follow()
        return sent

    def sync(self) -> None:
        """Draw what was done to the phone beside its screen since it was last drawn."""
        if self.phone.page() != self._shown:
            self._browser.run(self._drawing())
            self._follow()

    def _answer(self, evaluate: Evaluate) -> None:
        """Show what the phone makes of what was just done to its page."""
        done = evaluate("phone.take()")
        for _ in range(_ROUNDS):
            if not self._handle(done):
                return
            done = evaluate(f"({self._drawing()}, phone.take())")

    def _follow(self) -> None:
        """The same for what the page did by itself while it settled."""
        for _ in range(_ROUNDS):
            if not self._handle(self._browser.state()["done"]):
                return
            self._browser.run(self._drawing())

    def _handle(self, done: Sequence[Any]) -> bool:
        """Tell the phone what was done; whether its page is to be drawn again.

        Raises:
            DeviceError: a fault of the phone's ("phone_failed").
        """
        try:
            self.phone.handle(_EVENTS.validate_python(done))
            return bool(done) or self.phone.page() != self._shown
        except Exception as error:
            raise DeviceError(f"the phone failed: {error}", "phone_failed") from error

    def _drawing(self, how: str = "") -> str:
        """What shows the present page."""
        self._shown = self.phone.page()
        return f"phone.draw({json.dumps(self._shown)}{how})"

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
                what was saved ("restore_failed"); or as `BrowserDevice.reset`.
        """
        kept = self._server.kept(token)
        if self._phone is None or self._phone.setup != kept.setup:
            other = Phone(kept.setup)
            other.restore(kept.image)
            self.show(other)
            return
        self._phone.restore(kept.image)
        self._messages = ()
        self._draw_anew()

    def close(self) -> None:
        self._drop()
        self._browser.close()

    def _draw_anew(self) -> None:
        """Show the page of the present state from nothing."""
        start, url = self._drawing(", true"), f"{self._server.url}/"
        if self._browser.url == url:  # much cheaper than a reset
            self._browser.run(start)
        else:
            self._browser.reset(BrowserSetup(url, start=start, ready=_READY, state=_STATE))
        self._follow()

    def _drop(self) -> None:
        if self._phone is not None:
            self.park().close()
