"""HAR files (HTTP archives, version 1.2): what a page loaded, to be answered from later."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentenv.errors import ConfigError
from agentenv.trajectories.durable import write_durably

Key = tuple[str, str]
"""Method and address of a request, the address without its fragment."""
_BOUNDARY = re.compile(r"----WebKitFormBoundary\w+")
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
_SENT_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
"""They describe how a body was sent; archives hold it decoded."""


@dataclass(frozen=True)
class Reply:
    """An answer to a request."""

    status: int
    """0 or less: the request failed."""
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    """Decoded; None where the archive does not hold it."""


class Archive:
    """The replies of a HAR file.

    Several replies to one request are given in their order, the last of them for ever.
    """

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            ConfigError: it cannot be read, or is no HAR file; the entry is named.
        """
        self.path = path
        self._replies: dict[Key, list[tuple[str, Reply]]] = defaultdict(list)
        self._given: Counter[tuple[Key, str]] = Counter()
        for number, entry in enumerate(_entries(path)):
            try:
                key, body, reply = _read_entry(entry)
            except (KeyError, TypeError, ValueError) as error:
                problem = f"no field {error}" if isinstance(error, KeyError) else str(error)
                where = f"entry {number} ({_address(entry)})"
                raise ConfigError(f"{path}: {where} is not as in HAR 1.2: {problem}") from error
            self._replies[key].append((body, reply))

    def rewind(self) -> None:
        """Begin again with the first reply to each request."""
        self._given.clear()

    def has(self, url: str) -> bool:
        """Whether an address can be opened."""
        return key_of("GET", url) in self._replies

    def reply(self, method: str, url: str, body: str) -> Reply | None:
        """The next reply to a request; None: there is none.

        Where both the request and the archived one have a body, they must be equal.
        """
        key, sent = key_of(method, url), _comparable(body)
        found = [
            reply
            for archived, reply in self._replies.get(key, ())
            if not sent or not archived or sent == archived
        ]
        if not found:
            return None
        index = min(self._given[key, sent], len(found) - 1)
        self._given[key, sent] += 1
        return found[index]


class Recorder:
    """Collects replies for a HAR file.

    The n-th reply to a request is kept from the first episode that has one, so that many
    episodes make one archive that any of them can be replayed from.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: list[Mapping[str, Any]] = []
        self._kept: Counter[tuple[Key, str]] = Counter()
        self._seen: Counter[tuple[Key, str]] = Counter()
        self._saved = 0

    def rewind(self) -> None:
        """Another episode begins."""
        self._seen.clear()

    def add(self, request: Mapping[str, Any], reply: Reply) -> None:
        """Keep a reply to a request as `Fetch.requestPaused` describes it."""
        body = body_of(request)
        which = (key_of(request["method"], request["url"]), _comparable(body))
        self._seen[which] += 1
        if self._seen[which] > self._kept[which]:
            self._kept[which] += 1
            self._entries.append(_entry(request, body, reply))

    def save(self) -> None:
        """Write the file, for its owner's eyes only, if there is anything new.

        Raises:
            ConfigError: it cannot be written.
        """
        if self._saved == len(self._entries):
            return
        log = {
            "version": "1.2",
            "creator": {"name": "agentenv", "version": "1"},
            "pages": [],
            "entries": self._entries,
        }
        text = json.dumps({"log": log}, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self._path, text.encode("utf-8"), private=True)
        except OSError as error:
            raise ConfigError(f"cannot write {self._path}: {error.strerror}") from error
        self._saved = len(self._entries)


def key_of(method: str, url: str) -> Key:
    """What a reply is found by."""
    return method.upper(), url.partition("#")[0]


def body_of(request: Mapping[str, Any]) -> str:
    """The body of a request as DevTools describe it, as text; empty: none."""
    parts = [part.get("bytes", "") for part in request.get("postDataEntries", ())]
    if not parts:
        return str(request.get("postData", ""))
    return b"".join(map(base64.b64decode, parts)).decode("utf-8", "replace")


def _comparable(text: str) -> str:
    """A request's body without the random boundaries of a form with files."""
    return _BOUNDARY.sub("boundary", text)


def _entries(path: Path) -> list[Any]:
    try:
        archive = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON, as a HAR file is: {error}") from error
    log = archive.get("log") if isinstance(archive, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise ConfigError(f"{path} is not a HAR file: it has no list log.entries")
    return entries


def _address(entry: Any) -> str:
    request = entry.get("request") if isinstance(entry, dict) else None
    return str(request.get("url", "no address") if isinstance(request, dict) else "no request")


def _read_entry(entry: Any) -> tuple[Key, str, Reply]:
    """Key, body of the request and reply; `KeyError` and the like where it is malformed."""
    request, response = entry["request"], entry["response"]
    key = key_of(_text(request, "method"), _text(request, "url"))
    posted = request.get("postData") or {"text": ""}
    status = response["status"]
    if not isinstance(status, int):
        raise TypeError(f"status is {status!r}")
    headers = tuple((_text(one, "name"), _text(one, "value")) for one in response["headers"])
    kept = tuple(one for one in headers if one[0].lower() not in _SENT_HEADERS)
    body = _body(response["content"])
    # A browser that had the page already was told so, but its archive has the body.
    if status == 304 and body:
        status = 200
    return key, _comparable(_text(posted, "text")), Reply(status, kept, body)


def _body(content: Mapping[str, Any]) -> bytes | None:
    encoding = content.get("encoding") or ""
    text = content.get("text")
    if encoding not in ("", "base64"):
        raise ValueError(f"content.encoding is {encoding!r}; only 'base64' is possible")
    if text is None:
        return None if (content.get("size") or 0) > 0 else b""
    if not isinstance(text, str):
        raise TypeError("content.text is no string")
    try:
        return base64.b64decode(text, validate=True) if encoding else text.encode("utf-8")
    except binascii.Error as error:
        raise ValueError(f"content.text is not base64: {error}") from error


def _text(mapping: Mapping[str, Any], field: str) -> str:
    if not isinstance(mapping[field], str):
        raise TypeError(f"{field} is no string")
    return str(mapping[field])


def _entry(request: Mapping[str, Any], body: str, reply: Reply) -> Mapping[str, Any]:
    """An entry of a HAR file. Cookies and passwords that were sent are left out."""
    headers = [
        {"name": name, "value": value}
        for name, value in request["headers"].items()
        if name.lower() not in _SECRET_HEADERS
    ]
    lower = {name.lower(): value for name, value in reply.headers}
    sent: dict[str, Any] = {
        "method": request["method"],
        "url": request["url"],
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "queryString": [],
        "headersSize": -1,
        "bodySize": len(body.encode("utf-8", "replace")),
    }
    if body:
        types = [one["value"] for one in headers if one["name"].lower() == "content-type"]
        sent["postData"] = {
            "mimeType": types[0] if types else "",
            "params": [],
            "text": body,
        }
    response = {
        "status": reply.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in reply.headers],
        "content": _content(reply.body or b"", lower.get("content-type", "")),
        "redirectURL": lower.get("location", ""),
        "headersSize": -1,
        "bodySize": -1,
    }
    return {
        "startedDateTime": datetime.now(UTC).isoformat(),
        "time": 0,
        "request": sent,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    }


def _content(body: bytes, mime: str) -> Mapping[str, Any]:
    content: dict[str, Any] = {"size": len(body), "mimeType": mime}
    try:
        content["text"] = body.decode("utf-8")
    except UnicodeDecodeError:
        content["text"] = base64.b64encode(body).decode()
        content["encoding"] = "base64"
    return content
