"""A small synchronous client of the Chrome DevTools Protocol, over a pipe."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import Any

from agentenv.errors import DeviceError

Event = Mapping[str, Any]
DEFAULT_TIMEOUT = 10.0
"""Seconds a call may take before the page counts as hung."""
_CHUNK = 1 << 20


class ProtocolError(Exception):
    """The browser refused a call (it is alive, the call was wrong for its state)."""


class Connection:
    """Calls and events of one browser.

    Messages are JSON ended by a zero byte. Calls may overlap: `send` several, then
    `wait` for each. Every wait has a deadline.
    """

    def __init__(self, reader: int, writer: int, on_event: Callable[[Event], None]) -> None:
        self._reader = reader
        self._writer = writer
        self._on_event = on_event
        self._buffer = bytearray()
        self._next_id = 0
        self._results: dict[int, Mapping[str, Any]] = {}
        self._ignored: set[int] = set()
        self.session: str | None = None
        """Session that calls are addressed to; None is the browser itself."""

    def send(self, method: str, params: Mapping[str, Any], *, ignore_result: bool = False) -> int:
        """Send a call without waiting; returns the id that `wait` takes.

        Raises:
            DeviceError: the browser is gone.
        """
        self._next_id += 1
        message: dict[str, Any] = {"id": self._next_id, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self._writer, data) :]
        except OSError as error:
            raise _crashed() from error
        if ignore_result:
            self._ignored.add(self._next_id)
        return self._next_id

    def call(
        self, method: str, params: Mapping[str, Any], timeout: float = DEFAULT_TIMEOUT
    ) -> Mapping[str, Any]:
        """Send a call and wait for its result.

        Raises:
            ProtocolError: the browser refused it.
            DeviceError: no answer within `timeout` seconds ("page_hung"), or the browser
                is gone ("browser_crashed").
        """
        return self.wait(self.send(method, params), timeout)

    def wait(self, call_id: int, timeout: float = DEFAULT_TIMEOUT) -> Mapping[str, Any]:
        """The result of a call sent earlier; raises like `call`."""
        deadline = time.monotonic() + timeout
        while (message := self._results.pop(call_id, None)) is None:
            if not self.receive(deadline - time.monotonic()):
                raise DeviceError(
                    f"the browser did not answer within {timeout:g} s; "
                    "the page may be in an endless loop",
                    "page_hung",
                )
        if "error" in message:
            raise ProtocolError(message["error"].get("message", str(message["error"])))
        result: Mapping[str, Any] = message["result"]
        return result

    def poll(self, call_id: int) -> bool:
        """Whether the result of a call has arrived."""
        return call_id in self._results

    def receive(self, timeout: float) -> bool:
        """Take in what arrives within `timeout` seconds; whether anything did."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, timeout))
        if not ready:
            return False
        try:
            chunk = os.read(self._reader, _CHUNK)
        except OSError as error:
            raise _crashed() from error
        if not chunk:
            raise _crashed()
        self._buffer += chunk
        while (end := self._buffer.find(b"\0")) >= 0:
            message = json.loads(bytes(self._buffer[:end]))
            del self._buffer[: end + 1]
            self._dispatch(message)
        return True

    def _dispatch(self, message: Mapping[str, Any]) -> None:
        call_id = message.get("id")
        if call_id is None:
            self._on_event(message)
        elif call_id in self._ignored:
            self._ignored.discard(call_id)
        else:
            self._results[call_id] = message


def _crashed() -> DeviceError:
    return DeviceError("the browser ended; the next reset starts another", "browser_crashed")
