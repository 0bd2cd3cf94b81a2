"""Dialogs, pickers, menus and sheets above a screen, as plain values for their templates."""

from __future__ import annotations

from calendar import Calendar
from datetime import date
from typing import Any

from agentenv.phone.forms import value_of
from agentenv.phone.schema import DetailScreen
from agentenv.phone.sharing import share_targets
from agentenv.phone.state import State
from agentenv.phone.views import View, filter_options
from agentenv.phone.words import (
    in_language,
    long_date,
    month_name,
    option_label,
    short_date,
    weekday_letters,
)

YEARS, YEARS_AHEAD = 110, 3
"""How many years can be chosen, and how many of them are to come."""


def overlay_view(state: State) -> View | None:
    """What lies above the screen; None if nothing does."""
    overlay = state.overlay
    if overlay is None:
        return None
    makers = {
        "confirm": _confirm,
        "date": _date,
        "filter": _filter,
        "menu": _menu,
        "private": _private,
        "shade": _shade,
        "share": _share,
        "time": _time,
        "years": _years,
    }
    return {"kind": overlay["kind"], "scroll": overlay.get("scroll", 0)} | makers[overlay["kind"]](
        state, overlay
    )


def _confirm(state: State, overlay: View) -> View:
    place = state.place
    assert place is not None
    screen = state.screen(place)
    assert isinstance(screen, DetailScreen)
    button = screen.buttons[overlay["button"]]
    return {
        "question": in_language(button.confirm, state.language),
        "yes": in_language(button.label, state.language),
    }


def _private(state: State, overlay: View) -> View:
    name = in_language(state.apps[overlay["app"]].name, state.language)
    return {"question": state.say("private_app", app=name)}


def _filter(state: State, overlay: View) -> View:
    place = state.place
    assert place is not None
    name = overlay["field"]
    field = state.entity(place).fields[name]
    chosen = place.ui.get("filters", {}).get(name)
    options = [{"label": state.say("all"), "do": f"filter {name} all", "on": chosen is None}]
    for number, value in enumerate(filter_options(field)):
        label = option_label(field, str(value), state.language)
        options.append({"label": label, "do": f"filter {name} {number}", "on": chosen == number})
    return {"title": state.label(name, field), "options": options}


def _menu(state: State, overlay: View) -> View:
    place = state.place
    assert place is not None
    name = overlay["field"]
    field = state.entity(place).fields[name]
    value = value_of(state, place, name)
    options = [
        {
            "label": option_label(field, option, state.language),
            "do": f"pick {name} {number}",
            "on": option == value,
        }
        for number, option in enumerate(field.options)
    ]
    return {"title": state.label(name, field), "options": options}


def _date(state: State, overlay: View) -> View:
    first, chosen = date.fromisoformat(overlay["month"]), date.fromisoformat(overlay["chosen"])
    weeks: list[list[View | None]] = []
    for week in Calendar().monthdatescalendar(first.year, first.month):
        weeks.append(
            [
                {
                    "number": day.day,
                    "label": short_date(day, state.language),
                    "do": f"choose {day.isoformat()}",
                    "on": day == chosen,
                    "today": day == state.today,
                }
                if day.month == first.month
                else None
                for day in week
            ]
        )
    return {
        "month": month_name(first, state.language),
        "chosen": long_date(chosen, state.language),
        "year": chosen.year,
        "letters": weekday_letters(state.language),
        "weeks": weeks,
    }


def _years(state: State, overlay: View) -> View:
    shown, last = int(overlay["month"][:4]), state.today.year + YEARS_AHEAD
    years = range(last, last - YEARS, -1)
    return {"years": [{"label": year, "do": f"year {year}", "on": year == shown} for year in years]}


def _time(state: State, overlay: View) -> View:
    hour, minute = overlay["chosen"].split(":")
    return {
        "chosen": overlay["chosen"],
        "hours": [
            {"label": f"{number:02d}", "do": f"choose h:{number:02d}", "on": number == int(hour)}
            for number in range(24)
        ],
        "minutes": [
            {"label": f"{number:02d}", "do": f"choose m:{number:02d}", "on": number == int(minute)}
            for number in range(0, 60, 5)
        ],
    }


def _share(state: State, overlay: View) -> View:
    targets = [
        {
            "name": in_language(state.apps[name].name, state.language),
            "icon": state.apps[name].icon,
            "color": state.apps[name].color,
            "do": f"share_to {name}",
        }
        for name in share_targets(state)
    ]
    return {"text": overlay["text"], "targets": targets}


def _shade(state: State, overlay: View) -> View:
    rows: list[dict[str, Any]] = state.database.rows(
        "SELECT * FROM sys_notifications ORDER BY id DESC"
    )
    notices = [
        {
            **row,
            "name": in_language(state.apps[row["app"]].name, state.language),
            "icon": state.apps[row["app"]].icon,
            "color": state.apps[row["app"]].color,
            "do": f"notification {row['id']}",
            "dismiss": f"dismiss {row['id']}",
            "number": number,
        }
        for number, row in enumerate(rows, start=1)
        if row["app"] in state.apps
    ]
    return {"notices": notices, "day": long_date(state.today, state.language)}
