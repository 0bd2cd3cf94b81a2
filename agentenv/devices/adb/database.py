"""An app's SQLite database as it is at one moment, while the app goes on writing to it."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from agentenv.devices.adb.app_folder import AppFolder
from agentenv.errors import DeviceError

QUIET_TIME = 3.0
"""Seconds in which a database that is written to must stand still once."""
_PARTS = ("", "-wal", "-journal")
"""What belongs to a database. Its "-shm" only indexes the "-wal", for who has it open there."""
_PAUSE = 0.05


def read_database(folder: AppFolder, path: str) -> bytes:
    """A database as one file, with what lies in its log; b"" if there is none.

    Two copies in a row that are equal are of one moment: nothing was written between the end of
    the first and the beginning of the second.

    Args:
        folder: of the app.
        path: of the database below it.

    Raises:
        DeviceError: it never stands still ("database_busy"), or is no sound database
            ("bad_database"), or as `AppFolder.copy`.
    """
    until = time.monotonic() + QUIET_TIME
    before: dict[str, bytes] | None = None
    while True:
        parts = None
        try:
            parts = _copied(folder, path)
        except DeviceError as error:  # a file that shrinks while it is read fails so
            if error.cause != "no_app_data" or time.monotonic() > until:
                raise
        if parts is not None and parts == before:
            return _image(parts, path) if parts.get("") else b""
        if time.monotonic() > until:
            raise DeviceError(f"{path} is written to all the time", "database_busy")
        if before is not None:
            time.sleep(_PAUSE)
        before = parts


def _copied(folder: AppFolder, path: str) -> dict[str, bytes]:
    where, _, name = path.rpartition("/")
    found = folder.copy(where)
    return {part: found[name + part] for part in _PARTS if name + part in found}


def _image(parts: dict[str, bytes], path: str) -> bytes:
    """One sound file: what was committed is in it, and what was not is undone."""
    with tempfile.TemporaryDirectory() as place:
        here = Path(place) / "copy"
        for part, content in parts.items():
            here.with_name(here.name + part).write_bytes(content)
        try:
            with (
                closing(sqlite3.connect(here)) as copy,
                closing(sqlite3.connect(":memory:")) as one,
            ):
                verdict = copy.execute("PRAGMA quick_check(1)").fetchone()
                if verdict != ("ok",):
                    raise sqlite3.DatabaseError(str(verdict[0] if verdict else "no answer"))
                copy.execute("PRAGMA journal_mode = DELETE")  # no log can go with it into memory
                copy.backup(one)
                return one.serialize()
        except sqlite3.Error as error:
            told = f"{path} is no sound database: {error}"
            raise DeviceError(told[:300], "bad_database") from error
