"""The page of a phone, drawn from its state and nothing else."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from agentenv.phone.art import icon
from agentenv.phone.forms import SEARCH, spec_of
from agentenv.phone.navigation import recent_apps
from agentenv.phone.overlays import overlay_view
from agentenv.phone.state import HOME, RECENTS, State
from agentenv.phone.views import View, screen_view
from agentenv.phone.words import clock_text, in_language, long_date

SYSTEM_COLOR = "#3f5f90"
DOCK = 4
"""Apps at the bottom of the home screen."""


def draw(state: State) -> str:
    """The HTML of the screen."""
    state = State(state.database, state.apps, state.language)  # which it need not look up again
    place = state.place
    app = state.apps.get(state.front)
    view: View = {
        "theme": state.look("theme"),
        "font_size": state.look("font_size"),
        "width": state.database.get("width"),
        "language": state.language,
        "color": app.color if app else SYSTEM_COLOR,
        "time": clock_text(state.now, state.language),
        "battery": state.database.get("battery"),
        "notices": state.database.rows("SELECT COUNT(*) AS n FROM sys_notifications")[0]["n"],
        "toast": state.database.get("toast"),
        "focus": state.database.get("focus") or "",
        "selection": state.database.get("selection"),
        "keyboard": _keyboard(state),
        "overlay": overlay_view(state),
        "scroll": place.ui.get("scroll", "end" if _ends(state) else 0)
        if place
        else state.database.get("scroll"),
        "say": state.say,
    }
    if place is not None:
        view["screen"] = screen_view(state, place)
    elif state.front == RECENTS:
        view["screen"] = {"kind": RECENTS, "apps": [_tile(state, a) for a in recent_apps(state)]}
    else:
        view["screen"] = _home(state)
    return _templates().get_template("screen.html.j2").render(view)


def _ends(state: State) -> bool:
    """Whether the screen opens at its end, as a conversation does."""
    place = state.place
    return place is not None and state.screen(place).kind == "thread"


def _home(state: State) -> View:
    names = list(state.apps)
    query = state.draft(None, SEARCH).strip().casefold()
    tiles = [_tile(state, name) for name in names]
    if query:
        tiles = [tile for tile in tiles if query in tile["name"].casefold()]
    return {
        "kind": HOME,
        "day": long_date(state.today, state.language),
        "query": state.draft(None, SEARCH),
        "apps": tiles if query else tiles[:-DOCK],
        "dock": [] if query else tiles[-DOCK:],
    }


def _tile(state: State, name: str) -> View:
    app = state.apps[name]
    return {
        "id": name,
        "name": in_language(app.name, state.language),
        "icon": app.icon,
        "color": app.color,
        "do": f"app {name}",
        "close": f"close_app {name}",
    }


def _keyboard(state: State) -> View | None:
    """The bar of the keyboard: its action key, and what can be pasted."""
    name = state.database.get("focus")
    if not name:
        return None
    field = spec_of(state, state.place, name)
    return {"action": state.say(field.ime), "paste": state.database.get("clipboard")[:60]}


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("agentenv.phone", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,  # or each drawing asks whether a file has changed
    )
    environment.globals["list_row"] = _list_row
    environment.globals["icon"] = lambda name: Markup(icon(name))
    environment.globals["Markup"] = Markup
    environment.filters["picture"] = Markup  # made by ourselves, of our own seeds
    environment.filters["tap"] = _tap
    return environment


def _list_row(row: View, pictured: bool) -> Markup:
    return _drawn_row(tuple(row.items()), pictured)


@lru_cache(maxsize=1024)
def _drawn_row(row: tuple[tuple[str, Any], ...], pictured: bool) -> Markup:
    """A row of a list: most of them are drawn again and again as they are."""
    template = _templates().get_template("row.html.j2")
    return Markup(template.render(row=dict(row), pictured=pictured))


def _tap(do: str, number: int | None = None) -> Markup:
    """What makes an element do something when it is tapped, and names it.

    Args:
        do: what a tap stands for.
        number: place of a row in its list, by which it is named: which row of the database it
            is, is nothing that an agent should learn.
    """
    safe = escape(do)
    name = safe if number is None else f"{safe.rpartition(' ')[0]} {number}"
    return Markup(f'id="tap-{name.replace(" ", "-")}" data-do="{safe}"')
