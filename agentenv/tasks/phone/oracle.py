"""The generic oracle: from a task's effects and the apps' schemas to what an agent would do.

A script is a generator that is sent each observation and yields the next action. It acts on
what the screen shows, by the names (resource ids) of its elements.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from agentenv.actions import (
    Action,
    Answer,
    AskUser,
    Finish,
    OpenApp,
    PressKey,
    ReadProfile,
    RequestPermission,
    SaveProfile,
)
from agentenv.errors import ActionError
from agentenv.observations import Observation
from agentenv.phone.apps import load_apps
from agentenv.phone.links import inbox_of
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
from agentenv.phone.words import in_language
from agentenv.tasks.base import Oracle, TaskInstance
from agentenv.tasks.phone import hands, routes
from agentenv.tasks.phone.drawing import Drawn
from agentenv.tasks.phone.hands import Part
from agentenv.tasks.phone.template import Effect

Script = Generator[Action, Observation, None]


def solve(
    question: str, effects: Sequence[Effect], instance: TaskInstance, recalls: str = ""
) -> Oracle:
    """The oracle for a task. It keeps count of what it was shown.

    Args:
        question: asked first; empty for none.
        effects: to be brought about.
        instance: of the task.
        recalls: key of the profile that an earlier session saved and this one needs.

    It raises `ActionError` where the screen does not show what comes next, or the profile does
    not say what the earlier session was to save.
    """
    assert isinstance(instance.setup, PhoneSetup)
    agent = _Agent(instance.goal, instance.parameters, instance.setup)
    script: Script | None = None

    def next_action(now: Observation) -> Action:
        nonlocal script
        try:
            if script is None:
                script = _script(question, recalls, effects, agent, now)
                return next(script)
            return script.send(now)
        except StopIteration as ended:
            raise ActionError("the oracle has finished") from ended

    return next_action


def _script(
    question: str, recalls: str, effects: Sequence[Effect], agent: _Agent, now: Observation
) -> Script:
    answer = ""
    if recalls:
        now = yield ReadProfile(key=recalls)
        if not any(agent.remembers(recalls, told) for told in now.messages):
            raise ActionError(f"the profile does not say {recalls!r} as it was to be saved")
    if question:
        now = yield AskUser(question=question)
    for effect in effects:
        if effect.kind == "answer":
            answer = effect.text
        now = yield from agent.bring_about(effect, now)
    yield Answer(text=answer) if answer else Finish()


class _Agent:
    """It writes and looks for what it was told, what it has read in the profile, and what it has
    seen: a policy can learn nothing else from it."""

    def __init__(self, goal: str, parameters: Mapping[str, Drawn], setup: PhoneSetup) -> None:
        told = [goal, *(text for pair in (*setup.saved, *setup.answers) for text in pair)]
        self._told = "\n".join(told).casefold()
        self._seen: set[tuple[str, int]] = set()
        self._parameters = parameters
        self._apps = load_apps(setup.apps)
        self._language = setup.language
        self._owner = {item.value: item for item in setup.owner}
        self._saved = dict(setup.saved)

    def remembers(self, key: str, told: str) -> bool:
        """Whether that is what an earlier session was to save under a key."""
        return self._saved[key].casefold() in told.casefold()

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
        """Read each item of the owner's that is to be written somewhere; if it is private, with
        the owner's leave."""
        for text in (*effect.values.values(), effect.text):
            item = self._owner.get(str(text))
            if item is None or item.value.casefold() in self._told:
                continue
            if item.level == "high":
                now = yield RequestPermission(
                    permission="read_data", resource=item.key, reason="the task needs it"
                )
            now = yield ReadProfile(key=item.key)
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
        text = str(effect.values[screen.text])
        now = yield from hands.type_into(f"field-{screen.text}", text, now)
        return (yield from hands.tap("send", now))

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
                    now = yield from hands.tap(f"button {button}", now)
                    if screen.buttons[button].confirm:
                        now = yield from hands.tap("yes", now)
                    return now
        detail, button, form = routes.editor_of(app, entity, names)
        now = yield from self._go(app, detail, effect, now)
        now = yield from hands.tap(f"button {button}", now)
        return (yield from self._fill_form(app, form, effect, now))

    def _set(self, app: App, name: str, effect: Effect, now: Observation) -> Part:
        now = yield from self._go(app, name, effect, now)
        for field, value in effect.values.items():
            spec = app.entities[app.screens[name].entity].fields[field]
            now = yield from self._put(field, spec, value, now)
        return now

    def _go(self, app: App, target: str, effect: Effect, now: Observation) -> Part:
        """Open an app and come to a screen, from wherever the phone is."""
        now = yield from self._open(app, now)
        for _ in range(20):
            if now.location == f"{app.id}/{app.start}" and not hands.is_covered(now):
                break
            if hands.find(now, f"tap-tab-{app.start}") and not hands.is_covered(now):
                now = yield from hands.tap(f"tab {app.start}", now)
            else:
                now = yield PressKey(key="back")
                if not now.location.startswith(app.id):
                    now = yield OpenApp(app=app.id)
        for hop in routes.route(app, target):
            now = yield from self._hop(app, hop, effect, now)
        return now

    def _open(self, app: App, now: Observation) -> Part:
        """Open an app, with the owner's leave where it takes one."""
        now = yield OpenApp(app=app.id)
        if hands.find(now, "tap-ask_owner"):
            now = yield from hands.tap("ask_owner", now)
        return now

    def _hop(self, app: App, hop: routes.Hop, effect: Effect, now: Observation) -> Part:
        if not hop.entity:
            return (yield from hands.tap(hop.tap, now))
        drawn = self._row_of(app, hop.entity, effect)
        screen = app.screens[hop.screen]
        assert isinstance(screen, ListScreen)
        now = yield from self._find_row(app, screen, drawn, now)
        return (yield from self._tap_row(hop.tap, screen, drawn, now))

    def _find_row(self, app: App, screen: ListScreen, drawn: Drawn, now: Observation) -> Part:
        """Choose the tab with the row in it, and search for its title; or, if nothing has told the
        title, filter the list and read it to the end."""
        entity = app.entities[screen.entity]
        if screen.tabs:
            tab = routes.option_number(entity.fields[screen.tabs], drawn.columns[screen.tabs])
            if tab:
                now = yield from hands.tap(f"list_tab {tab}", now)
        if not self._knows(drawn):
            return (yield from self._compare(app, screen, drawn, now))
        if screen.search and entity.title in screen.search:
            now = yield from hands.type_into("field-search", drawn.text, now)
            now = yield PressKey(key="enter")
        return now

    def _knows(self, drawn: Drawn) -> bool:
        return drawn.text.casefold() in self._told or (drawn.entity, drawn.value) in self._seen

    def _compare(self, app: App, screen: ListScreen, drawn: Drawn, now: Observation) -> Part:
        """Leave in the list what the goal speaks of, and see all of it, unless it begins with the
        row that is wanted."""
        fields = app.entities[screen.entity].fields
        for name in [one for one in drawn.where if one in screen.filters]:
            field, option = fields[name], 0  # of a boolean, true
            if field.type == "choice":
                option = field.options.index(drawn.where[name])
                now = yield from hands.tap(f"filter {name}", now)
            now = yield from hands.tap(f"filter {name} {option}", now)
        if screen.order != drawn.first:
            now = yield from hands.read_to_end(hands.element_id(f"open {screen.opens}"), now)
        return now

    def _tap_row(self, action: str, screen: ListScreen, drawn: Drawn, now: Observation) -> Part:
        """Tap a row of a list, or its switch, which both say what the row shows."""
        names = [screen.row.title, screen.row.subtitle]
        text = " ".join(_filled(one, drawn.shown) for one in names if one)
        at_end = not self._knows(drawn) and screen.order != drawn.first
        self._seen.add((drawn.entity, drawn.value))
        wanted = partial(hands.find_row, resource_id=hands.element_id(action), text=text)
        now, element = yield from hands.look(wanted, now, f"the row {text!r}", up=at_end)
        return (yield from hands.press(element))

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
                if name == screen.code:
                    now = yield from self._bring_code(app, name, now)
                elif name in effect.values:
                    now = yield from self._put(name, fields[name], effect.values[name], now)
            now = yield from hands.tap("next", now)
        if screen.review:
            now = yield from hands.tap("next", now)
        return now

    def _bring_code(self, app: App, name: str, now: Observation) -> Part:
        """Look up the code that was sent as a message, and come back with it to the form."""
        inbox, sender = inbox_of(self._apps), in_language(app.name, self._language)
        if inbox is None:
            raise ActionError("no app is installed that a code could come to")
        now = yield from self._open(inbox[0], now)
        now = yield from hands.type_into("field-search", sender, now)
        now = yield PressKey(key="enter")
        wanted = partial(hands.find_row, resource_id="tap-open-thread", text=sender)
        now, row = yield from hands.look(wanted, now, f"what {sender} wrote")
        now = yield from hands.press(row)
        now, bubble = yield from hands.look(hands.find_code, now, "the code")
        now = yield OpenApp(app=app.id)
        return (yield from hands.type_into(f"field-{name}", hands.code_in(bubble.name), now))

    def _pick_contact(self, name: str, person: Drawn, now: Observation) -> Part:
        """Choose somebody in the list of contacts that a field opens."""
        now = yield from hands.tap(f"contact {name}", now)
        now = yield from hands.type_into("field-search", person.text, now)
        now = yield PressKey(key="enter")
        wanted = partial(hands.find_row, resource_id="tap-open-person", text=person.text)
        now, row = yield from hands.look(wanted, now, person.text)
        return (yield from hands.press(row))

    def _person(self, column: str | None, text: str) -> Drawn | None:
        """The contact among the parameters whose column holds that text."""
        people = (one for one in self._parameters.values() if one.entity == "contacts.person")
        return next((one for one in people if column and one.columns.get(column) == text), None)

    def _put(self, name: str, field: EntityField, value: Any, now: Observation) -> Part:
        """Bring a field to a value, with whatever widget it has."""
        text = "" if value is None else str(value)
        match field.type:
            case "boolean":
                now, element = yield from hands.see(f"tap-switch-{name}", now)
                return now if element.checked == bool(value) else (yield from hands.press(element))
            case "integer" if field.widget != "slider":
                return (yield from self._step_to(name, int(value), now))
            case "choice":
                return (yield from self._pick(name, field, text, now))
            case "date":
                return (yield from self._pick_date(name, date.fromisoformat(text), now))
            case "time":
                now = yield from hands.tap(f"time {name}", now)
                hour, minute = text.split(":")
                now = yield from hands.tap(f"choose h:{hour}", now)
                now = yield from hands.tap(f"choose m:{minute}", now)
                return (yield from hands.tap("accept", now))
            case _:
                person = self._person(field.contact, text)
                if person:
                    return (yield from self._pick_contact(name, person, now))
                return (yield from hands.type_into(f"field-{name}", text, now))

    def _step_to(self, name: str, value: int, now: Observation) -> Part:
        now, shown = yield from hands.see(f"field-{name}", now)
        difference = value - int(shown.name)
        for _ in range(abs(difference)):
            now = yield from hands.tap(f"by {name} {1 if difference > 0 else -1}", now)
        return now

    def _pick(self, name: str, field: EntityField, value: str, now: Observation) -> Part:
        option = f"pick {name} {field.options.index(value)}"
        if not hands.find(now, f"tap-pick-{name}-0"):
            either = (hands.element_id(option), f"tap-menu-{name}")
            now, element = yield from hands.see_any(either, now)
            if element.resource_id == f"tap-menu-{name}":
                now = yield from hands.press(element)
        return (yield from hands.tap(option, now))

    def _pick_date(self, name: str, day: date, now: Observation) -> Part:
        now = yield from hands.tap(f"date {name}", now)
        shown = next(
            (one for one in now.elements if one.resource_id.startswith("tap-choose-")), None
        )
        if shown is None:
            raise ActionError("no calendar is on the screen")
        first = date.fromisoformat(shown.resource_id.removeprefix("tap-choose-"))
        if day.year != first.year:
            now = yield from hands.tap("years", now)
            now = yield from hands.tap(f"year {day.year}", now)
        months = day.month - first.month
        for _ in range(abs(months)):
            now = yield from hands.tap(f"month {1 if months > 0 else -1}", now)
        now = yield from hands.tap(f"choose {day.isoformat()}", now)
        return (yield from hands.tap("accept", now))


def _filled(pattern: str, texts: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: texts[found[1]], pattern)
