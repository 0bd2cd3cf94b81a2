"""The live page's web server: standard library, this machine only.

Whoever knows the address can act on the devices, so the address holds a random token;
the Host header is checked, so that no other site's name can be made to point here (DNS
rebinding), and requests that change something must come from the page itself.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from pydantic import ValidationError

from agentenv.errors import ConfigError
from agentenv.live.board import Board, OrderError
from agentenv.live.orders import Order
from agentenv.live.page import render_page

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
LARGEST_ORDER = 64 * 1024
"""Bytes of a request's body."""
_HEARTBEAT = 10.0
"""Seconds without news after which a page is asked whether it is still there."""
_HOSTS = ("127.0.0.1", "localhost")
_SCREEN = re.compile(r"screen/(\d{1,6})/\d+")


class LiveServer(ThreadingHTTPServer):
    """Serves one board until it is closed, in threads of its own.

    Args:
        board: to serve.
        port: 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, board: Board, port: int = 0) -> None:
        self.board = board
        self.token = secrets.token_urlsafe(16)
        self.policy, self.page = render_page(board.title)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"port {port} cannot be used: {error}; 0 takes a free one") from error
        self.url = f"http://{HOST}:{self.server_port}/{self.token}/"
        run = partial(self.serve_forever, poll_interval=0.1)
        threading.Thread(target=run, name="live view", daemon=True).start()

    def close(self) -> None:
        """Tell the open pages that it is over, and stop; may be called twice."""
        self.board.close()
        self.board.wait(lambda: self.board.viewers == 0, timeout=1.0)
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: LiveServer
    server_version = "agentenv"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        path = self._checked_path()
        if path is None:
            return
        screen = _SCREEN.fullmatch(path)
        if path == "":
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
        elif path == "events":
            self._stream()
        elif screen and int(screen[1]) < len(self.server.board.panels):
            self._answer(HTTPStatus.OK, "image/png", self.server.board.panels[int(screen[1])].png)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        path = self._checked_path()
        if path is None:
            return
        body = self._body()
        if path != "order" or body is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "not an order of this page")
            return
        try:
            self.server.board.obey(Order.model_validate_json(body))
        except ValidationError as error:
            problems = (f"{item['loc']}: {item['msg']}" for item in error.errors())
            self._refuse(HTTPStatus.BAD_REQUEST, "; ".join(problems))
        except OrderError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
        else:
            self._answer(HTTPStatus.OK, "application/json", b"{}")

    def _checked_path(self) -> str | None:
        """What follows the token in the address; None if the request was refused."""
        token, _, path = urlsplit(self.path).path.removeprefix("/").partition("/")
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        if host.rsplit(":", 1)[0] not in _HOSTS:
            self._refuse(HTTPStatus.FORBIDDEN, "open this page by the address that was printed")
        elif origin is not None and origin != f"http://{host}":
            self._refuse(HTTPStatus.FORBIDDEN, "another site must not use this page")
        elif not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the address lacks its token; use the printed one")
        else:
            return path
        return None

    def _body(self) -> bytes | None:
        """The JSON text of the request; other types need no consent of the browser's."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not length.isdecimal():
            return None
        return self.rfile.read(int(length)) if int(length) <= LARGEST_ORDER else None

    def _stream(self) -> None:
        """Server-sent events: every state of the board from now on."""
        board = self.server.board
        self._head(HTTPStatus.OK, "text/event-stream")
        board.watch(begin=True)
        try:
            seen, ended = 0, False
            while not ended:
                seen, message = board.changes(seen, _HEARTBEAT)
                ended = message is not None and message["board"]["closed"]
                text = ": still here" if message is None else f"data: {json.dumps(message)}"
                self.wfile.write(f"{text}\n\n".encode())
                self.wfile.flush()
        except OSError as error:
            logger.debug("a page was closed: %s", error)
        finally:
            board.watch(begin=False)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._answer(status, "application/json", json.dumps({"error": reason}).encode())

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self._head(status, kind, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Nothing: the default would write the token to stderr."""
