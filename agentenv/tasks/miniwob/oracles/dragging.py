"""Oracles of the pages where something is dragged: boxes, rows, shapes, sliders, text."""

from __future__ import annotations

import re
from itertools import product

from agentenv.actions import Action, Drag, Point, PressKey
from agentenv.observations import Bounds, Observation, UIElement
from agentenv.tasks.miniwob.oracles.screen import named, tap_named, with_id, with_role
from agentenv.tasks.miniwob.pages import HEIGHT, WIDTH
from agentenv.tasks.targets import target_of

PAST_THE_MIDDLE = 0.2
"""Of a row's height: a row changes places with those whose middle it has passed."""
ORDINALS = r"(\d+)(?:st|nd|rd|th)"

FIGURES = {"rectangles": "rect", "circles": "circle", "triangles": "polygon"}
"""The pages' name -> the role of the shape."""
EDGES: dict[str, Point] = {
    "left": (0.1, 0.5),
    "right": (0.9, 0.5),
    "up": (0.5, 0.32),
    "down": (0.5, 0.72),
}
"""Where a shape is that lies further that way than any page puts it at first."""
NEAR_THE_EDGE = 0.03

MINIMA, RANGES = (0, -100, 10, 100), (5, 10, 20, 50, 100)
"""Those of the pages' sliders, which do not say them."""
NEAR = 4
"""A slider's value is set by arrow keys from as far as this."""

LARGEST, SMALLEST = {"width": 0.72, "height": 0.43}, {"width": 0.3, "height": 0.22}
"""Sizes of text areas that no page begins with, as fractions of the screen."""
GRIP = 6
"""Pixels from a text area's lower right corner to the middle of its grip."""
LINE = 0.067
"""Height of a line of text, as a fraction of the screen's."""


def box_into_box(now: Observation) -> Action:
    """Drag the smaller box into the larger one, under which it is no longer seen."""
    small, large = named(now, "s"), named(now, "L")
    if large is None or small is None or contains(large.bounds, small.bounds):
        return tap_named(now, "Submit", "button")
    return Drag(**target_of(small), to_point=large.center, to_label="L")


def contains(outer: Bounds, inner: Bounds) -> bool:
    """Whether one box lies wholly within another."""
    starts = all(a < b for a, b in zip(outer[:2], inner[:2], strict=True))
    return starts and all(a > b for a, b in zip(outer[2:], inner[2:], strict=True))


def row_of_list(now: Observation) -> Action:
    """Drag Rois to the 2nd position, to the top, to the bottom, up or down by one position."""
    rows = with_role(now, "text")
    name, where = re.findall(r"Drag (\w+) (.+)\.", now.goal)[0]
    old = {row.name: number for number, row in enumerate(rows)}[name]
    position = re.search(ORDINALS, where)
    if position:
        new = int(position[1]) - 1
    elif "by one" in where:
        new = old + (1 if "down" in where else -1)
    else:
        new = len(rows) - 1 if "bottom" in where else 0
    return move_row(rows, old, new)


def move_row(rows: list[UIElement], old: int, new: int) -> Action:
    """Drag a row of a list onto the place of another."""
    row, place = rows[old], rows[new]
    past = PAST_THE_MIDDLE * (place.bounds[3] - place.bounds[1]) * (1 if new > old else -1)
    to = (row.center[0], place.center[1] + past)
    return Drag(**target_of(row), to_point=to, to_label=place.name)


def sort_numbers(now: Observation) -> Action:
    """Sort the numbers: bring the first that is missing from its place up to it."""
    rows = [row for row in with_role(now, "text") if re.fullmatch(r"-?\d+", row.name)]
    numbers = [int(row.name) for row in rows]
    for place, number in enumerate(sorted(numbers)):
        if numbers[place] != number:
            return move_row(rows, numbers.index(number, place), place)
    return tap_named(now, "Submit", "button")


def shapes_into_box(now: Observation) -> Action:
    """Drag all circles into the black box."""
    kind = FIGURES[re.findall(r"Drag all (\w+) into", now.goal)[0]]
    box = with_id(now, "shape-container")
    if box is None:
        raise LookupError("no box")
    for shape in with_role(now, kind):
        if shape != box and not holds_point(box.bounds, shape.center):
            return Drag(**target_of(shape), to_point=box.center, to_label="box")
    return tap_named(now, "Submit", "button")


def holds_point(box: Bounds, point: Point) -> bool:
    """Whether a point lies in a box."""
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def shape_to_side(now: Observation) -> Action:
    """Drag the circle (or whatever it is) left, right, up or down, as far as it goes."""
    side = re.findall(r"Drag the \w+ (\w+)", now.goal)[0]
    shape = with_role(now, *FIGURES.values())[0]
    across = side in ("left", "right")
    edge, at = (point[0 if across else 1] for point in (EDGES[side], shape.center))
    is_there = at < edge + NEAR_THE_EDGE if side in ("left", "up") else at > edge - NEAR_THE_EDGE
    if is_there:
        return tap_named(now, "Submit", "button")
    to = (edge, shape.center[1]) if across else (shape.center[0], edge)
    return Drag(**target_of(shape), to_point=to, to_label=side)


def sliders(now: Observation) -> Action:
    """Select 20 with the slider, or set the sliders to the combination [17,15,8]; submit."""
    parts = with_role(now, "generic")
    values = [e for e in now.elements if e.resource_id.startswith("val")]
    wishes = re.findall(r"-?\d+", now.goal)
    for number, wish in enumerate(wishes):
        track, handle, shown = parts[2 * number], parts[2 * number + 1], values[number]
        if shown.name != wish:
            return set_slider(track.bounds, handle, int(shown.name), int(wish))
    return tap_named(now, "Submit", "button")


def set_slider(track: Bounds, handle: UIElement, value: int, wish: int) -> Action:
    """Drag a slider's handle to a value, or press an arrow key once it is near."""
    if handle.focused and abs(wish - value) <= NEAR:
        return PressKey(key="arrow_right" if wish > value else "arrow_left")
    width, height = track[2] - track[0], track[3] - track[1]
    across = width > height  # the screen is higher than wide
    length = width if across else -height
    low = track[0] if across else track[3]
    share = (handle.center[0 if across else 1] - low) / length
    minimum, extent = min(
        product(MINIMA, RANGES), key=lambda scale: abs(scale[0] + share * scale[1] - value)
    )
    at = low + length * min(max((wish - minimum) / extent, 0.0), 1.0)
    to = (at, handle.center[1]) if across else (handle.center[0], at)
    return Drag(**target_of(handle), to_point=to, to_label=str(wish))


def mark_paragraph(now: Observation) -> Action:
    """Highlight the text in the (2nd) paragraph and click submit."""
    number = re.search(ORDINALS, now.goal)
    texts = with_role(now, "text")
    text = texts[int(number[1]) - 1 if number else 0]
    if is_marked(now, text):
        return tap_named(now, "Submit", "button")
    left, top, right, bottom = text.bounds
    end = (min(right + 0.02, 1.0), bottom - LINE / 2)
    return Drag(point=(left, top + LINE / 2), to_point=end)


def is_marked(now: Observation, text: UIElement) -> bool:
    """Whether something in the text's box is in colour, as a selection is."""
    height, width, _ = now.screenshot.shape
    left, top, right, bottom = text.bounds
    box = now.screenshot[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ].astype(int)
    return bool(box.size and (box.max(axis=2) - box.min(axis=2)).max() > 50)


def resize_area(now: Observation) -> Action:
    """Resize the textarea so that the height is smaller than its initial size."""
    side, way = re.findall(r"the (width|height) is (smaller|larger)", now.goal)[0]
    area = with_role(now, "textbox")[0]
    left, top, right, bottom = area.bounds
    size = right - left if side == "width" else bottom - top
    wanted = (LARGEST if way == "larger" else SMALLEST)[side]
    if size > wanted - NEAR_THE_EDGE if way == "larger" else size < wanted + NEAR_THE_EDGE:
        return tap_named(now, "Submit", "button")
    grip = (right - GRIP / WIDTH, bottom - GRIP / HEIGHT)
    if side == "width":
        return Drag(point=grip, to_point=(min(left + wanted, 0.99) - GRIP / WIDTH, grip[1]))
    return Drag(point=grip, to_point=(grip[0], min(top + wanted, 0.99) - GRIP / HEIGHT))
