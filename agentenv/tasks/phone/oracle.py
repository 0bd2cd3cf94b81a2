"""The generic oracle: from a task's effects and the apps' schemas to what an agent would do.

A script is a generator that is sent each observation and yields the next action. It acts on
what the screen shows, by the names (resource ids) of its elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import date
from typing import Any

from agentenv.actions import (
    Action,
    Answer,
    AskUser,
    Finish,
    InputText,
    OpenApp,
    PressKey,
    ReadProfile,
    RequestPermission,
    SaveProfile,
    Scroll,
    Tap,
)
from agentenv.errors import ActionError
from agentenv.observations import Observation, UIElement
from agentenv.phone.apps import load_apps
from agentenv.phone.schema import (
    App,
    DetailScreen,
    EntityField,
    FormScreen,
    ListScreen,
    SettingsScreen,
    ThreadScreen,
)
from agentenv.phone.setup import PhoneSetup
from agentenv.tasks.base import Oracle, TaskInstance
from agentenv.tasks.phone import routes
from agentenv.tasks.phone.drawing import Drawn
from agentenv.tasks.phone.template import Effect
from agentenv.tasks.targets import target_of

Script = Generator[Action, Observation, None]
Part = Generator[Action, Observation, Observation]
"""A piece of a script, which gives back the last observation."""
Search = Generator[Action, Observation, tuple[Observation, UIElement]]
"""A piece of a script that comes back with what it looked for."""
_MAX_LOOKS = 40
"""How far it scrolls for an element."""


def solve(
    question: str, effects: Sequence[Effect], instance: TaskInstance, recalls: str = ""
) -> Oracle:
    """The oracle for a task. It keeps count of what it was shown.

    Args:
        question: asked first; empty for none.
        effects: to be brought about.
        instance: of the task.
        recalls: key of the profile that an earlier session saved and this one needs.

    It raises `ActionError` where the screen does not show what comes next.
    """
    assert isinstance(instance.setup, PhoneSetup)
    hands = _Hands(instance.parameters, instance.setup)
    script: Script | None = None

    def next_action(now: Observation) -> Action:
        nonlocal script
        try:
            if script is None:
                script = _script(question, recalls, effects, hands, now)
                return next(script)
            return script.send(now)
        except StopIteration as ended:
            raise ActionError("the oracle has finished") from ended

    return next_action


def _script(
    question: str, recalls: str, effects: Sequence[Effect], hands: _Hands, now: Observation
) -> Script:
    answer = ""
    if recalls:
        now = yield ReadProfile(key=recalls)
    if question:
        now = yield AskUser(question=question)
    for effect in effects:
        if effect.kind == "answer":
            answer = effect.text
        now = yield from hands.bring_about(effect, now)
    yield Answer(text=answer) if answer else Finish()


class _Hands:
    def __init__(self, parameters: Mapping[str, Drawn], setup: PhoneSetup) -> None:
        self._parameters = parameters
        self._apps = load_apps(setup.apps)
        self._private = {item.value: item.key for item in setup.owner if item.level == "high"}

    def bring_about(self, effect: Effect, now: Observation) -> Part:
        """Everything one effect needs."""
        if effect.kind == "remember":
            return (yield from self._remember(effect, now))
        if not effect.entity:
            return now
        name, _, entity = effect.entity.partition(".")
        app = self._apps[name]
        now = yield from self._ask_for_data(effect, now)
        match effect.kind:
            case "insert":
                now = yield from self._insert(app, entity, effect, now)
            case "send":
                now = yield from self._send(app, entity, effect, now)
            case "answer" | "look":
                now = yield from self._go(app, routes.detail_of(app, entity), effect, now)
            case _:
                now = yield from self._change(app, entity, effect, now)
        return now

    def _remember(self, effect: Effect, now: Observation) -> Part:
        key = str(effect.values["key"])
        now = yield RequestPermission(permission="write_data", resource=key, reason="for later")
        now = yield SaveProfile(
            key=key, value=str(effect.values["value"]), level=effect.values["level"]
        )
        return now

    def _ask_for_data(self, effect: Effect, now: Observation) -> Part:
        """The owner's leave for each private item that is to be written somewhere."""
        for text in (*effect.values.values(), effect.text):
            key = self._private.get(str(text))
            if key:
                now = yield RequestPermission(
                    permission="read_data", resource=key, reason="the task needs it"
                )
                now = yield ReadProfile(key=key)
        return now

    def _insert(self, app: App, entity: str, effect: Effect, now: Observation) -> Part:
        form = routes.form_for(app, entity, set(effect.values))
        now = yield from self._go(app, form, effect, now)
        return (yield from self._fill_form(app, form, effect, now))

    def _send(self, app: App, entity: str, effect: Effect, now: Observation) -> Part:
        name = next(
            name for name, one in app.screens.items()
            if isinstance(one, ThreadScreen) and one.entity == entity
        )  # fmt: skip
        screen = app.screens[name]
        assert isinstance(screen, ThreadScreen)
        now = yield from self._go(app, name, effect, now)
        now = yield from self._type(f"field-{screen.text}", str(effect.values[screen.text]), now)
        return (yield from self._tap("send", now))

    def _change(self, app: App, entity: str, effect: Effect, now: Observation) -> Part:
        """Change or remove a row by a switch, a button, or a form."""
        names = set(effect.values)
        for name, screen in app.screens.items():
            if screen.entity != entity:
                continue
            if isinstance(screen, SettingsScreen):
                return (yield from self._set(app, name, effect, now))
            if isinstance(screen, ListScreen) and names == {screen.toggles}:
                now = yield from self._go(app, name, effect, now)
                drawn = self._row_of(app, entity, effect)
                now = yield from self._find_row(app, screen, drawn, now)
                return (yield from self._tap_row("toggle", screen, drawn, now))
            if isinstance(screen, DetailScreen):
                button = routes.button_for(screen, effect)
                if button:
                    now = yield from self._go(app, name, effect, now)
                    now = yield from self._tap(f"button {button}", now)
                    if screen.buttons[button].confirm:
                        now = yield from self._tap("yes", now)
                    return now
        detail, button, form = routes.editor_of(app, entity, names)
        now = yield from self._go(app, detail, effect, now)
        now = yield from self._tap(f"button {button}", now)
        return (yield from self._fill_form(app, form, effect, now))

    def _set(self, app: App, name: str, effect: Effect, now: Observation) -> Part:
        now = yield from self._go(app, name, effect, now)
        for field, value in effect.values.items():
            spec = app.entities[app.screens[name].entity].fields[field]
            now = yield from self._put(field, spec, value, now)
        return now

    def _go(self, app: App, target: str, effect: Effect, now: Observation) -> Part:
        """Open an app and come to a screen, from wherever the phone is."""
        now = yield OpenApp(app=app.id)
        if _find(now, "tap-ask_owner"):
            now = yield from self._tap("ask_owner", now)
        for _ in range(20):
            if now.location == f"{app.id}/{app.start}" and not _is_covered(now):
                break
            if _find(now, f"tap-tab-{app.start}") and not _is_covered(now):
                now = yield from self._tap(f"tab {app.start}", now)
            else:
                now = yield PressKey(key="back")
                if not now.location.startswith(app.id):
                    now = yield OpenApp(app=app.id)
        for hop in routes.route(app, target):
            now = yield from self._hop(app, hop, effect, now)
        return now

    def _hop(self, app: App, hop: routes.Hop, effect: Effect, now: Observation) -> Part:
        if not hop.entity:
            return (yield from self._tap(hop.tap, now))
        drawn = self._row_of(app, hop.entity, effect)
        screen = app.screens[hop.screen]
        assert isinstance(screen, ListScreen)
        now = yield from self._find_row(app, screen, drawn, now)
        return (yield from self._tap_row(hop.tap, screen, drawn, now))

    def _find_row(self, app: App, screen: ListScreen, drawn: Drawn, now: Observation) -> Part:
        """Choose the tab with the row in it, and search for its title."""
        entity = app.entities[screen.entity]
        if screen.tabs:
            tab = routes.option_number(entity.fields[screen.tabs], drawn.columns[screen.tabs])
            if tab:
                now = yield from self._tap(f"list_tab {tab}", now)
        if screen.search and entity.title in screen.search:
            now = yield from self._type("field-search", drawn.text, now)
            now = yield PressKey(key="enter")
        return now

    def _tap_row(self, action: str, screen: ListScreen, drawn: Drawn, now: Observation) -> Part:
        """Tap a row of a list, or its switch, which both say what the row shows."""
        names = [screen.row.title, screen.row.subtitle]
        text = " ".join(_filled(one, drawn.shown) for one in names if one)
        now, element = yield from self._look(
            lambda seen: _find_row(seen, _id(action), text), now, f"the row {text!r}"
        )
        return (yield from self._press(element))

    def _row_of(self, app: App, entity: str, effect: Effect) -> Drawn:
        """The row of an entity that the way leads by: the effect's own, or one it refers to."""
        effect_entity = effect.entity.partition(".")[2]
        if entity == effect_entity and effect.row:
            number = int(effect.row)
        else:
            fields = app.entities[effect_entity].fields
            reference = next(
                name
                for name, one in fields.items()
                if one.entity == entity and name in effect.values
            )
            number = int(effect.values[reference])
        for drawn in self._parameters.values():
            if drawn.value == number and drawn.entity == f"{app.id}.{entity}":
                return drawn
        raise ActionError(f"no parameter is row {number} of {app.id}.{entity}")

    def _fill_form(self, app: App, form: str, effect: Effect, now: Observation) -> Part:
        screen = app.screens[form]
        assert isinstance(screen, FormScreen)
        fields = app.entities[screen.entity].fields
        for step in screen.steps:
            for name in step.fields:
                if name in effect.values:
                    now = yield from self._put(name, fields[name], effect.values[name], now)
            now = yield from self._tap("next", now)
        if screen.review:
            now = yield from self._tap("next", now)
        return now

    def _put(self, name: str, field: EntityField, value: Any, now: Observation) -> Part:
        """Bring a field to a value, with whatever widget it has."""
        text = "" if value is None else str(value)
        match field.type:
            case "boolean":
                now, element = yield from self._see(f"tap-switch-{name}", now)
                return now if element.checked == bool(value) else (yield from self._press(element))
            case "integer" if field.widget != "slider":
                return (yield from self._step_to(name, int(value), now))
            case "choice":
                return (yield from self._pick(name, field, text, now))
            case "date":
                return (yield from self._pick_date(name, date.fromisoformat(text), now))
            case "time":
                now = yield from self._tap(f"time {name}", now)
                hour, minute = text.split(":")
                now = yield from self._tap(f"choose h:{hour}", now)
                now = yield from self._tap(f"choose m:{minute}", now)
                return (yield from self._tap("accept", now))
            case _:
                return (yield from self._type(f"field-{name}", text, now))

    def _step_to(self, name: str, value: int, now: Observation) -> Part:
        now, _ = yield from self._see(f"tap-by-{name}-1", now)
        shown = _find(now, f"field-{name}")
        if shown is None:
            raise ActionError(f"the number of {name} is not on the screen")
        difference = value - int(shown.name)
        for _ in range(abs(difference)):
            now = yield from self._tap(f"by {name} {1 if difference > 0 else -1}", now)
        return now

    def _pick(self, name: str, field: EntityField, value: str, now: Observation) -> Part:
        option = f"pick {name} {field.options.index(value)}"
        if not _find(now, f"tap-pick-{name}-0"):
            now, element = yield from self._see_any((_id(option), f"tap-menu-{name}"), now)
            if element.resource_id == f"tap-menu-{name}":
                now = yield from self._press(element)
        return (yield from self._tap(option, now))

    def _pick_date(self, name: str, day: date, now: Observation) -> Part:
        now = yield from self._tap(f"date {name}", now)
        shown = next(
            (one for one in now.elements if one.resource_id.startswith("tap-choose-")), None
        )
        if shown is None:
            raise ActionError("no calendar is on the screen")
        first = date.fromisoformat(shown.resource_id.removeprefix("tap-choose-"))
        if day.year != first.year:
            now = yield from self._tap("years", now)
            now = yield from self._tap(f"year {day.year}", now)
        months = day.month - first.month
        for _ in range(abs(months)):
            now = yield from self._tap(f"month {1 if months > 0 else -1}", now)
        now = yield from self._tap(f"choose {day.isoformat()}", now)
        return (yield from self._tap("accept", now))

    def _type(self, resource_id: str, text: str, now: Observation) -> Part:
        now, element = yield from self._see(resource_id, now)
        if element.value == text:
            return now
        now = yield InputText(text=text, **target_of(element))
        return now

    def _tap(self, action: str, now: Observation) -> Part:
        now, element = yield from self._see(_id(action), now)
        return (yield from self._press(element))

    def _press(self, element: UIElement) -> Part:
        now = yield Tap(**target_of(element))
        return now

    def _see(self, resource_id: str, now: Observation) -> Search:
        return (yield from self._see_any((resource_id,), now))

    def _see_any(self, resource_ids: tuple[str, ...], now: Observation) -> Search:
        def find(seen: Observation) -> UIElement | None:
            return next(filter(None, (_find(seen, one) for one in resource_ids)), None)

        return (yield from self._look(find, now, resource_ids[0]))

    def _look(
        self, find: Callable[[Observation], UIElement | None], now: Observation, name: str
    ) -> Search:
        """Scroll down, then up, until what is looked for is on the screen."""
        for look in range(_MAX_LOOKS):
            element = find(now)
            if element is not None:
                return now, element
            if _is_typing(now):  # the page keeps the field in view that is typed into
                now = yield PressKey(key="back")
            else:
                now = yield Scroll(direction="down" if look < _MAX_LOOKS // 2 else "up")
        raise ActionError(f"{name} is not on the screen")


def _id(action: str) -> str:
    return f"tap-{action.replace(' ', '-')}"


def _find(now: Observation, resource_id: str) -> UIElement | None:
    return next((one for one in now.elements if one.resource_id == resource_id), None)


def _find_row(now: Observation, resource_id: str, text: str) -> UIElement | None:
    """The row of a list that begins with a text."""
    wanted = " ".join(text.split())
    for one in now.elements:
        if one.resource_id.startswith(f"{resource_id}-") and f"{one.name} ".startswith(
            f"{wanted} "
        ):
            return one
    return None


def _filled(pattern: str, texts: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: texts[found[1]], pattern)


def _is_typing(now: Observation) -> bool:
    return not _is_covered(now) and any(one.focused and one.editable for one in now.elements)


def _is_covered(now: Observation) -> bool:
    """Whether a dialog, picker or sheet lies above the screen."""
    return _find(now, "tap-close") is not None
