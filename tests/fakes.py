"""A device and a task without a browser: a form with three buttons and a field."""

from __future__ import annotations

import io
import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from agentenv.actions import BROWSER_ACTIONS, Action, InputText, Tap
from agentenv.devices.base import DeviceFeatures, Setup
from agentenv.errors import ActionError, DeviceError
from agentenv.observations import Observation, Screen, UIElement
from agentenv.tasks.base import Oracle, Split, Task, TaskInstance, Verdict
from agentenv.tasks.targets import target_of

BUTTONS = ("Ok", "Cancel", "Help")
FIELD = len(BUTTONS)
"""Index of the text field."""


@dataclass(frozen=True)
class FakeSetup(Setup):
    """The form, in a colour of its own."""

    colour: tuple[int, int, int] = (200, 200, 200)


FakeState = tuple[FakeSetup, tuple[str, ...], str]
"""Setup, what was pressed, what was typed."""
_numbers = itertools.count()


class FakeDevice:
    """Keeps what was done to it, and fails on demand."""

    def __init__(self, name: str = "device", height: int = 16, width: int = 12) -> None:
        self.name = name
        self.deadline: float | None = None
        self.features = DeviceFeatures("browser", height, width, BROWSER_ACTIONS)
        self.calls: list[str] = []
        """Every method called, in order."""
        self.actions: list[Action] = []
        """Every action it was asked to carry out."""
        self.blocked: list[str] = []
        """As of a browser with a network policy."""
        self.pressed: list[str] = []
        self.typed = ""
        self._setup = FakeSetup()
        self._failures: dict[str, deque[str]] = {}

    def fail(self, method: str, *, times: int = 1, cause: str = "fake_crash") -> None:
        """Let the next calls of a method raise `DeviceError`."""
        self._failures.setdefault(method, deque()).extend([cause] * times)

    def reset(self, setup: Setup) -> None:
        self._called("reset")
        assert isinstance(setup, FakeSetup)
        self._setup, self.pressed, self.typed = setup, [], ""

    def observe(self) -> Screen:
        self._called("observe")
        picture = io.BytesIO()
        size = (self.features.width, self.features.height)
        red, green, blue = self._setup.colour
        shade = (red, green, (blue + 40 * len(self.pressed) + len(self.typed)) % 256)
        Image.new("RGB", size, shade).save(picture, "PNG")
        return Screen(picture.getvalue(), self._elements(), "fake://form")

    def act(self, action: Action) -> Action:
        self._called("act")
        self.actions.append(action)
        match action:
            case Tap(element=int(index)):
                if not 0 <= index < FIELD:
                    raise ActionError(f"no button {index}; there are {FIELD}")
                self.pressed.append(BUTTONS[index])
                center = self._elements()[index].center
                return action.model_copy(update={"element": None, "point": center})
            case InputText():
                self.typed = action.text if action.clear else self.typed + action.text
        return action

    def state(self) -> Mapping[str, Any]:
        self._called("state")
        return {"pressed": list(self.pressed), "typed": self.typed}

    def snapshot(self) -> str:
        raise DeviceError("a fake device has no snapshots", "no_snapshots")

    def restore(self, token: str) -> None:
        raise DeviceError("a fake device has no snapshots", "no_snapshots")

    def close(self) -> None:
        self._called("close")

    def _called(self, method: str) -> None:
        self.calls.append(method)
        if self._failures.get(method):
            raise DeviceError(f"{method} failed on demand", self._failures[method].popleft())

    def _elements(self) -> tuple[UIElement, ...]:
        buttons = [
            UIElement(i, "button", name, (0.0, 0.2 * i, 0.5, 0.2 * i + 0.1), clickable=True)
            for i, name in enumerate(BUTTONS)
        ]
        bounds = (0.0, 0.8, 1.0, 0.9)
        field = UIElement(FIELD, "textbox", "", bounds, self.typed, editable=True)
        return (*buttons, field)


class SavingDevice(FakeDevice):
    """Shares its snapshots with others.

    Args:
        kept: token -> state, of all of them.
    """

    def __init__(self, kept: dict[str, FakeState]) -> None:
        super().__init__()
        self.features = replace(self.features, snapshots=True)
        self.kept = kept

    def snapshot(self) -> str:
        self._called("snapshot")
        token = f"snapshot {next(_numbers)}"
        self.kept[token] = (self._setup, tuple(self.pressed), self.typed)
        return token

    def restore(self, token: str) -> None:
        self._called("restore")
        self._setup, pressed, self.typed = self.kept[token]
        self.pressed = list(pressed)

    def forget(self, token: str) -> None:
        """Free a snapshot."""
        del self.kept[token]


class PressTask(Task):
    """Press the button that the goal names; as many times as `presses`.

    Args:
        page_ends: the task is over once that many buttons were pressed; otherwise the
            agent has to finish.
    """

    max_steps = 5

    def __init__(self, *, presses: int = 1, page_ends: bool = True) -> None:
        self.id = f"fake/press-{presses}"
        self.expected_steps = presses
        self.presses = presses
        self.page_ends = page_ends

    def instance(self, split: Split, index: int) -> TaskInstance:
        rng = np.random.default_rng([len(split), index])
        button = BUTTONS[int(rng.integers(len(BUTTONS)))]
        red, green, blue = (int(part) for part in rng.integers(256, size=3))
        setup = FakeSetup((red, green, blue))
        return TaskInstance(
            self.id, split, index, setup, f"Press {button}", parameters={"button": button}
        )

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        pressed = state["pressed"]
        right = pressed == [instance.parameters["button"]] * self.presses or answer == "42"
        done = self.page_ends and len(pressed) >= self.presses
        return Verdict(float(right), done, raw_reward=1.0 if right else -1.0 * done)

    def open_device(self, engine: str = "auto") -> FakeDevice:
        return FakeDevice(engine)

    @property
    def has_oracle(self) -> bool:
        return True

    def oracle(self, instance: TaskInstance) -> Oracle:
        def press(observation: Observation) -> Action:
            name = instance.parameters["button"]
            button = next(e for e in observation.elements if e.name == name)
            return Tap(**target_of(button))

        return press
