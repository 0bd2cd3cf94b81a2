"""The event log: append-only and hash-chained, so that a missing or changed record shows.

It lies in the phone's database: forks share the records up to the fork.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

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
KINDS: frozenset[str] = frozenset(get_args(EventKind))
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

    def write(self, path: Path) -> None:
        """Write the log as JSON lines."""
        path.write_text("".join(f"{line}\n" for line in self.lines()), encoding="utf-8")

    def lines(self) -> Iterator[str]:
        """The log as JSON lines."""
        for row in self._database.rows("SELECT record, hash FROM sys_events ORDER BY id"):
            yield f'{row["record"][:-1]}, "hash": "{row["hash"]}"}}'


def verify_log(lines: Iterable[str]) -> int:
    """Check that a log is unbroken.

    Returns:
        the number of its records.

    Raises:
        StoreError: a record is missing, out of order or changed; says in which line.
    """
    before, count = FIRST, 0
    for count, line in enumerate(lines, start=1):
        try:
            _, before = checked_record(line, count - 1, before)
        except ValueError as error:
            raise StoreError(f"event log: line {count}: {error}") from error
    return count


def checked_record(line: str, number: int, before: str) -> tuple[dict[str, Any], str]:
    """One line of a log, proved to be what was written there.

    Args:
        line: without its line end.
        number: of the record.
        before: hash of the record before it.

    Returns:
        (the record without its hash, the hash)

    Raises:
        ValueError: it is no record, was changed, or belongs elsewhere; says which.
    """
    record, hashed, given = _parse(line)
    if record.get("sequence") != number:
        found = record.get("sequence")
        # Reports show this: whatever else stands there may be somebody's data.
        name = found if isinstance(found, int) and 0 <= found < _MOST else "another"
        raise ValueError(f"holds record {name} where {number} belongs (lost or reordered)")
    if hash_of(hashed) != given:
        raise ValueError(f"record {number} was changed after it was written")
    if record.get("previous") != before:
        raise ValueError(f"record {number} does not follow the one before it (it was replaced)")
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"record {number} is of an unknown kind")
    return record, given


_MOST = 1_000_000
_DECODER = json.JSONDecoder()


def _parse(line: str) -> tuple[dict[str, Any], str, str]:
    """(record without its hash, the text that was hashed, the hash).

    Raises:
        ValueError: the line is no record.
    """
    try:
        record, end = _DECODER.raw_decode(line)
        if end != len(line):  # blanks around it, or no JSON
            record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error
    if not isinstance(record, dict):
        raise ValueError("a record is a JSON object")
    given = record.pop("hash", None)
    if not isinstance(given, str):
        raise ValueError("the record has no hash")
    tail = f', "hash": "{given}"}}'
    if line.endswith(tail):  # as agentenv writes it: what was hashed is the text before
        return record, line[: -len(tail)] + "}", given
    return record, json.dumps(record, ensure_ascii=False, sort_keys=True), given


def hash_of(text: str) -> str:
    """The hash of a record, given as its JSON text without the hash."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
