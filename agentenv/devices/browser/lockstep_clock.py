"""The clock of a page in lockstep: when it runs, for how long, and when a frame is drawn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from agentenv.devices.browser.cdp import Connection
from agentenv.devices.browser.engine import IMPATIENCE, NETWORK_PATIENCE
from agentenv.devices.browser.page_script import START_OF_TIME
from agentenv.errors import DeviceError

logger = logging.getLogger(__name__)

_BEYOND_MS = 0.002
"""By which the clock runs longer than it is told to. A timer that is due at the very end would
run at once or after the next frame, whichever the machine is quicker with."""


class LockstepClock:
    """Page time, which passes only in `run`; each frame is drawn at its present.

    Args:
        connection: the browser's, wherever it is needed; it may be another one each time.
        call: a DevTools call to the page, waited for.
    """

    def __init__(
        self, connection: Callable[[], Connection], call: Callable[..., Mapping[str, Any]]
    ) -> None:
        self._connection = connection
        self._call = call
        self.ticks = 0.0
        """The browser's time in milliseconds."""
        self._frame_micros = 0
        self._patience = NETWORK_PATIENCE
        self._budget_spent = False

    def start(self) -> None:
        """Stop the clock of a new page at the instant where all pages begin."""
        self._frame_micros = 0
        self.ticks = self._call(
            "Emulation.setVirtualTimePolicy",
            policy="pause",
            initialVirtualTime=START_OF_TIME,
        )["virtualTimeTicksBase"]

    def be_patient(self) -> None:
        """Another page begins: forget that a request of the last one was never answered."""
        self._patience = NETWORK_PATIENCE

    def budget_spent(self) -> None:
        """The browser says that the time it was given has passed."""
        self._budget_spent = True

    def draw(self, deadline: float, **params: Any) -> Mapping[str, Any]:
        """Draw a frame, with these parameters of `beginFrame`; its answer.

        Raises:
            DeviceError: it was not drawn by the deadline ("page_hung").
        """
        # Chromium never answers a frame whose time, cut to whole microseconds, is not later
        # than the last one's; the half keeps floating point from losing one.
        self._frame_micros = max(round(self.ticks * 1000), self._frame_micros + 1)
        call_id = self._connection().send(
            "HeadlessExperimental.beginFrame",
            {"frameTimeTicks": (self._frame_micros + 0.5) / 1000, "interval": 16.0, **params},
        )
        return self._connection().wait(call_id, max(0.1, deadline - time.monotonic()))

    def run(self, milliseconds: float, deadline: float) -> None:
        """Let timers run for that much page time, which passes at once.

        The clock waits for network requests, so that what they change does not depend on
        the network's speed, but not for ever: some are never answered.

        Raises:
            DeviceError: the time had not passed by the deadline ("page_hung").
        """
        if milliseconds <= 0:
            return
        milliseconds += _BEYOND_MS
        self.ticks += milliseconds
        patience = min(deadline, time.monotonic() + self._patience)
        if self._spend(milliseconds, "pauseIfNetworkFetchesPending", patience):
            return
        logger.info("a request of the page is still open after %g s", self._patience)
        self._patience = IMPATIENCE
        if not self._spend(milliseconds, "advance", deadline):
            raise DeviceError("the page's clock does not run; it may be in a loop", "page_hung")

    def _spend(self, milliseconds: float, policy: str, deadline: float) -> bool:
        """Give the clock that much time; whether it was spent by the deadline."""
        self._budget_spent = False
        self._call(
            "Emulation.setVirtualTimePolicy",
            policy=policy,
            budget=milliseconds,
            maxVirtualTimeTaskStarvationCount=1000,
        )
        while not self._budget_spent:
            if not self._connection().receive(deadline - time.monotonic()):
                return False
        return True
