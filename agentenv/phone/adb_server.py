"""A device for the real adb: the device's side of the ADB protocol, over TCP, on this machine.

``adb connect 127.0.0.1:PORT`` finds a device there. What commands do is not this file's
business: it hands each command line to a `Shell`, one after the other, whoever sent them. A
client that goes away ends only its own streams; a command that it began is finished.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from agentenv.errors import ConfigError
from agentenv.phone.adb_protocol import (
    LARGEST_PAYLOAD,
    VERSION,
    Message,
    ProtocolError,
    read_message,
    shell_packet,
)
from agentenv.phone.adb_sync import serve_files

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
STDIN = "/dev/stdin"
"""Among a shell's files, while a command runs: what adb streams into it, as it does for
``adb install``."""
MAX_STREAMED = 256 * 2**20
_STREAMED = re.compile(r" -S (\d{1,12})\b")
MAX_STREAMS = 256
"""Commands of one connection that are under way at once."""
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Result:
    """What a command printed."""

    out: bytes = b""
    err: bytes = b""
    status: int = 0


class Shell(Protocol):
    """What stands behind the protocol."""

    @property
    def properties(self) -> Mapping[str, str]:
        """What ``getprop`` tells; those of the product are told on connecting."""
        ...

    @property
    def files(self) -> dict[str, bytes]:
        """Content of the device's files by their absolute paths."""
        ...

    def run(self, line: str) -> Result:
        """Run a command line; always called by the same thread."""
        ...


class AdbServer:
    """Serves one device until it is closed, in a thread of its own.

    Args:
        shell: what the commands do.
        port: of 127.0.0.1; 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(self, shell: Shell, port: int = 0) -> None:
        self._shell = shell
        self._loop = asyncio.new_event_loop()
        self._worker = ThreadPoolExecutor(1, "agentenv-adb-shell")
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agentenv-adb")
        self._thread.daemon = True
        self._thread.start()
        try:
            self._server = asyncio.run_coroutine_threadsafe(
                asyncio.start_server(self._serve, HOST, port), self._loop
            ).result()
        except (OSError, OverflowError) as error:
            self._stop_loop()
            raise ConfigError(f"port {port} cannot be used: {error}; 0 takes a free one") from error
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def serial(self) -> str:
        """What adb calls the device: the address for ``adb connect``."""
        return f"{HOST}:{self.port}"

    def close(self) -> None:
        """Stop serving; connections are cut."""
        asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result()
        self._stop_loop()

    def disconnect(self) -> None:
        """Cut every connection, as a cable that was pulled; adb may connect again."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    async def _shut_down(self) -> None:
        self._server.close()
        await self._cut()

    async def _cut(self) -> None:
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def call(self, function: Callable[[], Returned]) -> Returned:
        """Do something between two commands, in the thread in which the shell's run."""
        return self._worker.submit(function).result()

    def _stop_loop(self) -> None:
        self._worker.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        connection = _Connection(self._shell, self._worker, reader, writer)
        try:
            await connection.run()
        except (ProtocolError, ConnectionError) as error:
            logger.debug("adb: a connection ended: %s", error)
        except asyncio.CancelledError:
            logger.debug("adb: a connection was cut")
        finally:
            self._connections.discard(task)
            await connection.close()


class _Connection:
    """One adb server that is connected, and the streams it has opened."""

    def __init__(
        self,
        shell: Shell,
        worker: ThreadPoolExecutor,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._shell, self._worker = shell, worker
        self._reader, self._writer = reader, writer
        self._streams: dict[int, Stream] = {}
        self._numbers = itertools.count(1)
        self._payload = LARGEST_PAYLOAD

    async def run(self) -> None:
        while (message := await read_message(self._reader)) is not None:
            match message.command:
                case "CNXN":
                    self._payload = min(LARGEST_PAYLOAD, max(message.second, 4096))
                    await self.send(Message("CNXN", VERSION, LARGEST_PAYLOAD, self._banner()))
                case "OPEN":
                    await self._open(message)
                case "OKAY" | "WRTE" | "CLSE":
                    await self._pass_on(message)
                case "AUTH" | "STLS" | "SYNC":
                    logger.debug("adb: %s is not needed here", message.command)
                case other:
                    raise ProtocolError(f"{other!r} is no command of adb")

    async def send(self, message: Message) -> None:
        """Write one message; it goes out whole."""
        self._writer.write(message.encode())
        await self._writer.drain()

    async def close(self) -> None:
        for stream in list(self._streams.values()):
            stream.cancel()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _open(self, message: Message) -> None:
        service = message.payload.rstrip(b"\0").decode("utf-8", "replace")
        handler = self._handler(service)
        if handler is None or len(self._streams) >= MAX_STREAMS:
            await self.send(Message("CLSE", 0, message.first))
            return
        number = next(self._numbers)
        stream = Stream(self, number, message.first, self._payload)
        self._streams[number] = stream
        await self.send(Message("OKAY", number, message.first))
        stream.start(handler, lambda: self._streams.pop(number, None))

    async def _pass_on(self, message: Message) -> None:
        stream = self._streams.get(message.second)
        if stream is None:
            if message.command == "WRTE":
                await self.send(Message("CLSE", 0, message.first))
        elif message.command == "OKAY":
            stream.acknowledged.set()
        elif message.command == "CLSE":
            stream.cancel()
        else:
            stream.take(message.payload)
            await self.send(Message("OKAY", stream.number, stream.peer))

    def _handler(self, service: str) -> Callable[[Stream], Awaitable[None]] | None:
        """What serves a service; None if there is none of that name."""
        kind, _, command = service.partition(":")
        name, *options = kind.split(",")
        if name == "shell":
            return lambda stream: self._run(stream, command, framed="v2" in options)
        if name == "exec":
            return lambda stream: self._run(stream, command, framed=False)
        if name == "sync":
            return lambda stream: serve_files(stream, self._shell.files)
        return None

    async def _run(self, stream: Stream, line: str, *, framed: bool) -> None:
        loop = asyncio.get_running_loop()
        streamed = None if framed else _STREAMED.search(line)
        if streamed:
            size = min(int(streamed[1]), MAX_STREAMED)
            self._shell.files[STDIN] = await stream.read(size)
        result = await loop.run_in_executor(self._worker, self._shell.run, line)
        if streamed:
            self._shell.files.pop(STDIN, None)
        if not framed:
            await stream.write(result.out + result.err)
            return
        limit = LARGEST_PAYLOAD // 2
        for kind, content in ((1, result.out), (2, result.err)):
            for begin in range(0, len(content), limit):
                await stream.write(shell_packet(kind, content[begin : begin + limit]))
        await stream.write(shell_packet(3, bytes([result.status & 0xFF])))

    def _banner(self) -> bytes:
        told = {name: value for name, value in self._shell.properties.items() if "product" in name}
        properties = ";".join(f"{name}={value}" for name, value in told.items())
        return f"device::{properties};features=shell_v2,cmd".encode()


class Stream:
    """One stream of a connection, as the service at its end sees it."""

    def __init__(self, connection: _Connection, number: int, peer: int, payload: int) -> None:
        self.number, self.peer = number, peer
        self.acknowledged = asyncio.Event()
        self._connection = connection
        self._payload = payload
        self._received = asyncio.StreamReader()
        self._task: asyncio.Task[None] | None = None

    def start(
        self, handler: Callable[[Stream], Awaitable[None]], ended: Callable[[], object]
    ) -> None:
        """Serve, and close the stream when the service is done."""

        async def serve() -> None:
            try:
                await handler(self)
                await self._connection.send(Message("CLSE", self.number, self.peer))
            except (asyncio.CancelledError, ConnectionError):
                logger.debug("adb: the client of stream %d went away", self.number)
            finally:
                ended()

        self._task = asyncio.get_running_loop().create_task(serve())

    def cancel(self) -> None:
        """The client has gone away."""
        self._received.feed_eof()
        if self._task is not None:
            self._task.cancel()

    def take(self, payload: bytes) -> None:
        """What the client sent."""
        self._received.feed_data(payload)

    async def read(self, size: int) -> bytes:
        """So many bytes from the client.

        Raises:
            asyncio.IncompleteReadError: it has gone away.
        """
        return await self._received.readexactly(size)

    async def write(self, content: bytes) -> None:
        """Send to the client, a piece at a time: each waits until the last was taken."""
        for begin in range(0, len(content), self._payload):
            self.acknowledged.clear()
            piece = content[begin : begin + self._payload]
            await self._connection.send(Message("WRTE", self.number, self.peer, piece))
            await self.acknowledged.wait()
