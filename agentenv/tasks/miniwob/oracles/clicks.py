"""Oracles of the pages that are solved by clicking on what is named."""

from __future__ import annotations

import re

from agentenv.actions import Action
from agentenv.observations import Observation, UIElement
from agentenv.tasks.miniwob.oracles.screen import (
    fields,
    named,
    quoted,
    tap,
    tap_named,
    with_role,
)

LOWEST = 0.995
"""An element that reaches further down than this is cut by the screen's edge."""
GRIP_CONTRAST = 50
"""Of 255: between a field's background and the lines of its grip."""


def only_button(now: Observation) -> Action:
    """Click the button."""
    return tap(next(iter(with_role(now, "button")), None))


def button_in_capitals(now: Observation) -> Action:
    """Click button ONE."""
    return tap_named(now, re.findall(r"button (\w+)", now.goal)[-1], "button")


def button_sequence(now: Observation) -> Action:
    """Click button ONE, then click button TWO. The focus tells which was clicked last."""
    first, second = re.findall(r"button (\w+)", now.goal)
    clicked = named(now, first, ["button"])
    return tap_named(now, second if clicked and clicked.focused else first, "button")


def quoted_button(now: Observation) -> Action:
    """Click on the "okay" button."""
    return tap_named(now, quoted(now.goal)[-1], "button")


def dialog_button(now: Observation) -> Action:
    """Click the button in the dialog box labeled "x", which a screen reader calls "Close"."""
    label = quoted(now.goal)[-1]
    return tap_named(now, "Close" if label == "x" else label, "button")


def quoted_link(now: Observation) -> Action:
    """Click on the link "amet"."""
    return tap(link(now, quoted(now.goal)[-1]))


def link(now: Observation, text: str) -> UIElement | None:
    """The clickable piece of running text that reads exactly so."""
    found = named(now, text)
    return found if found and found.clickable else None


def tab(now: Observation) -> Action:
    """Click on Tab #2."""
    return tap_named(now, tab_name(now.goal), "tab")


def tab_name(goal: str) -> str:
    """The name of the tab in the goal."""
    return "Tab #" + re.findall(r"#(\d+)", goal)[-1]


def link_in_tabs(now: Observation) -> Action:
    """Find a link behind one of the tabs, or in one of the sections: try them in turn."""
    found = link(now, quoted(now.goal)[-1])
    if found:
        return tap(found)
    tabs = with_role(now, "tab")
    shown = [position for position, element in enumerate(tabs) if element.checked]
    return tap(tabs[(shown[0] + 1) % len(tabs) if shown else 0] if tabs else None)


def section_then_submit(now: Observation) -> Action:
    """Expand the section below and click submit, scrolling down if it is only half shown."""
    section = with_role(now, "tab")[0]
    if not section.checked:
        return tap(section)
    submit = named(now, "Submit")
    return tap(None if submit is None or submit.bounds[3] > LOWEST else submit)


def widget(now: Observation) -> Action:
    """Click on a "checkbox" widget; text areas have a grip in their corner."""
    kind = quoted(now.goal)[-1]
    if kind not in ("text", "textarea"):
        return tap(next(iter(with_role(now, kind)), None))
    matching = [field for field in fields(now) if has_grip(now, field) == (kind == "textarea")]
    return tap(next(iter(matching), None))


def has_grip(now: Observation, field: UIElement) -> bool:
    """Whether something is drawn just inside the field's lower right corner."""
    height, width, _ = now.screenshot.shape
    right, bottom = round(field.bounds[2] * width), round(field.bounds[3] * height)
    corner = now.screenshot[bottom - 6 : bottom - 1, right - 6 : right - 1]
    return bool(corner.size and corner.max() - corner.min() > GRIP_CONTRAST)


def nth_field(now: Observation) -> Action:
    """Focus into the 2nd input textbox."""
    number = re.search(r"(\d)\w\w input", now.goal)
    boxes = fields(now)
    position = int(number[1]) - 1 if number else 0
    return tap(boxes[position] if position < len(boxes) else None)


def colour_box(now: Observation) -> Action:
    """Click on the red colored box."""
    colour = re.findall(r"the (\w+) colored box", now.goal)[0].replace("grey", "gray")
    boxes = [element for element in now.elements if element.description == colour]
    return tap(next(iter(boxes), None))
