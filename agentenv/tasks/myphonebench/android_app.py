"""An app of a checkout as Android has it: its APK, the catalogue it reads, and its tables.

The app makes its tables itself when it first needs them; where a task begins with records they
must be there before. So they are made by the statements that stand in the app's own source.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from agentenv.devices.android.setup import AppState
from agentenv.errors import ConfigError
from agentenv.phone.schema import Model
from agentenv.tasks.myphonebench.apps import record_table
from agentenv.tasks.myphonebench.checkout import DATA, DRAFTS, AppFiles, Row

APKS = "apps/apks"
SOURCES = "apps/java"
_CREATES = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(?P<name>\w+)\s*\(")
_PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+")
_FILE = re.compile(r"\w[\w.-]*")


class AndroidApp(Model):
    """What a device needs of one app; paths are below the checkout."""

    id: str
    package: str
    apk: str
    catalogue: str
    database: str
    """Name of the file that the app keeps its tables in."""
    tables: dict[str, str]
    """The table of records and that of drafts -> the statement that makes it."""

    @property
    def records(self) -> str:
        """The table of what was sent."""
        return next(name for name in self.tables if name != DRAFTS)

    def state(self, checkout: Path, records: Sequence[Row]) -> AppState:
        """The app as a task begins with it.

        Raises:
            ConfigError: the app takes no such record.
        """
        path = f"databases/{self.database}"
        where = f"files/{self.id}_data.json"  # the app looks for it there
        files: list[tuple[str, bytes | Path]] = [(where, checkout / self.catalogue)]
        if records:
            files.append((path, self.first_database(records)))
        return AppState(self.package, checkout / self.apk, tuple(files), path)

    def first_database(self, records: Sequence[Row]) -> bytes:
        """The app's tables with some records.

        Raises:
            ConfigError: the app takes no such record.
        """
        with closing(self.open_database(b"")) as made:
            for row in records:
                values = self._completed(made, row)
                names = ", ".join(f'"{name}"' for name in values)
                marks = ", ".join("?" for _ in values)
                query = f'INSERT INTO "{self.records}" ({names}) VALUES ({marks})'
                try:
                    made.execute(query, tuple(values.values()))
                except sqlite3.Error as error:
                    raise ConfigError(f"{self.id} takes no such record: {error}") from error
            made.commit()
            return made.serialize()

    def open_database(self, image: bytes) -> sqlite3.Connection:
        """A database in memory, with the tables that its app has not made yet.

        Raises:
            sqlite3.Error: the image is none.
        """
        made = sqlite3.connect(":memory:")
        try:
            if image:
                made.deserialize(image)
            for name in self.tables.keys() - _tables_in(made):
                made.execute(self.tables[name])
        except sqlite3.Error:
            made.close()
            raise
        return made

    def _completed(self, made: sqlite3.Connection, row: Row) -> Row:
        """A record with something in every column that must not be empty."""
        about = made.execute(
            'SELECT name, type FROM pragma_table_info(?) WHERE "notnull" AND dflt_value IS NULL',
            (self.records,),
        )
        return {name: 0 if kind == "INTEGER" else "" for name, kind in about} | row


def android_app(checkout: Path, files: AppFiles) -> AndroidApp:
    """What a checkout says of an app.

    Raises:
        ConfigError: something is missing.
    """
    if not _PACKAGE.fullmatch(files.package) or not _FILE.fullmatch(files.database):
        raise ConfigError(f"{files.name}: its schema names no package or no database")
    folder = checkout / SOURCES / files.package.replace(".", "/")
    found = dict(_statements(folder))
    tables = {}
    for name in (record_table(files), DRAFTS):
        columns = files.tables.get(name, ())
        statement = found.get(name, "")
        if not _makes(statement, name, columns):
            raise ConfigError(
                f"{files.name}: no source below {folder} makes the table {name} as its schema says"
            )
        tables[name] = statement
    return AndroidApp(
        id=files.name,
        package=files.package,
        apk=f"{APKS}/{files.name}.apk",
        catalogue=f"{DATA}/apps/{files.name}/seed.json",
        database=files.database,
        tables=tables,
    )


def _statements(folder: Path) -> Iterator[tuple[str, str]]:
    """Each statement in an app's sources that makes a table."""
    for path in sorted(folder.rglob("*.kt")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for found in _CREATES.finditer(text):
            columns = _within_parentheses(text[found.end() :])
            yield found["name"], f'CREATE TABLE "{found["name"]}" ({columns})'


def _within_parentheses(text: str) -> str:
    """The beginning of a text up to the parenthesis that closes one before it."""
    depth = 1
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return text[:position]
    return text


def _makes(statement: str, name: str, columns: Collection[str]) -> bool:
    with closing(sqlite3.connect(":memory:")) as made:
        try:
            made.execute(statement)
            found = made.execute("SELECT name FROM pragma_table_info(?)", (name,)).fetchall()
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return False
    return bool(columns) and {one for (one,) in found} == set(columns)


def _tables_in(made: sqlite3.Connection) -> set[str]:
    return {name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
