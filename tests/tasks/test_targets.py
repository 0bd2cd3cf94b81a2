from __future__ import annotations

import pytest

from agentenv.actions import (
    Action,
    DoubleTap,
    Drag,
    InputText,
    Invalid,
    PressKey,
    Scroll,
    Swipe,
    Tap,
)
from agentenv.observations import UIElement
from agentenv.tasks.targets import aimed, does_nothing

ELEMENTS = (
    UIElement(0, "region", "", (0.0, 0.0, 1.0, 0.5), scrollable=True),
    UIElement(1, "button", "Send all", (0.1, 0.1, 0.6, 0.3), clickable=True),
    UIElement(2, "link", "all", (0.4, 0.1, 0.6, 0.3), clickable=True),
    UIElement(3, "slider", "Volume", (0.0, 0.6, 1.0, 0.7), clickable=True),
    UIElement(4, "textbox", "Name", (0.0, 0.8, 1.0, 0.9), editable=True, focused=True),
)


@pytest.mark.parametrize(
    ("done", "meant"),
    [
        (Tap(point=(0.2, 0.2)), Tap(element=1, label="Send all")),
        (DoubleTap(point=(0.5, 0.2)), DoubleTap(element=2, label="all")),
        (Tap(point=(0.25, 0.65)), Tap(point=(0.25, 0.65), label="Volume")),
        (Tap(point=(0.5, 0.75)), Tap(point=(0.5, 0.75))),
        (Tap(element=2), Tap(element=2, label="all")),
        (Scroll(direction="up", point=(0.2, 0.2)), Scroll(direction="up", element=0)),
        (Scroll(direction="up", point=(0.2, 0.95)), Scroll(direction="up", point=(0.2, 0.95))),
        (InputText(text="Ada"), InputText(text="Ada", element=4, label="Name")),
        (Swipe(start=(0.2, 0.2), end=(0.5, 0.2)), Swipe(start=(0.2, 0.2), end=(0.5, 0.2))),
        (PressKey(key="enter"), PressKey(key="enter")),
    ],
)
def test_what_a_person_does_at_a_point_is_said_by_element_where_that_is_the_same(
    done: Action, meant: Action
) -> None:
    assert aimed(done, ELEMENTS) == meant


@pytest.mark.parametrize(
    ("action", "nothing"),
    [
        (Tap(element=4), False),
        (Tap(element=5), True),
        (Tap(point=(0.5, 0.5)), False),
        (Drag(element=1, to_element=9), True),
        (InputText(text="Ada"), False),
        (Invalid(reason="no action"), True),
    ],
)
def test_what_does_nothing_is_known_beforehand(action: Action, nothing: bool) -> None:
    assert does_nothing(action, ELEMENTS) is nothing
