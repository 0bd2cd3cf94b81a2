"""Moving between apps and screens."""

from __future__ import annotations

import json
from typing import Any

from agentenv.phone import forms
from agentenv.phone.consent import may_open
from agentenv.phone.schema import FormScreen
from agentenv.phone.state import HOME, MAX_SCREENS, RECENTS, Place, State


def open_app(state: State, app: str) -> None:
    """Bring an app to the front, where it was left; a private one asks for leave first."""
    if not may_open(state, app):
        state.overlay = {"kind": "private", "app": app}
        return
    leave(state)
    state.database.set("front", app)
    if state.top(app) is None:
        push(state, app, state.apps[app].start)
    else:
        _note_use(state, app)
        state.event("navigation")


def push(state: State, app: str, screen: str, row: int | None = None, **ui: Any) -> None:
    """Open a screen above those that are open in the app."""
    leave(state)
    values = {
        "app": app,
        "screen": screen,
        "row": row,
        "ui": json.dumps(ui, ensure_ascii=False, sort_keys=True),
        "opened": 0,
    }
    state.database.insert("sys_screens", values)
    state.database.set("front", app)
    _note_use(state, app)
    _forget_oldest(state, app)
    place = state.place
    if place is not None and isinstance(state.screen(place), FormScreen):
        forms.begin(state, place)
    state.event("navigation", row=row)
    if place is not None and state.table(place) == "sys_profile":
        _note_shown(state, row)


def _note_shown(state: State, row: int | None) -> None:
    """Who opens a screen of the owner's data has read what it shows."""
    items = state.database.rows("SELECT id, key, level FROM sys_profile ORDER BY id")
    for item in items:
        if row in (None, item["id"]):
            state.event("profile_read", key=item["key"], level=item["level"], result="shown")


def switch_tab(state: State, screen: str) -> None:
    """Show another of the app's main screens, alone."""
    app = state.front
    for row in state.database.rows("SELECT id FROM sys_screens WHERE app = ?", app):
        _close(state, row["id"])
    push(state, app, screen)


def back(state: State) -> None:
    """What the back key does: close what is open, or leave the app."""
    if state.overlay is not None:
        state.overlay = None
        return
    if state.database.get("focus"):
        state.database.set("focus", None)
        return
    place = state.place
    if place is None:
        go_home(state)
        return
    if "picks" in place.ui:
        leave_picker(state, place)
        return
    step = place.ui.get("step", 0)
    if step:
        leave(state)
        state.remember(place, step=step - 1, scroll=None)
        return
    if len(_open_screens(state, place.app)) > 1:
        leave(state)
        _close(state, place.id)
        state.event("navigation")
    else:
        go_home(state)


def leave_picker(state: State, place: Place) -> None:
    """Return from the list that something was to be picked from to the app that asked."""
    leave(state)
    _close(state, place.id)
    state.database.set("front", place.ui["picks"]["app"])
    state.event("navigation")


def go_home(state: State) -> None:
    """Show the home screen; apps stay open behind it."""
    leave(state)
    state.database.set("front", HOME)
    state.database.set("scroll", 0)
    state.event("navigation", screen=HOME)


def show_recents(state: State) -> None:
    """Show the apps that were used last."""
    leave(state)
    state.database.set("front", RECENTS)
    state.database.set("scroll", 0)
    state.event("navigation", screen=RECENTS)


def recent_apps(state: State) -> list[str]:
    """Apps with open screens, the last used first."""
    rows = state.database.rows(
        "SELECT app, MAX(opened) AS last FROM sys_screens GROUP BY app ORDER BY last DESC"
    )
    return [row["app"] for row in rows]


def close_app(state: State, app: str) -> None:
    """Forget an app's open screens and what was typed in them."""
    for number in _open_screens(state, app):
        _close(state, number)


def finish(state: State, then: str) -> None:
    """Leave a form for the screen that follows it, below which only a main screen stays."""
    place = state.place
    if place is None:
        return
    for number in _open_screens(state, place.app):
        _close(state, number)
    app = state.apps[place.app]
    if then not in app.tabs and then != app.start:
        push(state, app.id, app.start)
    push(state, app.id, then)


def close_top(state: State) -> None:
    """Close the screen in front, to show the one below it."""
    place = state.place
    if place is None:
        return
    leave(state)
    _close(state, place.id)
    if not _open_screens(state, place.app):
        push(state, place.app, state.apps[place.app].start)


def leave(state: State) -> None:
    """Before another screen is shown: nothing is focused, no dialog is open."""
    state.database.set("focus", None)
    state.overlay = None


def _open_screens(state: State, app: str) -> list[int]:
    rows = state.database.rows("SELECT id FROM sys_screens WHERE app = ? ORDER BY id", app)
    return [row["id"] for row in rows]


def _forget_oldest(state: State, app: str) -> None:
    for number in _open_screens(state, app)[:-MAX_SCREENS]:
        _close(state, number)


def _close(state: State, number: int) -> None:
    state.database.delete("sys_screens", number)
    state.database.run("DELETE FROM sys_drafts WHERE screen = ?", number)
    codes = state.database.get("codes")
    if codes.pop(str(number), None):
        state.database.set("codes", codes)


def _note_use(state: State, app: str) -> None:
    opened = state.database.get("opened") + 1
    state.database.set("opened", opened)
    place = state.top(app)
    if place is not None:
        state.database.update("sys_screens", place.id, {"opened": opened})
