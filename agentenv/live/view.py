"""A live view: a board, its panels and its server in one."""

from __future__ import annotations

import os
import sys
import webbrowser

from agentenv.live.board import Board, Offer
from agentenv.live.panel import Panel
from agentenv.live.server import LiveServer
from agentenv.progress import error_console


class LiveView:
    """Shows devices in the user's browser until it is closed.

    Args:
        title: heading of the page.
        seconds: how long each action is shown before it is carried out.
        offers: what the person may do beyond looking.
        port: of 127.0.0.1; 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(
        self, title: str, *, seconds: float = 0.5, offers: tuple[Offer, ...] = (), port: int = 0
    ) -> None:
        self.board = Board(title, seconds=seconds, offers=offers)
        self._server = LiveServer(self.board, port)

    @property
    def url(self) -> str:
        """The page's address, with the token without which it answers nothing."""
        return self._server.url

    def panel(self, *, person: bool = False) -> Panel:
        """One more device on the page; `person` says whether a person acts on it."""
        with self.board.condition:
            panel = Panel(self.board, len(self.board.panels), person=person)
            self.board.panels.append(panel)
        return panel

    def announce(self, *, browser: bool = True) -> None:
        """Print the address, and open it if this machine has a desktop."""
        error_console.print(f"live view: {self.url}", soft_wrap=True, highlight=False, markup=False)
        if browser:
            open_in_browser(self.url)

    def wait_for_viewer(self) -> None:
        """Wait until somebody has the page open."""
        self.board.wait(lambda: self.board.viewers > 0 or self.board.closed)

    def close(self) -> None:
        """End the server; whoever waits for the person gets `ViewClosedError`."""
        self._server.close()


def open_in_browser(url: str) -> bool:
    """Open a page in the user's browser, unless there is no desktop; whether it was."""
    # Where there is none, Python would start a text browser in this very terminal.
    graphical = sys.platform != "linux" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return graphical and webbrowser.open(url)
