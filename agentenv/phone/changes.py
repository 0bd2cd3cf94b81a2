"""What happened between two states: rows added, changed and removed, table by table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentenv.phone.database import Rows


@dataclass(frozen=True)
class Change:
    """One row that differs."""

    table: str
    row: int
    before: Mapping[str, Any] | None
    """None for an added row."""
    after: Mapping[str, Any] | None
    """None for a removed row."""

    @property
    def kind(self) -> str:
        """ "insert", "update" or "delete"."""
        if self.before is None:
            return "insert"
        return "delete" if self.after is None else "update"

    @property
    def columns(self) -> Mapping[str, Any]:
        """What an inserted row holds, or the new values of those columns that changed."""
        if self.after is None:
            return {}
        before = self.before or {}
        return {
            name: value
            for name, value in self.after.items()
            if name != "id" and (self.before is None or before.get(name) != value)
        }


@dataclass(frozen=True)
class Changes:
    """All of them, in order of table and row."""

    rows: tuple[Change, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.rows)


def diff(before: Rows, after: Rows) -> Changes:
    """The rows that differ between two states of the same tables."""
    found = []
    for table in sorted({*before, *after}):
        old, new = before.get(table, {}), after.get(table, {})
        if old == new:
            continue
        for number in sorted({*old, *new}):
            was, now = old.get(number), new.get(number)
            if was != now:
                found.append(Change(table, number, was, now))
    return Changes(tuple(found))
