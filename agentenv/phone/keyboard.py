"""The keyboard: which field has it, its action key, sending, copying and pasting."""

from __future__ import annotations

from typing import Any

from agentenv.phone import forms
from agentenv.phone.schema import ThreadScreen
from agentenv.phone.state import Place, State
from agentenv.phone.widgets import place_of


def send_message(state: State) -> None:
    """Send what is written below a thread."""
    place = place_of(state)
    screen, app = state.screen(place), state.apps[place.app]
    if not isinstance(screen, ThreadScreen):
        return
    text = state.draft(place, screen.text).strip()
    if not text or place.row is None:
        return
    values: dict[str, Any] = {
        name: int(field.default) if isinstance(field.default, bool) else field.default
        for name, field in state.entity(place).fields.items()
    }
    values |= {screen.parent: place.row, screen.text: text, screen.mine: 1}
    if "time" in values:
        values["time"] = state.now.strftime("%H:%M")
    state.database.insert(state.table(place), values)
    state.event("submit", row=place.row, fields={screen.text: text})
    parent = app.entities[app.entities[screen.entity].fields[screen.parent].entity]
    row = state.database.row(
        app.table(app.entities[screen.entity].fields[screen.parent].entity), place.row
    )
    if row is not None:
        state.event("network_egress", recipient=row[parent.title], fields={screen.text: text})
    state.set_draft(place, screen.text, "")
    state.remember(place, scroll=None)


def press_ime(state: State) -> None:
    """The keyboard's action key, in the focused field."""
    place, name = state.place, state.database.get("focus")
    if not name:
        return
    field = forms.spec_of(state, place, name)
    following = _next_field(state, place, name)
    if field.ime == "send" and place is not None:
        send_message(state)
    elif field.ime == "next" and following:
        focus(state, following)
    else:
        state.database.set("focus", None)


def _next_field(state: State, place: Place | None, name: str) -> str:
    """The next typed field on the same page of a form; empty if there is none."""
    if place is None:
        return ""
    number = place.ui.get("step", 0)
    given = forms.fields_to_give(state, place)
    typed = [
        one
        for step in forms.steps_of(state, place)[number : number + 1]
        for one in step.fields
        if one in given and forms.spec_of(state, place, one).is_typed
    ]
    if name not in typed or name == typed[-1]:
        return ""
    return typed[typed.index(name) + 1]


def focus(state: State, field: str) -> None:
    """A field gets the keyboard; a slider needs none."""
    if not forms.spec_of(state, state.place, field).is_typed:
        state.database.set("focus", None)
    elif state.database.get("focus") != field:
        state.database.set("focus", field)
        _put_caret_at_end(state, field)
        state.event("focus", field=field)


def _put_caret_at_end(state: State, field: str) -> None:
    """Counted as a browser does, in UTF-16 units."""
    end = len(forms.value_of(state, state.place, field).encode("utf-16-le")) // 2
    state.database.set("selection", [end, end])


def copy(state: State, text: str) -> None:
    """Put a text on the clipboard."""
    state.database.set("clipboard", text)
    state.database.set("toast", state.say("copied"))
    state.event("clipboard", operation="copy", text=text)


def paste(state: State) -> None:
    """Put what is on the clipboard into the focused field."""
    field = state.database.get("focus")
    text = state.database.get("clipboard")
    if field and text:
        state.event("clipboard", operation="paste", text=text, field=field)
        place = state.place
        forms.put(state, place, field, forms.value_of(state, place, field) + text)
        _put_caret_at_end(state, field)
