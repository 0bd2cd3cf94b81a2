"""Files that a page's downloads leave, in a folder of the browser's own."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentenv.devices.browser.notices import Notices

logger = logging.getLogger(__name__)

MAX_BYTES = 50_000_000
"""A larger download is stopped."""
MAX_FILES = 50
"""Downloads of one episode; more are stopped."""
PATIENCE = 3.0
"""Seconds for which an observation waits for downloads."""
_LONGEST_NAME = 50


class Downloads:
    """Keeps what the browser saves between two resets.

    The browser names each file by an id of its own, so that no name a site suggests is
    ever a path; finished files get the harmless part of that name.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._folder: Path | None = None
        self._names: dict[str, str] = {}
        """Name each unfinished download is to get, by its id."""
        self._begun = 0
        self._missing = 0
        """Downloads the page has asked for that have not begun."""
        self._new = 0
        """Downloads begun since the last `expect`."""
        self.finished: list[Path] = []
        """Files since the last reset, in the order in which they were finished."""

    def behavior(self, folder: Path) -> dict[str, Any]:
        """Use this folder from now on; the arguments of `Browser.setDownloadBehavior`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.clear()
        return {"behavior": "allowAndName", "downloadPath": str(folder), "eventsEnabled": True}

    @property
    def pending(self) -> bool:
        """Whether a download is not finished yet, or not even begun."""
        return bool(self._names) or self._missing > 0

    def expect(self, asked: int) -> None:
        """The page has asked for that many downloads since the last call."""
        self._missing, self._new = asked - self._new, 0

    def give_up(self) -> None:
        """What was asked for has not begun in time, and may never."""
        self._missing = 0

    def clear(self) -> list[str]:
        """Forget and delete what was downloaded; the ids of the unfinished, to be stopped."""
        unfinished = list(self._names)
        self.finished.clear()
        self._names.clear()
        if self._begun and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
        self._begun = self._missing = self._new = 0
        return unfinished

    def begin(self, download: Mapping[str, Any]) -> None:
        """Take note of `Browser.downloadWillBegin`."""
        self._begun += 1
        self._new += 1
        self._missing -= 1
        self._names[download["guid"]] = _harmless(download.get("suggestedFilename", ""))

    def progress(self, download: Mapping[str, Any]) -> bool:
        """Take note of `Browser.downloadProgress`; whether the download is to be stopped."""
        guid = download["guid"]
        name = self._names.get(guid)
        if name is None:
            return False
        match download["state"]:
            case "completed":
                self._finish(guid, name)
            case "canceled":
                del self._names[guid]
                self._notices.add(f"the download of {name} failed")
            case _:
                size = max(download["receivedBytes"], download["totalBytes"])
                if size > MAX_BYTES or self._begun > MAX_FILES:
                    del self._names[guid]
                    self._notices.add(f"the download of {name} was stopped: it is too much")
                    return True
        return False

    def _finish(self, guid: str, name: str) -> None:
        del self._names[guid]
        assert self._folder is not None
        saved = self._folder / guid
        if not saved.is_file() or saved.stat().st_size > MAX_BYTES:
            saved.unlink(missing_ok=True)
            self._notices.add(f"the download of {name} failed")
            return
        path = saved.rename(_unused(self._folder / name))
        self.finished.append(path)
        self._notices.add(f"downloaded {path.name}, {path.stat().st_size} bytes")


def _harmless(name: str) -> str:
    """A plain file name: no folders, nothing hidden, nothing that is not to be printed."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(letter for letter in last if letter.isprintable()).strip(". ")
    stem, dot, ending = printable.rpartition(".")
    if dot and len(ending) < _LONGEST_NAME:
        return f"{stem[: _LONGEST_NAME - len(ending)]}.{ending}"
    return printable[:_LONGEST_NAME] or "download"


def _unused(path: Path) -> Path:
    """The path, or with " (1)", " (2)", ... before its ending if there is such a file."""
    number, free = 0, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem} ({number})")
    return free
