"""The suite "phone": every template in ``data/tasks/phone/`` as a task."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from agentenv.data_files import data_file, read_data
from agentenv.devices.base import Device
from agentenv.errors import ConfigError
from agentenv.phone.memory import profile_after
from agentenv.phone.setup import PhoneSetup
from agentenv.tasks.base import Oracle, Split, Task, TaskInstance, Verdict
from agentenv.tasks.phone.drawing import (
    Drawn,
    NoSuchPhoneError,
    draw_parameters,
    fill_text,
    make_setup,
    resolved,
)
from agentenv.tasks.phone.groups import apps_beside, group_of
from agentenv.tasks.phone.names import PAIRS
from agentenv.tasks.phone.oracle import solve
from agentenv.tasks.phone.pairs import read_pairs, session_of
from agentenv.tasks.phone.template import Effect, Privacy, Template, Wording
from agentenv.tasks.phone.verify import is_done

_PHONES = 5
"""Tried for an instance, before its template is given up."""
SPARE_STEPS = 12
"""Steps beyond twice the oracle's, before an episode is cut off."""


class PhoneTask(Task):
    """One template. What is drawn is seeded with "<id>/<split>/<index>"."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.group = group_of(template)
        self.groups = frozenset({self.group, *(("pairs",) if template.pair else ())})
        self.follows = f"phone/{session_of(template, 'save')}" if template.memory else ""
        self._others = apps_beside(template)
        self.id = f"phone/{template.id}"
        self.expected_steps = template.steps
        self.max_steps = 2 * template.steps + SPARE_STEPS

    @property
    def privacy(self) -> Privacy:
        """Which of the owner's data the task needs, may use with consent, and must not use."""
        return self.template.privacy

    def instance(self, split: Split, index: int) -> TaskInstance:
        return self._instance(split, index, salt="")

    def after(self, instance: TaskInstance, log: Sequence[str]) -> TaskInstance:
        """The owner's profile is as the session that was to save the liking left it; the rest of
        the phone is as this task wants it."""
        if not self.follows:
            return super().after(instance, log)
        first = PhoneTask(templates()[session_of(self.template, "save")])
        began = _setup(first.instance(instance.split, instance.index))
        left = profile_after(began, log)
        return replace(instance, setup=replace(_setup(instance), left=left))

    def decoy(self, instance: TaskInstance) -> TaskInstance:
        """Something else to be done on the phone: whoever does that fails `instance`."""
        for number in range(1, 50):
            if self.template.draw:
                other = self._instance(instance.split, instance.index, salt=f"/decoy/{number}")
            else:  # all that varies is the phone: what would be right on another one
                other = self.instance(instance.split, instance.index + number)
            if not set(self._outcomes(instance)) <= set(self._outcomes(other)):
                return other
        raise ConfigError(f"task {self.id} has nothing else to be done")

    def wording(self, split: Split, index: int) -> Wording:
        """How the goal of an instance is worded."""
        rng = random.Random(f"wording/{self.id}/{split}/{index}")
        return rng.choice(sorted(self.template.wordings))

    def effects(self, instance: TaskInstance) -> list[Effect]:
        """What must happen, with the instance's parameters filled in."""
        setup = _setup(instance)
        return [resolved(one, instance.parameters, setup) for one in self.template.does]

    def _outcomes(self, instance: TaskInstance) -> list[str]:
        """What each effect comes to: of an answer its text, whatever it is about."""
        effects = [one for one in self.effects(instance) if one.kind != "look"]
        return [one.text if one.kind == "answer" else repr(one) for one in effects]

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """Success is that all effects are there and nothing else has changed. The agent ends
        the episode."""
        done = is_done(self.effects(instance), state["changes"], answer)
        return Verdict(float(done), done=False)

    def open_device(self, engine: str = "auto") -> Device:
        """A phone in a browser of its own; with the engine "adb" it is seen and touched through
        the real adb, as an Android device is. With an address (`agentenv.devices.android.attach`)
        it is drawn by that device's Chrome."""
        from agentenv.devices.phone import open_phone

        if engine == "adb":
            from agentenv.devices.adb.phone import PhoneOverAdb

            return PhoneOverAdb(open_phone())
        if ":" in engine:
            from agentenv.devices.android.attach import address_of, open_phone_page

            address = address_of(engine)
            if address is not None:
                return open_phone_page(address)
        return open_phone(engine=engine)

    @property
    def has_oracle(self) -> bool:
        return True

    def oracle(self, instance: TaskInstance) -> Oracle:
        """The generic oracle: a script that follows from the template and the apps' schemas.

        It raises `ActionError` where the screen does not show what comes next.
        """
        return self.script(instance, self.effects(instance))

    def script(self, instance: TaskInstance, effects: Sequence[Effect]) -> Oracle:
        """A script that brings about other effects as the oracle does the task's: it learns first
        what the task leaves to be asked for or remembered."""
        memory = self.template.memory
        recalls = memory.key if memory else ""
        return solve(self.template.ask, effects, instance, recalls)

    def other_errand(self, instance: TaskInstance) -> Oracle:
        """A script that does something else on `instance`'s phone, and so fails; it does not
        look into the owner's profile, which says nothing of that errand."""
        decoy = self.decoy(instance)
        return solve(self.template.ask, self.effects(decoy), decoy, recalls="")

    def _instance(self, split: Split, index: int, salt: str) -> TaskInstance:
        key = f"phone/{self.template.pair or self.template.id}/{split}/{index}"
        setup, drawn = self._drawn(key, salt)
        if self.template.ask:
            answer = fill_text(self.template.answer, drawn, setup)
            setup = replace(setup, answers=((self.template.about, answer),))
        if self.template.memory:
            memory = self.template.memory
            saved = ((memory.key, fill_text(memory.value, drawn, setup)),)
            setup = replace(setup, saved=saved)
        goal = fill_text(self.template.wordings[self.wording(split, index)], drawn, setup)
        return TaskInstance(self.id, split, index, setup, goal, drawn)

    def _drawn(self, key: str, salt: str) -> tuple[PhoneSetup, dict[str, Drawn]]:
        """A phone and parameters for it: of the key, or where that phone happens to have no row
        as they want it, of a key like it. The sessions of a pair have one phone, and no other.

        Raises:
            NoSuchPhoneError: no phone has one.
        """
        others = () if self.template.pair else range(1, _PHONES)
        for phone in (key, *(f"{key}/{number}" for number in others)):
            setup = make_setup(self.template, phone, self._others)
            try:
                return setup, draw_parameters(self.template, setup, key + salt)
            except NoSuchPhoneError as error:
                missing = error
        raise missing


def _setup(instance: TaskInstance) -> PhoneSetup:
    assert isinstance(instance.setup, PhoneSetup)
    return instance.setup


@cache
def templates() -> dict[str, Template]:
    """Every template by its id.

    Raises:
        ConfigError: a file is wrong, or two templates have one id.
    """
    found: dict[str, Template] = {}
    adapter = TypeAdapter(list[Template])
    for path in sorted(data_file("tasks/phone").glob("*.yaml")):
        try:
            listed = adapter.validate_python(read_data(path))
        except (ValidationError, yaml.YAMLError) as error:
            raise ConfigError(f"{path.name}: {error}") from error
        for template in listed:
            if template.id in found:
                raise ConfigError(f"{path.name}: there are two templates {template.id!r}")
            found[template.id] = template
    for template in read_pairs(data_file(PAIRS)):
        found[template.id] = template
    return found


def tasks() -> dict[str, Task]:
    """Every task of the suite by its id."""
    return {f"phone/{name}": PhoneTask(one) for name, one in templates().items()}
