"""A phone's database keeps what it has read, and never gives what is no longer so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentenv.phone.database import Database


@pytest.fixture
def database() -> Database:
    database = Database()
    database.run("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    database.insert("notes", {"text": "first"})
    database.set("front", "home")
    return database


def seen(database: Database) -> tuple[list[str], str]:
    """What is read of it, twice: the second time from memory."""
    texts = [row["text"] for row in database.all_rows("notes")]
    assert [row["text"] for row in database.all_rows("notes")] == texts
    assert database.get("front") == database.get("front")
    return texts, database.get("front")


@pytest.mark.parametrize(
    ("write", "texts"),
    [
        (lambda one: one.insert("notes", {"text": "second"}), ["first", "second"]),
        (lambda one: one.insert_all("notes", [{"text": "second"}]), ["first", "second"]),
        (lambda one: one.update("notes", 1, {"text": "other"}), ["other"]),
        (lambda one: one.delete("notes", 1), []),
        (lambda one: one.run("UPDATE notes SET text = 'other'"), ["other"]),
    ],
)
def test_what_was_written_is_read(
    database: Database, write: Callable[[Database], object], texts: list[str]
) -> None:
    assert seen(database) == (["first"], "home")
    write(database)
    database.set("front", "notes")
    assert seen(database) == (texts, "notes")


def test_what_was_undone_or_restored_is_read_as_it_was(database: Database) -> None:
    image = database.image()
    database.run("BEGIN")
    database.insert("notes", {"text": "second"})
    database.set("front", "notes")
    assert seen(database) == (["first", "second"], "notes")
    database.run("ROLLBACK")
    assert seen(database) == (["first"], "home")
    database.update("notes", 1, {"text": "other"})
    assert seen(database) == (["other"], "home")
    database.restore(image)
    assert seen(database) == (["first"], "home")


def test_a_value_that_was_read_can_be_changed_without_being_written(database: Database) -> None:
    database.set("overlay", {"kind": "menu"})
    database.get("overlay")["kind"] = "other"
    assert database.get("overlay") == {"kind": "menu"}
