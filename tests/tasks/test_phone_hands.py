"""How the scripted solutions find things on a screen."""

from __future__ import annotations

import pytest

from agentenv.actions import Action, Scroll
from agentenv.errors import ActionError
from agentenv.observations import Observation, UIElement
from agentenv.tasks.phone.hands import see
from tests.small_models import noise_png

PAGES = (("tap-first",), ("tap-second",), ("tap-third",))


def screen(page: int) -> Observation:
    elements = tuple(
        UIElement(number, "button", name, (0, 0, 1, 0.1), clickable=True, resource_id=name)
        for number, name in enumerate(PAGES[page])
    )
    return Observation(noise_png(0), elements, "page", goal="")


def scrolled(wanted: str, page: int) -> tuple[list[str], bool]:
    """Directions in which it is looked for from a page on, and whether it is found."""
    search, directions = see(wanted, screen(page)), list[str]()
    action: Action = next(search)
    try:
        while True:
            assert isinstance(action, Scroll)
            directions.append(action.direction)
            page += 1 if action.direction == "down" else -1
            page = min(len(PAGES) - 1, max(0, page))
            action = search.send(screen(page))
    except StopIteration as found:
        return directions, found.value[1].resource_id == wanted
    except ActionError:
        return directions, False


def test_what_lies_above_is_looked_for_as_soon_as_the_end_is_reached() -> None:
    assert scrolled("tap-first", page=1) == (["down", "down", "up", "up"], True)


def test_what_is_nowhere_is_given_up_in_bounded_time() -> None:
    directions, found = scrolled("tap-other", page=0)
    assert not found
    assert len(directions) < 50


@pytest.mark.parametrize("wanted", ["tap-second", "tap-third"])
def test_what_lies_below_is_found_on_the_way_down(wanted: str) -> None:
    directions, found = scrolled(wanted, page=0)
    assert found
    assert set(directions) == {"down"}
