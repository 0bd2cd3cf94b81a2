"""What an agent sees."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import Image

Bounds = tuple[float, float, float, float]
"""(left, top, right, bottom) as fractions of the screen; may reach outside [0, 1]
only where the device clips nothing."""


@dataclass(frozen=True, slots=True)
class UIElement:
    """One element a person would recognise: a control, a field, or a piece of text.

    Names follow the accessibility standards: `name` is what a screen reader says
    (Android: content description or text), `value` is what the field holds now.
    """

    index: int
    """Position in the observation's list; what `Tap(element=...)` refers to."""
    role: str
    """ARIA role or nearest equivalent: button, link, textbox, checkbox, combobox, text, ..."""
    name: str
    bounds: Bounds
    value: str = ""
    description: str = ""
    resource_id: str = ""
    clickable: bool = False
    editable: bool = False
    checked: bool = False
    """Checked, selected or pressed."""
    focused: bool = False
    enabled: bool = True
    password: bool = False
    scrollable: bool = False

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) in the middle of the bounds, as fractions of the screen."""
        left, top, right, bottom = self.bounds
        return ((left + right) / 2, (top + bottom) / 2)


ELEMENT_FLAGS: tuple[str, ...] = (
    "clickable",
    "editable",
    "checked",
    "focused",
    "enabled",
    "password",
    "scrollable",
)


@dataclass(frozen=True)
class Screen:
    """What a device shows at one moment."""

    png: bytes
    """The screenshot, PNG-encoded, as the device delivered it."""
    elements: tuple[UIElement, ...]
    location: str
    """URL (browser) or app and activity (phone)."""
    messages: tuple[str, ...] = field(default=(), kw_only=True)
    """What the device said since the last screen, beside the picture: dialogs and how they
    were answered, finished downloads."""

    @cached_property
    def screenshot(self) -> np.ndarray:
        """(height, width, 3) uint8."""
        with Image.open(io.BytesIO(self.png)) as image:
            return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


@dataclass(frozen=True)
class Observation(Screen):
    """A screen, and what the agent needs to know beside it."""

    goal: str = ""
    step: int = 0
    """Actions taken so far in this episode."""
    last_action_error: str = ""
    """Why the previous action could not be carried out; empty if it was."""
