"""Oracles of the pages that draw shapes, letters and digits of two sizes in seven colours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentenv.actions import Action
from agentenv.observations import Observation, UIElement
from agentenv.tasks.miniwob.oracles.screen import tap, tap_named, with_role

FIGURES = {"circle": "circle", "rect": "rectangle", "polygon": "triangle"}
"""SVG element -> what the pages call it."""
SYNONYMS = {"aqua": "cyan"}
"""The pages' name -> the device's, where they differ."""
LARGEST_SMALL_FIGURE = 15
"""Pixels: figures are 10 or 20 high, glyphs about 13 or 26."""
LARGEST_SMALL_GLYPH = 20


@dataclass(frozen=True)
class Item:
    """Something drawn."""

    kind: str
    """"shape", "letter" or "digit"."""
    text: str
    """The figure's name or the glyph."""
    colour: str
    large: bool
    element: UIElement

    def fits(self, description: str) -> bool:
        """Whether "large black D", "small item", "red digit" ... describes it."""
        *adjectives, noun = description.split()
        if noun not in ("item", self.kind, self.text):
            return False
        traits = ("large" if self.large else "small", self.colour)
        return all(SYNONYMS.get(word, word) in traits for word in adjectives)


def items(now: Observation) -> list[Item]:
    """Everything drawn, in the order it was drawn."""
    found = []
    for element in now.elements:
        size = re.search(r"(\d+)x(\d+)$", element.description)
        if size is None:
            continue
        height = int(size[2])
        colour = element.description.split()[-2]
        if element.role in FIGURES:
            large = height > LARGEST_SMALL_FIGURE
            found.append(Item("shape", FIGURES[element.role], colour, large, element))
        elif element.role == "text":
            kind = "digit" if element.name.isdigit() else "letter"
            large = height > LARGEST_SMALL_GLYPH
            found.append(Item(kind, element.name, colour, large, element))
    return found


def click_shape(now: Observation) -> Action:
    """Click on a large black D."""
    description = now.goal.removeprefix("Click on a ")
    return tap(next((item.element for item in items(now) if item.fits(description)), None))


def count_shapes(now: Observation) -> Action:
    """How many large black Ds are there? A button names the number."""
    description = re.findall(r"How many (.+)s are there", now.goal)[0]
    count = sum(item.fits(description) for item in items(now))
    return tap_named(now, str(count), "button")


def identify_shape(now: Observation) -> Action:
    """Click the button that describes the only figure: its name, or Letter or Number."""
    item = items(now)[0]
    word = {"letter": "Letter", "digit": "Number"}.get(item.kind, item.text.capitalize())
    return tap_named(now, word, "button")


def grid_point(now: Observation) -> Action:
    """Click on the grid coordinate (-1,1): the columns and rows of circles, counted."""
    x, y = (int(number) for number in re.findall(r"-?\d+", now.goal))
    circles = with_role(now, "circle")
    columns = sorted({round(circle.center[0], 2) for circle in circles})
    rows = sorted({round(circle.center[1], 2) for circle in circles}, reverse=True)
    if len(columns) != 5 or len(rows) != 5:
        return tap(None)
    at = (columns[x + 2], rows[y + 2])
    fitting = [c for c in circles if (round(c.center[0], 2), round(c.center[1], 2)) == at]
    return tap(next(iter(fitting), None))
