"""A docker engine's HTTP API, as far as emulators need it: containers that only say they run."""

from __future__ import annotations

import json
import struct
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

STARTING = 0.5
"""Seconds that a program takes to start; the client loses what comes with the headers."""


class EngineError(Exception):
    """An answer that is an error: HTTP status and message."""


class DockerEngine(ThreadingHTTPServer):
    """Keeps containers, images and volumes as they were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.images: set[str] = set()
        self.volumes: set[str] = set()
        self.ran: list[list[str]] = []
        self.restarted: list[str] = []
        self.printed = {"getprop": "1", "snapshot": "OK"}
        """What a command inside prints, by a word of it."""
        self.looks = 2
        """How often a container is looked at before it is healthy."""
        self.waits_for = "Android to boot"
        """What the health check of a container says that is not healthy yet."""
        self.dying: set[str] = set()
        self.refused: set[str] = set()
        """Names of containers that cannot be made."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"tcp://127.0.0.1:{self.server_port}"
        run = partial(self.serve_forever, poll_interval=0.05)
        threading.Thread(target=run, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """JSON or bytes of an answer.

        Raises:
            EngineError: it is an error.
        """
        kind, _, rest = path.strip("/").partition("/")
        match method, kind, rest:
            case _, "_ping", "":
                return b"OK"
            case _, "version", "":
                return {"ApiVersion": "1.44", "Version": "27"}
            case "POST", "images", "create":
                self.images.add(f"{query['fromImage']}:{query['tag']}")
                return b'{"status": "done"}\n'
            case "GET", "images", name:
                return self._image(name.removesuffix("/json"))
            case "POST", "containers", "create":
                return self._create(query["name"], body)
            case _, "containers", name:
                return self._container(method, *name.partition("/")[::2], body)
            case "POST", "exec", name if name.endswith("/start"):
                return _frames(self._output())
            case "GET", "exec", _:
                return {"ExitCode": 0}
            case "GET", "volumes", name if name in self.volumes:
                return {"Name": name}
            case "DELETE", "volumes", name:
                self.volumes.discard(name)
                return b""
        raise EngineError(404, f"no such thing: {method} {path}")

    def _image(self, name: str) -> Any:
        if name not in self.images:
            raise EngineError(404, f"No such image: {name}")
        return {"Id": name, "RepoTags": [name]}

    def _create(self, name: str, body: dict[str, Any]) -> Any:
        if name in self.refused:
            raise EngineError(500, "no space left on device")
        if name in self.containers:
            raise EngineError(409, f"The container name {name} is already in use")
        self.containers[name] = {
            "Id": name, "Name": name, "Config": body, "State": {"Status": "created"}, "looks": 0
        }  # fmt: skip
        for bind in body["HostConfig"].get("Binds") or []:
            self.volumes.add(bind.partition(":")[0])
        return {"Id": name, "Warnings": []}

    def _container(self, method: str, name: str, verb: str, body: Any) -> Any:
        if name not in self.containers:
            raise EngineError(404, f"No such container: {name}")
        container = self.containers[name]
        match method, verb:
            case "GET", "json":
                return self._looked_at(container)
            case "POST", "start" | "restart":
                self.restarted += [name] if verb == "restart" else []
                dies = name in self.dying
                container["State"] = {"Status": "exited" if dies else "running"}
                container["looks"] = 0
                return b""
            case "GET", "logs":
                return _frames(f"last words of {name}\n".encode())
            case "POST", "exec":
                self.ran.append(body["Cmd"])
                return {"Id": "run"}
            case "DELETE", "":
                del self.containers[name]
                return b""
        raise EngineError(404, f"no such request: {verb}")

    def _looked_at(self, container: dict[str, Any]) -> dict[str, Any]:
        container["looks"] += 1
        if container["State"]["Status"] == "running":
            health = "healthy" if container["looks"] > self.looks else "starting"
            log = [{"ExitCode": 1, "Output": f"{self.waits_for}\n"}]
            container["State"]["Health"] = {"Status": health, "Log": log}
        return container

    def _output(self) -> bytes:
        text = next((text for word, text in self.printed.items() if word in self.ran[-1]), "")
        return f"{text}\n".encode()


def _frames(content: bytes) -> bytes:
    """As the engine sends what a program without a terminal prints."""
    return struct.pack(">BxxxI", 1, len(content)) + content


class _Handler(BaseHTTPRequestHandler):
    server: DockerEngine
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._do("GET")

    def do_POST(self) -> None:
        self._do("POST")

    def do_DELETE(self) -> None:
        self._do("DELETE")

    def do_HEAD(self) -> None:
        self._do("GET")

    def _do(self, method: str) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path.startswith("/v1."):
            path = "/" + path.removeprefix("/").partition("/")[2]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, content_type = 200, "application/json"
        try:
            value = self.server.answer(method, path, query, json.loads(sent or b"null"))
        except EngineError as error:
            status, message = error.args
            value = {"message": message}
        if isinstance(value, bytes):
            content, content_type = value, "application/octet-stream"
        else:
            content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if path.endswith("/start") and path.startswith("/exec"):
            self.close_connection = True  # its end is the end of what the program prints
            self.end_headers()
            time.sleep(STARTING)
        else:
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Nothing."""
