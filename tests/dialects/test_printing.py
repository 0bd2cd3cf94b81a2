"""What the dialects print is parsed back, and their prompts say what can be said."""

from __future__ import annotations

import json
import math
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentenv.actions import (
    ACTION_MODELS,
    BROWSER_ACTIONS,
    Action,
    ChooseFile,
    Drag,
    Finish,
    Hover,
    InputText,
    Invalid,
    LongPress,
    PressKey,
    Scroll,
    Tap,
)
from agentenv.dialects import (
    DIALECTS,
    Dialect,
    DialectName,
    JsonDialect,
    QwenMobileUse,
    UITars,
    get_dialect,
)
from agentenv.errors import ConfigError
from agentenv.shortcuts import SHORTCUTS
from tests.dialects.actions import (
    AITW,
    ANDROIDWORLD,
    AWKWARD,
    JSON,
    QWEN,
    UI_TARS,
    actions,
    aitw_actions,
    androidworld_actions,
    mobile_use_actions,
    ui_tars_actions,
)

ALL = [JSON, QWEN, UI_TARS, ANDROIDWORLD, AITW]


def assert_same(got: Action, want: Action, resolution: float) -> None:
    """Equal, numbers up to the resolution."""
    got_fields, want_fields = got.model_dump(), want.model_dump()
    assert got_fields.keys() == want_fields.keys()
    for name, value in want_fields.items():
        parts = zip(_flat(got_fields[name]), _flat(value), strict=True)
        for got_part, want_part in parts:
            if isinstance(want_part, float):
                assert math.isclose(got_part, want_part, abs_tol=resolution), name
            else:
                assert got_part == want_part, name


def _flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


@given(actions())
def test_json_parses_what_it_prints(action: Action) -> None:
    assert_same(JSON.parse(JSON.print(action)), action, resolution=0.00051)


@given(mobile_use_actions(), st.sampled_from([QWEN, QwenMobileUse(1080, 2400)]))
def test_qwen_mobile_use_parses_what_it_prints(action: Action, dialect: QwenMobileUse) -> None:
    assert_same(dialect.parse(dialect.print(action)), action, resolution=0.51 / dialect.width)


@given(ui_tars_actions(), st.sampled_from([UI_TARS, UITars(1092, 2408)]))
def test_ui_tars_parses_what_it_prints(action: Action, dialect: UITars) -> None:
    assert_same(dialect.parse(dialect.print(action)), action, resolution=0.51 / dialect.width)


@given(androidworld_actions())
def test_androidworld_parses_what_it_prints(action: Action) -> None:
    printed = ANDROIDWORLD.print(action)
    assert_same(ANDROIDWORLD.parse(printed), action, resolution=0.51 / ANDROIDWORLD.width)


@given(aitw_actions())
def test_aitw_parses_what_it_prints(action: Action) -> None:
    assert_same(AITW.parse(AITW.print(action)), action, resolution=0.000051)


@given(actions())
def test_printing_what_was_parsed_changes_nothing(action: Action) -> None:
    text = JSON.print(action)
    assert JSON.print(JSON.parse(text)) == text


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    "text",
    [
        *(AWKWARD, "a,b", '"', "'", "')", '", "typed_text": "', "\\", "\\'", "\\n", "</think>"),
        *("Action: wait()", "{}", "}{", "\n", "a\r\nb", "\x00", "", "x" * 5_000),
    ],
)
def test_typed_text_survives_the_round_trip(dialect: Dialect, text: str) -> None:
    action = InputText(text=text)
    assert dialect.parse(dialect.print(action)) == action


def test_json_is_printed_compactly_in_a_fixed_order() -> None:
    assert JSON.print(Tap(element=3, label="Ok")) == '{"type":"tap","label":"Ok","element":3}'
    assert JSON.print(Tap(point=(0.5, 0.12345))) == '{"type":"tap","point":[0.5,0.123]}'
    assert JSON.print(Finish()) == '{"type":"finish"}'
    typed = InputText(text="é", clear=False, element=1)
    assert JSON.print(typed) == '{"type":"input_text","element":1,"text":"é","clear":false}'


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Ctrl+A", "ctrl+a"),
        ("SHIFT + Ctrl + z", "ctrl+shift+z"),
        ("Enter", "enter"),
        ("meta+F5", "meta+f5"),
        ("ctrl+-", "ctrl+-"),
    ],
)
def test_a_shortcut_has_one_name_however_it_is_written(written: str, meant: str) -> None:
    parsed = JSON.parse(json.dumps({"type": "press_key", "key": written}))
    assert parsed == PressKey(key=meant)


def test_the_schema_allows_exactly_the_shortcuts_there_are() -> None:
    schema = PressKey.model_json_schema()["properties"]["key"]
    pattern = re.compile(schema["pattern"])
    assert len(set(SHORTCUTS)) == len(SHORTCUTS)
    for shortcut in SHORTCUTS:
        assert pattern.fullmatch(shortcut)
        assert PressKey(key=shortcut).key == shortcut
    for wrong in ("ctrl+back", "shift+ctrl+a", "ctrl", "", "A", "ctrl++", "enter+ctrl"):
        assert not pattern.fullmatch(wrong)


def test_more_decimals_print_finer_points() -> None:
    assert JsonDialect(decimals=5).print(Tap(point=(0.5, 0.12345))).endswith("[0.5,0.12345]}")


def test_qwen_coordinates_follow_the_resolution() -> None:
    output = '{"name": "mobile_use", "arguments": {"action": "click", "coordinate": [540, 1200]}}'
    assert QwenMobileUse(1080, 2400).parse(output) == Tap(point=(0.5, 0.5))
    assert QWEN.parse(output.replace("540, 1200", "999, 0")) == Tap(point=(1.0, 0.0))
    outside = QWEN.parse(output)
    assert isinstance(outside, Invalid)
    assert "coordinate" in outside.reason


@pytest.mark.parametrize(
    "action",
    [
        Tap(element=1),
        LongPress(element=1),
        InputText(text="a", element=1),
        InputText(text="a", point=(0.1, 0.1)),
        InputText(text="a", clear=False),
        Scroll(direction="down"),
        Hover(point=(0.5, 0.5)),
        Drag(point=(0.5, 0.5), to_point=(0.1, 0.1)),
        ChooseFile(name="a.pdf"),
        PressKey(key="ctrl+a"),
        PressKey(key="f5"),
        Invalid(reason="no"),
    ],
)
def test_qwen_refuses_to_print_what_it_has_no_words_for(action: Action) -> None:
    with pytest.raises(ConfigError):
        QWEN.print(action)


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
def test_nothing_is_printed_that_would_be_too_long_to_parse(dialect: Dialect) -> None:
    with pytest.raises(ConfigError):
        dialect.print(InputText(text="\n" * 10_000))


def test_json_has_no_words_for_invalid() -> None:
    with pytest.raises(ConfigError):
        JSON.print(Invalid(reason="no"))


# Prompts and look-up.


def test_instructions_name_every_action_and_only_those() -> None:
    text = JSON.instructions(BROWSER_ACTIONS)
    for name in ACTION_MODELS:
        assert (f'"type":"{name}"' in text) == (name in BROWSER_ACTIONS)
    assert '"direction":"up"|"down"|"left"|"right"' in text


def test_qwen_instructions_give_the_resolution_and_the_tools_names() -> None:
    text = QwenMobileUse(1080, 2400).instructions(("tap", "press_key", "navigate"))
    assert "1080x2400" in text
    assert '"enum": ["click", "system_button", "key"]' in text
    assert "coordinate2" not in text
    assert "navigate" not in text


def test_dialects_are_found_by_name() -> None:
    assert list(DIALECTS) == list(get_args(DialectName))
    for name in DIALECTS:
        assert get_dialect(name).name == name
    assert get_dialect(QWEN) is QWEN
    with pytest.raises(ConfigError, match="json"):
        get_dialect("latin")
