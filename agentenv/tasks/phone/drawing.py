"""From a template to an instance: the phone's first state, then parameters from its rows."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from agentenv.errors import ConfigError
from agentenv.phone.apps import load_app, load_apps
from agentenv.phone.database import Database
from agentenv.phone.schema import App, EntityField
from agentenv.phone.setup import ATTITUDES, Contract, PhoneSetup, first_image
from agentenv.phone.state import State
from agentenv.phone.views import sortable
from agentenv.phone.words import long_date, option_label
from agentenv.tasks.phone.template import Effect, Parameter, Template

_ANSWERING = tuple(one for one in ATTITUDES if one != "denies")
"""Owners with whom every task can be done."""
_WIDTHS = (None, None, None, 320, 393, 412)
"""Of common phones; the default is drawn as often as the others together."""


_TRIES = 30
"""Draws before a template is given up whose parameters want a row that there is not."""
_APPS = (7, 12)
"""How many are installed on a task's phone, at least and at most."""
_ALWAYS = ("settings", "privacy")


class NoSuchPhoneError(ConfigError):
    """By chance a new phone has no row as a template's parameters want it."""


class _NoSuchRowError(Exception):
    """The parameters drawn so far leave no row to choose, or two where only one may be."""


@dataclass(frozen=True)
class Drawn:
    """A parameter with its value."""

    value: Any
    """As a column holds it; the number of a row."""
    text: str
    """As the goal says it."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a row: the columns' texts in English; else empty."""
    entity: str = ""
    """Of a row: its "app.entity"."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """Of a row: the columns' texts as the phone shows them."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """Of a row: what it was wanted to hold."""
    first: str = ""
    """Of a row: the order in which it is the first of those."""


def make_setup(template: Template, key: str, others: Sequence[str]) -> PhoneSetup:
    """The phone that a template's instance begins with: apps, looks and owner vary with the key.

    Args:
        template: the apps that it takes are installed.
        key: of the instance.
        others: apps that may be installed too.
    """
    rng = random.Random(f"setup/{key}")
    day = date(2026, 1, 5) + timedelta(days=rng.randrange(330))
    privacy = template.privacy
    return PhoneSetup(
        seed=key,
        apps=_installed(template, key, others),
        time=f"{day.isoformat()}T{rng.randint(8, 19):02d}:{rng.randint(0, 59):02d}",
        theme="dark" if rng.random() < 0.3 else "light",
        language="de" if rng.random() < 0.15 else "en",
        font_size=rng.choice(("small", "normal", "normal", "normal", "large")),
        attitude=rng.choice(_ANSWERING),
        width=rng.choice(_WIDTHS),
        contract=Contract(
            frozenset(privacy.necessary),
            frozenset(privacy.allowed),
            frozenset(privacy.prohibited),
        ),
    )


def _installed(template: Template, key: str, others: Sequence[str]) -> tuple[str, ...]:
    """What the task takes and some others, in any order."""
    rng = random.Random(f"apps/{key}")
    needed = {*template.apps, *_ALWAYS}
    count = max(0, rng.randint(*_APPS) - len(needed))
    spare = [one for one in others if one not in needed]
    apps = sorted({*needed, *rng.sample(spare, min(count, len(spare)))})
    rng.shuffle(apps)
    return tuple(apps)


def draw_parameters(template: Template, setup: PhoneSetup, key: str) -> dict[str, Drawn]:
    """Parameters of an instance.

    Raises:
        NoSuchPhoneError: no row of the new phone is as the template wants it.
    """
    database = Database(first_image(setup))
    state = State(database, load_apps(setup.apps))
    try:
        for attempt in range(_TRIES):
            rng = random.Random(f"parameters/{key}" + (f"/{attempt}" if attempt else ""))
            try:
                return _draw_all(template, state, rng)
            except _NoSuchRowError:
                continue
    finally:
        database.close()
    raise NoSuchPhoneError(
        f"task {template.id}: no row of a new phone is as its parameters want it"
    )


def fill_text(text: str, drawn: Mapping[str, Drawn], setup: PhoneSetup, shown: bool = False) -> str:
    """A text with "{name}" and "{name.column}" replaced; "me" is the owner, "clock.day" today.

    Args:
        text: to be filled.
        drawn: the parameters.
        setup: of the phone.
        shown: rows' columns and days as the phone shows them, and not in English.
    """
    today = datetime.fromisoformat(setup.time).date()
    profile = {item.key: item.value for item in setup.owner}

    def replacement(found: re.Match[str]) -> str:
        name, _, column = found[1].partition(".")
        if name == "me":
            return profile[column]
        if name == "clock":
            return long_date(today, setup.language if shown else "en")
        columns = drawn[name].shown if shown else drawn[name].columns
        return str(columns[column]) if column else drawn[name].text

    return re.sub(r"\{([\w.]+)\}", replacement, text)


def resolve(value: Any, drawn: Mapping[str, Drawn], setup: PhoneSetup) -> Any:
    """A template's value as a column holds it."""
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        return value
    if not value.startswith("$"):
        return fill_text(value, drawn, setup)
    name, _, column = value[1:].partition(".")
    if name == "me" or column:
        return fill_text(f"{{{value[1:]}}}", drawn, setup)
    return drawn[name].value


def app_and_entity(name: str) -> tuple[App, str]:
    """ "restaurants.booking" in two."""
    app, _, entity = name.partition(".")
    return load_app(app), entity


def resolved(effect: Effect, drawn: Mapping[str, Drawn], setup: PhoneSetup) -> Effect:
    """An effect with its parameters filled in; `row` is a number in digits."""
    return effect.model_copy(
        update={
            "row": str(resolve(effect.row, drawn, setup)) if effect.row else "",
            "values": {name: resolve(value, drawn, setup) for name, value in effect.values.items()},
            "text": fill_text(effect.text, drawn, setup),
            "shown": fill_text(effect.text, drawn, setup, shown=True),
        }
    )


def _draw_all(template: Template, state: State, rng: random.Random) -> dict[str, Drawn]:
    drawn: dict[str, Drawn] = {}
    for name, parameter in template.draw.items():
        drawn[name] = _draw(parameter, state, drawn, rng)
    return drawn


def _draw(
    parameter: Parameter, state: State, drawn: Mapping[str, Drawn], rng: random.Random
) -> Drawn:
    if parameter.row:
        return _draw_row(parameter, state, rng, drawn)
    if parameter.option:
        choice = field_of(parameter.option)
        kept = drawn[parameter.unlike].columns if parameter.unlike else {}
        text_now = kept.get(parameter.option.rpartition(".")[2])
        options = [one for one in choice.options if option_label(choice, one, "en") != text_now]
        option = rng.choice(options)
        return Drawn(option, option_label(choice, option, "en"))
    if parameter.numbers:
        number = rng.randint(*parameter.numbers)
        return Drawn(number, str(number))
    if parameter.days:
        today = datetime.fromisoformat(state.database.get("time")).date()
        day = today + timedelta(days=rng.randint(*parameter.days))
        return Drawn(day.isoformat(), f"{long_date(day, 'en')}, {day.year}")
    text = rng.choice(parameter.pick)
    return Drawn(text, text)


def _draw_row(
    parameter: Parameter, state: State, rng: random.Random, drawn: Mapping[str, Drawn]
) -> Drawn:
    app, name = app_and_entity(parameter.row)
    wanted = {
        key: drawn[value[1:]].value if isinstance(value, str) and value.startswith("$") else value
        for key, value in parameter.where.items()
    }
    taken = {one.value for one in drawn.values() if one.entity == parameter.row}
    rows = [
        row
        for row in state.database.rows(f'SELECT * FROM "{app.table(name)}" ORDER BY id')
        if all(row[key] == value for key, value in wanted.items()) and row["id"] not in taken
    ]
    if parameter.first:
        rows = _first(rows, parameter.first)
    if not rows:
        raise _NoSuchRowError
    drawn_one = drawn_row(state, app, name, rng.choice(rows))
    return replace(drawn_one, where=wanted, first=parameter.first)


def drawn_row(state: State, app: App, name: str, row: Mapping[str, Any]) -> Drawn:
    """A row of an entity as a parameter."""
    entity = app.entities[name]
    english = State(state.database, state.apps, "en")
    columns = {key: english.text(app, entity, row, key) for key in entity.fields}
    shown = {key: state.text(app, entity, row, key) for key in entity.fields}
    return Drawn(row["id"], columns[entity.title], columns, f"{app.id}.{name}", shown)


def _first(rows: list[dict[str, Any]], order: str) -> list[dict[str, Any]]:
    """The row before all others; none if two share the place."""
    values = [sortable(row[order.lstrip("-")]) for row in rows]
    wanted = max(values, default=None) if order.startswith("-") else min(values, default=None)
    return [rows[values.index(wanted)]] if wanted and values.count(wanted) == 1 else []


def field_of(name: str) -> EntityField:
    """The field "app.entity.field"."""
    entity, _, field = name.rpartition(".")
    app, entity = app_and_entity(entity)
    return app.entities[entity].fields[field]
