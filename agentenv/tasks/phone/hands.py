"""What an oracle's script does with a screen: find, tap, type, and scroll until it is there.

A script is a generator that is sent each observation and yields the next action; these are
pieces of scripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator

from agentenv.actions import Action, InputText, PressKey, Scroll, Tap
from agentenv.errors import ActionError
from agentenv.observations import Observation, UIElement
from agentenv.tasks.targets import target_of

Part = Generator[Action, Observation, Observation]
"""A piece of a script, which gives back the last observation."""
Search = Generator[Action, Observation, tuple[Observation, UIElement]]
"""A piece of a script that comes back with what it looked for."""
Find = Callable[[Observation], UIElement | None]
_CODE = re.compile(r"\b\d{6}\b")
_MAX_LOOKS = 40
"""How far it scrolls for an element."""
_SLIVER = 0.01
"""Of the screen's height."""


def tap(action: str, now: Observation) -> Part:
    """Tap what stands for that action of the phone's page."""
    now, element = yield from see(element_id(action), now)
    return (yield from press(element))


def press(element: UIElement) -> Part:
    """Tap an element."""
    now = yield Tap(**target_of(element))
    return now


def type_into(resource_id: str, text: str, now: Observation) -> Part:
    """Type into a field, unless it holds the text already."""
    now, element = yield from see(resource_id, now)
    if element.value == text:
        return now
    now = yield InputText(text=text, **target_of(element))
    return now


def see(resource_id: str, now: Observation) -> Search:
    """Bring an element onto the screen."""
    return (yield from see_any((resource_id,), now))


def see_any(resource_ids: tuple[str, ...], now: Observation) -> Search:
    """The same of several, whichever is there first."""

    def wanted(seen: Observation) -> UIElement | None:
        return next(filter(None, (find(seen, one) for one in resource_ids)), None)

    return (yield from look(wanted, now, resource_ids[0]))


def look(wanted: Find, now: Observation, name: str, up: bool = False) -> Search:
    """Scroll down, then up (or the other way), until what is looked for is on the screen.

    Raises:
        ActionError: it is nowhere.
    """
    turned = False
    for number in range(_MAX_LOOKS):
        element = wanted(now)
        if element is not None and _can_be_hit(element):
            return now, element
        if is_typing(now):  # the page keeps the field in view that is typed into
            now = yield PressKey(key="back")
        else:
            before = now.elements
            now = yield Scroll(direction="down" if up == turned else "up")
            turned = turned or now.elements == before or number == _MAX_LOOKS // 2
    raise ActionError(f"{name} is not on the screen")


def read_to_end(resource_id: str, now: Observation) -> Part:
    """Scroll through a list, until nothing new comes."""
    for _ in range(_MAX_LOOKS):
        if is_typing(now):
            now = yield PressKey(key="back")
            continue
        shown = _rows(now, resource_id)
        after = yield Scroll(direction="down")
        now = after
        if _rows(after, resource_id) == shown:
            break
    return now


def element_id(action: str) -> str:
    """The resource id of what stands for an action of the phone's page."""
    return f"tap-{action.replace(' ', '-')}"


def find(now: Observation, resource_id: str) -> UIElement | None:
    """The element of that id, if it is on the screen."""
    return next((one for one in now.elements if one.resource_id == resource_id), None)


def find_row(now: Observation, resource_id: str, text: str) -> UIElement | None:
    """The row of a list that begins with a text."""
    wanted = " ".join(text.split())
    for one in now.elements:
        if one.resource_id.startswith(f"{resource_id}-") and f"{one.name} ".startswith(
            f"{wanted} "
        ):
            return one
    return None


def find_code(now: Observation) -> UIElement | None:
    """The last text on the screen with a one-time code in it."""
    return next((one for one in reversed(now.elements) if _CODE.search(one.name)), None)


def code_in(text: str) -> str:
    """The one-time code in a text; empty if there is none."""
    found = _CODE.search(text)
    return found[0] if found else ""


def is_typing(now: Observation) -> bool:
    """Whether a field has the focus."""
    return not is_covered(now) and any(one.focused and one.editable for one in now.elements)


def is_covered(now: Observation) -> bool:
    """Whether a dialog, picker or sheet lies above the screen."""
    return find(now, "tap-close") is not None


def _can_be_hit(element: UIElement) -> bool:
    """Whether more of it is on the screen than a sliver at the edge of what scrolls."""
    return element.bounds[3] - element.bounds[1] > _SLIVER


def _rows(now: Observation, resource_id: str) -> list[str]:
    return [one.name for one in now.elements if one.resource_id.startswith(f"{resource_id}-")]
