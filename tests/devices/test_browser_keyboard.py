"""Keys, shortcuts and text of every script, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import Action, InputText, PressKey, Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.errors import ActionError
from tests.devices.browser_pages import find, log_after, open_page, write_page
from tests.devices.conftest import one_engine

TWO_FIELDS = "<input id=f value='ab cd' aria-label=First><input id=g aria-label=Second>"


def press(*shortcuts: str) -> list[Action]:
    return [PressKey(key=shortcut) for shortcut in shortcuts]


def test_copy_cut_paste_and_undo_work_in_fields(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, TWO_FIELDS, state="[f.value, g.value]")
    first, second = find(browser, "First").index, find(browser, "Second").index
    copy = [Tap(element=first), *press("ctrl+a", "ctrl+c"), Tap(element=second), *press("ctrl+v")]
    assert log_after(browser, *copy) == ["ab cd", "ab cd"]
    assert log_after(browser, *press("ctrl+a", "ctrl+x")) == ["ab cd", ""]
    assert log_after(browser, *press("ctrl+v", "ctrl+v")) == ["ab cd", "ab cdab cd"]
    assert log_after(browser, *press("ctrl+z", "ctrl+z")) == ["ab cd", ""]
    assert log_after(browser, *press("ctrl+y")) == ["ab cd", "ab cd"]
    assert log_after(browser, *press("ctrl+a", "delete")) == ["ab cd", ""]


def test_the_clipboard_is_empty_in_the_next_episode(browser: BrowserDevice, tmp_path: Path) -> None:
    setup = BrowserSetup(write_page(tmp_path, TWO_FIELDS), state="{log: g.value}", reload=False)
    browser.reset(setup)
    browser.act(Tap(element=find(browser, "First").index))
    for action in press("ctrl+a", "ctrl+c"):
        browser.act(action)
    browser.reset(setup)
    browser.act(Tap(element=find(browser, "Second").index))
    browser.act(PressKey(key="ctrl+v"))
    assert browser.state() == {"log": ""}


@one_engine
def test_keys_move_select_and_delete_as_they_do_for_people(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, TWO_FIELDS, state="[f.value]")
    browser.act(Tap(element=find(browser, "First").index))
    keys = ["home", "delete", "end", "backspace"]
    assert log_after(browser, *press(*keys)) == ["b c"]
    assert log_after(browser, *press("shift+home", "shift+x", "1")) == ["X1"]
    assert log_after(browser, *press("shift+1", "ctrl+backspace")) == ["X1"]
    assert log_after(browser, *press("ctrl+backspace")) == [""]


def test_a_page_sees_a_shortcut_key_by_key(browser: BrowserDevice, tmp_path: Path) -> None:
    script = """<script>for (const type of ['keydown', 'keypress', 'keyup'])
      addEventListener(type, (e) => log.push([type.slice(3), e.key, e.code, e.keyCode,
        ['ctrlKey', 'altKey', 'shiftKey', 'metaKey'].filter((name) => e[name]).join()].join(' ')));
    </script>"""
    open_page(browser, tmp_path, script)
    assert log_after(browser, *press("ctrl+shift+k", "shift+/", "f5")) == [
        "down Control ControlLeft 17 ctrlKey",
        "down Shift ShiftLeft 16 ctrlKey,shiftKey",
        "down K KeyK 75 ctrlKey,shiftKey",
        "up K KeyK 75 ctrlKey,shiftKey",
        "up Shift ShiftLeft 16 ctrlKey",
        "up Control ControlLeft 17 ",
        "down Shift ShiftLeft 16 shiftKey",
        "down ? Slash 191 shiftKey",
        "press ? Slash 63 shiftKey",
        "up ? Slash 191 shiftKey",
        "up Shift ShiftLeft 16 ",
        "down F5 F5 116 ",
        "up F5 F5 116 ",
    ]


@one_engine
def test_a_shortcut_that_the_page_keeps_to_itself_does_nothing_else(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    script = """<script>addEventListener('keydown', (e) => {
      if (e.ctrlKey && e.key === 'a') { e.preventDefault(); log.push('mine'); }
    });</script>"""
    open_page(browser, tmp_path, TWO_FIELDS + script)
    browser.act(Tap(element=find(browser, "First").index))
    log_after(browser, *press("end", "ctrl+a", "x"))
    assert find(browser, "First").value == "ab cdx"


@one_engine
def test_tab_goes_forth_and_shift_tab_back(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, TWO_FIELDS, state="[document.activeElement.id]")
    assert log_after(browser, *press("tab", "tab")) == ["g"]
    assert log_after(browser, *press("shift+tab")) == ["f"]


@one_engine
def test_home_end_and_page_keys_scroll(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<div style='height:2000px'>a</div>", state="[scrollY]")
    assert log_after(browser, *press("end")) == [1760]
    assert log_after(browser, *press("home")) == [0]
    (down,) = log_after(browser, *press("page_down"))
    assert isinstance(down, int)
    assert down > 100


@one_engine
def test_buttons_of_phones_are_no_keys(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, TWO_FIELDS)
    with pytest.raises(ActionError, match="recents"):
        browser.act(PressKey(key="recents"))


SCRIPTS = {
    "emoji in sequences": "👩\u200d👧 👍🏽 🇵🇱 ❤\ufe0f",
    "combining marks": "e\u0301a\u0323\u0302 ก็",
    "right to left": "שלום עולם, مرحبا 123",
    "input methods": "日本語 中文 한국어 𠮷",
    "signs": "½ € – “a” ¿ \u00a0",
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize(
    "field",
    [
        "<input id=f value=old aria-label=F>",
        "<div id=f contenteditable aria-label=F><b>old</b> text</div>",
    ],
    ids=["input", "contenteditable"],
)
@one_engine
def test_text_of_every_script_arrives(
    browser: BrowserDevice, tmp_path: Path, field: str, text: str
) -> None:
    state = "[f.value === undefined ? f.textContent : f.value]"
    open_page(browser, tmp_path, field, state=state)
    index = find(browser, "F").index
    (typed,) = log_after(browser, InputText(element=index, text=text))
    # A line's last space is a non-breaking one where text is laid out as it is typed.
    assert str(typed).replace("\u00a0", " ") == text.replace("\u00a0", " ")
    (longer,) = log_after(browser, InputText(element=index, text="字", clear=False))
    assert str(longer).endswith("字")
    assert len(str(longer)) == len(text) + 1
    assert log_after(browser, InputText(element=index, text="new")) == ["new"]


def test_text_that_people_compose_is_composed(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<input id=f aria-label=F><script>
    for (const type of ['compositionstart', 'compositionend'])
      f.addEventListener(type, (e) => log.push(type + ' ' + e.data));
    f.addEventListener('keydown', (e) => log.push(e.key + ' ' + e.keyCode));
    </script>"""
    open_page(browser, tmp_path, body)
    assert log_after(browser, InputText(element=find(browser, "F").index, text="a日本é")) == [
        "a 65",
        "Process 229",
        "compositionstart ",
        "compositionend 日本",
        "é 229",
    ]
    assert find(browser, "F").value == "a日本é"


@one_engine
def test_lines_of_an_editor_are_lines(browser: BrowserDevice, tmp_path: Path) -> None:
    body = "<div id=f contenteditable aria-label=F></div>"
    open_page(browser, tmp_path, body, state="[f.innerText]")
    field = find(browser, "F").index
    assert log_after(browser, InputText(element=field, text="one\ntwo")) == ["one\ntwo"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("color", "#FF8000", "#ff8000"),
        ("datetime-local", "2025-01-31T17:38", "2025-01-31T17:38"),
        ("month", "2025-01", "2025-01"),
        ("week", "2025-W05", "2025-W05"),
        ("range", "12", "12"),
        ("date", "", ""),
    ],
)
@one_engine
def test_fields_without_text_take_a_value(
    browser: BrowserDevice, tmp_path: Path, kind: str, text: str, value: str
) -> None:
    body = f"""<input id=f type={kind} aria-label=F><script>
    for (const type of ['input', 'change'])
      f.addEventListener(type, () => log.push(type + ' ' + f.value));</script>"""
    open_page(browser, tmp_path, body)
    log = log_after(browser, InputText(element=find(browser, "F").index, text=text))
    assert log == [f"input {value}", f"change {value}"]


@pytest.mark.parametrize(
    ("kind", "text", "hint"),
    [
        ("date", "31.1.2025", "2025-01-31"),
        ("time", "5:38 PM", "17:38"),
        ("color", "orange", "#ff8000"),
        ("range", "much", "from 0 to 100"),
        ("range", "101", "from 0 to 100"),
    ],
)
@one_engine
def test_a_value_that_a_field_cannot_hold_is_refused_with_an_example(
    browser: BrowserDevice, tmp_path: Path, kind: str, text: str, hint: str
) -> None:
    open_page(browser, tmp_path, f"<input id=f type={kind} aria-label=F>", state="[f.value]")
    before = browser.state()
    with pytest.raises(ActionError, match=hint):
        browser.act(InputText(element=find(browser, "F").index, text=text))
    assert browser.state() == before
