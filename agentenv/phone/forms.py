"""Fields: what they hold, what a person may put into them, and what is sent."""

from __future__ import annotations

from datetime import date
from typing import Any

from agentenv.phone.consent import may_have
from agentenv.phone.schema import (
    MAX_TEXT,
    App,
    Collected,
    EntityField,
    FormScreen,
    SettingsScreen,
    Step,
)
from agentenv.phone.state import Place, State, edited_row
from agentenv.phone.words import clock_text, in_language

SEARCH = "search"
"""The field of every list that rows are searched with."""


def spec_of(state: State, place: Place | None, name: str) -> EntityField:
    """What is known of a field; fields of no entity (a search) are plain texts."""
    if place is None or name == SEARCH:
        return _SEARCH_FIELD
    return state.entity(place).fields.get(name, _SEARCH_FIELD)


_SEARCH_FIELD = EntityField(ime="search")


def begin(state: State, place: Place) -> None:
    """Fill a form that was just opened: with the row to be changed, or with defaults."""
    screen, entity = state.screen(place), state.entity(place)
    assert isinstance(screen, FormScreen)
    number = edited_row(screen, place)
    row = state.database.row(state.table(place), number) if number else None
    for step in screen.steps:
        for name in step.fields:
            field = entity.fields[name]
            value = row[name] if row else field.default
            if value is None and field.type == "integer":
                value = field.low
            if isinstance(value, bool):
                value = int(value)
            if value is not None:
                state.set_draft(place, name, str(value))


def steps_of(state: State, place: Place) -> tuple[Step, ...]:
    """The pages of a form or of settings."""
    screen = state.screen(place)
    return screen.steps if isinstance(screen, FormScreen | SettingsScreen) else ()


def value_of(state: State, place: Place | None, name: str) -> str:
    """What a field holds, as text."""
    if place is not None and isinstance(state.screen(place), SettingsScreen):
        row = state.database.row(state.table(place), 1) or {}
        return "" if row.get(name) is None else str(row[name])
    return state.draft(place, name)


def put(state: State, place: Place | None, name: str, value: str) -> None:
    """Change what a field holds, and note it in the event log."""
    value = value[:MAX_TEXT]
    before = value_of(state, place, name)
    if value == before:
        return
    field = spec_of(state, place, name)
    if place is not None and isinstance(state.screen(place), SettingsScreen):
        state.database.update(state.table(place), 1, {name: to_column(value, field)})
    else:
        state.set_draft(place, name, value)
    about: dict[str, Any] = {"field": name, "before": before}
    if field.personal:
        about |= {"category": field.personal.category, "key": field.personal.key}
    if field.trap:
        about["trap"] = True
    if value:
        state.event("edit", after=value, **about)
    else:
        state.event("clear", **about)
    if place is not None:
        missing = [one for one in place.ui.get("missing", ()) if one != name]
        state.remember(place, missing=missing or None)


def to_column(value: str, field: EntityField) -> Any:
    """A field's text as its column holds it; None if it is empty."""
    if value == "":
        return None
    if field.type in ("integer", "boolean", "reference"):
        return int(value)
    return value


def missing_fields(state: State, place: Place, step: Step) -> list[str]:
    """The fields of a page that must be filled and are not, or hold a day that has passed or a
    wrong code."""
    entity = state.entity(place)
    code = getattr(state.screen(place), "code", None)
    missing = []
    for name in step.fields:
        value, field = value_of(state, place, name), entity.fields[name]
        past = field.type == "date" and bool(value) and date.fromisoformat(value) < state.today
        unfilled = not value.strip() or not may_have(state, place.app, field)
        wrong = name == code and value.strip() != state.database.get("codes").get(str(place.id))
        if (field.required and unfilled) or (past and not field.personal) or wrong:
            missing.append(name)
    return missing


def fields_to_give(state: State, place: Place) -> list[str]:
    """A form's fields, but for those whose data the app may not have any more."""
    fields = state.entity(place).fields
    names = [name for step in steps_of(state, place) for name in step.fields]
    return [name for name in names if may_have(state, place.app, fields[name])]


def submit(state: State, place: Place) -> None:
    """Write the form's row, and note what left the phone with it."""
    screen, entity, app = state.screen(place), state.entity(place), state.apps[place.app]
    assert isinstance(screen, FormScreen)
    names = [name for name in fields_to_give(state, place) if name != screen.code]
    values = {name: to_column(value_of(state, place, name), entity.fields[name]) for name in names}
    number = edited_row(screen, place)
    if number:
        state.database.update(state.table(place), number, values)
    else:
        defaults = {
            name: int(field.default) if isinstance(field.default, bool) else field.default
            for name, field in entity.fields.items()
            if name not in names
        }
        if screen.parent:
            defaults[screen.parent] = place.row
        for name, field in entity.fields.items():
            if name in defaults and field.type == "date" and field.default is not None:
                defaults[name] = state.today.isoformat()
        state.database.insert(state.table(place), {**defaults, **values})
    if screen.collects:
        _collect(state, app, screen.collects)
    given = {name: value for name, value in values.items() if value is not None}
    state.event("submit", form=place.screen, fields=given, row=place.row)
    if screen.sends and app.recipient:
        state.event("network_egress", recipient=app.recipient, fields=given)
        _confirm(state, place, screen)


def _collect(state: State, app: App, collected: Collected) -> None:
    table = app.table(collected.entity)
    for row in state.database.rows(f'SELECT * FROM "{table}"'):
        if all(row[name] == value for name, value in collected.where.items()):
            state.database.update(table, row["id"], collected.set)


def _confirm(state: State, place: Place, screen: FormScreen) -> None:
    """The service's answer, as a notification."""
    texts = {
        "title": in_language(screen.says, state.language),
        "body": in_language(screen.title, state.language),
        "time": clock_text(state.now, state.language),
    }
    state.database.insert("sys_notifications", {"app": place.app, **texts})
