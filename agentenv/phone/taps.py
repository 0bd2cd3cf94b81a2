"""What a tap does. A tap names a verb and its words ("open detail 12"), and only what the
screen in front offers is carried out (see `Phone.handle`)."""

from __future__ import annotations

from collections.abc import Callable

from agentenv.phone import consent, keyboard, links, navigation, sharing, widgets
from agentenv.phone.schema import Button, DetailScreen, FormScreen, ListScreen
from agentenv.phone.state import State
from agentenv.phone.widgets import place_of
from agentenv.phone.words import in_language


def perform(state: State, action: str) -> None:
    """Carry out what an element of the screen stands for."""
    verb, *words = action.split(" ")
    _VERBS[verb](state, *words)


def _open(state: State, screen: str, row: str = "") -> None:
    place = place_of(state)
    if "picks" in place.ui:
        links.picked(state, place, int(row))
        return
    navigation.push(state, place.app, screen, int(row) if row else None)
    sharing.hand_on(state, place)


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
    screen = state.screen(place_of(state))
    assert isinstance(screen, DetailScreen)
    return screen.buttons[name]


def _press(state: State, button: Button) -> None:
    place = place_of(state)
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
        keyboard.copy(state, state.filled(app, entity, row, button.copies))
    else:
        text = state.filled(app, entity, row, button.shares)
        state.overlay = {"kind": "share", "text": text}


def _list_tab(state: State, option: str) -> None:
    state.remember(place_of(state), tab=int(option), scroll=None)


def _filter(state: State, field: str, option: str = "") -> None:
    place = place_of(state)
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
    place = place_of(state)
    screen = state.screen(place)
    assert isinstance(screen, ListScreen)
    assert screen.toggles is not None
    table, number = state.table(place), int(row)
    found = state.database.row(table, number)
    if found is not None:
        value = int(not found[screen.toggles])
        state.database.update(table, number, {screen.toggles: value})
        state.event("edit", field=screen.toggles, row=number, before=1 - value, after=value)


def _ask_owner(state: State) -> None:
    """The dialog of a private app: the owner is asked, and the app opens on a yes."""
    overlay = state.overlay or {}
    app = overlay["app"]
    state.overlay = None
    consent.request(state, "access_app", app, "")
    if not consent.may_open(state, app):
        return
    if "text" in overlay:
        state.overlay = {"kind": "share", "text": overlay["text"]}
        sharing.share_to(state, app)
    else:
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
    **widgets.VERBS,
    "app": navigation.open_app,
    "ask_owner": _ask_owner,
    "back": navigation.back,
    "button": _button,
    "clear_all": _clear_all,
    "close": _close,
    "close_app": navigation.close_app,
    "contact": links.pick,
    "dismiss": _dismiss,
    "filter": _filter,
    "home": navigation.go_home,
    "ime": keyboard.press_ime,
    "list_tab": _list_tab,
    "notification": _notification,
    "open": _open,
    "paste": keyboard.paste,
    "recents": navigation.show_recents,
    "send": keyboard.send_message,
    "shade": _shade,
    "share_to": sharing.share_to,
    "tab": navigation.switch_tab,
    "toggle": _toggle,
    "yes": _yes,
}
