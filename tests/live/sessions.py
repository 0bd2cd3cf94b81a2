"""Sessions with fake devices, which run while a test plays the person at the page."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from agentenv.live import LiveView
from agentenv.live.board import Offer
from agentenv.live.session import Session
from agentenv.policies.base import Policy
from agentenv.trajectories.episode import Episode
from tests.fakes import FakeDevice, PressTask

RECORDING: tuple[Offer, ...] = ("again", "next")
WATCHING: tuple[Offer, ...] = ("take_over", "again", "next")


class Running:
    """A session in a thread of its own, and what it kept."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        task: PressTask | None = None,
        instances: int = 1,
        devices: int = 1,
        paused: bool = False,
        person_first: bool = False,
    ) -> None:
        self.task = task or PressTask()
        self.episodes: list[Episode] = []
        self.view = LiveView("Test", seconds=0.0, offers=RECORDING if policy is None else WATCHING)
        self.session = Session(self.view, policy, self.episodes.append, person_first=person_first)
        self.items = [(self.task, self.task.instance("train", i)) for i in range(instances)]
        self.devices = devices
        self.view.board.paused = paused
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.session.run(self.items, lambda: FakeDevice(height=160, width=120), self.devices)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> list[Episode]:
        """Wait for the end; what was kept."""
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()
        return self.episodes

    def state(self, phase: str, panel: int = 0) -> dict[str, Any]:
        """A panel's state, once it is in that phase."""
        board = self.view.board
        board.wait(
            lambda: len(board.panels) > panel and board.panels[panel].state["phase"] == phase
        )
        return board.panels[panel].state


@contextmanager
def running(*arguments: Any, **settings: Any) -> Iterator[Running]:
    """A session that has started; it is ended with the block."""
    session = Running(*arguments, **settings)
    session.start()
    try:
        yield session
    finally:
        session.view.close()
        session.finish()


def ask(
    url: str,
    path: str = "",
    body: Any = None,
    *,
    method: str | None = None,
    token: str | None = None,
    **headers: str,
) -> tuple[int, bytes]:
    """Status and content of one request, without a browser."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    address = (parts.path if token is None else f"/{token}/") + path
    content = None if body is None else json.dumps(body)
    if body is not None:
        headers = {"Content-Type": "application/json", **headers}
    try:
        connection.request(method or ("GET" if body is None else "POST"), address, content, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
