"""What oracles ask of a screen, and the actions they answer with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agentenv.actions import Action, InputText, Scroll, Tap
from agentenv.observations import Observation, UIElement
from agentenv.tasks.targets import target_of


def named(
    observation: Observation, name: str, roles: Iterable[str] = (), clickable: bool = True
) -> UIElement | None:
    """The element with exactly that name (and one of the roles, where given).

    Args:
        observation: where to look.
        name: compared with surrounding spaces left out.
        roles: acceptable roles; any if empty.
        clickable: prefer what can be clicked to plain text of the same name.
    """
    wanted = set(roles)
    found = [
        element
        for element in observation.elements
        if element.name.strip() == name.strip() and (not wanted or element.role in wanted)
    ]
    found.sort(key=lambda element: clickable and not element.clickable)
    return found[0] if found else None


def with_role(observation: Observation, *roles: str) -> list[UIElement]:
    """The elements of these roles, in the page's order."""
    return [element for element in observation.elements if element.role in roles]


def with_id(observation: Observation, resource_id: str) -> UIElement | None:
    """The element that the page calls so."""
    return next((e for e in observation.elements if e.resource_id == resource_id), None)


def fields(observation: Observation) -> list[UIElement]:
    """What can be typed into, in the page's order."""
    return [element for element in observation.elements if element.editable]


def tap(element: UIElement | None) -> Action:
    """Tap it; if it is not on the screen, look further down."""
    if element is None:
        return Scroll(direction="down")
    return Tap(**target_of(element))


def tap_named(observation: Observation, name: str, *roles: str) -> Action:
    """Tap the element with exactly that name."""
    return tap(named(observation, name, roles))


def fill(entries: Sequence[tuple[UIElement, str]], then: UIElement | None) -> Action:
    """Type into the first field that does not hold its text yet; then tap `then`."""
    for element, text in entries:
        if not holds(element, text):
            return InputText(text=text, **target_of(element))
    return tap(then)


def holds(element: UIElement, text: str) -> bool:
    """Whether the field's value is that text (of a password only its length is known)."""
    if element.password and element.value != text:
        return len(element.value) == len(text)
    return element.value == text


def quoted(goal: str) -> list[str]:
    """The texts between double quotes, in order."""
    return re.findall(r'"([^"]*)"', goal)


def between(goal: str, start: str, end: str) -> str:
    """The text between the first `start` and the last `end`."""
    return goal.split(start, 1)[1].rsplit(end, 1)[0].strip()


def same_row(first: UIElement, second: UIElement) -> bool:
    """Whether the middle of one lies within the height of the other."""
    _, middle = second.center
    return first.bounds[1] <= middle <= first.bounds[3]
