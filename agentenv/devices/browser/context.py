"""A browser context: where the cookies, storage and caches of a page lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from agentenv.devices.browser.cdp import Connection, Event, ProtocolError
from agentenv.devices.browser.side_page import SidePage
from agentenv.devices.browser.storage_state import Cookie, StorageState
from agentenv.errors import DeviceError


class BrowserContext:
    """A context of its own in a browser driven over a `Connection`."""

    def __init__(self, connection: Connection, timeout: float) -> None:
        """
        Args:
            connection: of the browser.
            timeout: seconds that each call may take.
        """
        self._connection = connection
        self._timeout = timeout
        self._sites: set[str] = set()
        self._side_page: SidePage | None = None
        self.id = str(self.call("Target.createBrowserContext")["browserContextId"])

    @property
    def used(self) -> bool:
        """Whether pages of the web, and not only files, may have left something here."""
        return bool(self._sites)

    def visited(self, url: str) -> None:
        """Note the address of a page or frame."""
        site = urlsplit(url)
        if site.scheme in ("http", "https"):
            self._sites.add(f"{site.scheme}://{site.netloc}")

    def call_here(self, method: str, **params: Any) -> Mapping[str, Any]:
        """A call about this context to the browser; raises like `call`."""
        return self.call(method, browserContextId=self.id, **params)

    def call(self, method: str, **params: Any) -> Mapping[str, Any]:
        """A call to the browser itself.

        Raises:
            DeviceError: refused ("protocol"), or as `Connection.call` does.
        """
        try:
            with self._connection.addressing(None):
                return self._connection.call(method, params, self._timeout)
        except ProtocolError as error:
            raise DeviceError(f"{method}: {error}", "protocol") from error

    def remember(self, state: StorageState) -> None:
        """Begin with these cookies and this localStorage."""
        cookies = [cookie.for_devtools() for cookie in state.cookies]
        self.call_here("Storage.setCookies", cookies=cookies)
        with self._beside() as side_page:
            side_page.fill(state.origins)
        self._sites.update(one.origin for one in state.origins)

    def storage_state(self) -> StorageState:
        """Cookies, and the localStorage of every site that was visited."""
        cookies = self.call_here("Storage.getCookies")["cookies"]
        with self._beside() as side_page:
            origins = side_page.read(sorted(self._sites))
        kept = [Cookie.model_validate(cookie) for cookie in cookies]
        return StorageState(cookies=kept, origins=origins)

    def answer(self, event: Event) -> bool:
        """Answer a `Fetch.requestPaused` if it comes from reading or writing localStorage."""
        return self._side_page is not None and self._side_page.answer(event)

    @contextmanager
    def _beside(self) -> Iterator[SidePage]:
        try:
            self._side_page = SidePage(self._connection, self.id, self._timeout)
            yield self._side_page
            self._side_page.close()
        except ProtocolError as error:
            raise DeviceError(f"storage state: {error}", "protocol") from error
        finally:
            self._side_page = None
