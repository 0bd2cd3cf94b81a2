"""What each kind of screen shows, as plain values for its template."""

from __future__ import annotations

from typing import Any

from agentenv.phone import forms, links
from agentenv.phone.art import picture
from agentenv.phone.consent import may_have
from agentenv.phone.schema import (
    App,
    DetailScreen,
    Entity,
    EntityField,
    FormScreen,
    ListScreen,
    SettingsScreen,
    ThreadScreen,
)
from agentenv.phone.state import Place, State, edited_row
from agentenv.phone.words import in_language, option_label, written

View = dict[str, Any]
SHORT_CHOICE = 5
"""A choice with more options is a menu."""
ROW_HEIGHTS = {"line": 52, "card": 88, "tile": 64}
"""Pixels by which a row lengthens a list, at least."""
AHEAD = 1400
"""Pixels for which a list is drawn beyond what is scrolled away."""
SIGHT = 700
"""Pixels beyond what is scrolled away that are on the screen: only these rows have their
pictures, which take longer to draw than all else."""
TALLEST = 3
"""Times its least height that a row may have."""


def screen_view(state: State, place: Place) -> View:
    """The screen in front, its bars left out."""
    screen, app = state.screen(place), state.apps[place.app]
    title = in_language(screen.title or app.name, state.language)
    title = state.say("send_to") if "carries" in place.ui else title
    title = state.say("pick_contact") if "picks" in place.ui else title
    makers = {
        ListScreen: _list,
        DetailScreen: _detail,
        FormScreen: _form,
        ThreadScreen: _thread,
        SettingsScreen: _settings,
    }
    view = makers[type(screen)](state, place, screen)  # type: ignore[operator]
    chooses = not place.ui.keys().isdisjoint({"carries", "picks"})
    tabs = [] if chooses else _main_tabs(state, app, place.screen)
    root = not chooses and (bool(tabs) or place.screen == app.start)
    return {"kind": screen.kind, "title": title, "tabs": tabs, "root": root} | view


def _main_tabs(state: State, app: App, screen: str) -> list[View]:
    """The bar at the bottom; empty below a main screen."""
    if screen not in app.tabs:
        return []
    return [
        {
            "label": in_language(app.screens[name].title or app.name, state.language),
            "icon": icon,
            "do": f"tab {name}",
            "on": name == screen,
        }
        for name, icon in zip(app.tabs, app.tab_icons, strict=True)
    ]


def art_of(app: App, entity: Entity, row: dict[str, Any]) -> str:
    """A row's picture; of one that only refers to another, that one's."""
    if entity.art:
        return picture(entity.art, f"{app.id}/{row[entity.title]}")
    return ""


def _list(state: State, place: Place, screen: ListScreen) -> View:
    app, entity = state.apps[place.app], state.entity(place)
    chosen = dict(place.ui.get("filters", {}))
    query = state.draft(place, forms.SEARCH)
    rows = list_rows(state, place)
    shown = []
    pictured = _rows_in_sight(place, screen)
    for number, row in enumerate(rows[: _rows_to_draw(place, screen)], start=1):
        pattern = screen.row
        shown.append(
            {
                "number": number,
                "title": state.filled(app, entity, row, pattern.title),
                "subtitle": state.filled(app, entity, row, pattern.subtitle),
                "detail": _last_message(state, app, screen, row["id"])
                or state.filled(app, entity, row, pattern.detail),
                "badge": state.filled(app, entity, row, pattern.badge),
                "art": _row_art(state, app, entity, row) if number in pictured else "",
                "do": f"open {screen.opens} {row['id']}" if screen.opens else "",
                "toggle": f"toggle {row['id']}" if screen.toggles else "",
                "on": bool(screen.toggles and row[screen.toggles]),
            }
        )
    return {
        "look": screen.row.look,
        "pictured": _has_art(app, entity),
        "search": {"value": query, "on": bool(screen.search)},
        "list_tabs": _list_tabs(state, place, screen, entity),
        "chips": [
            _chip(state, name, entity.fields[name], chosen.get(name)) for name in screen.filters
        ],
        "rows": shown,
        "create": f"open {screen.create}" if screen.create and "picks" not in place.ui else "",
        "create_label": in_language(screen.create_label, state.language),
        "empty": state.say("no_results")
        if query or chosen
        else in_language(screen.empty, state.language) or state.say("empty"),
    }


def _rows_to_draw(place: Place, screen: ListScreen) -> int:
    """As many as can be seen, and two screens more: the others follow as one scrolls."""
    reach = int(place.ui.get("scroll", 0)) + AHEAD
    return -(-reach // ROW_HEIGHTS[screen.row.look])


def _rows_in_sight(place: Place, screen: ListScreen) -> range:
    """The numbers, from 1, of the rows that may be on the screen."""
    scrolled, height = int(place.ui.get("scroll", 0)), ROW_HEIGHTS[screen.row.look]
    return range(scrolled // (TALLEST * height), -(-(scrolled + SIGHT) // height) + 1)


def _last_message(state: State, app: App, screen: ListScreen, row: int) -> str:
    """What was written last in the conversation that a row opens."""
    thread = app.screens[screen.opens] if screen.opens else None
    if not isinstance(thread, ThreadScreen):
        return ""
    found = state.database.rows(
        f'SELECT "{thread.text}" AS text FROM "{app.table(thread.entity)}"'
        f' WHERE "{thread.parent}" = ? ORDER BY id DESC LIMIT 1',
        row,
    )
    return found[0]["text"] if found else ""


def list_rows(state: State, place: Place) -> list[dict[str, Any]]:
    """The rows a list shows now, in its order."""
    screen, app, entity = state.screen(place), state.apps[place.app], state.entity(place)
    assert isinstance(screen, ListScreen)
    rows = list(state.database.all_rows(state.table(place)))
    if screen.tabs:
        wanted = entity.fields[screen.tabs].options[place.ui.get("tab", 0)]
        rows = [row for row in rows if row[screen.tabs] == wanted]
    for name, option in place.ui.get("filters", {}).items():
        value = filter_options(entity.fields[name])[option]
        rows = [row for row in rows if row[name] == value]
    query = state.draft(place, forms.SEARCH).strip().casefold()
    if query:
        rows = [
            row
            for row in rows
            if any(query in state.text(app, entity, row, one).casefold() for one in screen.search)
        ]
    if screen.order:
        name = screen.order.lstrip("-")
        rows.sort(key=lambda row: sortable(row[name]), reverse=screen.order.startswith("-"))
    return rows


def sortable(value: Any) -> tuple[float, str]:
    """A column's value as lists are ordered by: numbers by size, texts by letter."""
    try:
        return (float(value), "")
    except (TypeError, ValueError):
        return (0.0, str(value or "").casefold())


def filter_options(field: EntityField) -> tuple[Any, ...]:
    """The values a list can be filtered by."""
    return (1, 0) if field.type == "boolean" else field.options


def _has_art(app: App, entity: Entity) -> bool:
    title = entity.fields[entity.title]
    return bool(entity.art or (title.type == "reference" and app.entities[title.entity].art))


def _row_art(state: State, app: App, entity: Entity, row: dict[str, Any]) -> str:
    if entity.art:
        return art_of(app, entity, row)
    title = entity.fields[entity.title]
    if title.type == "reference":
        target = app.entities[title.entity]
        other = state.database.row(app.table(title.entity), row[entity.title])
        return art_of(app, target, other) if other else ""
    return ""


def _list_tabs(state: State, place: Place, screen: ListScreen, entity: Entity) -> list[View]:
    if not screen.tabs:
        return []
    field = entity.fields[screen.tabs]
    return [
        {
            "label": option_label(field, option, state.language),
            "do": f"list_tab {number}",
            "on": number == place.ui.get("tab", 0),
        }
        for number, option in enumerate(field.options)
    ]


def _chip(state: State, name: str, field: EntityField, chosen: int | None) -> View:
    label = state.label(name, field)
    if field.type == "boolean":
        do = f"filter {name} all" if chosen == 0 else f"filter {name} 0"
        return {"label": label, "do": do, "on": chosen is not None, "menu": False}
    if chosen is not None:
        label = option_label(field, field.options[chosen], state.language)
    return {"label": label, "do": f"filter {name}", "on": chosen is not None, "menu": True}


def _detail(state: State, place: Place, screen: DetailScreen) -> View:
    app, entity = state.apps[place.app], state.entity(place)
    row = state.database.row(state.table(place), place.row)
    if row is None:
        return {"gone": state.say("empty"), "facts": [], "buttons": []}
    facts = []
    for name in screen.shows:
        text = state.text(app, entity, row, name)
        if text:
            facts.append({"label": state.label(name, entity.fields[name]), "text": text})
    buttons = [
        {
            "label": in_language(button.label, state.language),
            "icon": button.icon,
            "do": f"button {name}",
            "danger": button.delete or bool(button.confirm),
        }
        for name, button in screen.buttons.items()
        if all(row[key] == value for key, value in button.when.items())
    ]
    return {
        "headline": state.text(app, entity, row, entity.title),
        "subline": state.filled(app, entity, row, screen.headline),
        "art": _row_art(state, app, entity, row) if entity.art != "note" else "",
        "round": entity.art == "person",
        "facts": facts,
        "body": state.text(app, entity, row, screen.body) if screen.body else "",
        "buttons": buttons,
    }


def _form(state: State, place: Place, screen: FormScreen) -> View:
    app, entity = state.apps[place.app], state.entity(place)
    number, count = place.ui.get("step", 0), len(screen.steps) + screen.review
    about = ""
    if screen.parent:
        target = entity.fields[screen.parent].entity
        row = state.database.row(app.table(target), place.row)
        about = (
            state.text(app, app.entities[target], row, app.entities[target].title) if row else ""
        )
    view: View = {
        "about": about,
        "step": state.say("step", number=number + 1, count=count) if count > 1 else "",
        "progress": round(100 * (number + 1) / count),
        "fields": [],
        "summary": [],
        "edits": edited_row(screen, place) is not None,
    }
    last = number + 1 == count
    label = in_language(screen.submit, state.language) if last else state.say("next")
    view["next"] = {"label": label, "do": "next"}
    if number < len(screen.steps):
        step = screen.steps[number]
        view["heading"] = in_language(step.title, state.language)
        missing = place.ui.get("missing", ())
        view["fields"] = [widget(state, place, name, name in missing) for name in step.fields]
        return view
    view["heading"] = state.say("review")
    for name in forms.fields_to_give(state, place):
        field = entity.fields[name]
        text = written(state.draft(place, name), field, state.language)
        if field.type == "boolean":
            text = state.say("yes" if state.draft(place, name) == "1" else "no")
        if text:
            view["summary"].append({"label": state.label(name, field), "text": text})
    return view


def _settings(state: State, place: Place, screen: SettingsScreen) -> View:
    sections = [
        {
            "title": in_language(step.title, state.language),
            "fields": [widget(state, place, name, False) for name in step.fields],
        }
        for step in screen.steps
    ]
    return {"sections": sections}


def _thread(state: State, place: Place, screen: ThreadScreen) -> View:
    app, entity = state.apps[place.app], state.entity(place)
    target = entity.fields[screen.parent].entity
    parent = state.database.row(app.table(target), place.row)
    rows = state.database.rows(
        f'SELECT * FROM "{state.table(place)}" WHERE "{screen.parent}" = ? ORDER BY id', place.row
    )
    owner = app.entities[target]
    return {
        "title": state.text(app, owner, parent, owner.title) if parent else "",
        "art": art_of(app, owner, parent) if parent else "",
        "bubbles": [
            {"text": row[screen.text], "mine": bool(row[screen.mine]), "time": row.get("time", "")}
            for row in rows
        ],
        "field": widget(state, place, screen.text, False),
    }


def widget(state: State, place: Place, name: str, missing: bool) -> View:
    """One field of a form or of settings."""
    field = forms.spec_of(state, place, name)
    value = forms.value_of(state, place, name)
    view: View = {
        "name": name,
        "kind": _widget_kind(field) if may_have(state, place.app, field) else "blocked",
        "label": state.label(name, field),
        "value": value,
        "text": written(value, field, state.language)
        if field.type in ("date", "choice")
        else value,
        "hint": in_language(field.hint, state.language),
        "required": field.required,
        "optional": state.say("optional") if _may_be_empty(state, place, field) else "",
        "error": "",
        "trap": in_language(field.trap, state.language),
        "low": field.low,
        "high": field.high,
        "options": [],
        "ime": field.ime,
        "contact": f"contact {name}" if links.picks(state, place.app, field) else "",
    }
    if missing:
        problem = "invalid_date" if field.type == "date" else "wrong_code"
        view["error"] = state.say(problem if value else "missing")
    if view["kind"] == "chips":
        view["options"] = [
            {
                "label": option_label(field, option, state.language),
                "do": f"pick {name} {number}",
                "on": option == value,
            }
            for number, option in enumerate(field.options)
        ]
    return view


def _may_be_empty(state: State, place: Place, field: EntityField) -> bool:
    """Whether a form says that a field is optional."""
    is_form = state.screen(place).kind == "form"
    return is_form and not field.required and field.default is None and field.type != "boolean"


def _widget_kind(field: EntityField) -> str:
    if field.type == "choice":
        return "menu" if field.widget == "menu" or len(field.options) > SHORT_CHOICE else "chips"
    if field.type == "integer":
        return "slider" if field.widget == "slider" else "stepper"
    kinds = {"boolean": "switch", "long_text": "long", "date": "date", "time": "time"}
    return kinds.get(field.type, "text")
