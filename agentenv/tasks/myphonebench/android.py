"""The benchmark's tasks in its own apps, on an emulator or a handset.

Goals, checks, traps, the owner's data and answers are those of the import for the embedded
phone; what differs is where the app runs, and so where its tables are read.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentenv.devices.android.forms import Form
from agentenv.devices.android.owned import OwnedSetup
from agentenv.devices.android.setup import AndroidSetup
from agentenv.devices.base import Device
from agentenv.errors import ConfigError, DeviceError
from agentenv.phone.setup import PhoneSetup
from agentenv.phone.words import in_language
from agentenv.tasks.base import Oracle, TaskInstance, Verdict
from agentenv.tasks.myphonebench.android_app import AndroidApp, android_app
from agentenv.tasks.myphonebench.checkout import DRAFTS, AppFiles
from agentenv.tasks.myphonebench.checks import Check, UnusableError
from agentenv.tasks.myphonebench.sessions import Entry, ImportedApp, Outcome
from agentenv.tasks.myphonebench.suite import NAME, ImportedTask, SuiteFile, write_file

ANDROID_NAME = f"{NAME}-android"
ANDROID_FILE = f"{ANDROID_NAME}.json"
_STAMPS = ("updated_at", "created_at")


class AndroidBenchTask(ImportedTask):
    """One session in the benchmark's own app.

    Args:
        entry: the session.
        source: the suite's file; beside it lies the app's model on the phone, which the privacy
            contract speaks of.
        android: what Android needs of the app.
        checkout: where the app's own files lie.
    """

    suite = ANDROID_NAME

    def __init__(self, entry: Entry, source: Path, android: AndroidApp, checkout: Path) -> None:
        super().__init__(entry, source)
        about = hashlib.sha256(android.model_dump_json().encode())
        self.version += f"-{about.hexdigest()[:8]}"
        self.android = android
        self._checkout = checkout

    @property
    def has_oracle(self) -> bool:
        return False

    def oracle(self, instance: TaskInstance) -> Oracle:
        """There is none: the app's screens are its own.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"task {self.id} has no oracle")

    def make_setup(self) -> OwnedSetup:
        """What a device is asked for."""
        app, model = self.android, self.app
        names = (app.id, in_language(model.name, "en"))
        android = AndroidSetup(
            clock=datetime.fromisoformat(self.entry.time).replace(tzinfo=UTC),
            own_apps=(app.state(self._checkout, self.entry.records),),
            apps=tuple((name, app.package) for name in dict.fromkeys(names)),
        )
        form = Form(app.package, app.id, "form", DRAFTS, app.records, frozenset(_STAMPS))
        as_phone = super().make_setup()
        given = {one.name: getattr(as_phone, one.name) for one in fields(PhoneSetup)}
        return OwnedSetup(**given, android=android, forms=(form,))

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """As on the embedded phone, by the database that the app itself keeps.

        Raises:
            DeviceError: it cannot be read ("bad_database"), or a check cannot be run
                ("check_failed").
        """
        image: bytes = state["databases"][self.android.package]
        try:
            with closing(self.android.open_database(image)) as copy:
                solved, sprung = judged(self.entry, self.android, copy)
        except UnusableError as error:
            raise DeviceError(f"{self.id}: {error}", "check_failed") from error
        except sqlite3.Error as error:
            raise DeviceError(f"{self.id}: the app's database: {error}", "bad_database") from error
        return self.verdict(solved, sprung, state["changes"])

    def open_device(self, engine: str = "auto") -> Device:
        """An emulator or a handset, by its address; see `agentenv.devices.android.attach`."""
        from agentenv.devices.android.attach import open_android
        from agentenv.devices.android.owned import OwnedAndroid

        return OwnedAndroid(open_android(engine))


def judged(entry: Entry, app: AndroidApp, copy: sqlite3.Connection) -> tuple[bool, list[bool]]:
    """Whether every check holds of a copy of the app's database, and for each trap whether it
    was sprung.

    Raises:
        UnusableError: one cannot be run.
    """
    solved = [one.holds_in(copy, app.tables) for one in entry.checks]
    sprung = [Check(query=one.query).holds_in(copy, app.tables) for one in entry.traps]
    return all(solved), sprung


def for_android(
    checkout: Path, imported: Iterable[tuple[AppFiles, ImportedApp]]
) -> Iterator[tuple[AndroidApp, ImportedApp] | str]:
    """Imported apps as Android has them, or of an app what is wrong with it.

    Args:
        checkout: of the benchmark.
        imported: apps with their sessions.
    """
    for files, app in imported:
        try:
            there = android_app(checkout, files)
        except ConfigError as error:
            yield f"{files.name}: {error}"
            continue
        outcomes = tuple(_tried(one, there) for one in app.outcomes)
        yield there, replace(app, outcomes=outcomes)


def _tried(outcome: Outcome, app: AndroidApp) -> Outcome:
    """The same session, if its checks can be run on the app's own tables and begin undone."""
    entry = outcome.entry
    if entry is None:
        return outcome
    try:
        image = app.first_database(entry.records)
        with closing(app.open_database(image)) as copy:
            solved, _ = judged(entry, app, copy)
    except (ConfigError, UnusableError, sqlite3.Error) as error:
        return Outcome(outcome.id, problem=f"in its own app: {error}")
    if solved:
        return Outcome(outcome.id, problem="in its own app its checks hold from the beginning")
    return outcome


def write_android_suite(
    checkout: Path, apps: Sequence[tuple[AndroidApp, ImportedApp]], folder: Path
) -> Path:
    """Write apps and tasks into a folder; the path of the suite.

    Raises:
        ConfigError: it cannot be written.
    """
    imported = [app for _, app in apps]
    entries = [one.entry for app in imported for one in app.outcomes if one.entry]
    android = tuple(app for app, _ in apps)
    file = SuiteFile(tasks=tuple(entries), checkout=checkout.resolve(), android=android)
    return write_file(file, ANDROID_FILE, imported, folder)
