"""The suite "android": tasks on an emulator or a handset."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from agentenv.devices.base import Device
from agentenv.tasks.android import clock, contacts, files, settings
from agentenv.tasks.android.template import Template
from agentenv.tasks.base import Split, Task, TaskInstance, Verdict

SPARE_STEPS = 12
"""Steps beyond twice the usual, before an episode is cut off."""


class AndroidTask(Task):
    """One template. What is drawn is seeded with "<id>/<split>/<index>"."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.id = f"android/{template.name}"
        self.expected_steps = template.steps
        self.max_steps = 2 * template.steps + SPARE_STEPS

    def instance(self, split: Split, index: int) -> TaskInstance:
        parameters = self.template.draw(random.Random(f"{self.id}/{split}/{index}"))
        goal = self.template.goal.format(**parameters)
        setup = self.template.setup(parameters)
        return TaskInstance(self.id, split, index, setup, goal, parameters)

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """Success is what the device itself tells. The agent ends the episode."""
        return Verdict(float(self.template.done(instance.parameters, state)), done=False)

    def open_device(self, engine: str = "auto") -> Device:
        """An emulator or a handset, by its address; see `agentenv.devices.android.attach`."""
        from agentenv.devices.android.attach import open_android

        return open_android(engine)


def tasks() -> dict[str, Task]:
    """Every task of the suite by its id."""
    listed = [one for app in (settings, clock, contacts, files) for one in app.TEMPLATES]
    return {f"android/{one.name}": AndroidTask(one) for one in listed}
