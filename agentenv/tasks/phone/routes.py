"""How one comes to a screen of an app, as its file says: what the oracle taps on the way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from agentenv.errors import ConfigError
from agentenv.phone.schema import (
    App,
    DetailScreen,
    EntityField,
    FormScreen,
    ListScreen,
    Screen,
    ThreadScreen,
)
from agentenv.phone.words import option_label
from agentenv.tasks.phone.template import Effect


@dataclass(frozen=True)
class Hop:
    """From one screen to the next."""

    screen: str
    """Where it starts."""
    to: str
    tap: str
    """What to tap; of a row of a list, what all its rows have in common."""
    entity: str = ""
    """The entity whose row is to be found in a list first; empty if none."""


def route(app: App, target: str) -> list[Hop]:
    """The shortest way from an app's start.

    Raises:
        ConfigError: there is none.
    """
    known: dict[str, list[Hop]] = {app.start: []}
    queue = deque([app.start])
    while queue:
        screen = queue.popleft()
        if screen == target:
            return known[screen]
        for hop in _hops(app, screen):
            if hop.to not in known:
                known[hop.to] = [*known[screen], hop]
                queue.append(hop.to)
    raise ConfigError(f"{app.id}: no way leads to the screen {target!r}")


def _hops(app: App, name: str) -> list[Hop]:
    screen = app.screens[name]
    hops = []
    if name in app.tabs:
        hops += [Hop(name, tab, f"tab {tab}") for tab in app.tabs if tab != name]
    if isinstance(screen, ListScreen):
        if screen.opens:
            hops.append(Hop(name, screen.opens, f"open {screen.opens}", screen.entity))
        if screen.create:
            hops.append(Hop(name, screen.create, f"open {screen.create}"))
    if isinstance(screen, DetailScreen):
        hops += [
            Hop(name, one.opens, f"button {button}")
            for button, one in screen.buttons.items()
            if one.opens
        ]
    return hops


def form_for(app: App, entity: str, fields: set[str]) -> str:
    """The form with which rows of an entity are made.

    Raises:
        ConfigError: no form has these fields.
    """
    for name, screen in app.screens.items():
        if not isinstance(screen, FormScreen) or screen.entity != entity:
            continue
        created = any(
            isinstance(one, ListScreen) and one.create == name for one in app.screens.values()
        )
        if fields <= _fields_of(screen) and (created or screen.parent):
            return name
    raise ConfigError(f"{app.id}: no form for {entity} has the fields {sorted(fields)}")


def editor_of(app: App, entity: str, fields: set[str]) -> tuple[str, str, str]:
    """The detail screen, its button and the form with which a row is changed.

    Raises:
        ConfigError: no form has these fields.
    """
    for name, screen in app.screens.items():
        if not isinstance(screen, DetailScreen) or screen.entity != entity:
            continue
        for button, one in screen.buttons.items():
            form = app.screens[one.opens] if one.opens else None
            own = isinstance(form, FormScreen) and form.entity == entity
            if own and one.opens and fields <= _fields_of(form):
                return name, button, one.opens
    raise ConfigError(f"{app.id}: no form changes the fields {sorted(fields)} of {entity}")


def _fields_of(form: Screen | None) -> set[str]:
    """What a form fills, the reference to its parent included."""
    if not isinstance(form, FormScreen):
        return set()
    return {one for step in form.steps for one in step.fields} | {form.parent or ""}


def button_for(screen: DetailScreen, effect: Effect) -> str:
    """The button that brings an effect about; empty if none does."""
    for name, button in screen.buttons.items():
        if effect.kind == "delete" and button.delete:
            return name
        if button.set is not None:
            values = {key: int(value) if isinstance(value, bool) else value
                      for key, value in button.set.items()}  # fmt: skip
            if values == dict(effect.values):
                return name
    return ""


def option_number(field: EntityField, label: str) -> int:
    """Number of the option with that English label."""
    return next(i for i, one in enumerate(field.options) if option_label(field, one, "en") == label)


def detail_of(app: App, entity: str) -> str:
    """The screen that shows a row of an entity.

    Raises:
        ConfigError: there is none.
    """
    for name, screen in app.screens.items():
        if isinstance(screen, DetailScreen | ThreadScreen) and _shown(app, name) == entity:
            return name
    raise ConfigError(f"{app.id}: no screen shows one {entity}")


def _shown(app: App, name: str) -> str:
    """The entity whose row a screen is opened with."""
    screen = app.screens[name]
    if isinstance(screen, ThreadScreen):
        return app.entities[screen.entity].fields[screen.parent].entity
    return screen.entity
