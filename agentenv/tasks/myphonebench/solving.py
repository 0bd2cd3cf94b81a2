"""What fulfils a task's checks, found by trying: the effects that its oracle brings about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from agentenv.phone.schema import App, DetailScreen, EntityField, FormScreen
from agentenv.tasks.myphonebench.checkout import Rule
from agentenv.tasks.myphonebench.checks import Check, Table, UnusableError, records_of
from agentenv.tasks.phone.template import Effect

_SAID = "As discussed"
"""What is written where anything may be written."""
_SLOT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TERM = re.compile(r"(\w+)\s*(?:=|LIKE)\s*'%?\s*([^%']+?)%?'", re.IGNORECASE)
"""A column and the text that plain SQL looks for in it."""

Tables = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Wanted:
    """One of a task's checks, with the rules it was made of (none for plain SQL)."""

    check: Check
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Errand:
    """What is to be solved."""

    app: App
    goal: str
    today: date
    profile: Mapping[str, str]
    wanted: Sequence[Wanted]
    withheld: frozenset[str] = frozenset()
    """Keys of the profile that a form may ask for in vain: it takes any text."""


def solve(errand: Errand, tables: Tables) -> list[Effect]:
    """Effects after which every check holds.

    Args:
        errand: the task.
        tables: rows at the start.

    Raises:
        UnusableError: none were found, or nothing is to be done.
    """
    tables = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    effects: list[Effect] = []
    record = records_of(errand.app)
    for wanted in errand.wanted:
        matching = _matching(wanted, tables, record, errand.app)
        surplus = [] if wanted.check.count is None else matching[wanted.check.count :]
        for row in surplus:
            tables[record] = [one for one in tables[record] if one is not row]
            effects.append(_cancelling(errand.app, row))
        for _ in range(_lacking(wanted, matching)):
            effects.append(_fulfil(errand, wanted, tables))
    if not effects:
        raise UnusableError("its checks hold before anything is done")
    if not all(one.check.holds(tables, errand.app) for one in errand.wanted):
        raise UnusableError("nothing was found that fulfils its checks")
    return effects


def liking(errand: Errand, tables: Tables) -> str:
    """What an earlier session must have saved: the text that the checks look for, or what the
    entries of the catalogue that fulfil them have in common and the others have not.

    Raises:
        UnusableError: it cannot be told.
    """
    own = {*errand.profile.values(), "confirmed"}
    queries = " ".join(one.check.query for one in errand.wanted if not one.rules)
    sought = [text for _, text in _TERM.findall(queries) if text not in own]
    if sought:
        hours = (f"{text}00" if text.endswith(":") else text for text in sought)
        return ", ".join(dict.fromkeys(hours))
    rows = tables[_catalogue(errand.app)]
    chosen = [row for row in rows if _fits(errand, row, tables)]
    others = [row for row in rows if row not in chosen]
    if not chosen or not others:
        fit = "any" if chosen else "no"
        raise UnusableError(f"{fit} entry of its catalogue fulfils its checks, whatever was saved")
    found = list(_common(errand.app, chosen, others))
    if not found:
        raise UnusableError("what its first session saves cannot be told from its checks")
    return min(found)[1]


def _fits(errand: Errand, row: Mapping[str, Any], tables: Tables) -> bool:
    """Whether a record for an entry of the catalogue fulfils all checks."""
    made = _record(errand, errand.wanted, row, tables)
    return _fulfils(errand, errand.wanted, made, tables)


def _common(app: App, chosen: Table, others: Table) -> Iterator[tuple[int, str]]:
    """What all of the chosen rows have, with how many of the others have it too."""
    for name, field in app.entities[_catalogue(app)].fields.items():
        values, rest = [row[name] for row in chosen], [row[name] for row in others]
        if field.type in ("integer", "decimal") and None not in (*values, *rest):
            if max(values) < min(rest):
                yield 0, f"at most {max(values)}"
            if min(values) > max(rest):
                yield 0, f"at least {min(values)}"
        shared = rest.count(values[0])
        if field.type != "boolean" and len(set(values)) == 1 and shared <= len(others) // 2:
            yield shared, str(values[0])


def _lacking(wanted: Wanted, matching: Sequence[Any]) -> int:
    least = 1 if wanted.check.count is None else wanted.check.count
    return max(0, least - len(matching))


def _matching(wanted: Wanted, tables: Tables, record: str, app: App) -> list[dict[str, Any]]:
    """The records that fulfil the rules, each by itself."""
    alone = Check(query=wanted.check.query, values=wanted.check.values)
    return [row for row in tables[record] if alone.holds({**tables, record: [row]}, app)]


def _fulfil(errand: Errand, wanted: Wanted, tables: Tables) -> Effect:
    """Make a record, or cancel one, so that one more fulfils the rules; the tables follow."""
    record = records_of(errand.app)
    if any(rule.field == "status" and rule.value == "cancelled" for rule in wanted.rules):
        for row in tables[record]:
            changed = {**row, "status": "cancelled"}
            if _matching(wanted, {**tables, record: [changed]}, record, errand.app):
                tables[record] = [changed if one is row else one for one in tables[record]]
                return _cancelling(errand.app, row)
    others = [one for one in errand.wanted if not one.rules]
    for row in _by_relevance(errand, wanted, tables):
        made = _record(errand, [wanted, *others], row, tables)
        if _fulfils(errand, [wanted, *others], made, tables):
            tables[record].append(made)
            filled = (name for name in _fillable(errand.app) if made[name] is not None)
            values = {name: made[name] for name in filled}
            return Effect(kind="insert", entity=f"{errand.app.id}.{record}", values=values)
    raise UnusableError("no record that its form can make fulfils its checks")


def _fulfils(
    errand: Errand, wanted: Sequence[Wanted], made: Mapping[str, Any], tables: Tables
) -> bool:
    record = records_of(errand.app)
    alone = {**tables, record: [dict(made)]}
    return all(_matching(one, alone, record, errand.app) for one in wanted)


def _cancelling(app: App, row: Mapping[str, Any]) -> Effect:
    screen = app.screens["record"]
    assert isinstance(screen, DetailScreen)
    button, entity = screen.buttons["cancel"], f"{app.id}.{records_of(app)}"
    if button.delete:
        return Effect(kind="delete", entity=entity, row=str(row["id"]))
    return Effect(kind="update", entity=entity, row=str(row["id"]), values=dict(button.set or {}))


def _by_relevance(errand: Errand, wanted: Wanted, tables: Tables) -> Iterator[dict[str, Any]]:
    """Rows of the catalogue, those that the goal speaks of first."""
    goal, parent = errand.goal.casefold(), _form(errand.app).parent
    fixed = [rule.value for rule in wanted.rules if rule.field == parent and rule.operator == "=="]

    def named(row: Mapping[str, Any]) -> int:
        texts = [str(value).casefold() for name, value in row.items() if name != "id"]
        return -sum(len(text) for text in texts if len(text) > 2 and text in goal)

    for row in sorted(tables[_catalogue(errand.app)], key=named):
        if not fixed or row["id"] == fixed[0]:
            yield row


def _record(
    errand: Errand, wanted: Sequence[Wanted], row: Mapping[str, Any], tables: Tables
) -> dict[str, Any]:
    """The record that the form makes for a row of the catalogue: what it must hold, and no more."""
    app = errand.app
    rules = {rule.field: rule for one in wanted for rule in one.rules}
    queries = " ".join(one.check.query for one in wanted if not one.rules)
    terms: dict[str, list[str]] = {}
    for column, text in _TERM.findall(queries):
        terms.setdefault(column, []).append(text)
    fields = app.entities[records_of(app)].fields
    made: dict[str, Any] = {name: field.default for name, field in fields.items()}
    made |= {"id": 1 + max((one["id"] for one in tables[records_of(app)]), default=0)}
    made[_form(app).parent or ""] = row["id"]
    days = list(_dates(errand, row))
    for name in _fillable(app):
        field, rule = fields[name], rules.get(name)
        if field.type == "reference":
            continue
        if field.required or (rule and rule.operator in ("==", "LIKE")):
            made[name] = _value(errand, field, _terms(rule) or terms.get(name, []), row, days)
            if rule and rule.operator == "==":
                made[name] = rule.value
            if field.type == "date" and days and made[name] >= days[0]:
                days = [one for one in days if one > made[name]] or days
    return made


def _terms(rule: Rule | None) -> list[str]:
    return [str(rule.value).strip("%")] if rule and rule.operator in ("==", "LIKE") else []


def _value(
    errand: Errand,
    field: EntityField,
    terms: Sequence[str],
    row: Mapping[str, Any],
    days: Sequence[str],
) -> Any:
    """What to fill in: the first that holds one of the terms, if there are some."""

    def fitting(given: Iterable[str], otherwise: str) -> str:
        listed = list(given)
        found = (one for one in listed for term in terms or [""] if term in one)
        return next(found, otherwise)

    hour = next((f"{term}00" for term in terms if term.endswith(":")), "10:00")
    if field.type == "date":
        return fitting(days, errand.today.isoformat())
    if field.type == "time":
        return terms[0] if terms and len(terms[0]) == len("10:00") else hour
    if field.type == "choice":
        labels = dict(zip(field.options, map(str, field.option_labels), strict=True))
        named = (one for one in field.options if labels[one].casefold() in errand.goal.casefold())
        return next(named, field.options[0])
    if field.hint:  # a day with a time
        slots = [one for value in row.values() for one in _SLOT.findall(str(value))]
        return fitting((*slots, *(f"{day} {hour}" for day in days)), terms[0] if terms else "")
    key = field.personal.key if field.personal else ""
    known = [errand.profile[key]] if key in errand.profile.keys() - errand.withheld else []
    return fitting(known, terms[0] if terms else _SAID)


def _dates(errand: Errand, row: Mapping[str, Any]) -> Iterator[str]:
    """Days on which a row is free, and then any."""
    for value in row.values():
        yield from (one for one in _DAY.findall(str(value)) if one > errand.today.isoformat())
    for number in range(7, 60):
        yield (errand.today + timedelta(days=number)).isoformat()


def _form(app: App) -> FormScreen:
    screen = app.screens["form"]
    assert isinstance(screen, FormScreen)
    return screen


def _fillable(app: App) -> tuple[str, ...]:
    form = _form(app)
    return (form.parent or "", *(name for step in form.steps for name in step.fields))


def _catalogue(app: App) -> str:
    return app.screens["home"].entity
