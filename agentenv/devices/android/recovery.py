"""Bringing a device back: from what costs nothing to what takes minutes, bounded in time."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agentenv.errors import DeviceError

logger = logging.getLogger(__name__)

RECOVERY_TIME = 300.0
"""Seconds after which no further rung is tried."""


@dataclass(frozen=True)
class Rung:
    """One way to bring a device back."""

    name: str
    """"retry", "new session", "restart app", "restore snapshot", "restart container"."""
    climb: Callable[[], None]
    """May raise `DeviceError`: then the next rung is tried."""


@dataclass
class Ladder:
    """Rungs, tried one after the other until what was wanted succeeds."""

    rungs: Sequence[Rung]
    limit: float = RECOVERY_TIME
    causes: Counter[str] = field(default_factory=Counter)
    """Failures so far, by their cause."""
    used: Counter[str] = field(default_factory=Counter)
    """Rungs tried so far, by their name."""

    def run(self, wanted: Callable[[], None]) -> None:
        """Do it, and after each failure the next rung, and then it again.

        Raises:
            DeviceError: the last failure, once no rung or no time is left.
        """
        began = time.monotonic()
        rungs = iter(self.rungs)
        while True:
            try:
                wanted()
                return
            except DeviceError as error:
                self.causes[error.cause] += 1
                if not self._climb(rungs, error, began + self.limit):
                    raise

    def _climb(self, rungs: Iterator[Rung], error: DeviceError, until: float) -> bool:
        """Use the next rung that works; False if there is none."""
        for rung in rungs:
            if time.monotonic() > until:
                logger.warning("giving up after %.0f s: %s", self.limit, error)
                return False
            logger.warning("%s; trying: %s", error, rung.name)
            self.used[rung.name] += 1
            try:
                rung.climb()
                return True
            except DeviceError as again:
                self.causes[again.cause] += 1
                error = again
        return False
