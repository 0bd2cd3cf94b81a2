"""UI-TARS' outputs, in the forms that its versions and their prompts have."""

from __future__ import annotations

import pytest

from agentenv.actions import (
    BROWSER_ACTIONS,
    Action,
    Answer,
    ChooseFile,
    DoubleTap,
    Drag,
    Finish,
    Hover,
    InputText,
    Invalid,
    LongPress,
    Navigate,
    OpenApp,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.dialects import UITars
from agentenv.errors import ConfigError
from tests.dialects.actions import UI_TARS

POINT = (0.25, 0.5)


@pytest.mark.parametrize(
    "output",
    [
        "Thought: I see the button. I'll press it.\nAction: click(start_box='(250,500)')",
        "Action: click(start_box='<|box_start|>(250,500)<|box_end|>')",
        "Thought: x\nAction: click(point='<point>250 500</point>')<|im_end|>",
        "Thought: x\nAction: click(start_box='(240, 490, 260, 510)')",
        "Thought: x\nAction: click(start_box='[240, 490, 260, 510]')",
        "Thought: x\nAction: click(point='<bbox>240 490 260 510</bbox>')",
        "Thought: x Action: click(start_box=(250,500))",
        'Thought: x\nAction: click( start_box = "(250,500)" , )',
        "```\nThought: x\nAction: click(start_box='(250,500)')\n```",
        "**Thought:** x\n\n**Action:** click(start_box='(250,500)')",
        "click(start_box='(250,500)')",
        "```python\nclick(start_box='(250,500)')\n```",
        "<think>Action: wait()?</think>\nAction: click(start_box='(250,500)')",
        "Thought: The next Action: wait() is no use.\nAction: click(start_box='(250,500)')",
        "Reflection: a\nAction_Summary: b\nAction: click(start_box='(250,500)')",
        "Action: click(start_box='(250,500)')\n\nwait()",
    ],
)
def test_a_click_is_found_in_every_form(output: str) -> None:
    assert UI_TARS.parse(output) == Tap(point=POINT)


@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("left_double(point='<point>250 500</point>')", DoubleTap(point=POINT)),
        ("long_press(start_box='(250,500)', time='')", LongPress(point=POINT)),
        ("hover(start_box='(250,500)')", Hover(point=POINT)),
        ("select(start_box='(250,500)')", Tap(point=POINT)),
        ("scroll(start_box='(250,500)', direction='down')", Scroll(direction="down", point=POINT)),
        ("scroll(direction='Up')", Scroll(direction="up")),
        ("scroll(start_box='(250,500)', end_box='(0,0)')", Swipe(start=POINT, end=(0, 0))),
        (
            "drag(start_point='<point>250 500</point>', end_point='<point>1000 0</point>')",
            Swipe(start=POINT, end=(1, 0)),
        ),
        ("hotkey(key='ctrl shift arrowleft')", PressKey(key="ctrl+shift+arrow_left")),
        ("hotkey(key='Ctrl+C')", PressKey(key="ctrl+c")),
        ("hotkey(key='return')", PressKey(key="enter")),
        ("hotkey(hotkey='pagedown')", PressKey(key="page_down")),
        ("press_home()", PressKey(key="home")),
        ("press_back( )", PressKey(key="back")),
        ("navigate_back()", PressKey(key="back")),
        ("navigate(content='https://a.example/?b=(c)')", Navigate(url="https://a.example/?b=(c)")),
        ("open_app(app_name='Settings')", OpenApp(app="Settings")),
        ('open_app(name="Bob\'s")', OpenApp(app="Bob's")),
        ("wait() #Sleep for 5s", Wait()),
        ("finished()", Finish()),
        ("finished(content='')", Finish()),
        ("finished(content='3 of them')", Answer(text="3 of them")),
        ("call_user()", Finish(success=False)),
        ("type(content='a', replace=True)", InputText(text="a")),
        ("type(content='a', replace=False)", InputText(text="a", clear=False)),
        ("type(content='a', start_box='(250,500)')", InputText(text="a", point=POINT)),
    ],
)
def test_the_other_calls_are_understood(call: str, action: Action) -> None:
    assert UI_TARS.parse(f"Thought: x\nAction: {call}") == action


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"'shoes\n'", "shoes\n"),
        ("'two\nlines'", "two\nlines"),
        (r"'it\'s \"it\"'", 'it\'s "it"'),
        ("'it's'", "it's"),
        ("'say 'hi', please'", "say 'hi', please"),
        (r"'C:\dir\\new'", "C:\\dir\\new"),
        ("'f(a, b)'", "f(a, b)"),
        ("'__import__(\"os\").getcwd()'", '__import__("os").getcwd()'),
    ],
)
def test_typed_text_keeps_its_quotes_and_line_breaks(written: str, text: str) -> None:
    assert UI_TARS.parse(f"Action: type(content={written})") == InputText(text=text)


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("", "no action"),
        ("I cannot do that.", "no action"),
        ("Thought: x\nAction: none", "no action"),
        ("Action: right_single(start_box='(1,2)')", "no call 'right_single'; one of click"),
        ("Action: click()", "start_box: missing"),
        ("Action: click('(1,2)')", "name='value'"),
        ("Action: click(start_box='(1,2)'", "name='value'"),
        ("Action: click(start_box=)", "'text'"),
        ("Action: click(start_box='(1,2)', start_box='(1,2)')", "given twice"),
        ("Action: click(point='(1,2)', start_box='(1,2)')", "given twice"),
        ("Action: click(start_box='(1,2)', button='right')", "no argument 'button'"),
        ("Action: click(start_box='(1,2,3)')", "neither a point nor a box"),
        ("Action: click(start_box='the button')", "no coordinates"),
        ("Action: click(start_box='(1,1001)')", "outside the screen, (0,0) to (1000,1000)"),
        ("Action: click(start_box='(-1,1)')", "outside the screen"),
        (f"Action: click(start_box='(1,{'9' * 40})')", "no coordinates"),
        ("Action: drag(start_box='(1,2)')", "end_box: missing"),
        ("Action: scroll(start_box='(1,2)')", "direction: missing"),
        ("Action: scroll(direction='inwards')", "'up', 'down', 'left' or 'right'"),
        ("Action: hotkey(key='')", "key"),
        ("Action: hotkey(key='volume_up')", "volume_up"),
        ("Action: type(content='shoes", "not closed"),
        ("Action: type(content='f('a')')", "a backslash before each quotation mark"),
        ("Action: type(content='a') type(content='b')", "one action"),
        ("Action: type(content='\ud83d')", "text"),
    ],
)
def test_what_is_wrong_is_said(output: str, hint: str) -> None:
    action = UI_TARS.parse(output)
    assert isinstance(action, Invalid)
    assert hint in action.reason


def test_coordinates_follow_the_size() -> None:
    output = "Action: click(start_box='(546,1204)')"
    assert UITars(1092, 2408).parse(output) == Tap(point=(0.5, 0.5))
    assert isinstance(UI_TARS.parse(output), Invalid)
    with pytest.raises(ConfigError):
        UITars(width=0)


def test_it_is_printed_as_ui_tars_writes_it() -> None:
    assert UI_TARS.print(Tap(point=POINT)) == "Action: click(start_box='(250,500)')"
    assert UI_TARS.print(PressKey(key="ctrl+arrow_left")) == "Action: hotkey(key='ctrl left')"
    assert UI_TARS.print(InputText(text="it's\n")) == r"Action: type(content='it\'s\n')"
    assert UI_TARS.print(Finish()) == "Action: finished()"


@pytest.mark.parametrize(
    "action",
    [
        Tap(element=1),
        Scroll(direction="up", element=1),
        InputText(text="a", element=1),
        InputText(text="a", point=POINT),
        InputText(text="a", clear=False),
        Drag(point=POINT, to_point=(0, 0)),
        ChooseFile(name="a.pdf"),
        PressKey(key="recents"),
        Wait(seconds=3),
        Answer(text=""),
        Invalid(reason="no"),
    ],
)
def test_what_it_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ConfigError):
        UI_TARS.print(action)


def test_the_instructions_give_the_size_and_only_calls_that_can_be_used() -> None:
    text = UITars(1092, 2408).instructions(("tap", "finish", "choose_file"))
    assert "(1092,2408)" in text
    assert "click(" in text
    assert "call_user()" in text
    assert "drag(" not in text
    assert "choose" not in text
    for line in UI_TARS.instructions(BROWSER_ACTIONS).splitlines()[5:]:
        assert not isinstance(UI_TARS.parse(line.replace("(x,y)", "(1,2)")), Invalid)
