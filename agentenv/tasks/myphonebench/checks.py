"""The benchmark's SQL, on a copy of an app's tables: it may read them, for a while, and no more."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from pydantic import Field

from agentenv.phone.schema import App, Model
from agentenv.tasks.myphonebench.checkout import DRAFTS, Block

Table = Sequence[Mapping[str, Any]]
Tables = Mapping[str, Table]
"""Rows of each table, each with its number "id"."""
_FUNCTIONS = frozenset(
    {"abs", "avg", "coalesce", "count", "date", "datetime", "glob", "ifnull", "instr", "length"}
    | {"like", "lower", "ltrim", "max", "min", "nullif", "round", "rtrim", "strftime", "substr"}
    | {"substring", "sum", "time", "total", "trim", "upper"}
)
"""That neither make long values nor reach beyond the copy."""
_OPERATORS = {"==": "=", "=": "=", "!=": "!=", ">": ">", "<": "<", ">=": ">=", "<=": "<=",
              "LIKE": "LIKE"}  # fmt: skip
_TICKS, _MOST_TICKS = 1_000, 500
"""A query is stopped after so many times so many steps of SQLite's machine."""
_LONGEST = 1_000_000
"""Bytes of a value."""
_NAME = re.compile(r"[A-Za-z_]\w*")


class UnusableError(ValueError):
    """A check that cannot be run; says why."""


class Check(Model):
    """A query that counts rows, and what it must count."""

    query: str
    values: tuple[str | int | float | None, ...] = ()
    count: int | None = Field(default=None, ge=0)
    """None: at least one."""

    def holds(self, tables: Tables, app: App) -> bool:
        """Whether it counts what it must.

        Raises:
            UnusableError: it cannot be run.
        """
        return self._is_met(count(self.query, self.values, tables, app))

    def holds_in(self, copy: sqlite3.Connection, tables: Collection[str]) -> bool:
        """The same of the tables of a database.

        Raises:
            UnusableError: it cannot be run.
        """
        return self._is_met(count_in(copy, self.query, self.values, tables))

    def _is_met(self, found: int) -> bool:
        return found > 0 if self.count is None else found == self.count


def check_of(block: Block) -> Check:
    """The check that a block of rules stands for.

    Raises:
        UnusableError: it has a form that is not known.
    """
    if block.type != "sqlite" or not block.rules or not _NAME.fullmatch(block.table):
        raise UnusableError("a check has no table or no rules, so that nothing can be verified")
    wanted = {">0": None, "absent": 0}
    if block.expect not in wanted:
        raise UnusableError(f"a check expects {block.expect[:40]!r}, which is not known")
    conditions, values = [], list[Any]()
    for rule in block.rules:
        if not _NAME.fullmatch(rule.field):
            raise UnusableError(f"{rule.field[:40]!r} is no column")
        if rule.operator == "IN":
            given = rule.value
            listed = [one.strip() for one in given.split(",")] if isinstance(given, str) else given
            listed = listed if isinstance(listed, list) else [listed]
            conditions.append(f'"{rule.field}" IN ({", ".join("?" for _ in listed)})')
            values += [int(one) if str(one).isdecimal() else one for one in listed]
        elif rule.operator in _OPERATORS:
            conditions.append(f'"{rule.field}" {_OPERATORS[rule.operator]} ?')
            values.append(rule.value)
        else:
            raise UnusableError(f"a rule has the operator {rule.operator[:40]!r}")
    expected = wanted[block.expect] if block.expected_count is None else block.expected_count
    query = f'SELECT COUNT(*) FROM "{block.table}" WHERE {" AND ".join(conditions)}'
    return Check(query=query, values=tuple(values), count=expected)


def count(query: str, values: Sequence[Any], tables: Tables, app: App) -> int:
    """The number that a query gives on a copy of the tables.

    Raises:
        UnusableError: it does more than to read them, takes too long, or gives no number.
    """
    with closing(sqlite3.connect(":memory:")) as copy:
        for name, rows in tables.items():
            _fill(copy, name, rows, app)
        copy.commit()
        return count_in(copy, query, values, tables)


def count_in(
    copy: sqlite3.Connection, query: str, values: Sequence[Any], tables: Collection[str]
) -> int:
    """The number that a query gives on a database in memory, which from now on is for such
    queries alone.

    Raises:
        UnusableError: it does more than to read these tables, takes too long, or gives no number.
    """
    copy.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    ticks = iter(range(_MOST_TICKS))
    copy.set_progress_handler(lambda: int(next(ticks, None) is None), _TICKS)
    copy.set_authorizer(lambda action, one, two, *_: _may(action, one, two, tables))
    try:
        found = copy.execute(query, tuple(values)).fetchone()
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        raise UnusableError(f"its SQL cannot be run: {error}") from error
    if not found or not isinstance(found[0], int):
        raise UnusableError("its SQL gives no number")
    return found[0]


def _may(action: int, one: str | None, two: str | None, tables: Collection[str]) -> int:
    """What SQLite is to do with a part of a query: reading the copied tables is allowed."""
    allowed = (
        action == sqlite3.SQLITE_SELECT
        or (action == sqlite3.SQLITE_READ and one in tables)
        or (action == sqlite3.SQLITE_FUNCTION and (two or "").lower() in _FUNCTIONS)
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _fill(copy: sqlite3.Connection, name: str, rows: Iterable[Mapping[str, Any]], app: App) -> None:
    types = {key: one.column_type for key, one in _columns(app, name).items()}
    columns = ", ".join(f'"{key}" {kind}' for key, kind in types.items())
    copy.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, {columns})')
    marks = ", ".join("?" for _ in range(len(types) + 1))
    copy.executemany(
        f'INSERT INTO "{name}" VALUES ({marks})',
        [(row.get("id"), *(row.get(key) for key in types)) for row in rows],
    )


def _columns(app: App, name: str) -> Mapping[str, Any]:
    """The columns of a table; drafts have those of the records."""
    return app.entities[name if name != DRAFTS else records_of(app)].fields


def records_of(app: App) -> str:
    """The entity that the app's form makes."""
    return app.screens["form"].entity
