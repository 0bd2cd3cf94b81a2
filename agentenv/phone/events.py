"""The event log: append-only and hash-chained, so that a missing or changed record shows.

It lies in the phone's database: forks share the records up to the fork.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from agentenv.errors import StoreError
from agentenv.phone.database import Database

EventKind = Literal[
    "focus",
    "edit",
    "clear",
    "submit",
    "permission_request",
    "permission_grant",
    "permission_deny",
    "profile_read",
    "profile_save",
    "ask_user",
    "clipboard",
    "navigation",
    "network_egress",
    "screenshot_egress",
]
FIRST = "0" * 64
"""What the first record carries as the hash of the one before it."""


class EventLog:
    """The log in a phone's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, kind: EventKind, time: str, **fields: Any) -> None:
        """Add a record.

        Args:
            kind: what happened.
            time: the phone's clock.
            fields: JSON values.
        """
        last = self._database.rows("SELECT id, hash FROM sys_events ORDER BY id DESC LIMIT 1")
        number, before = (last[0]["id"] + 1, last[0]["hash"]) if last else (0, FIRST)
        record = {"sequence": number, "time": time, "kind": kind, **fields, "previous": before}
        text = json.dumps(record, ensure_ascii=False, sort_keys=True)
        values = {"id": number, "kind": kind, "record": text, "hash": hash_of(text)}
        self._database.insert("sys_events", values)

    def records(self) -> list[dict[str, Any]]:
        """All records, each with its hash."""
        return [json.loads(line) for line in self.lines()]

    def lines(self) -> Iterator[str]:
        """The log as JSON lines."""
        for row in self._database.rows("SELECT record, hash FROM sys_events ORDER BY id"):
            yield f'{row["record"][:-1]}, "hash": "{row["hash"]}"}}'


def verify_log(lines: Iterable[str]) -> int:
    """Check that a log is unbroken.

    Returns:
        the number of its records.

    Raises:
        StoreError: a record is missing, out of order or changed; says which.
    """
    before, count = FIRST, 0
    for count, line in enumerate(lines, start=1):
        record = json.loads(line)
        given = record.pop("hash", "")
        text = json.dumps(record, ensure_ascii=False, sort_keys=True)
        if record.get("sequence") != count - 1 or record.get("previous") != before:
            raise StoreError(f"event log: record {count - 1} does not follow the one before it")
        if hash_of(text) != given:
            raise StoreError(f"event log: record {count - 1} was changed")
        before = given
    return count


def hash_of(text: str) -> str:
    """The hash of a record, given as its JSON text without the hash."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
