"""A second page beside the real one, on which every address is an empty page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from agentenv.devices.browser.cdp import Connection
from agentenv.devices.browser.engine import value_of
from agentenv.devices.browser.storage_state import READ_SCRIPT, Origin, fill_script

_EMPTY = base64.b64encode(b"<!DOCTYPE html>").decode()


class SidePage:
    """Scripts can run here as if at any address, and nothing is sent to that address.

    It is not drawn, and its clock is the machine's.
    """

    def __init__(self, connection: Connection, context: str, timeout: float) -> None:
        """
        Args:
            connection: of the browser.
            context: id of the browser context whose storage the scripts see.
            timeout: seconds that each call may take.
        """
        self._connection = connection
        self._timeout = timeout
        with connection.addressing(None):
            params = {"url": "about:blank", "browserContextId": context}
            self._target = connection.call("Target.createTarget", params, timeout)["targetId"]
            attach = {"targetId": self._target, "flatten": True}
            attached = connection.call("Target.attachToTarget", attach, timeout)
        self._session = attached["sessionId"]
        self._call("Page.enable")
        self._call("Network.enable")
        self._call("Network.setBypassServiceWorker", bypass=True)
        self._call("Fetch.enable")

    def fill(self, origins: Iterable[Origin]) -> None:
        """Put these items into localStorage."""
        for one in origins:
            self._evaluate_at(one.origin, fill_script(one.localStorage))

    def read(self, sites: Iterable[str]) -> list[Origin]:
        """The localStorage of these sites, where it holds anything."""
        origins = [
            Origin(origin=site, localStorage=self._evaluate_at(site, READ_SCRIPT)) for site in sites
        ]
        return [origin for origin in origins if origin.localStorage]

    def _evaluate_at(self, origin: str, expression: str) -> Any:
        self._call("Page.navigate", url=origin + "/")
        return value_of(self._call("Runtime.evaluate", expression=expression, returnByValue=True))

    def answer(self, event: Mapping[str, Any]) -> bool:
        """Answer a `Fetch.requestPaused`, of the browser or of this page, if it is this page's."""
        paused = event["params"]
        if paused.get("frameId") != self._target:
            return False
        params = {"requestId": paused["requestId"], "responseCode": 200, "body": _EMPTY}
        with self._connection.addressing(event.get("sessionId")):
            self._connection.send("Fetch.fulfillRequest", params, ignore_result=True)
        return True

    def close(self) -> None:
        """Close the page."""
        with self._connection.addressing(None):
            params = {"targetId": self._target}
            self._connection.call("Target.closeTarget", params, self._timeout)

    def _call(self, method: str, **params: Any) -> Mapping[str, Any]:
        with self._connection.addressing(self._session):
            return self._connection.call(method, params, self._timeout)
