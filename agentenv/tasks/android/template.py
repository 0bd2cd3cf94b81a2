"""What a task on Android is made of: words, a beginning, and what the device must tell then."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agentenv.devices.android.setup import AndroidSetup, Words

Parameters = Mapping[str, str]
State = Mapping[str, str]
"""What the setup's commands have printed, by name."""
APPS = (
    ("Settings", "com.android.settings"),
    ("Clock", "com.google.android.deskclock"),
    ("Contacts", "com.google.android.contacts"),
    ("Files", "com.google.android.documentsui"),
)
"""What an agent may call the apps, on images with Google's; others are found by their package."""
MORNING = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
"""What the device's clock shows when a task begins: a Thursday."""


@dataclass(frozen=True)
class Template:
    """One task; everything that is drawn comes from the `random.Random` it is given."""

    name: str
    goal: str
    """"{name}" stands for a parameter."""
    draw: Callable[[random.Random], dict[str, str]]
    begin: Callable[[Parameters], tuple[Words, ...]]
    """Commands that bring about what the task begins with, which is not what it wants."""
    state: tuple[tuple[str, Words], ...]
    """What is read to judge it: (name, command)."""
    done: Callable[[Parameters, State], bool]
    """Whether the goal is reached, and nothing else was changed that is read."""
    steps: int
    """That somebody needs who knows the way, typically."""
    clear: tuple[str, ...] = field(default=())
    """Packages whose data is erased before: only on an emulator."""

    def setup(self, parameters: Parameters) -> AndroidSetup:
        """What the device is asked for."""
        return AndroidSetup(
            clock=MORNING,
            clear=self.clear,
            emulator_only=bool(self.clear),
            commands=self.begin(parameters),
            apps=APPS,
            state=self.state,
        )
