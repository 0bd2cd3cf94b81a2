"""The guard of a browser: it sees every request before it is sent, and decides."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from agentenv.devices.browser.cdp import Then
from agentenv.devices.browser.har import Archive, Recorder, Reply, body_of
from agentenv.devices.browser.network import NetworkPolicy, browser_flags, is_allowed, is_local
from agentenv.errors import ConfigError

logger = logging.getLogger(__name__)

MAX_BLOCKED = 1000
"""Of the blocked addresses as many are kept in an episode."""
_STREAMS = ("EventSource",)


class Send(Protocol):
    """Sends a DevTools call to the browser, without waiting for what it gives."""

    def __call__(
        self, method: str, params: Mapping[str, Any], then: Then | None = None
    ) -> None: ...


class NetworkGuard:
    """Carries out a `NetworkPolicy` through the Fetch domain of the whole browser.

    That domain shows the requests of pages, frames, workers of all kinds, beacons and
    downloads, redirects included; `flags` close what it does not show.
    """

    def __init__(self, policy: NetworkPolicy) -> None:
        """
        Raises:
            ConfigError: `policy.replay` is no HAR file.
        """
        self.policy = policy
        self.flags = browser_flags(policy)
        self.blocked: list[str] = []
        """Addresses blocked since `begin`, the first `MAX_BLOCKED` of them."""
        self._page = ""
        self._archive = None if policy.replay is None else Archive(policy.replay)
        self._recorder = None if policy.record is None else Recorder(policy.record)

    @property
    def patterns(self) -> Mapping[str, Any]:
        """Parameters of `Fetch.enable`."""
        stages = ["Request"] if self._recorder is None else ["Request", "Response"]
        return {"patterns": [{"urlPattern": "*", "requestStage": stage} for stage in stages]}

    def begin(self, page: str) -> None:
        """Start an episode at a page's address.

        Raises:
            ConfigError: the policy forbids the page itself.
        """
        self.blocked.clear()
        self._page = page
        if self._archive is not None:
            if not is_local(page, page) and not self._archive.has(page):
                raise ConfigError(f"{self._archive.path} has no reply for the page {page}")
        elif not is_allowed(page, self.policy, page):
            raise ConfigError(
                f"the network policy forbids its own page; add {page} to NetworkPolicy.allow"
            )

    def rewind(self) -> None:
        """The page is about to be loaded anew: replies begin with the first ones."""
        for archive in (self._archive, self._recorder):
            if archive is not None:
                archive.rewind()

    def on_request(self, paused: Mapping[str, Any], send: Send) -> None:
        """Answer a `Fetch.requestPaused`."""
        url = paused["request"]["url"]
        if "responseStatusCode" in paused or "responseErrorReason" in paused:
            self._on_reply(paused, send)
        elif self._archive is not None and not is_local(url, self._page):
            self._replay(self._archive, paused, send)
        elif is_allowed(url, self.policy, self._page):
            send("Fetch.continueRequest", {"requestId": paused["requestId"]})
        else:
            self._block(paused, "not allowed", send)

    def on_websocket(self, url: str) -> None:
        """Note that a page opened a WebSocket where the flags do not let it through."""
        if self._archive is not None or not is_allowed(url, self.policy, self._page):
            self._note("GET", url, "not allowed")

    def save(self) -> None:
        """Write what was recorded.

        Raises:
            ConfigError: the file cannot be written.
        """
        if self._recorder is not None:
            self._recorder.save()

    def _replay(self, archive: Archive, paused: Mapping[str, Any], send: Send) -> None:
        request = paused["request"]
        reply = archive.reply(request["method"], request["url"], body_of(request))
        if reply is None and _is_preflight(request):
            reply = _permission(request)
        if reply is None:
            self._block(paused, f"not in {archive.path.name}", send)
        elif reply.status <= 0:
            _fail(paused, "Failed", send)
        elif reply.body is None:
            self._block(paused, f"its body is not in {archive.path.name}", send)
        else:
            _fulfill(paused, reply, send)

    def _block(self, paused: Mapping[str, Any], reason: str, send: Send) -> None:
        self._note(paused["request"]["method"], paused["request"]["url"], reason)
        # An aborted navigation leaves the page that is open as it is; any other failure would
        # replace it by the browser's error page.
        is_page = paused["resourceType"] == "Document"
        _fail(paused, "Aborted" if is_page else "BlockedByClient", send)

    def _note(self, method: str, url: str, reason: str) -> None:
        logger.info("blocked %s %s: %s", method, url.partition("?")[0], reason)
        if len(self.blocked) < MAX_BLOCKED:
            self.blocked.append(url)

    def _on_reply(self, paused: Mapping[str, Any], send: Send) -> None:
        """Record what came, then let the page have it."""
        recorder = self._recorder
        request_id = {"requestId": paused["requestId"]}
        status = paused.get("responseStatusCode", 0)
        skipped = is_local(paused["request"]["url"], self._page) or _is_preflight(paused["request"])

        def finish(result: Mapping[str, Any] | None) -> None:
            if recorder is not None and status and not skipped:
                recorder.add(paused["request"], _reply_of(paused, result))
            send("Fetch.continueRequest", request_id)

        # A redirect has no body to be asked for, a stream one that never ends.
        is_redirect = 300 <= status < 400 and status != 304
        if skipped or not status or is_redirect or paused["resourceType"] in _STREAMS:
            finish(None)
        else:
            send("Fetch.getResponseBody", request_id, finish)


def _fail(paused: Mapping[str, Any], reason: str, send: Send) -> None:
    send("Fetch.failRequest", {"requestId": paused["requestId"], "errorReason": reason})


def _fulfill(paused: Mapping[str, Any], reply: Reply, send: Send) -> None:
    send(
        "Fetch.fulfillRequest",
        {
            "requestId": paused["requestId"],
            "responseCode": reply.status,
            "responseHeaders": [{"name": name, "value": value} for name, value in reply.headers],
            "body": base64.b64encode(reply.body or b"").decode(),
        },
    )


def _reply_of(paused: Mapping[str, Any], result: Mapping[str, Any] | None) -> Reply:
    """A reply as `Fetch.requestPaused` and `Fetch.getResponseBody` describe it."""
    headers = tuple((one["name"], one["value"]) for one in paused.get("responseHeaders", ()))
    text = (result or {}).get("body", "")
    encoded = (result or {}).get("base64Encoded", False)
    body = base64.b64decode(text) if encoded else text.encode()
    return Reply(paused["responseStatusCode"], headers, body)


def _is_preflight(request: Mapping[str, Any]) -> bool:
    """Whether the browser asks another site whether a page may send it a request."""
    names = {name.lower() for name in request["headers"]}
    return request["method"] == "OPTIONS" and "access-control-request-method" in names


def _permission(request: Mapping[str, Any]) -> Reply:
    """The answer yes to a preflight: archives seldom hold them."""
    headers = {name.lower(): value for name, value in request["headers"].items()}
    return Reply(
        204,
        (
            ("access-control-allow-origin", headers.get("origin", "*")),
            ("access-control-allow-methods", headers["access-control-request-method"]),
            ("access-control-allow-headers", headers.get("access-control-request-headers", "")),
            ("access-control-allow-credentials", "true"),
        ),
        b"",
    )
