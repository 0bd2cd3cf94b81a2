"""What a tap does. A tap names a verb and its words ("open detail 12"), and only what the
screen in front offers is carried out (see `Phone.handle`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from agentenv.phone import consent, forms, navigation
from agentenv.phone.schema import Button, DetailScreen, FormScreen, ListScreen, ThreadScreen
from agentenv.phone.state import Place, State
from agentenv.phone.words import in_language


def perform(state: State, action: str) -> None:
    """Carry out what an element of the screen stands for."""
    verb, *words = action.split(" ")
    _VERBS[verb](state, *words)


def _place(state: State) -> Place:
    place = state.place
    assert place is not None, "the home screen offers no such thing"
    return place


def _open(state: State, screen: str, row: str = "") -> None:
    place = _place(state)
    navigation.push(state, place.app, screen, int(row) if row else None)


def _close(state: State) -> None:
    state.overlay = None


def _shade(state: State) -> None:
    state.database.set("focus", None)
    state.overlay = {"kind": "shade"}


def _button(state: State, name: str) -> None:
    button = _button_of(state, name)
    if button.confirm:
        state.overlay = {"kind": "confirm", "button": name}
    else:
        _press(state, button)


def _yes(state: State) -> None:
    overlay = state.overlay or {}
    state.overlay = None
    _press(state, _button_of(state, overlay["button"]))


def _button_of(state: State, name: str) -> Button:
    screen = state.screen(_place(state))
    assert isinstance(screen, DetailScreen)
    return screen.buttons[name]


def _press(state: State, button: Button) -> None:
    place = _place(state)
    app, entity, table = state.apps[place.app], state.entity(place), state.table(place)
    row = state.database.row(table, place.row)
    if row is None:
        return
    if button.says:
        state.database.set("toast", in_language(button.says, state.language))
    if button.opens:
        target = app.screens[button.opens]
        same = isinstance(target, FormScreen) and target.entity == state.screen(place).entity
        edits = {"edits": True} if same else {}
        navigation.push(state, place.app, button.opens, place.row, **edits)
    elif button.set is not None:
        values = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in button.set.items()
        }
        state.database.update(table, row["id"], values)
        state.event("submit", row=row["id"], fields=values)
    elif button.delete:
        state.database.delete(table, row["id"])
        state.event("submit", row=row["id"], deleted=True)
        navigation.close_top(state)
    elif button.copies:
        copy(state, state.filled(app, entity, row, button.copies))
    else:
        text = state.filled(app, entity, row, button.shares)
        state.overlay = {"kind": "share", "text": text}


def copy(state: State, text: str) -> None:
    """Put a text on the clipboard."""
    state.database.set("clipboard", text)
    state.database.set("toast", state.say("copied"))
    state.event("clipboard", operation="copy", text=text)


def _paste(state: State) -> None:
    field = state.database.get("focus")
    text = state.database.get("clipboard")
    if field and text:
        state.event("clipboard", operation="paste", text=text, field=field)
        place = state.place
        forms.put(state, place, field, forms.value_of(state, place, field) + text)
        _put_caret_at_end(state, field)


def _share_to(state: State, name: str) -> None:
    """Hand the shared text to an app: its form for a new row begins with it."""
    text = (state.overlay or {}).get("text", "")
    if not consent.may_open(state, name):
        state.overlay = {"kind": "private", "app": name}
        return
    app = state.apps[name]
    form, field = next(iter(share_targets(state)[name].items()))
    state.event("clipboard", operation="share", text=text, recipient=name)
    navigation.push(state, name, app.start)
    navigation.push(state, name, form)
    forms.put(state, state.place, field, text)


def share_targets(state: State) -> dict[str, dict[str, str]]:
    """App -> the form, and its long text, that shared texts go to."""
    found: dict[str, dict[str, str]] = {}
    for name, app in state.apps.items():
        for screen_name, screen in app.screens.items():
            if not isinstance(screen, FormScreen) or screen.sends or screen.parent:
                continue
            fields = app.entities[screen.entity].fields
            texts = [one for step in screen.steps for one in step.fields
                     if fields[one].type == "long_text"]  # fmt: skip
            if texts:
                found.setdefault(name, {screen_name: texts[0]})
    return found


def _list_tab(state: State, option: str) -> None:
    state.remember(_place(state), tab=int(option), scroll=None)


def _filter(state: State, field: str, option: str = "") -> None:
    place = _place(state)
    if not option:
        state.overlay = {"kind": "filter", "field": field}
        return
    chosen = {**place.ui.get("filters", {})}
    chosen.pop(field, None)
    if option != "all":
        chosen[field] = int(option)
    state.overlay = None
    state.remember(place, filters=chosen or None, scroll=None)


def _toggle(state: State, row: str) -> None:
    place = _place(state)
    screen = state.screen(place)
    assert isinstance(screen, ListScreen)
    assert screen.toggles is not None
    table, number = state.table(place), int(row)
    found = state.database.row(table, number)
    if found is not None:
        value = int(not found[screen.toggles])
        state.database.update(table, number, {screen.toggles: value})
        state.event("edit", field=screen.toggles, row=number, before=1 - value, after=value)


def _clear(state: State, field: str) -> None:
    forms.put(state, state.place, field, "")


def _change_by(state: State, field: str, amount: str) -> None:
    place = _place(state)
    spec = forms.spec_of(state, place, field)
    now = int(forms.value_of(state, place, field) or spec.low)
    forms.put(state, place, field, str(min(spec.high, max(spec.low, now + int(amount)))))


def _pick(state: State, field: str, option: str) -> None:
    place = _place(state)
    spec = forms.spec_of(state, place, field)
    forms.put(state, place, field, spec.options[int(option)])
    state.overlay = None


def _menu(state: State, field: str) -> None:
    state.overlay = {"kind": "menu", "field": field}


def _switch(state: State, field: str) -> None:
    place = _place(state)
    on = forms.value_of(state, place, field) == "1"
    forms.put(state, place, field, "0" if on else "1")


def _date(state: State, field: str) -> None:
    value = forms.value_of(state, _place(state), field) or state.today.isoformat()
    state.overlay = {"kind": "date", "field": field, "chosen": value, "month": value[:8] + "01"}


def _month(state: State, amount: str) -> None:
    overlay = dict(state.overlay or {})
    first = date.fromisoformat(overlay["month"])
    other = (first + timedelta(days=32 if int(amount) > 0 else -1)).replace(day=1)
    state.overlay = overlay | {"month": other.isoformat()}


def _years(state: State) -> None:
    state.overlay = {**(state.overlay or {}), "kind": "years"}


def _year(state: State, year: str) -> None:
    overlay = dict(state.overlay or {})
    first = date.fromisoformat(overlay["month"]).replace(year=int(year))
    state.overlay = overlay | {"kind": "date", "month": first.isoformat(), "scroll": 0}


def _choose(state: State, value: str) -> None:
    """A day, hour or minute of the picker that is open."""
    overlay = dict(state.overlay or {})
    if overlay["kind"] == "date":
        state.overlay = overlay | {"chosen": value}
        return
    hour, minute = overlay["chosen"].split(":")
    part, number = value.split(":")
    chosen = f"{number}:{minute}" if part == "h" else f"{hour}:{number}"
    state.overlay = overlay | {"chosen": chosen}


def _time(state: State, field: str) -> None:
    value = forms.value_of(state, _place(state), field) or "12:00"
    state.overlay = {"kind": "time", "field": field, "chosen": value}


def _accept(state: State) -> None:
    overlay = state.overlay or {}
    state.overlay = None
    forms.put(state, _place(state), overlay["field"], overlay["chosen"])


def _next(state: State) -> None:
    place = _place(state)
    steps, number = forms.steps_of(state, place), place.ui.get("step", 0)
    on_review = number == len(steps)
    missing = [] if on_review else forms.missing_fields(state, place, steps[number])
    state.database.set("focus", None)
    if missing:
        state.remember(place, missing=missing)
        return
    screen = state.screen(place)
    assert isinstance(screen, FormScreen)
    if number + 1 < len(steps) + screen.review:
        state.remember(place, step=number + 1, missing=None, scroll=None)
    else:
        _submit(state)


def _submit(state: State) -> None:
    place = _place(state)
    screen = state.screen(place)
    assert isinstance(screen, FormScreen)
    forms.submit(state, place)
    state.database.set("toast", in_language(screen.says, state.language))
    if place.ui.get("edits"):
        navigation.close_top(state)
    else:
        navigation.finish(state, screen.then)


def send_message(state: State) -> None:
    """Send what is written below a thread."""
    place = _place(state)
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
    steps = forms.steps_of(state, place)
    number = place.ui.get("step", 0)
    names = steps[number].fields if number < len(steps) else ()
    typed = [one for one in names if forms.spec_of(state, place, one).is_typed]
    if name not in typed or name == typed[-1]:
        return ""
    return typed[typed.index(name) + 1]


def focus(state: State, field: str) -> None:
    """A field gets the keyboard."""
    if state.database.get("focus") != field:
        state.database.set("focus", field)
        _put_caret_at_end(state, field)
        state.event("focus", field=field)


def _put_caret_at_end(state: State, field: str) -> None:
    """Counted as a browser does, in UTF-16 units."""
    end = len(forms.value_of(state, state.place, field).encode("utf-16-le")) // 2
    state.database.set("selection", [end, end])


def _ask_owner(state: State) -> None:
    """The dialog of a private app: the owner is asked, and the app opens on a yes."""
    app = (state.overlay or {})["app"]
    state.overlay = None
    consent.request(state, "access_app", app, "")
    if consent.may_open(state, app):
        navigation.open_app(state, app)


def _notification(state: State, number: str) -> None:
    found = state.database.row("sys_notifications", int(number))
    _dismiss(state, number)
    if found is not None:
        state.overlay = None
        navigation.open_app(state, found["app"])


def _dismiss(state: State, number: str) -> None:
    state.database.delete("sys_notifications", int(number))


def _clear_all(state: State) -> None:
    state.database.run("DELETE FROM sys_notifications")
    state.overlay = None


_VERBS: dict[str, Callable[..., None]] = {
    "accept": _accept,
    "app": navigation.open_app,
    "ask_owner": _ask_owner,
    "back": navigation.back,
    "button": _button,
    "by": _change_by,
    "choose": _choose,
    "clear": _clear,
    "clear_all": _clear_all,
    "close": _close,
    "close_app": navigation.close_app,
    "date": _date,
    "dismiss": _dismiss,
    "filter": _filter,
    "home": navigation.go_home,
    "ime": press_ime,
    "list_tab": _list_tab,
    "menu": _menu,
    "month": _month,
    "next": _next,
    "notification": _notification,
    "open": _open,
    "paste": _paste,
    "pick": _pick,
    "recents": navigation.show_recents,
    "send": send_message,
    "shade": _shade,
    "share_to": _share_to,
    "submit": _submit,
    "switch": _switch,
    "tab": navigation.switch_tab,
    "time": _time,
    "toggle": _toggle,
    "year": _year,
    "years": _years,
    "yes": _yes,
}
