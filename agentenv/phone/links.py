"""What a form gets from other apps: a code that comes as a message, and a contact picked."""

from __future__ import annotations

import random
from typing import Any

from agentenv.phone import forms, navigation
from agentenv.phone.schema import App, EntityField, FormScreen, ThreadScreen
from agentenv.phone.state import Place, State
from agentenv.phone.words import clock_text, in_language

CONTACTS = "contacts"
"""The app that contacts are picked in."""
_DIGITS = 6


def inbox_of(apps: dict[str, App]) -> tuple[App, ThreadScreen] | None:
    """The app that codes come to, and its thread; None if none is installed."""
    for app in apps.values():
        for screen in app.screens.values():
            if isinstance(screen, ThreadScreen) and screen.service:
                return app, screen
    return None


def send_code(state: State, place: Place) -> None:
    """Send the code that the step of a form in front asks for, once."""
    screen, inbox = state.screen(place), inbox_of(dict(state.apps))
    codes: dict[str, str] = state.database.get("codes")
    steps = forms.steps_of(state, place)
    shown = steps[number].fields if (number := place.ui.get("step", 0)) < len(steps) else ()
    if not isinstance(screen, FormScreen) or screen.code not in shown or str(place.id) in codes:
        return
    rng = random.Random(
        f"code/{state.database.get('seed')}/{place.app}/{state.database.get('opened')}"
    )
    code = "".join(rng.choice("0123456789") for _ in range(_DIGITS))
    state.database.set("codes", {**codes, str(place.id): code})
    if inbox is None:
        return
    app, thread = inbox
    sender = in_language(state.apps[place.app].name, state.language)
    text = state.say("code_text", code=code, app=sender)
    time = clock_text(state.now, state.language)
    owner = _service(state, app, thread, sender)
    row = {thread.parent: owner, thread.text: text, thread.mine: 0, str(thread.service): 1}
    fields = app.entities[thread.entity].fields
    state.database.insert(
        app.table(thread.entity), row | ({"time": time} if "time" in fields else {})
    )
    notice = {"app": app.id, "title": state.say("message"), "body": sender, "time": time}
    state.database.insert("sys_notifications", notice)


def picks(state: State, app: str, field: EntityField) -> bool:
    """Whether a field may be filled by picking a contact."""
    return field.contact is not None and CONTACTS in state.apps and app != CONTACTS


def pick(state: State, name: str) -> None:
    """Show the contacts, to choose one for a field. What is chosen is all the app learns, which
    is why nobody's leave is needed."""
    place = state.place
    assert place is not None
    column = forms.spec_of(state, place, name).contact
    start = state.apps[CONTACTS].start
    navigation.push(
        state, CONTACTS, start, picks={"app": place.app, "field": name, "column": column}
    )


def picked(state: State, place: Place, number: int) -> None:
    """Fill the field with what it wants of the chosen contact, and return to its form."""
    wanted: dict[str, Any] = place.ui["picks"]
    row = state.database.row(state.table(place), number) or {}
    navigation.leave_picker(state, place)
    forms.put(state, state.place, wanted["field"], str(row.get(wanted["column"]) or ""))


def _service(state: State, app: App, thread: ThreadScreen, name: str) -> int:
    """The row that a service's messages belong to; made with its first message."""
    target = app.entities[thread.entity].fields[thread.parent].entity
    entity, table = app.entities[target], app.table(target)
    found = state.database.rows(
        f'SELECT id FROM "{table}" WHERE "{entity.title}" = ? AND "{thread.service}" = 1', name
    )
    if found:
        return int(found[0]["id"])
    row = {key: int(one.default) if isinstance(one.default, bool) else one.default
           for key, one in entity.fields.items()}  # fmt: skip
    return state.database.insert(table, {**row, entity.title: name, str(thread.service): 1})
