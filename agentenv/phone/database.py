"""A phone's database: one image in memory that holds its whole state."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rows = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Table -> number of the row -> its columns."""

SYSTEM_TABLES = """
CREATE TABLE sys_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sys_screens (id INTEGER PRIMARY KEY, app TEXT NOT NULL, screen TEXT NOT NULL,
  row INTEGER, ui TEXT NOT NULL, opened INTEGER NOT NULL);
CREATE TABLE sys_drafts (screen INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (screen, field)) WITHOUT ROWID;
CREATE TABLE sys_notifications (id INTEGER PRIMARY KEY, app TEXT NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, time TEXT NOT NULL);
CREATE TABLE sys_arrivals (id INTEGER PRIMARY KEY, app TEXT NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, due TEXT NOT NULL);
CREATE TABLE sys_profile (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, label TEXT NOT NULL,
  value TEXT NOT NULL, level TEXT NOT NULL, source TEXT NOT NULL);
CREATE TABLE sys_grants (id INTEGER PRIMARY KEY, permission TEXT NOT NULL, resource TEXT NOT NULL,
  purpose TEXT NOT NULL, answer TEXT NOT NULL, asked TEXT NOT NULL, expires TEXT NOT NULL,
  active INTEGER NOT NULL);
CREATE TABLE sys_access (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, app TEXT NOT NULL,
  name TEXT NOT NULL, category TEXT NOT NULL, allowed INTEGER NOT NULL);
CREATE TABLE sys_events (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, record TEXT NOT NULL,
  hash TEXT NOT NULL);
CREATE TRIGGER events_are_kept BEFORE DELETE ON sys_events
  BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER events_are_final BEFORE UPDATE ON sys_events
  BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
"""

DATA_TABLES = ("sys_profile", "sys_access", "sys_notifications")
"""Tables of the system that a task may ask to change, beside those of the apps."""


MAX_PAGES = 65_536
"""Of 1 KB each: what a phone may grow to."""


class Database:
    """SQLite in memory; not for several threads at once.

    Args:
        image: what `image` gave; empty for a new database with only the system's tables.
    """

    def __init__(self, image: bytes = b"") -> None:
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._connection.row_factory = sqlite3.Row
        self._values: dict[str, str | None] = {}
        self._tables: dict[str, tuple[dict[str, Any], ...]] = {}
        """What was read of `sys_state`, and of whole tables, and has not changed since."""
        self._connection.execute(f"PRAGMA max_page_count = {MAX_PAGES}")
        if image:
            self._connection.deserialize(image)
        else:
            self._connection.execute("PRAGMA page_size = 1024")
            self._connection.executescript(SYSTEM_TABLES)

    def image(self) -> bytes:
        """The whole database; the same bytes for the same history."""
        return self._connection.serialize()

    def restore(self, image: bytes) -> None:
        """Become a copy of what `image` gave."""
        self._connection.deserialize(image)
        self._forget()

    def _forget(self) -> None:
        self._values.clear()
        self._tables.clear()

    def close(self) -> None:
        """Free the memory."""
        self._connection.close()

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute a statement; values only as parameters."""
        if sql not in ("BEGIN", "COMMIT"):
            self._forget()
        return self._connection.execute(sql, values)

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """All rows of a query."""
        return [dict(row) for row in self._connection.execute(sql, values)]

    def all_rows(self, table: str) -> tuple[dict[str, Any], ...]:
        """All rows of a table, by their numbers. They are kept: nobody is to change them."""
        if table not in self._tables:
            self._tables[table] = tuple(self.rows(f'SELECT * FROM "{table}" ORDER BY id'))
        return self._tables[table]

    def row(self, table: str, number: int | None) -> dict[str, Any] | None:
        """The row of that number."""
        found = self.rows(f'SELECT * FROM "{table}" WHERE id = ?', number)
        return found[0] if found else None

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """Add a row; its number."""
        self._tables.pop(table, None)
        columns = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _ in values)
        sql = f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'
        return int(self._connection.execute(sql, tuple(values.values())).lastrowid or 0)

    def insert_all(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows that have the same columns."""
        self._tables.pop(table, None)
        if rows:
            columns = ", ".join(f'"{name}"' for name in rows[0])
            marks = ", ".join("?" for _ in rows[0])
            sql = f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'
            self._connection.executemany(sql, [tuple(row.values()) for row in rows])

    def update(self, table: str, number: int, values: Mapping[str, Any]) -> None:
        """Change a row."""
        self._tables.pop(table, None)
        changes = ", ".join(f'"{name}" = ?' for name in values)
        sql = f'UPDATE "{table}" SET {changes} WHERE id = ?'
        self._connection.execute(sql, (*values.values(), number))

    def delete(self, table: str, number: int) -> None:
        """Remove a row."""
        self._tables.pop(table, None)
        self._connection.execute(f'DELETE FROM "{table}" WHERE id = ?', (number,))

    def get(self, key: str) -> Any:
        """A value of the system's state; None if it has none."""
        if key not in self._values:
            found = self._connection.execute(
                "SELECT value FROM sys_state WHERE key = ?", (key,)
            ).fetchone()
            self._values[key] = None if found is None else found[0]
        text = self._values[key]
        return None if text is None else json.loads(text)

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value as part of the system's state."""
        text = json.dumps(value, ensure_ascii=False)
        self._connection.execute("INSERT OR REPLACE INTO sys_state VALUES (?, ?)", (key, text))
        self._values[key] = text

    def content(self, table: str) -> list[tuple[Any, ...]]:
        """All rows of a table, without names: the quickest way to see that nothing changed."""
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(f'SELECT * FROM "{table}" ORDER BY rowid').fetchall()

    def data(self, tables: Iterable[str]) -> Rows:
        """Everything in these tables."""
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for table in tables:
            cursor = self._connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            rows = (dict(zip(names, row, strict=True)) for row in cursor)
            found[table] = {row["id"]: row for row in rows}
        return found


def fingerprint(image: bytes) -> str:
    """A hash by which a restored image is compared with the saved one."""
    return hashlib.sha256(image).hexdigest()
