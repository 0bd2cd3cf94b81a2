"""What Auto-UI and the agents made of it answer."""

from __future__ import annotations

import pytest

from agentenv.actions import (
    Action,
    Answer,
    DoubleTap,
    Finish,
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
from agentenv.errors import ConfigError
from tests.dialects.actions import AITW


def decision(kind: str, touch: str = "-1.0, -1.0", lift: str = "-1.0, -1.0", text: str = "") -> str:
    """A decision as the authors' code puts it together, without escapes."""
    return (
        f'"action_type": "{kind}", "touch_point": "[{touch}]", "lift_point": "[{lift}]", '
        f'"typed_text": "{text}"'
    )


TAP = decision("DUAL_POINT", "0.2463, 0.1245", "0.2463, 0.1245")


@pytest.mark.parametrize(
    "output",
    [
        f"Action Plan: [DUAL_POINT,STATUS_TASK_COMPLETE] ; Action Decision: {TAP}",
        f"Action Plan: [DUAL_POINT,TYPE]\n; Action Decision: {TAP}</s>",
        f"Action Decision: {TAP}<|im_end|>",
        f"Action Decision: {{{TAP}}}",
        f"Action Plan: [DUAL_POINT]\n```\nAction Decision: {TAP}\n```",
        f"<think>Hm.</think>{TAP}\n",
        'Action Decision: "action_type": "DUAL_POINT", "touch_point": [0.2463, 0.1245], '
        '"lift_point": [0.2463, 0.1245]',
        TAP.replace(", ", ",\n"),
    ],
)
def test_a_tap_is_found_and_its_point_is_y_first(output: str) -> None:
    assert AITW.parse(output) == Tap(point=(0.1245, 0.2463))


@pytest.mark.parametrize(
    ("lift", "is_tap"), [("0.50, 0.53", True), ("0.50, 0.539", True), ("0.50, 0.55", False)]
)
def test_a_gesture_that_ends_where_it_starts_is_a_tap(lift: str, is_tap: bool) -> None:
    action = AITW.parse(decision("DUAL_POINT", "0.50, 0.50", lift))
    assert action.type == ("tap" if is_tap else "swipe")


@pytest.mark.parametrize(
    ("output", "action"),
    [
        (
            decision("DUAL_POINT", "0.8000, 0.5000", "0.2000, 0.5000"),
            Swipe(start=(0.5, 0.8), end=(0.5, 0.2)),
        ),
        (decision("PRESS_BACK"), PressKey(key="back")),
        (decision("PRESS_HOME"), PressKey(key="home")),
        (decision("PRESS_ENTER"), PressKey(key="enter")),
        (decision("STATUS_TASK_COMPLETE"), Finish()),
        (decision("STATUS_TASK_IMPOSSIBLE"), Finish(success=False)),
        (decision("TASK_IMPOSSIBLE"), Finish(success=False)),
        (decision("TYPE", text="shoes"), InputText(text="shoes")),
    ],
)
def test_the_other_action_types_are_understood(output: str, action: Action) -> None:
    assert AITW.parse(f"Action Plan: [X] ; Action Decision: {output}") == action


@pytest.mark.parametrize(
    "text", ["a, b, c", 'say "hi"', '"hi", she said', '"', "it's", 'a": "b', "[1, 2]", "\\o/"]
)
def test_a_comma_or_a_quote_in_typed_text_survives(text: str) -> None:
    assert AITW.parse(f"Action Decision: {decision('TYPE', text=text)}") == InputText(text=text)


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("", "no action"),
        ("Action Plan: [DUAL_POINT]", "no action"),
        ("Action Decision: tap", "no action"),
        (decision("FLY"), "unknown 'FLY'; one of DUAL_POINT, TYPE, PRESS_BACK"),
        ('"touch_point": "[0.1, 0.1]"', "action_type: missing"),
        ('"action_type": "DUAL_POINT", "touch_point": "[0.1, 0.1]"', "lift_point: missing"),
        ('"action_type": "TYPE"', "typed_text: missing"),
        ('"action_type": "TYPE", "typed_text": "shoes', "not closed"),
        ('"action_type": "TYPE", "typed_text": ', "typed_text: write"),
        ('"action_type": "TYPE", "action_type": "TYPE"', "given twice"),
        ('"action_type": "TYPE", "element": "3"', "no field 'element'"),
        (decision("DUAL_POINT"), "touch_point: write [y, x]"),
        (decision("DUAL_POINT", "0.1, 1.1", "0.1, 0.1"), "touch_point"),
        (decision("DUAL_POINT", "0.1, 0.1", "0.1"), "lift_point"),
        (decision("DUAL_POINT", "the button", "0.1, 0.1"), "no coordinates"),
        (decision("TYPE", text='say "hi" <3 to "Bob"'), "backslash"),
    ],
)
def test_what_is_wrong_is_said(output: str, hint: str) -> None:
    action = AITW.parse(output)
    assert isinstance(action, Invalid)
    assert hint in action.reason


def test_it_is_printed_as_the_authors_print_it() -> None:
    assert AITW.print(Tap(point=(0.1245, 0.2463))) == (
        "Action Plan: [DUAL_POINT] ; Action Decision: "
        + decision("DUAL_POINT", "0.2463, 0.1245", "0.2463, 0.1245")
    )
    assert AITW.print(InputText(text="a, b")).endswith(decision("TYPE", text="a, b"))
    assert AITW.print(PressKey(key="back")).endswith(decision("PRESS_BACK"))


@pytest.mark.parametrize(
    "action",
    [
        Tap(element=1),
        LongPress(point=(0.5, 0.5)),
        DoubleTap(point=(0.5, 0.5)),
        Swipe(start=(0.5, 0.5), end=(0.5, 0.53)),
        Scroll(direction="down"),
        InputText(text="a", element=1),
        InputText(text="a", point=(0.5, 0.5)),
        InputText(text="a", clear=False),
        PressKey(key="recents"),
        OpenApp(app="Files"),
        Wait(),
        Answer(text="3"),
        Invalid(reason="no"),
    ],
)
def test_what_it_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ConfigError):
        AITW.print(action)


def test_the_instructions_name_only_types_that_can_be_used() -> None:
    text = AITW.instructions(("tap", "press_key", "open_app"))
    assert "PRESS_HOME: press home" in text
    assert "TYPE:" not in text
    assert "open" not in text
