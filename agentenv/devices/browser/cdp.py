"""A small synchronous client of the Chrome DevTools Protocol, over a pipe."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from agentenv.errors import DeviceError

Event = Mapping[str, Any]
Then = Callable[[Mapping[str, Any] | None], None]
"""Takes what a call gave; None if it was refused."""
DEFAULT_TIMEOUT = 10.0
"""Seconds a call may take before the page counts as hung."""
_CHUNK = 1 << 17


class ProtocolError(Exception):
    """The browser refused a call (it is alive, the call was wrong for its state)."""


class Connection:
    """Calls and events of one browser.

    Messages are JSON ended by a zero byte. Calls may overlap: `send` several, then
    `wait` for each. Every wait has a deadline.
    """

    def __init__(
        self,
        reader: int,
        writer: int,
        on_event: Callable[[Event], None],
        explain_loss: Callable[[str], DeviceError],
    ) -> None:
        """
        Args:
            reader, writer: descriptors of our ends of the pipe.
            on_event: called with every event, while something is waited for.
            explain_loss: why the browser can no longer be reached, given what was seen.
        """
        os.set_blocking(writer, False)
        self._reader = reader
        self._writer = writer
        self._readable = _poll(reader, select.POLLIN)
        self._writable = _poll(writer, select.POLLOUT)
        self._on_event = on_event
        self._explain_loss = explain_loss
        self._buffer = bytearray()
        self._next_id = 0
        self._results: dict[int, Mapping[str, Any]] = {}
        self._callbacks: dict[int, Then] = {}
        self.session: str | None = None
        """Session that calls are addressed to; None is the browser itself."""
        self.deadline: float | None = None
        """Instant of `time.monotonic()` after which nothing is waited for any more."""

    @contextmanager
    def addressing(self, session: str | None) -> Iterator[None]:
        """Address calls to another session for a while."""
        before, self.session = self.session, session
        try:
            yield
        finally:
            self.session = before

    def send(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        ignore_result: bool = False,
        then: Then | None = None,
    ) -> int:
        """Send a call without waiting; returns the id that `wait` takes.

        Args:
            method, params: of the call.
            ignore_result: nobody will wait for it.
            then: called with the result when it comes, and nobody will wait for it.

        Raises:
            DeviceError: the browser is gone, or takes no messages.
        """
        (call_id,) = self.send_all([(method, params)])
        if then is not None or ignore_result:
            self._callbacks[call_id] = then or _forget
        return call_id

    def send_all(self, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[int]:
        """Send calls in one go, so that the browser wakes up once; raises like `send`."""
        first = self._next_id + 1
        self._next_id += len(calls)
        call_ids = list(range(first, first + len(calls)))
        data = b""
        for call_id, (method, params) in zip(call_ids, calls, strict=True):
            message: dict[str, Any] = {"id": call_id, "method": method, "params": params}
            if self.session is not None:
                message["sessionId"] = self.session
            data += json.dumps(message).encode() + b"\0"
        give_up = time.monotonic() + DEFAULT_TIMEOUT
        while data:
            if not self._ready(self._writable, give_up - time.monotonic()):
                raise _hung(DEFAULT_TIMEOUT)
            try:
                data = data[os.write(self._writer, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._explain_loss(str(error)) from error
        return call_ids

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
                raise _hung(timeout)
        if "error" in message:
            raise ProtocolError(message["error"].get("message", str(message["error"])))
        result: Mapping[str, Any] = message["result"]
        return result

    def poll(self, call_id: int) -> bool:
        """Whether the result of a call has arrived."""
        return call_id in self._results

    def receive(self, timeout: float) -> bool:
        """Take in what arrives within `timeout` seconds; whether anything did.

        Raises:
            DeviceError: the browser is gone, or `deadline` has passed ("deadline").
        """
        if not self._ready(self._readable, timeout):
            return False
        try:
            chunk = os.read(self._reader, _CHUNK)
        except OSError as error:
            raise self._explain_loss(str(error)) from error
        if not chunk:
            raise self._explain_loss("the pipe was closed")
        self._buffer += chunk
        while (end := self._buffer.find(b"\0")) >= 0:
            try:
                message = json.loads(self._buffer[:end].decode())
            except ValueError as error:
                raise DeviceError("the browser sent no JSON", "connection_lost") from error
            del self._buffer[: end + 1]
            self._dispatch(message)
        return True

    def _ready(self, end: select.poll, timeout: float) -> bool:
        """Whether an end of the pipe can be used within `timeout` seconds."""
        if self.deadline is None:
            return bool(end.poll(1000 * max(0.0, timeout)))
        left = self.deadline - time.monotonic()
        ready = left > 0 and bool(end.poll(1000 * max(0.0, min(timeout, left))))
        if not ready and time.monotonic() >= self.deadline:
            raise past_deadline()
        return ready

    def _dispatch(self, message: Mapping[str, Any]) -> None:
        call_id = message.get("id")
        if call_id is None:
            self._on_event(message)
        elif call_id in self._callbacks:
            self._callbacks.pop(call_id)(message.get("result"))
        else:
            self._results[call_id] = message


def _forget(_: Mapping[str, Any] | None) -> None:
    """For calls whose result is of no interest."""


def past_deadline() -> DeviceError:
    """What a call raises that was given no more time."""
    return DeviceError(
        "the step took longer than its deadline; the next reset starts another browser", "deadline"
    )


def _hung(timeout: float) -> DeviceError:
    return DeviceError(
        f"the browser did not answer within {timeout:g} s; the page may be in an endless loop",
        "page_hung",
    )


def _poll(descriptor: int, event: int) -> select.poll:
    """Like `select.select`, but with no limit on how many files a program has open."""
    poll = select.poll()
    poll.register(descriptor, event)
    return poll
