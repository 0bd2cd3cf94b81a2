"""What of a device is held still while agents use it, and put back afterwards."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime

from agentenv.devices.android.driver import Driver
from agentenv.errors import DeviceError

logger = logging.getLogger(__name__)

Setting = tuple[str, str]
"""Namespace and name, as ``settings get`` takes them."""
PINNED: dict[Setting, str] = {
    ("global", "window_animation_scale"): "0",
    ("global", "transition_animation_scale"): "0",
    ("global", "animator_duration_scale"): "0",
    ("global", "stay_on_while_plugged_in"): "7",
    ("global", "auto_time"): "0",
    ("global", "auto_time_zone"): "0",
    ("system", "accelerometer_rotation"): "0",
    ("system", "system_locales"): "en-US",
}
"""Animations off, the screen on and upright, no clock set from outside; and English, which a
device that is running may take up only when it starts again."""
MARK: Setting = ("global", "agentenv_not_in_any_snapshot")
"""Set before a snapshot is loaded, and gone afterwards: emulators say OK to what restores
nothing."""
NOW_WITHIN = 120.0
"""Seconds by which a clock that was set may be off: commands take their time."""
_UNSET = "null"
_ZONE = "persist.sys.timezone"


class Pins:
    """What was pinned on one device, and what was there before.

    A handset may forbid any of it: then it stays as it is, which the log tells.

    Args:
        driver: of the device.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._before: dict[Setting, str] = {}
        self._zone = ""
        self._clock_set = False

    def pin(self) -> None:
        """Pin what is not pinned yet, and anew what a restart has undone.

        Raises:
            DeviceError: the device is gone.
        """
        for (space, name), value in PINNED.items():
            try:
                was = self._driver.shell("settings", "get", space, name).strip()
                if was != value:
                    self._driver.shell("settings", "put", space, name, value)
                    self._before.setdefault((space, name), was)
            except DeviceError as error:
                _give_up_if_gone(error)
                logger.info("%s stays as it is: %s", name, error)

    def set_clock(self, instant: datetime) -> None:
        """Let the device's clock go on from this instant, in UTC.

        It needs an emulator, or a handset that trusts adb so far.
        """
        if not self._zone:
            self._zone = self._driver.shell("getprop", _ZONE).strip() or "UTC"
        self._try("cmd", "alarm", "set-timezone", "UTC")
        self._clock_set = self._set_time(instant.timestamp())
        if not self._clock_set:
            logger.warning("the device's clock cannot be set; it shows another time than the task")

    def restore(self) -> None:
        """Put back what was there.

        Raises:
            DeviceError: the device is gone.
        """
        if self._clock_set:
            self._set_time(time.time())
        if self._zone:
            self._try("cmd", "alarm", "set-timezone", self._zone)
        self._clock_set, self._zone = False, ""
        while self._before:
            (space, name), was = self._before.popitem()
            if was == _UNSET:
                self._try("settings", "delete", space, name)
            else:
                self._try("settings", "put", space, name, was)

    def _set_time(self, seconds: float) -> bool:
        """By the means of an emulator or by those of a rooted device; whether one of them did."""
        stamp = datetime.fromtimestamp(seconds, UTC).strftime("%m%d%H%M%Y.%S")
        for words in (
            ("cmd", "alarm", "set-time", str(int(seconds * 1000))),
            ("su", "0", "date", "-u", stamp),
        ):
            self._try(*words)
            with suppress(ValueError):
                shown = float(self._driver.shell("date", "+%s").strip())
                if abs(shown - seconds) < NOW_WITHIN:
                    return True
        return False

    def _try(self, *words: str) -> None:
        """A command that this device may refuse."""
        try:
            self._driver.shell(*words)
        except DeviceError as error:
            _give_up_if_gone(error)
            logger.debug("refused: %s", error)


def _give_up_if_gone(error: DeviceError) -> None:
    if error.cause not in ("adb_command", "appium_error"):
        raise error
