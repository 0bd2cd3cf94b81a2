"""What an app's database tells of its form: what is typed, also if it is never sent, and what is.

The app itself saves each draft as it is typed; a text that is gone before the app has saved it
leaves nothing here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from agentenv.errors import DeviceError
from agentenv.phone.phone import Phone

Row = Mapping[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Form:
    """An app's form, by the names of its model on the phone and of its tables."""

    package: str
    app: str
    screen: str
    drafts: str
    """Table of what is typed; a row for each entry of the catalogue."""
    records: str
    """Table of what was sent."""
    unwatched: frozenset[str] = frozenset()
    """Columns that nobody types."""


class FormWatch:
    """Follows one form, from one image of its database to the next.

    Args:
        form: which.
        phone: in whose log it is noted.
    """

    def __init__(self, form: Form, phone: Phone) -> None:
        self._form = form
        self._phone = phone
        self._drafts: dict[Key, Row] = {}
        self._records: dict[Key, Row] | None = None
        self._last: Key | None = None

    def look(self, image: bytes) -> None:
        """Note what is new since the last look; the records of the first are no news.

        Raises:
            DeviceError: the image is no database ("bad_database").
        """
        form = self._form
        try:
            with closing(sqlite3.connect(":memory:")) as copy:
                if image:
                    copy.deserialize(image)
                drafts, records = _rows(copy, form.drafts), _rows(copy, form.records)
        except sqlite3.Error as error:
            raise DeviceError(f"the database of {form.package}: {error}", "bad_database") from error
        for key, draft in drafts.items():
            self._typed(key, self._drafts.get(key, {}), draft)
        known = records if self._records is None else self._records
        for key in records.keys() - known.keys():
            self._note("submit", fields=_texts(records[key]))
        self._drafts, self._records = drafts, records

    def _typed(self, key: Key, before: Row, after: Row) -> None:
        changed = {
            name: (_text(before.get(name)), _text(value))
            for name, value in after.items()
            if name not in self._form.unwatched and _text(before.get(name)) != _text(value)
        }
        if changed and key != self._last:
            self._last = key
            self._note("navigation", row=key[0] if isinstance(key[0], int) else None)
        for name, (held, holds) in changed.items():
            if holds:
                self._note("edit", field=name, before=held, after=holds)
            else:
                self._note("clear", field=name, before=held)

    def _note(self, kind: Any, **fields: Any) -> None:
        self._phone.note(kind, app=self._form.app, screen=self._form.screen, **fields)


def _rows(copy: sqlite3.Connection, table: str) -> dict[Key, Row]:
    """Rows by their primary keys: saving one anew may change its number. None without a table."""
    about = copy.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
    names = [name for name, _ in about]
    keys = [name for name, pk in about if pk] or names[:1]
    if not names:
        return {}
    quoted = table.replace('"', '""')
    found = copy.execute(f'SELECT * FROM "{quoted}"').fetchall()
    rows = [dict(zip(names, values, strict=True)) for values in found]
    return {tuple(row[name] for name in keys): row for row in rows}


def _texts(row: Row) -> dict[str, str]:
    return {name: _text(value) for name, value in row.items() if _text(value)}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
