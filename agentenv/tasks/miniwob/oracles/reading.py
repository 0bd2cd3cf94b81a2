"""Oracles of the pages where something must be read, worked out or looked for first."""

from __future__ import annotations

import re

from agentenv.actions import Action
from agentenv.observations import Observation
from agentenv.tasks.miniwob.oracles.forms import enter
from agentenv.tasks.miniwob.oracles.screen import (
    fields,
    fill,
    named,
    quoted,
    same_row,
    tap,
    with_role,
)

RESULTS_PER_PAGE = 3
NUMBER_OF_PAGES = 3


def sum_of_two(now: Observation) -> Action:
    """Solve "3 x 4 =" and type the answer."""
    left, sign, right = search(now, r"(\d+)\s*([-+x])\s*(\d+)\s*=").groups()
    first, second = int(left), int(right)
    answer = {"+": first + second, "-": first - second, "x": first * second}[sign]
    return enter(now, str(answer))


def unknown_x(now: Observation) -> Action:
    """Solve "x - 3 = 40" or "3 - x = 40" for x."""
    found = search(now, r"(x|\d+)\s*([-+])\s*(x|\d+)\s*=\s*(\d+)")
    left, sign, right, result = found.groups()
    if sign == "+":
        answer = int(result) - int(right if left == "x" else left)
    elif left == "x":
        answer = int(result) + int(right)
    else:
        answer = int(left) - int(result)
    return enter(now, str(answer))


def search(now: Observation, pattern: str) -> re.Match[str]:
    """The first match in the page's text.

    Raises:
        LookupError: the page does not show it.
    """
    found = re.search(pattern, "\n".join(element.name for element in now.elements))
    if found is None:
        raise LookupError(pattern)
    return found


def nth_word(now: Observation) -> Action:
    """Find the 4th word in the paragraph and type it."""
    number = int(re.findall(r"(\d+)\w\w word", now.goal)[0])
    texts = [element.name for element in now.elements if not element.clickable]
    words = max(texts, key=len, default="").split()
    return enter(now, re.sub(r"[^a-zA-Z]", "", words[number - 1]))


def cell_of_table(now: Observation) -> Action:
    """Enter the value of Religion, which stands beside it in a table."""
    key = now.goal.removeprefix("Enter the value of ").split(" into the text field")[0]
    return enter(now, beside(now, key))


def cells_of_table(now: Observation) -> Action:
    """Enter the value that corresponds with each label into the form."""
    entries = []
    for field in fields(now):
        key = field.name.strip().rstrip(":")
        entries.append((field, beside(now, key)))
    return fill(entries, named(now, "Submit", ["button"]))


def beside(now: Observation, key: str) -> str:
    """What stands to the right of a piece of text."""
    label = named(now, key, clickable=False)
    if label is None:
        return ""
    right = [e for e in now.elements if e.bounds[0] > label.bounds[0] and same_row(label, e)]
    return min(right, key=lambda element: element.bounds[0]).name if right else ""


def search_engine(now: Observation) -> Action:
    """Search for a name, then find and click the 7th result: three to a page."""
    query = quoted(now.goal)[0]
    number = int(re.findall(r"the (\d)\w\w search result", now.goal)[0]) - 1
    field = fields(now)[0]
    links = with_role(now, "link")
    pages = [element for element in links if element.name in {"<", ">", "1", "2", "3"}]
    if field.value != query or not pages:
        return fill([(field, query)], named(now, "Search", ["button"]))
    page = current_page({element.name for element in pages})
    if page != number // RESULTS_PER_PAGE:
        return tap(named(now, str(number // RESULTS_PER_PAGE + 1), ["link"]))
    results = [element for element in links if element not in pages]
    return tap(results[number % RESULTS_PER_PAGE])


def current_page(controls: set[str]) -> int:
    """Counted from 0: the first page has no "<", the last no ">"."""
    if "<" not in controls:
        return 0
    return NUMBER_OF_PAGES - 1 if ">" not in controls else 1


def navigate_tree(now: Observation) -> Action:
    """Find and click on the folder or file: where it is not in sight, open the next folder.

    A folder has a box beside it, with a plus sign as long as it is closed.
    """
    found = named(now, quoted(now.goal)[-1])
    if found:
        return tap(found)
    closed = [box for box in now.elements if "expandable" in box.description]
    return tap(closed[0] if closed else None)
