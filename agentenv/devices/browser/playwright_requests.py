"""The network requests a page has made and not got an answer to, in Playwright's terms."""

from __future__ import annotations

import logging
import time
from typing import Any

from agentenv.devices.browser.engine import IMPATIENCE, NETWORK_PATIENCE

logger = logging.getLogger(__name__)

_LOOK_MS = 5
"""Between two looks at what is still open."""


class OpenRequests:
    """Knows which requests of a page are open, and waits for them, but not for ever."""

    def __init__(self) -> None:
        self._open: set[Any] = set()
        self._patience = NETWORK_PATIENCE

    def watch(self, page: Any) -> None:
        """Forget the last page; from now on know of this one's requests."""
        self._open.clear()
        self._patience = NETWORK_PATIENCE
        page.on("request", lambda request: self._open.add(request))
        page.on("requestfinished", lambda request: self._open.discard(request))
        page.on("requestfailed", lambda request: self._open.discard(request))

    def wait(self, page: Any) -> None:
        """As in lockstep: until all are answered, or for as long as there is patience."""
        give_up = time.monotonic() + self._patience
        while self._open:
            if time.monotonic() > give_up:
                logger.info("a request of the page is still open after %g s", self._patience)
                self._patience = IMPATIENCE
                self._open.clear()
            else:
                page.wait_for_timeout(_LOOK_MS)
