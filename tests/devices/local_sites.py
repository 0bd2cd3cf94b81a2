"""Sites on this machine for tests of what a browser may reach."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.reached.append(f"{self.command} {self.path}")
        self.server.cookies.append((self.path, self.headers.get("Cookie", "")))
        content = self.server.pages.get(self.path.partition("?")[0], "<p>Empty</p>")
        if callable(content):
            content = content(body)
        if isinstance(content, str) and content.startswith("-> "):
            self.send_response(302)
            self.send_header("Location", content[3:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = content if isinstance(content, bytes) else content.encode()
        self.send_response(200)
        self.send_header("Content-Type", _type_of(self.path))
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 (the base class's name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name is given)
        """Nothing: tests are quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    reached: list[str]
    cookies: list[tuple[str, str]]
    pages: Mapping[str, Any]


class Site:
    """A server that keeps what reached it: requests, and bare connections as "connection"."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Any] = {}
        """Path -> HTML, bytes, a function of the request's body, or "-> address"."""
        self.reached: list[str] = []
        self.cookies: list[tuple[str, str]] = []
        """Path and cookies of each request; a browser asks for an icon when it likes."""
        self._server = _Server((host, 0), _Handler, bind_and_activate=False)
        self._server.reached, self._server.cookies = self.reached, self.cookies
        self._server.pages = self.pages
        self._server.process_request = self._on_connection  # type: ignore[method-assign, assignment]
        self._server.server_bind()
        self._server.server_activate()
        self.port = int(self._server.server_address[1])
        self.host = f"{host}:{self.port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def paths(self) -> list[str]:
        """The requests alone, without the page's own."""
        return [one for one in self.reached if one != "connection"]

    def close(self) -> None:
        """Stop; later connections are refused."""
        self._server.shutdown()
        self._server.server_close()

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
