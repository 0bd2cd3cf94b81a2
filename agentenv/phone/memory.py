"""The owner's profile as a session left it: what a later session of the same owner begins with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentenv.errors import StoreError
from agentenv.phone.apps import load_apps
from agentenv.phone.consent import keep_item
from agentenv.phone.database import Database
from agentenv.phone.events import FIRST, checked_record
from agentenv.phone.schema import App
from agentenv.phone.setup import KeptItem, PhoneSetup, first_image

_PROFILE = "sys_profile"


def profile_after(setup: PhoneSetup, log: Iterable[str]) -> tuple[KeptItem, ...]:
    """The profile at the end of a session.

    Args:
        setup: that the session began with.
        log: the phone's event log of it, as JSON lines.

    Raises:
        StoreError: the log is broken.
    """
    apps, before = load_apps(setup.apps), FIRST
    database = Database(first_image(setup))
    try:
        for number, line in enumerate(log):
            try:
                record, before = checked_record(line, number, before)
            except ValueError as error:
                raise StoreError(f"event log: line {number + 1}: {error}") from error
            _repeat(record, database, apps)
        rows = database.rows(f"SELECT key, label, value, level, source FROM {_PROFILE} ORDER BY id")
        return tuple(KeptItem(**row) for row in rows)
    finally:
        database.close()


def _repeat(record: dict[str, Any], database: Database, apps: dict[str, App]) -> None:
    """Do to the profile what a record says was done: by an agent's action, or in an app."""
    if record["kind"] == "profile_save" and record["result"] == "saved":
        keep_item(database, record["key"], record["value"], record["level"])
    if record["kind"] != "submit":
        return
    app = apps[record["app"]]
    if app.table(app.screens[record["screen"]].entity) != _PROFILE:
        return
    if record.get("deleted"):
        database.delete(_PROFILE, record["row"])
    else:
        database.update(_PROFILE, record["row"], record["fields"])
