"""What AndroidWorld's agents answer."""

from __future__ import annotations

import json

import pytest

from agentenv.actions import (
    BROWSER_ACTIONS,
    Action,
    Answer,
    DoubleTap,
    Drag,
    Finish,
    Hover,
    InputText,
    Invalid,
    LongPress,
    OpenApp,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.dialects import AndroidWorld
from agentenv.errors import ConfigError
from tests.dialects.actions import ANDROIDWORLD


@pytest.mark.parametrize(
    "output",
    [
        'Reason: It opens the menu.\nAction: {"action_type": "click", "index": 3}',
        'Reason: The state is {"a": 1}.\nAction: {"action_type": "click", "index": 3}',
        'Reason: It opens the menu. Action: {"action_type": "click", "index": 3}',
        'Reason: x\n\n**Action:** `{"action_type": "click", "index": 3}`',
        'Reason: x\nAction:\n```json\n{"action_type": "click", "index": 3}\n```',
        'Reason: the Action: wait is no use.\nAction: {"action_type": "click", "index": "3"}',
        '{"action_type": "click", "index": 3}',
        '<think>{"a":1}</think>Action: {"action_type": "click", "index": 3}<|im_end|>',
    ],
)
def test_a_click_is_found_in_what_surrounds_it(output: str) -> None:
    assert ANDROIDWORLD.parse(output) == Tap(element=3)


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"action_type": "click", "x": 540, "y": 1200}, Tap(point=(0.5, 0.5))),
        ({"action_type": "long_press", "index": 0}, LongPress(element=0)),
        ({"action_type": "double_tap", "x": 0, "y": 2400}, DoubleTap(point=(0, 1))),
        ({"action_type": "scroll", "direction": "down"}, Scroll(direction="down")),
        (
            {"action_type": "scroll", "direction": "left", "index": 7},
            Scroll(direction="left", element=7),
        ),
        ({"action_type": "swipe", "direction": "up"}, Swipe(start=(0.5, 1), end=(0.5, 0))),
        (
            {"action_type": "input_text", "text": 'a, "b"', "index": 2},
            InputText(text='a, "b"', element=2),
        ),
        ({"action_type": "input_text", "text": 42, "index": 2}, InputText(text="42", element=2)),
        (
            {"action_type": "input_text", "text": "a", "x": 0, "y": 0, "clear_text": False},
            InputText(text="a", point=(0, 0), clear=False),
        ),
        ({"action_type": "keyboard_enter"}, PressKey(key="enter")),
        ({"action_type": "navigate_home"}, PressKey(key="home")),
        ({"action_type": "navigate_back"}, PressKey(key="back")),
        ({"action_type": "open_app", "app_name": "Files"}, OpenApp(app="Files")),
        ({"action_type": "wait"}, Wait()),
        ({"action_type": "answer", "text": "Action: {}"}, Answer(text="Action: {}")),
        ({"action_type": "status", "goal_status": "complete"}, Finish()),
        ({"action_type": "status", "goal_status": "infeasible"}, Finish(success=False)),
    ],
)
def test_every_action_type_is_understood(fields: object, action: Action) -> None:
    assert ANDROIDWORLD.parse(f"Reason: x\nAction: {json.dumps(fields)}") == action


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("", "no JSON object"),
        ("Reason: x\nAction: tap the button", "no JSON object"),
        ("Action: {'action_type': 'click', 'index': 3}", "no JSON object"),
        ('Action: {"action_type": "click", "index": 3', "not valid JSON"),
        ("{}", "action_type"),
        ('{"action_type": "fly"}', "unknown 'fly'; one of click, long_press"),
        ('{"action_type": "click"}', "click: give either index, or both x and y"),
        ('{"action_type": "click", "x": 1}', "both x and y"),
        ('{"action_type": "click", "index": 1, "x": 1, "y": 1}', "either index"),
        ('{"action_type": "click", "index": -1}', "index"),
        ('{"action_type": "click", "index": true}', "index"),
        ('{"action_type": "click", "index": "three"}', "index"),
        ('{"action_type": "click", "x": 1081, "y": 1}', "outside the screen"),
        ('{"action_type": "scroll"}', "direction: missing"),
        ('{"action_type": "scroll", "direction": "down", "x": 1, "y": 1}', "scroll"),
        ('{"action_type": "swipe", "direction": "in"}', "direction"),
        ('{"action_type": "input_text", "index": 1}', "text: missing"),
        ('{"action_type": "open_app"}', "app_name: missing"),
        ('{"action_type": "status", "goal_status": "done"}', "goal_status"),
        ('{"action_type": "status"}', "goal_status: missing"),
        ('{"action_type": "wait", "speed": 3}', "speed"),
    ],
)
def test_what_is_wrong_is_said(output: str, hint: str) -> None:
    action = ANDROIDWORLD.parse(output)
    assert isinstance(action, Invalid)
    assert hint in action.reason


def test_it_is_printed_as_androidworld_writes_it() -> None:
    printed = ANDROIDWORLD.print(InputText(text="é", element=2))
    assert printed == 'Action: {"action_type": "input_text", "text": "é", "index": 2}'
    assert ANDROIDWORLD.print(PressKey(key="back")) == 'Action: {"action_type": "navigate_back"}'
    point = AndroidWorld(100, 200).print(Tap(point=(0.5, 0.5)))
    assert point == 'Action: {"action_type": "click", "x": 50, "y": 100}'


@pytest.mark.parametrize(
    "action",
    [
        Scroll(direction="up", point=(0.5, 0.5)),
        Swipe(start=(0.5, 0.8), end=(0.5, 0.2)),
        Hover(element=1),
        Drag(element=1, to_element=2),
        PressKey(key="recents"),
        Wait(seconds=3),
        Invalid(reason="no"),
    ],
)
def test_what_it_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ConfigError):
        ANDROIDWORLD.print(action)


def test_a_screen_has_a_size() -> None:
    with pytest.raises(ConfigError):
        AndroidWorld(height=0)


def test_the_instructions_give_the_size_and_only_types_that_can_be_used() -> None:
    text = AndroidWorld(100, 200).instructions(("tap", "navigate", "finish"))
    assert "100, 200" in text
    assert '"click"' in text
    assert '"infeasible"' in text
    assert 'scroll"' not in text
    for line in ANDROIDWORLD.instructions(BROWSER_ACTIONS).splitlines()[5:]:
        example = line.replace("?:", ":").replace('"up"|"down"|"left"|"right"', '"up"')
        assert not isinstance(ANDROIDWORLD.parse(example), Invalid)
