"""One local server for many phones, each at an address of its own that cannot be guessed.

Standard library, this machine only. A page may do to its own phone what that phone's screen
offers, and nothing else: there is no request that reads or writes anything by name.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import threading
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentenv.errors import ConfigError, DeviceError
from agentenv.phone.phone import Phone, UserEvent
from agentenv.phone.setup import PhoneSetup
from agentenv.trajectories.viewer import script_hash

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
MAX_PHONES = 4096
"""Phones that one server keeps."""
MAX_SNAPSHOTS = 65_536
"""Snapshots that one server keeps."""
LARGEST_BODY = 2 * 1024 * 1024
"""Bytes of a request: twenty events of the longest text."""
_EVENTS = re.compile(r"/([\w-]{16,64})/events")
_PAGE = re.compile(r"/([\w-]{16,64})/")
_DESK = re.compile(r"/([\w-]{16,64})/play")
_HOSTS = (HOST, "localhost")


@dataclass(frozen=True)
class Snapshot:
    """A phone's whole state, and what it began with."""

    setup: PhoneSetup
    image: bytes


class Desk(Protocol):
    """What stands beside a phone: a page around it, and what may be ordered from there."""

    def page(self) -> tuple[str, str]:
        """(HTML, its script)."""
        ...

    def take(self, order: bytes) -> str:
        """Carry out an order, JSON; the answer, JSON too.

        Raises:
            ValueError: it is none.
        """
        ...


class _Batch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    events: tuple[UserEvent, ...] = Field(max_length=50)


class PhoneServer(ThreadingHTTPServer):
    """Serves phones until it is closed, in threads of its own.

    Args:
        port: 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self._phones: dict[str, Phone] = {}
        self._desks: dict[str, Desk] = {}
        self._snapshots: dict[str, Snapshot] = {}
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"port {port} cannot be used: {error}; 0 takes a free one") from error
        self.url = f"http://{HOST}:{self.server_port}"
        run = partial(self.serve_forever, poll_interval=0.1)
        threading.Thread(target=run, name="agentenv-phones", daemon=True).start()

    def add(self, phone: Phone, desk: Desk | None = None) -> str:
        """Serve a phone; its token.

        Args:
            phone: to be served.
            desk: what stands beside it, if anything; see `desk_address`.

        Raises:
            ConfigError: there are `MAX_PHONES` already.
        """
        if len(self._phones) >= MAX_PHONES:
            raise ConfigError(f"a server has at most {MAX_PHONES} phones; close some")
        token = secrets.token_urlsafe(18)
        self._phones[token] = phone
        if desk is not None:
            self._desks[token] = desk
        return token

    def remove(self, token: str) -> None:
        """Serve a phone no longer."""
        self._phones.pop(token, None)
        self._desks.pop(token, None)

    def find(self, token: str) -> Phone | None:
        """The phone with that token."""
        return self._phones.get(token)

    def find_desk(self, token: str) -> Desk | None:
        """What stands beside the phone with that token."""
        return self._desks.get(token)

    def keep(self, phone: Phone) -> str:
        """Keep a phone's whole state until it is forgotten; its name.

        Raises:
            DeviceError: `MAX_SNAPSHOTS` are kept already ("too_many_snapshots").
        """
        if len(self._snapshots) >= MAX_SNAPSHOTS:
            raise DeviceError("too many snapshots; forget some", "too_many_snapshots")
        name = secrets.token_urlsafe(12)
        self._snapshots[name] = Snapshot(phone.setup, phone.image())
        return name

    def kept(self, name: str) -> Snapshot:
        """A snapshot.

        Raises:
            DeviceError: there is none of that name ("no_snapshot").
        """
        if name not in self._snapshots:
            raise DeviceError("there is no such snapshot; take one first", "no_snapshot")
        return self._snapshots[name]

    def forget(self, name: str) -> None:
        """Free a snapshot's memory."""
        self._snapshots.pop(name, None)

    def address(self, token: str) -> str:
        """Where a person can use that phone."""
        return f"{self.url}/{token}/"

    def desk_address(self, token: str) -> str:
        """Where a person finds that phone with what stands beside it."""
        return f"{self.url}/{token}/play"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what a request raised, but for a browser that went away."""
        if not isinstance(sys.exception(), ConnectionError):
            logger.exception("the phone failed")

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection; browsers keep theirs open."""

    server: PhoneServer
    protocol_version = "HTTP/1.1"
    server_version = "agentenv"
    sys_version = ""
    timeout = 600
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if not self._is_local():
            return
        page, desk = _PAGE.fullmatch(self.path), _DESK.fullmatch(self.path)
        beside = self.server.find_desk(desk[1]) if desk else None
        if beside:
            self._answer(HTTPStatus.OK, *beside.page())
        elif self.path == "/":
            self._answer(HTTPStatus.OK, shell(""))
        elif page and self.server.find(page[1]):
            self._answer(HTTPStatus.OK, shell(page[1]))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        body = self._body()
        if body is None or not self._is_local():
            return
        desk = _DESK.fullmatch(self.path)
        beside = self.server.find_desk(desk[1]) if desk else None
        if beside:
            self._order(beside, body)
            return
        path = _EVENTS.fullmatch(self.path)
        phone = self.server.find(path[1]) if path else None
        if phone is None:
            self._answer(HTTPStatus.NOT_FOUND, "there is no such phone")
            return
        try:
            events = _Batch.model_validate_json(body).events
        except ValidationError as error:
            self._answer(HTTPStatus.BAD_REQUEST, f"{error.error_count()} mistakes in the events")
            return
        phone.handle(events)
        self._answer(HTTPStatus.OK, phone.page())

    def _order(self, desk: Desk, body: bytes) -> None:
        try:
            self._answer(HTTPStatus.OK, desk.take(body))
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, str(error))

    def _is_local(self) -> bool:
        """Whether the request came by our own address, from a page of ours."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host.rsplit(":", 1)[0] not in _HOSTS or origin not in (None, f"http://{host}"):
            self._answer(HTTPStatus.FORBIDDEN, "open this page by the address that was printed")
            return False
        return True

    def _body(self) -> bytes | None:
        """The JSON text of the request; None if it was refused."""
        length = self.headers.get("Content-Length", "")
        is_json = self.headers.get_content_type() == "application/json"
        if not is_json or not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._answer(HTTPStatus.BAD_REQUEST, f"send JSON of at most {LARGEST_BODY} bytes")
            return None
        return self.rfile.read(int(length))

    def _answer(self, status: HTTPStatus, text: str, script: str = "") -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", _policy(script))
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Nothing: the default would write the tokens to stderr."""


@cache
def _script() -> str:
    return (files("agentenv.phone") / "page" / "phone.js").read_text(encoding="utf-8")


@cache
def _policy(script: str) -> str:
    """For a page with that script, or with the phone's own."""
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
        "frame-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
        f"script-src {script_hash(script or _script())}"
    )


def shell(token: str) -> str:
    """The document around a phone's page; without a token, for whoever calls `phone.open`."""
    style = (files("agentenv.phone") / "page" / "phone.css").read_text(encoding="utf-8")
    environment = Environment(loader=PackageLoader("agentenv.phone", "page"), autoescape=True)
    template = environment.get_template("shell.html.j2")
    return template.render(token=token, style=Markup(style), script=Markup(_script()))


@cache
def shared_server() -> PhoneServer:
    """The server of this process, started when it is first needed."""
    return PhoneServer()
