"""Whether an app works: every screen can be drawn, and reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from agentenv.errors import ConfigError
from agentenv.phone import navigation
from agentenv.phone.database import Database
from agentenv.phone.render import draw
from agentenv.phone.schema import LANGUAGES, App, FormScreen, ListScreen
from agentenv.phone.setup import PhoneSetup, make_image
from agentenv.phone.state import State
from agentenv.phone.taps import perform

_CHANGES = ("ask_owner", "home", "back", "recents", "submit", "next", "send")
"""Verbs that lead away from the screen that is being looked at."""
MANY_ROWS = 50


def check_app(app: App) -> list[str]:
    """What is wrong with an app, beyond what its schema refuses; empty if nothing is."""
    return list(_problems(app))


def _problems(app: App) -> Iterator[str]:
    reached = set(_reached(app))
    for name in app.screens.keys() - reached:
        yield f"screen {name}: nothing leads to it"
    catalogues = [one.rows + len(one.seed_rows) for one in app.entities.values() if one.rows]
    if catalogues and max(catalogues) < MANY_ROWS:
        yield f"no entity has {MANY_ROWS} rows; search and filters have nothing to do"
    setup = PhoneSetup(apps=(app.id,))
    for language in LANGUAGES:
        for name in app.screens:
            yield from _screen_problems(app, name, setup, language)


def _reached(app: App) -> Iterator[str]:
    yield from (app.start, *app.tabs)
    for screen in app.screens.values():
        if isinstance(screen, ListScreen):
            yield from (one for one in (screen.opens, screen.create) if one)
        if isinstance(screen, FormScreen):
            yield screen.then
        for button in getattr(screen, "buttons", {}).values():
            if button.opens:
                yield button.opens


def _screen_problems(app: App, name: str, setup: PhoneSetup, language: str) -> Iterator[str]:
    """Draw a screen of the first row, and what each of its elements leads to."""
    apps = {app.id: app}
    image = make_image(setup, apps)
    database = Database(image)
    state = State(database, apps, "de" if language == "de" else "en")
    try:
        navigation.push(state, app.id, name, 1)
        page, opened = draw(state), database.image()
        for action in sorted(set(map(unescape, re.findall(r'data-do="([^"]*)"', page)))):
            if action.split(" ")[0] in _CHANGES:
                continue
            database.restore(opened)
            perform(state, action)
            draw(state)
    except (KeyError, IndexError, AssertionError, ValueError, ConfigError) as error:
        yield f"screen {name} ({language}): {type(error).__name__}: {error}"
    finally:
        database.close()
