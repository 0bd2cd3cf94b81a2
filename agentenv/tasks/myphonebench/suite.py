"""The suite that an import has written, and its tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentenv.devices.base import Device
from agentenv.errors import ConfigError, DeviceError
from agentenv.phone.apps import load_app
from agentenv.phone.changes import Changes
from agentenv.phone.database import Database
from agentenv.phone.memory import profile_after
from agentenv.phone.profile import ProfileItem
from agentenv.phone.schema import App, Model
from agentenv.phone.setup import Contract, PhoneSetup, first_image, profile_of
from agentenv.phone.state import State
from agentenv.tasks.base import Oracle, Split, Task, TaskInstance, Verdict
from agentenv.tasks.myphonebench.android_app import AndroidApp
from agentenv.tasks.myphonebench.apps import category_of
from agentenv.tasks.myphonebench.checkout import DRAFTS
from agentenv.tasks.myphonebench.checks import Check, UnusableError, records_of
from agentenv.tasks.myphonebench.sessions import Entry, ImportedApp, record_rows
from agentenv.tasks.phone.drawing import Drawn, drawn_row
from agentenv.tasks.phone.oracle import solve
from agentenv.tasks.phone.template import Effect, Privacy

NAME = "myphonebench"
FILE = f"{NAME}.json"


class SuiteFile(Model):
    """What ``myphonebench.json`` holds; beside it lie the apps, as ``<id>.json``."""

    tasks: tuple[Entry, ...]
    checkout: Path | None = None
    """Of a suite for Android: where the apps' own files lie."""
    android: tuple[AndroidApp, ...] = ()
    """What Android needs of the apps; none, if the tasks are for the embedded phone."""


class ImportedTask(Task):
    """One session. Its setup is written down: every instance is the same.

    Args:
        entry: the session.
        source: the suite's file; beside it lies the session's app.

    Raises:
        ConfigError: the app's file cannot be read.
    """

    suite = NAME

    def __init__(self, entry: Entry, source: Path) -> None:
        path = source.parent / f"{entry.app}.json"
        self.id = f"{self.suite}/{entry.id}"
        self.follows = f"{self.suite}/{entry.follows}" if entry.follows else ""
        self.source: Path = source
        self.version = _version(entry, path)
        self.entry = entry
        self.max_steps = entry.max_steps
        self.expected_steps = 6 + sum(max(2, len(one.values)) for one in entry.effects)
        self._path = str(path)

    @property
    def privacy(self) -> Privacy:
        """Which of the owner's data the task needs, may use with consent, and must not use."""
        return self.entry.privacy

    @property
    def remembered(self) -> frozenset[str]:
        """Keys of the profile that it saves for a later session, or has from an earlier one."""
        return frozenset(filter(None, (self.entry.saves, *(key for key, _ in self.entry.saved))))

    @property
    def has_oracle(self) -> bool:
        return True

    @property
    def app(self) -> App:
        """The app that it is done in."""
        return load_app(self._path)

    def effects(self, instance: TaskInstance) -> list[Effect]:
        """What the oracle brings about."""
        return list(self.entry.effects)

    def instance(self, split: Split, index: int) -> TaskInstance:
        return TaskInstance(self.id, split, index, self.setup, self.entry.goal, self._parameters)

    def after(self, instance: TaskInstance, log: Sequence[str]) -> TaskInstance:
        """The owner's profile has what the earlier session of the pair saved or changed there;
        what that left alone is as this session wants it."""
        if not self.follows:
            return super().after(instance, log)
        first = load_suite(self.source)[self.follows]
        assert isinstance(first, ImportedTask)
        before, now = profile_after(first.setup, ()), profile_after(first.setup, log)
        own = {one.key: one for one in profile_of(self.setup)}
        left = [own.pop(one.key, one) if one in before else one for one in now]
        known = {one.key for one in (*before, *now)}
        left += [one for key, one in own.items() if key not in known]
        return replace(instance, setup=replace(self.setup, left=tuple(left)))

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """Success is that every check of the benchmark holds. The agent ends the episode.

        `info` says of each trap whether it was sprung ("traps"), and whether what a later session
        needs was saved ("saved").

        Raises:
            DeviceError: a check cannot be run ("check_failed").
        """
        changes: Changes = state["changes"]
        tables = self._tables(changes)
        try:
            solved = all(one.holds(tables, self.app) for one in self.entry.checks)
            sprung = self._sprung(state["log"].records(), tables)
        except UnusableError as error:
            raise DeviceError(f"{self.id}: {error}", "check_failed") from error
        return self.verdict(solved, sprung, changes)

    def verdict(self, solved: bool, sprung: list[bool], changes: Changes) -> Verdict:
        """What follows from the checks, the traps and the changes of the owner's data."""
        saved = any(
            one.table == "sys_profile" and one.after and one.after["key"] == self.entry.saves
            for one in changes.rows
        )
        return Verdict(float(solved), done=False, info={"traps": sprung, "saved": saved})

    def sprung(self, records: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Of each trap that the benchmark set, whether what was typed has sprung it.

        Args:
            records: of the phone's event log.

        Raises:
            ConfigError: a trap's query cannot be run.
        """
        try:
            return self._sprung(records, self._tables(Changes()))
        except UnusableError as error:
            raise ConfigError(f"{self.id}: {error}") from error

    def open_device(self, engine: str = "auto") -> Device:
        """A phone in a browser of its own."""
        from agentenv.devices.phone import open_phone

        return open_phone(engine=engine)

    def oracle(self, instance: TaskInstance) -> Oracle:
        """A script that follows from what the import found to fulfil the checks."""
        recalls = self.entry.saved[0][0] if self.entry.saved else ""
        return solve("", self.effects(instance), instance, recalls)

    @cached_property
    def setup(self) -> PhoneSetup:
        """What a device is asked for."""
        return self.make_setup()

    def make_setup(self) -> PhoneSetup:
        """The same, made anew."""
        entry, privacy = self.entry, self.entry.privacy
        return PhoneSetup(
            seed=self.id,
            apps=(self._path, "notes", "settings", "privacy"),
            time=entry.time,
            profile=tuple(
                ProfileItem(one.key, one.key.replace("_", " ").capitalize(), one.value,
                            "high" if one.level == "high" else "low",
                            category_of(one.key) or "other")
                for one in entry.profile
            ),
            contract=Contract(
                frozenset(privacy.necessary) | self.remembered,  # the goal asks for it to be kept
                frozenset(privacy.allowed),
                frozenset(privacy.prohibited),
            ),
            saved=entry.saved,
            records=record_rows(entry, self.app),
            decisions=entry.decisions,
        )  # fmt: skip

    @cached_property
    def _parameters(self) -> dict[str, Drawn]:
        """The rows that the oracle looks for on the screen."""
        database, app = Database(first_image(self.setup)), self.app
        state = State(database, {app.id: app}, "en")
        catalogue, record = app.screens["home"].entity, records_of(app)
        form = app.entities[record].title
        wanted = {(catalogue, one.values.get(form)) for one in self.entry.effects}
        wanted |= {(record, int(one.row)) for one in self.entry.effects if one.row}
        try:
            return {
                f"{name}_{number}": drawn_row(state, app, name, row)
                for name, number in sorted(wanted, key=str)
                if number and (row := database.row(app.table(name), number))
            }
        finally:
            database.close()

    def _sprung(
        self, records: Sequence[Mapping[str, Any]], tables: Mapping[str, list[dict[str, Any]]]
    ) -> list[bool]:
        drafts = {**tables, DRAFTS: drafts_of(records, self.app)}
        return [Check(query=one.query).holds(drafts, self.app) for one in self.entry.traps]

    def _tables(self, changes: Changes) -> dict[str, list[dict[str, Any]]]:
        """The app's rows now, by the benchmark's names."""
        names = {self.app.table(name): name for name in self.app.entities}
        database = Database(first_image(self.setup))
        rows = {name: dict(one) for name, one in database.data(names).items()}
        database.close()
        for change in changes.rows:
            if change.table not in names:
                continue
            rows[change.table].pop(change.row, None)
            if change.after is not None:
                rows[change.table][change.row] = change.after
        return {
            names[table]: [dict(one) for one in found.values()] for table, found in rows.items()
        }


def drafts_of(records: Sequence[Mapping[str, Any]], app: App) -> list[dict[str, Any]]:
    """What was typed into the form, one row for each entry of the catalogue that it was opened
    for, as the benchmark's table of drafts keeps it."""
    parent = app.entities[records_of(app)].title
    drafts: dict[int, dict[str, Any]] = {}
    row = 0
    for one in records:
        if one.get("app") != app.id or one.get("screen") != "form":
            continue
        if one["kind"] == "navigation":
            row = one.get("row") or row
        elif one["kind"] in ("edit", "clear"):
            draft = drafts.setdefault(row, {"id": row, parent: row})
            draft[one["field"]] = one.get("after")
    return list(drafts.values())


def write_suite(apps: Sequence[ImportedApp], folder: Path) -> Path:
    """Write apps and tasks into a folder; the path of the suite.

    Raises:
        ConfigError: it cannot be written.
    """
    entries = [one.entry for app in apps for one in app.outcomes if one.entry]
    return write_file(SuiteFile(tasks=tuple(entries)), FILE, apps, folder)


def write_file(file: SuiteFile, name: str, apps: Sequence[ImportedApp], folder: Path) -> Path:
    """Write a suite and its apps into a folder; the path of the suite.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in apps:
            text = one.app.model_dump_json(exclude_defaults=True, indent=1)
            (folder / f"{one.app.id}.json").write_text(text, encoding="utf-8")
        path = folder / name
        path.write_text(file.model_dump_json(indent=1), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write into {folder}: {error.strerror}") from error
    return path


def load_suite(path: Path) -> dict[str, Task]:
    """The tasks of a suite by their ids.

    Raises:
        ConfigError: there is none, or it is damaged.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    return dict(_load(path.resolve(), changed))


@lru_cache(maxsize=8)
def _load(path: Path, changed: int) -> dict[str, Task]:
    try:
        file = SuiteFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigError(
            f"{path.name} is no suite that `agentenv import` wrote: {error.errors()[0]['msg']}"
        ) from error
    known = {entry.id for entry in file.tasks}
    tasks = [_task(file, _without_lost(entry, known), path) for entry in file.tasks]
    return {task.id: task for task in tasks}


def _without_lost(entry: Entry, known: Collection[str]) -> Entry:
    """An entry that follows none, if the one it followed was not imported."""
    return entry if entry.follows in known else entry.model_copy(update={"follows": ""})


def _task(file: SuiteFile, entry: Entry, path: Path) -> Task:
    if file.checkout is None:
        return ImportedTask(entry, path)
    from agentenv.tasks.myphonebench.android import AndroidBenchTask  # which itself builds on this

    there = next((one for one in file.android if one.id == entry.app), None)
    if there is None:
        raise ConfigError(f"the suite for Android has no app {entry.app!r}; import it again")
    return AndroidBenchTask(entry, path, there, file.checkout)


def _version(entry: Entry, app: Path) -> str:
    """Changes when another import has made another task, or another app, of the session."""
    try:
        content = app.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {app}: {error.strerror}") from error
    return hashlib.sha256(entry.model_dump_json().encode() + content).hexdigest()[:16]
