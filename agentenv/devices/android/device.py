"""Android as a device, whatever drives it."""

from __future__ import annotations

import io
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageStat, UnidentifiedImageError

from agentenv.actions import Action
from agentenv.devices.adb.own_apps import OwnApps
from agentenv.devices.android.driver import Driver
from agentenv.devices.android.hands import ANDROID_ACTIONS, Hands
from agentenv.devices.android.pins import MARK, Pins
from agentenv.devices.android.preparing import prepare
from agentenv.devices.android.recovery import RECOVERY_TIME, Ladder, Rung
from agentenv.devices.android.setup import AndroidSetup
from agentenv.devices.android.tree import parse_tree
from agentenv.devices.base import DeviceFeatures, Setup
from agentenv.errors import ConfigError, DeviceError
from agentenv.observations import Screen, UIElement

logger = logging.getLogger(__name__)

SETTLE_TIME = 3.0
"""Seconds that a picture may go on changing after an action."""
BLANK_TIME = 2.0
"""Seconds after which a screen without a picture is broken, if the UI tree has elements."""
NO_TREE = "the elements of this screen could not be read; look at the screenshot"
_TREE_TRIES = 2
_ANR_TRIES = 3
_ANR_BUTTONS = ("android:id/aerr_wait", "android:id/aerr_close")
"""Of the dialog "... isn't responding", the one that is pressed first."""
_LOST = ("session_lost", "instrumentation_crashed")
"""Causes after which another session finds the app as it was."""


@dataclass(frozen=True)
class _Look:
    """The screen at one moment."""

    screen: Screen
    size: tuple[int, int]
    """(width, height) of the device's screen in pixels."""


class AndroidDevice:
    """One emulator or handset. Not for several threads at once.

    The screen is looked at once after each action: `observe` and the next action speak of the
    same elements. `failures` counts what went wrong by its cause, also what was made good;
    `recoveries` what was done about it.

    Args:
        driver: what moves it.
        width, height: of the screenshots that the agent sees; the device's own are scaled.
        settle_time: seconds that the picture may take to stand still after an action.
        restart: starts the emulator anew, as the last means; None where nothing can.
        recovery_time: seconds that all means together may take.
        own_apps: installs apps that belong to a task, and reads their databases; None where
            no task has any.
    """

    def __init__(
        self,
        driver: Driver,
        width: int,
        height: int,
        *,
        settle_time: float = SETTLE_TIME,
        restart: Callable[[], None] | None = None,
        recovery_time: float = RECOVERY_TIME,
        own_apps: OwnApps | None = None,
    ) -> None:
        self._driver = driver
        self._own_apps = own_apps
        self._features = DeviceFeatures("android", height, width, ANDROID_ACTIONS)
        self._settle_time = settle_time
        self._setup = AndroidSetup()
        self._pins = Pins(driver)
        self._connected = False
        self._look_now: _Look | None = None
        rungs = [
            Rung("retry", lambda: None),
            Rung("new session", self._connect),
            Rung("restart app", self._restart_app),
            Rung("restore snapshot", self._restore_snapshot),
        ]
        if restart is not None:
            rungs.append(Rung("restart container", restart))
        self._ladder = Ladder(rungs, recovery_time)

    @property
    def deadline(self) -> float | None:
        """See `agentenv.devices.base.Device`."""
        return self._driver.deadline

    @deadline.setter
    def deadline(self, value: float | None) -> None:
        self._driver.deadline = value
        if self._own_apps is not None:
            self._own_apps.adb.deadline = value

    @property
    def features(self) -> DeviceFeatures:
        return self._features

    @property
    def failures(self) -> Counter[str]:
        """What went wrong so far, by its cause."""
        return self._ladder.causes

    @property
    def recoveries(self) -> Counter[str]:
        """What was tried so far to bring the device back."""
        return self._ladder.used

    def reset(self, setup: Setup) -> None:
        """Bring the device into `setup`'s state, and back to life if need be.

        Raises:
            ConfigError: not an `AndroidSetup`, or one for emulators on a handset.
            DeviceError: nothing helped.
        """
        if not isinstance(setup, AndroidSetup):
            raise ConfigError(f"Android is set up by AndroidSetup, not {type(setup).__name__}")
        self._setup = setup
        self._ladder.run(self._prepare)

    def observe(self) -> Screen:
        return self._look().screen

    def act(self, action: Action) -> Action:
        """Carry out an action; elements are those of the last look.

        Raises:
            ActionError: it cannot be carried out on this screen.
            DeviceError: the device failed; counted.
        """
        hands = Hands(self._driver, self._seen, dict(self._setup.apps))
        self._look()
        try:
            return hands.perform(action)
        except DeviceError as error:
            self.failures[error.cause] += 1
            if error.cause != "session_lost":
                raise
            self._new_session(error)  # nothing was done: it is safe to do it again
            return hands.perform(action)
        finally:
            self._look_now = None

    def state(self) -> Mapping[str, Any]:
        """What the setup's commands print, what has the focus ("location"), and the databases of
        the setup's own apps, by package ("databases")."""
        told: dict[str, Any] = {
            name: self._driver.shell(*words).strip() for name, words in self._setup.state
        }
        if self._own_apps is not None and self._setup.own_apps:
            told["databases"] = self._own_apps.databases(self._setup.own_apps)
        return {**told, "location": self._look().screen.location}

    def snapshot(self) -> str:
        raise DeviceError("save an emulator's snapshots with its own tools", "unsupported")

    def restore(self, token: str) -> None:
        """Load an emulator's snapshot of that name, and wait until it answers.

        Raises:
            DeviceError: there is none, or nothing was restored ("no_snapshot").
        """
        self._load_snapshot(token)

    def close(self) -> None:
        """Also puts back what was pinned: animations, clock, language."""
        if self._connected:
            self._driver.deadline = None
            with suppress(DeviceError):  # a device that is gone keeps what it has
                self._pins.restore()
        self._look_now, self._connected = None, False
        self._driver.close()

    def forget(self) -> None:
        """Others have changed the screen: the next call looks anew."""
        self._look_now = None

    def _connect(self) -> None:
        self._connected = False
        self._driver.connect()
        self._pins.pin()
        self._connected = True

    def _prepare(self) -> None:
        self._look_now = None
        if not self._connected:
            self._connect()
        prepare(self._driver, self._pins, self._setup, self._own_apps, self._load_snapshot)
        self._look()

    def _restart_app(self) -> None:
        if self._setup.app:
            self._driver.stop_app(self._setup.app)

    def _restore_snapshot(self) -> None:
        if self._setup.snapshot:
            self._load_snapshot(self._setup.snapshot)

    def _load_snapshot(self, name: str) -> None:
        """Load it and see that it was."""
        self._look_now = None
        self._driver.shell("settings", "put", *MARK, "1")
        self._driver.load_snapshot(name)
        if self._driver.shell("settings", "get", *MARK).strip() == "1":
            raise DeviceError(f"loading the snapshot {name!r} restored nothing", "no_snapshot")
        self._pins.pin()

    def _seen(self) -> tuple[Sequence[UIElement], tuple[int, int]]:
        look = self._look()
        return look.screen.elements, look.size

    def _look(self) -> _Look:
        if self._look_now is None:
            if not self._connected:
                raise DeviceError("the device is not connected; reset it first", "not_connected")
            try:
                self._look_now = self._look_anew()
            except DeviceError as error:
                self.failures[error.cause] += 1
                if error.cause not in _LOST:
                    raise
                self._new_session(error)
                self._look_now = self._look_anew()
        return self._look_now

    def _new_session(self, error: DeviceError) -> None:
        logger.warning("%s; trying: new session", error)
        self.recoveries["new session"] += 1
        self._connect()

    def _look_anew(self) -> _Look:
        for _ in range(_ANR_TRIES):
            source = self._source()
            png, image = self._picture()
            elements, messages = self._elements(source, image.size)
            if not self._answered_anr(elements, image.size):
                break
        else:
            raise DeviceError("an app does not answer, and will not", "app_not_responding")
        png, image = self._not_blank(png, image, elements)
        size = image.size
        wanted = (self._features.width, self._features.height)
        if size != wanted:
            scaled = io.BytesIO()
            image.convert("RGB").resize(wanted, Image.Resampling.BOX).save(scaled, "PNG")
            png = scaled.getvalue()
        return _Look(Screen(png, elements, self._driver.focus(), messages=messages), size)

    def _source(self) -> bytes:
        """The UI tree; empty if it cannot be had, which is a known failure of the tools."""
        for _ in range(_TREE_TRIES):
            try:
                return self._driver.source()
            except DeviceError as error:
                if error.cause != "no_ui_tree":
                    raise
                self.failures[error.cause] += 1
                logger.warning("no UI tree: %s", error)
        return b""

    def _elements(
        self, source: bytes, size: tuple[int, int]
    ) -> tuple[tuple[UIElement, ...], tuple[str, ...]]:
        try:
            if source:
                return parse_tree(source, *size), ()
        except DeviceError as error:
            self.failures[error.cause] += 1
            logger.warning("%s", error)
        return (), (NO_TREE,)

    def _picture(self) -> tuple[bytes, Image.Image]:
        """A picture of the screen once it stands still, or when it has had its time."""
        until = time.monotonic() + self._settle_time
        png = self._driver.screenshot()
        while self._settle_time:
            again = self._driver.screenshot()
            if again == png or time.monotonic() > until:
                break
            png = again
        return png, _decoded(png)

    def _not_blank(
        self, png: bytes, image: Image.Image, elements: Sequence[UIElement]
    ) -> tuple[bytes, Image.Image]:
        """The same, or a later picture if this one is of a single colour.

        Raises:
            DeviceError: there is none, though there is something to be seen ("blank_screen").
        """
        until = time.monotonic() + BLANK_TIME
        while elements and _is_blank(image):
            self.failures["blank_frame"] += 1
            if time.monotonic() > until:
                raise DeviceError("the screen shows one colour and nothing on it", "blank_screen")
            time.sleep(0.1)
            png = self._driver.screenshot()
            image = _decoded(png)
        return png, image

    def _answered_anr(self, elements: Sequence[UIElement], size: tuple[int, int]) -> bool:
        """Whether an app's dialog that it does not answer was there; it is told to wait."""
        buttons = [one for one in elements if one.resource_id in _ANR_BUTTONS]
        if not buttons:
            return False
        self.failures["anr_dialog"] += 1
        button = min(buttons, key=lambda one: _ANR_BUTTONS.index(one.resource_id))
        logger.warning("an app does not answer: pressing %s", button.name or button.resource_id)
        x, y = button.center
        self._driver.touch([(int(x * size[0]), int(y * size[1]))], 0)
        return True


def _decoded(png: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(png))
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DeviceError(f"the screenshot is no picture: {error}", "no_screenshot") from error
    return image


def _is_blank(image: Image.Image) -> bool:
    """Whether all pixels are the same."""
    extremes = ImageStat.Stat(image.convert("RGB").resize((64, 64))).extrema
    return all(low == high for low, high in extremes)
