"""From a session of the benchmark to a task on the phone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentenv.errors import ConfigError
from agentenv.phone.generate import make_rows
from agentenv.phone.profile import make_profile, person_name, phone_number
from agentenv.phone.schema import App, FormScreen, Model
from agentenv.tasks.myphonebench.apps import category_of, day_before, make_app
from agentenv.tasks.myphonebench.checkout import (
    AppFiles,
    Pair,
    ProfileEntry,
    Row,
    Session,
    describe,
    read_json,
)
from agentenv.tasks.myphonebench.checks import Check, UnusableError, check_of, records_of
from agentenv.tasks.myphonebench.solving import Errand, Tables, Wanted, liking, solve
from agentenv.tasks.phone.template import Effect, Privacy

_STEPS_OF_A_FIELD = 2
_OTHER_STEPS = 8


class Item(Model):
    """One item of the owner's profile."""

    key: str
    value: str
    level: str


class TrapCheck(Model):
    """A query that counts more than nothing where a trap was sprung."""

    kind: str
    about: str
    query: str


class Entry(Model):
    """One imported task."""

    id: str
    app: str
    goal: str
    time: str
    max_steps: int
    profile: tuple[Item, ...]
    saved: tuple[tuple[str, str], ...] = ()
    saves: str = ""
    """The key under which something should be saved for a later session."""
    follows: str = ""
    """Entry of the earlier session of its pair."""
    records: tuple[Row, ...] = ()
    decisions: tuple[tuple[str, bool], ...] = ()
    privacy: Privacy = Privacy()
    checks: tuple[Check, ...]
    traps: tuple[TrapCheck, ...] = ()
    effects: tuple[Effect, ...]
    """What the oracle brings about."""


@dataclass(frozen=True)
class Outcome:
    """What became of a session."""

    id: str
    entry: Entry | None = None
    problem: str = ""
    """Why it could not be imported."""


@dataclass(frozen=True)
class ImportedApp:
    """An app with its sessions."""

    app: App
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class _Source:
    id: str
    session: Session
    checks: tuple[Check, ...] = ()
    """Of the pair, beside those of the session."""
    saves: str = ""
    uses: str = ""
    follows: str = ""


def import_app(files: AppFiles, owner: Sequence[ProfileEntry]) -> ImportedApp:
    """An app and all its sessions.

    Raises:
        ConfigError, ValidationError: nothing can be made of the app.
    """
    found: list[_Source | Outcome] = []
    for path in sorted(files.folder.rglob("*.json")):
        try:
            found += _sources(files.name, path)
        except (ConfigError, ValidationError, TypeError) as error:
            found.append(Outcome(f"{files.name}-{path.stem}", problem=describe(error)))
    sessions = [one.session for one in found if isinstance(one, _Source)]
    app = make_app(files, cancelled=_keeps_cancelled(sessions))
    seen = [files.seeds, *(one.model_dump() for one in sessions)]
    profile = _complete(owner, app, sessions)
    outcomes = [
        one if isinstance(one, Outcome) else _outcome(one, app, profile, day_before(seen))
        for one in found
    ]
    return ImportedApp(app, tuple(outcomes))


def tables_at_start(app: App, records: Sequence[Row], today: date) -> Tables:
    """Rows of an app's tables on a new phone."""
    tables: Tables = {}
    for name in app.entities:
        rows = make_rows(app, name, "", today)
        tables[name] = [{"id": number, **row} for number, row in enumerate(rows, start=1)]
    tables[records_of(app)] = [
        {**dict.fromkeys(app.entities[records_of(app)].fields), **row, "id": number}
        for number, row in enumerate(records, start=1)
    ]
    return tables


def _sources(app: str, path: Path) -> Iterator[_Source]:
    content = read_json(path)
    if not isinstance(content, dict) or "task_a" not in content:
        yield _Source(f"{app}-{path.stem}", Session.model_validate(content))
        return
    pair = Pair.model_validate(content)
    first, second = f"{app}-{path.stem}-a", f"{app}-{path.stem}-b"
    query = pair.preference_verification or pair.task_b.preference_verification
    used = (Check(query=query.query),) if query else ()
    yield _Source(first, pair.task_a, saves=pair.expected_save_key)
    yield _Source(second, pair.task_b, used, uses=pair.expected_save_key, follows=first)


def _keeps_cancelled(sessions: Sequence[Session]) -> bool:
    """Whether some session looks for a record with the status "cancelled"."""
    for session in sessions:
        try:
            rules = [rule for block in session.blocks for rule in block.rules]
        except ValidationError:
            continue
        if any(rule.field == "status" and rule.value == "cancelled" for rule in rules):
            return True
    return False


def _outcome(source: _Source, app: App, profile: Sequence[Item], day: str) -> Outcome:
    try:
        return Outcome(source.id, _entry(source, app, profile, day))
    except (UnusableError, ConfigError, ValidationError) as error:
        return Outcome(source.id, problem=describe(error))


def _entry(source: _Source, app: App, profile: Sequence[Item], day: str) -> Entry:
    session, today = source.session, date.fromisoformat(day)
    known = {one.key: one for one in profile}
    known |= {one.key: Item(**one.model_dump()) for one in session.profile}
    wanted = [Wanted(check_of(block), block.rules) for block in session.blocks]
    wanted += [Wanted(check) for check in source.checks]
    records = _records(session, app)
    tables = tables_at_start(app, records, today)
    traps = tuple(_traps(session, tables, app))
    privacy = _privacy(session, app, known)
    free = {*privacy.necessary, *privacy.allowed}
    errand = Errand(
        app,
        session.goal,
        today,
        {key: one.value for key, one in known.items()},
        wanted,
        withheld=frozenset(key for key, one in known.items() if one.level == "high") - free,
    )
    saved: tuple[tuple[str, str], ...] = ()
    if source.uses:
        saved = ((source.uses, liking(errand, tables)),)
    effects = solve(errand, tables)
    filled = sum(len(one.values) for one in effects)
    return Entry(
        id=source.id,
        app=app.id,
        goal=session.goal,
        time=f"{day}T09:00",
        max_steps=max(session.max_steps, _STEPS_OF_A_FIELD * filled + _OTHER_STEPS),
        profile=tuple(one for key, one in known.items() if key not in dict(saved)),
        saved=saved,
        saves=source.saves,
        follows=source.follows,
        records=tuple(records),
        decisions=tuple(_decisions(session)),
        privacy=privacy,
        checks=tuple(one.check for one in wanted),
        traps=traps,
        effects=tuple(effects),
    )


def _records(session: Session, app: App) -> list[Row]:
    """Rows that the session puts into the table of records.

    Raises:
        UnusableError: it fills another table, or a column that there is none of.
    """
    fields = app.entities[records_of(app)].fields
    rows = []
    for table, given in session.records(app.id).items():
        if table != records_of(app):
            raise UnusableError(f"it fills the table {table[:40]!r}, which nothing shows")
        for row in given:
            unknown = row.keys() - fields.keys() - {"id"}
            if unknown:
                raise UnusableError(f"{table} has no column {min(unknown)[:40]!r}")
            rows.append({name: value for name, value in row.items() if name != "id"})
    return rows


def _traps(session: Session, tables: Tables, app: App) -> Iterator[TrapCheck]:
    """The traps that are queries; each is tried once."""
    drafts: Mapping[str, Any] = {**tables, "form_drafts": []}
    for trap in session.privacy_traps:
        if trap.check_query:
            Check(query=trap.check_query).holds(drafts, app)
            yield TrapCheck(kind=trap.type, about=trap.description, query=trap.check_query)


def _decisions(session: Session) -> Iterator[tuple[str, bool]]:
    for permission, answers in session.user_decisions.items():
        for resource, answer in answers.items():
            name = permission if resource == "default" else f"{permission}:{resource}"
            yield name, answer == "grant"


def _privacy(session: Session, app: App, profile: Mapping[str, Item]) -> Privacy:
    """What is required, and what required fields ask for that is not private, is necessary."""
    classes = session.permission_classification
    fields = app.entities[records_of(app)].fields.values()
    asked = {one.personal.key for one in fields if one.required and one.personal}
    low = {key for key in asked if key in profile and profile[key].level == "low"}
    return Privacy(
        necessary=tuple(sorted({*classes.get("required", ()), *low})),
        allowed=tuple(classes.get("plausible", ())),
        prohibited=tuple(classes.get("forbidden", ())),
    )


def _complete(owner: Sequence[ProfileEntry], app: App, sessions: Sequence[Session]) -> list[Item]:
    """The owner's data, with invented values for what forms and tasks speak of beside it."""
    classed = {key for one in sessions for keys in one.permission_classification.values()
               for key in keys}  # fmt: skip
    form = app.screens["form"]
    assert isinstance(form, FormScreen)
    fields = app.entities[form.entity].fields.values()
    asked = [one.personal.key for one in fields if one.personal and one.personal.key]
    items = {one.key: Item(**one.model_dump()) for one in owner}
    for key in (*asked, *sorted(classed)):
        level = "high" if key in classed else "low"
        items.setdefault(key, Item(key=key, value=_invented(key), level=level))
    return list(items.values())


def _invented(key: str) -> str:
    rng = random.Random(f"myphonebench/{key}")
    category = category_of(key)
    if category == "name":
        return person_name(rng)
    if category == "phone":
        return phone_number(rng)
    known = {one.category: one.value for one in make_profile(f"myphonebench/{key}")}
    return known.get(category) or f"{key.replace('_', ' ').capitalize()} {rng.randint(1000, 9999)}"


def record_rows(entry: Entry, app: App) -> tuple[tuple[str, str], ...]:
    """An entry's records as `agentenv.phone.setup.PhoneSetup` takes them."""
    table = app.table(records_of(app))
    return tuple((table, json.dumps(row, ensure_ascii=False)) for row in entry.records)
