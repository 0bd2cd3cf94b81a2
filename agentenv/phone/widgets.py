"""What taps on the widgets of a form do: steppers, choices, switches and pickers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from agentenv.phone import forms, links, navigation
from agentenv.phone.schema import FormScreen
from agentenv.phone.state import Place, State
from agentenv.phone.words import in_language


def place_of(state: State) -> Place:
    """The screen in front, where there must be one."""
    place = state.place
    assert place is not None, "the home screen offers no such thing"
    return place


def _clear(state: State, field: str) -> None:
    forms.put(state, state.place, field, "")


def _change_by(state: State, field: str, amount: str) -> None:
    place = place_of(state)
    spec = forms.spec_of(state, place, field)
    now = int(forms.value_of(state, place, field) or spec.low)
    forms.put(state, place, field, str(min(spec.high, max(spec.low, now + int(amount)))))


def _pick(state: State, field: str, option: str) -> None:
    place = place_of(state)
    spec = forms.spec_of(state, place, field)
    forms.put(state, place, field, spec.options[int(option)])
    state.overlay = None


def _menu(state: State, field: str) -> None:
    state.overlay = {"kind": "menu", "field": field}


def _switch(state: State, field: str) -> None:
    place = place_of(state)
    on = forms.value_of(state, place, field) == "1"
    forms.put(state, place, field, "0" if on else "1")


def _date(state: State, field: str) -> None:
    value = forms.value_of(state, place_of(state), field) or state.today.isoformat()
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
    value = forms.value_of(state, place_of(state), field) or "12:00"
    state.overlay = {"kind": "time", "field": field, "chosen": value}


def _accept(state: State) -> None:
    overlay = state.overlay or {}
    state.overlay = None
    forms.put(state, place_of(state), overlay["field"], overlay["chosen"])


def _next(state: State) -> None:
    place = place_of(state)
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
        links.send_code(state, place_of(state))
    else:
        _submit(state)


def _submit(state: State) -> None:
    place = place_of(state)
    screen = state.screen(place)
    assert isinstance(screen, FormScreen)
    forms.submit(state, place)
    state.database.set("toast", in_language(screen.says, state.language))
    if place.ui.get("edits"):
        navigation.close_top(state)
    else:
        navigation.finish(state, screen.then)


VERBS: dict[str, Callable[..., None]] = {
    "accept": _accept,
    "by": _change_by,
    "choose": _choose,
    "clear": _clear,
    "date": _date,
    "menu": _menu,
    "month": _month,
    "next": _next,
    "pick": _pick,
    "switch": _switch,
    "time": _time,
    "year": _year,
    "years": _years,
}
"""Verb of a tap -> what does it."""
