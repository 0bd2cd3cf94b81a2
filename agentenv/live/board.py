"""What the live page shows and what the person at it wants, shared between threads.

The threads that run environments publish and wait; the server's threads read and pass
orders on. One condition guards it all: changes are rare and small.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from agentenv.errors import AgentenvError

if TYPE_CHECKING:
    from agentenv.live.orders import Order
    from agentenv.live.panel import Panel

Offer = Literal["take_over", "again", "next"]
"""What a page may offer beyond looking: acting oneself; starting over; going on."""


class ViewClosedError(AgentenvError):
    """The live view was closed while something waited for the person at it."""


class OrderError(AgentenvError):
    """What the page asked for is not possible now; the message says why."""


class Diverted(Exception):  # noqa: N818 (a wish, not an error)
    """The person wants this episode over: to try the instance again, or the next one."""

    def __init__(self, wish: Literal["again", "next"]) -> None:
        super().__init__(wish)
        self.wish = wish


class Board:
    """Panels, their pace, and who is watching.

    Args:
        title: heading of the page.
        seconds: how long each action is shown before it is carried out.
        offers: what the person may do beyond looking.
    """

    def __init__(self, title: str, *, seconds: float, offers: tuple[Offer, ...] = ()) -> None:
        self.title = title
        self.seconds = seconds
        self.offers = offers
        self.paused = False
        self.closed = False
        self.note = ""
        """A remark beside the title, such as how many episodes succeeded."""
        self.viewers = 0
        """Pages that are open now."""
        self.panels: list[Panel] = []
        self.condition = threading.Condition()
        self._version = 0

    def changed(self) -> int:
        """Wake everyone; the number of the new state. Call with `condition` held."""
        self._version += 1
        self.condition.notify_all()
        return self._version

    def changes(self, after: int, timeout: float) -> tuple[int, dict[str, Any] | None]:
        """Wait for something newer than state number `after`.

        Returns:
            The number of the state, and it as JSON values: the board, and the panels
            that changed. None in its place if nothing did within `timeout` seconds.
        """
        with self.condition:
            if not self.condition.wait_for(lambda: self._version > after, timeout):
                return after, None
            panels = [panel.state for panel in self.panels if panel.version > after]
            return self._version, {"board": self._state(), "panels": panels}

    def watch(self, *, begin: bool) -> None:
        """A page opened (`begin`), or was closed."""
        with self.condition:
            self.viewers += 1 if begin else -1
            self.changed()

    def wait(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until `ready`, which is called with `condition` held; False after `timeout`."""
        with self.condition:
            return self.condition.wait_for(ready, timeout)

    def remark(self, note: str) -> None:
        """Replace `note`."""
        with self.condition:
            self.note = note
            self.changed()

    def pace(self, panel: Panel, stop: Callable[[], bool]) -> bool:
        """Wait while the person looks at what `panel` shows: `seconds`, or a pause.

        Returns:
            False if `stop` (called with `condition` held; it may raise) was true before.
        """
        with self.condition:
            began = time.monotonic()
            while not stop():
                if panel.tickets:
                    panel.tickets -= 1
                    return True
                left = began + self.seconds - time.monotonic()
                if left <= 0 and not self.paused:
                    return True
                self.condition.wait(None if self.paused else left)
            return False

    def obey(self, order: Order) -> None:
        """Do what the page asks for.

        Raises:
            OrderError: it is not possible now.
        """
        with self.condition:
            if self.closed:
                raise OrderError("the session has ended")
            match order.order:
                case "pause" | "resume":
                    self.paused = order.order == "pause"
                    for panel in self.panels:
                        panel.tickets = 0
                case "step":
                    self.paused = True
                    for panel in self.panels:
                        panel.tickets = 1
                case "speed":
                    self.seconds = order.seconds
                case _ if order.panel >= len(self.panels):
                    raise OrderError(f"there is no device {order.panel}")
                case _:
                    self.panels[order.panel].obey(order)
            self.changed()

    def close(self) -> None:
        """Wake everyone who waits; they raise `ViewClosedError`. May be called twice."""
        with self.condition:
            self.closed = True
            self.changed()

    def _state(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "note": self.note,
            "seconds": self.seconds,
            "paused": self.paused,
            "closed": self.closed,
            "offers": list(self.offers),
        }
