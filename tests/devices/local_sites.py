"""Sites on this machine, for tests of what files cannot do and of what a browser may reach."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.reached.append(f"{self.command} {self.path}")
        self.server.cookies.append((self.path, self.headers.get("Cookie", "")))
        content = self.server.content(self.path.partition("?")[0])
        if callable(content):
            content = content(body)
        if content is None:
            self._answer(204, {})
        elif isinstance(content, str) and content.startswith("-> "):
            self._answer(302, {"Location": content[3:]})
        else:
            data = content if isinstance(content, bytes) else content.encode()
            headers = {"Content-Type": _type_of(self.path), "Access-Control-Allow-Origin": "*"}
            self._answer(200, headers, data)

    def _answer(self, status: int, headers: Mapping[str, str], data: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 (the base class's name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name is given)
        """Nothing: tests are quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    reached: list[str]
    cookies: list[tuple[str, str]]
    content: Callable[[str], Any]


class Site:
    """A server that keeps what reached it: requests, and bare connections as "connection".

    Args:
        host: an address of this machine.
        folder: whose files are there too, beside `pages`.
    """

    def __init__(self, host: str = "127.0.0.1", folder: Path | None = None) -> None:
        self.pages: dict[str, Any] = {}
        """Path -> HTML, bytes, a function of the request's body, "-> address", or None for
        an answer without content."""
        self.folder = folder
        self.reached: list[str] = []
        self.cookies: list[tuple[str, str]] = []
        """Path and cookies of each request; a browser asks for an icon when it likes."""
        self._server = _Server((host, 0), _Handler, bind_and_activate=False)
        self._server.reached, self._server.cookies = self.reached, self.cookies
        self._server.content = self._content
        self._server.process_request = self._on_connection  # type: ignore[method-assign, assignment]
        self._server.server_bind()
        self._server.server_activate()
        self.port = int(self._server.server_address[1])
        self.host = f"{host}:{self.port}"
        self.url = f"http://{self.host}"
        self.other_url = f"http://localhost:{self.port}"
        """Of the same pages, under a name that makes them another site to a browser."""
        run = partial(self._server.serve_forever, poll_interval=0.01)  # how long closing takes
        threading.Thread(target=run, daemon=True).start()

    def paths(self) -> list[str]:
        """The requests alone, without the page's own."""
        return [one for one in self.reached if one != "connection"]

    def close(self) -> None:
        """Stop; later connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def _content(self, path: str) -> Any:
        file = self.folder / path.lstrip("/") if self.folder else None
        if file and path not in self.pages and file.is_file():
            return file.read_bytes()
        return self.pages.get(path, "<p>Empty</p>")

    def _on_connection(self, request: Any, address: Any) -> None:
        self.reached.append("connection")
        ThreadingHTTPServer.process_request(self._server, request, address)


class DatagramSite:
    """A UDP port that keeps how many datagrams reached it."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.host = f"{host}:{self._socket.getsockname()[1]}"

    def take(self) -> int:
        """How many have come since the last call."""
        count = 0
        while True:
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                return count
            count += 1

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


def _type_of(path: str) -> str:
    for ending, kind in ((".js", "text/javascript"), (".bin", "application/octet-stream")):
        if path.endswith(ending):
            return kind
    return "text/html; charset=utf-8"
