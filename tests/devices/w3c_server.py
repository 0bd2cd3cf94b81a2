"""A server that speaks the W3C WebDriver protocol as Appium's UiAutomator2 driver does."""

from __future__ import annotations

import base64
import json
import shlex
import threading
import time
import uuid
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.devices.fake_android import PACKAGE, FakeAndroid

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_CRASH = (
    "Could not proxy command to the remote server. Original error: 'GET /source' cannot be "
    "proxied to UiAutomator2 server because the instrumentation process is not running"
)


class WireError(Exception):
    """An answer that is an error: HTTP status, W3C's name of it, message."""


class W3CServer(ThreadingHTTPServer):
    """One handset behind a server; `lose_session` and `android.failing` make it fail.

    `failing` knows, beside those of `FakeAndroid`: "crash" (the server on the device dies over
    a tree and takes the session's requests with it until a new one is made).
    """

    daemon_threads = True

    def __init__(self, android: FakeAndroid) -> None:
        self.android = android
        self.sessions: set[str] = set()
        self.capabilities: list[dict[str, Any]] = []
        self.crashed = False
        self.shell_allowed = True
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        run = partial(self.serve_forever, poll_interval=0.05)
        threading.Thread(target=run, daemon=True).start()

    def lose_session(self) -> None:
        """As Appium does after a time without commands."""
        self.sessions.clear()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def answer(self, method: str, path: list[str], body: dict[str, Any]) -> Any:
        """The value of a request.

        Raises:
            WireError: it is an error.
        """
        while self.android.hang.is_set():
            time.sleep(0.02)
        if path == ["session"]:
            return self._begin(body)
        if path[1] not in self.sessions:
            raise WireError(
                404, "invalid session id", "A session is either terminated or not started"
            )
        if method == "DELETE":
            self.sessions.discard(path[1])
            return None
        if self.android.fails("crash"):
            self.crashed = True
        if self.crashed:
            raise WireError(500, "unknown error", _CRASH)
        return self._command(path[2:], body)

    def _begin(self, body: dict[str, Any]) -> Any:
        if self.android.fails("start"):
            raise WireError(500, "session not created", "Could not find a connected Android device")
        wanted = body["capabilities"]["alwaysMatch"]
        self.capabilities.append(wanted)
        self.crashed = False
        session = uuid.uuid4().hex
        self.sessions.add(session)
        return {"sessionId": session, "capabilities": wanted}

    def _command(self, path: list[str], body: dict[str, Any]) -> Any:
        android = self.android
        match path:
            case ["screenshot"]:
                return base64.b64encode(android.screenshot()).decode()
            case ["source"]:
                if android.fails("tree"):
                    raise WireError(500, "unknown error", "java.lang.NullPointerException")
                return android.tree()
            case ["actions"]:
                return _touch(android, body["actions"][0]["actions"])
            case ["back"]:
                return android.press(4)
            case ["element", "active"]:
                return {_ELEMENT: "active"}
            case ["element", "active", "value"]:
                return android.type_text(body["text"])
            case ["element", "active", "clear"]:
                android.text = ""
                return None
            case ["execute", "sync"]:
                return self._mobile(body["script"], *body["args"])
        raise WireError(404, "unknown command", "/".join(path))

    def _mobile(self, script: str, arguments: dict[str, Any] | None = None) -> Any:
        android, given = self.android, arguments or {}
        match script:
            case "mobile: getCurrentPackage":
                return PACKAGE
            case "mobile: getCurrentActivity":
                return f"{PACKAGE}.MainActivity"
            case "mobile: pressKey":
                held = {0x1000: (113,), 0: ()}[given["metastate"]]
                return android.press(*held, given["keycode"])
            case "mobile: activateApp":
                android.started.append(given["appId"])
                if given["appId"] != PACKAGE:
                    raise WireError(500, "unknown error", "Unable to activate it")
                return None
            case "mobile: terminateApp" | "mobile: clearApp" | "mobile: installApp":
                return True
            case "mobile: changePermissions":
                android.granted += given["permissions"]
                return None
            case "mobile: setClipboard":
                android.clipboard = base64.b64decode(given["content"]).decode()
                return None
            case "mobile: shell" if not self.shell_allowed:
                text = "Potentially insecure feature 'adb_shell' has not been enabled"
                raise WireError(500, "unknown error", text)
            case "mobile: shell":
                # As adb does it, the words are one line for the device's shell.
                return self._shell(shlex.split(" ".join([given["command"], *given["args"]])))
        raise WireError(404, "unknown method", script)

    def _shell(self, words: list[str]) -> str:
        match words:
            case ["settings", "put", space, name, value]:
                self.android.settings[space, name] = value
            case ["settings", "get", space, name]:
                return self.android.settings.get((space, name), "null")
            case ["settings", "delete", space, name]:
                self.android.settings.pop((space, name), None)
            case ["pm", "list", "packages"]:
                return f"package:android\npackage:{PACKAGE}\n"
        return ""


def _touch(android: FakeAndroid, steps: list[dict[str, Any]]) -> None:
    """Carry out one finger's steps."""
    at, start, milliseconds = (0, 0), (0, 0), 0
    for step in steps:
        match step["type"]:
            case "pointerMove":
                at, milliseconds = (step["x"], step["y"]), milliseconds + step["duration"]
            case "pointerDown":
                start, milliseconds = at, 0
            case "pause":
                milliseconds += step["duration"]
            case "pointerUp":
                android.touch(start, at, milliseconds)


class _Handler(BaseHTTPRequestHandler):
    server: W3CServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._do("GET")

    def do_POST(self) -> None:
        self._do("POST")

    def do_DELETE(self) -> None:
        self._do("DELETE")

    def _do(self, method: str) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        status, value = 200, None
        try:
            value = self.server.answer(method, self.path.strip("/").split("/"), body)
        except WireError as failure:
            status, name, message = failure.args
            value = {"error": name, "message": message, "stacktrace": ""}
        content = json.dumps({"value": value}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Nothing."""
