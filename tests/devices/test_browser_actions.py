"""What a page sees of each action, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import (
    Action,
    Answer,
    DoubleTap,
    InputText,
    LongPress,
    Navigate,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.devices.browser import BrowserDevice, open_browser
from agentenv.errors import ActionError
from tests.devices.browser_pages import SIZE, find, log_after, open_page, write_page
from tests.devices.conftest import one_engine

FIELD = """<input id=f placeholder=Field><script>
for (const type of ['keydown', 'keyup', 'input', 'change'])
  f.addEventListener(type, () => log.push(type + ':' + f.value));
</script>"""


def test_a_tap_on_an_element_clicks_it_and_says_where(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, "<button onclick='log.push(1)'>Go</button>")
    button = find(browser, "Go", "button")
    sent = browser.act(Tap(element=button.index, label="Go"))
    assert isinstance(sent, Tap)
    assert sent.element is None
    assert sent.label == "Go"
    assert sent.point == pytest.approx(button.center, abs=0.01)
    assert browser.state() == {"log": [1]}


@one_engine
def test_a_tap_on_a_point_clicks_there(browser: BrowserDevice, tmp_path: Path) -> None:
    script = "<script>onclick = (e) => log.push(e.clientX, e.clientY)</script>"
    open_page(browser, tmp_path, f"<div style='height:200px'></div>{script}")
    assert log_after(browser, Tap(point=(0.5, 0.25))) == [160, 60]


@one_engine
def test_corners_of_the_screen_can_be_tapped(browser: BrowserDevice, tmp_path: Path) -> None:
    script = "<script>onmousedown = (e) => log.push([e.clientX, e.clientY])</script>"
    open_page(browser, tmp_path, f"<div style='height:240px'></div>{script}")
    assert log_after(browser, Tap(point=(0, 0)), Tap(point=(1, 1))) == [[0, 0], [319, 239]]


def test_double_tap_and_long_press(browser: BrowserDevice, tmp_path: Path) -> None:
    script = """<div id=a style='height:100px'>a</div><script>
    a.ondblclick = () => log.push('double');
    let down; a.onmousedown = () => { down = performance.now(); };
    a.onmouseup = () => { if (performance.now() - down >= 500) log.push('long'); };
    </script>"""
    open_page(browser, tmp_path, script)
    actions: list[Action] = [DoubleTap(point=(0.1, 0.1)), LongPress(point=(0.1, 0.1))]
    assert log_after(browser, *actions) == ["double", "long"]


def test_a_swipe_drags_with_moves_in_between(browser: BrowserDevice, tmp_path: Path) -> None:
    script = """<div style='height:240px'></div><script>
    onmousemove = (e) => { if (e.buttons === 1) log.push(e.clientX); };
    onmouseup = (e) => log.push('up ' + e.clientX);
    </script>"""
    open_page(browser, tmp_path, script)
    log = log_after(browser, Swipe(start=(0.25, 0.5), end=(0.75, 0.5)))
    assert log[-2:] == [240, "up 240"]
    moves = [int(str(x)) for x in log[:-1]]
    assert moves == sorted(set(moves))
    assert len(log) >= 5


def test_a_draggable_element_is_dropped_where_the_swipe_ends(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    script = """<div id=a draggable=true style='width:80px;height:40px'>Drag</div>
    <div id=b style='height:100px'>Here</div><script>
    a.ondragstart = (e) => e.dataTransfer.setData('text/plain', 'gift');
    b.ondragover = (e) => e.preventDefault();
    b.ondrop = (e) => { e.preventDefault(); log.push(e.dataTransfer.getData('text/plain')); };
    a.onclick = () => log.push('clicked');
    </script>"""
    open_page(browser, tmp_path, script)
    swipe = Swipe(start=(0.1, 0.05), end=(0.5, 0.4))
    assert log_after(browser, swipe, Tap(point=(0.1, 0.05))) == ["gift", "clicked"]


def test_scrolling_the_page_and_a_box(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<div id=box style='height:100px;overflow:auto'>
    <div style='height:900px'>in</div></div><div style='height:2000px'>below</div>"""
    open_page(browser, tmp_path, body, state="[scrollY, box.scrollTop]")
    assert log_after(browser, Scroll(direction="down")) == [144, 0]
    assert log_after(browser, Scroll(direction="up")) == [0, 0]
    assert log_after(browser, Scroll(direction="down", point=(0.5, 0.1))) == [0, 60]
    box = next(one for one in browser.observe().elements if one.scrollable)
    assert log_after(browser, Scroll(direction="down", element=box.index)) == [0, 120]


def test_a_still_page_is_scrolled_as_far_as_by_a_wheel(tmp_path: Path) -> None:
    body = """<div id=box style='height:100px;overflow:auto;zoom:0.5;scroll-behavior:smooth'>
    <div style='height:900px'>in</div></div><div style='height:2000px'>below</div>"""
    box, page = Scroll(direction="down", point=(0.5, 0.1)), Scroll(direction="down")
    scrolled = []
    for still in (False, True):
        browser = open_browser(*SIZE, still=still)
        try:
            open_page(browser, tmp_path, body, state="[scrollY, Math.round(box.scrollTop)]")
            scrolled.append([log_after(browser, action) for action in (box, box, page)])
        finally:
            browser.close()
    assert scrolled[0] == scrolled[1]
    assert scrolled[0][2][0] == 144


def test_a_still_page_is_given_no_time_after_an_action(tmp_path: Path) -> None:
    body = """<button style='width:100%;height:200px'>Press</button><script>
    const press = document.querySelector('button');
    press.onclick = () => { log.push('click'); setTimeout(() => log.push('later'), 100); };
    </script>"""
    browser = open_browser(*SIZE, still=True)
    try:
        open_page(browser, tmp_path, body)
        assert log_after(browser, Tap(point=(0.5, 0.5))) == ["click"]
        browser.run("log.push('run')")
        assert browser.state() == {"log": ["click", "run", "later"]}
    finally:
        browser.close()


@pytest.mark.parametrize("text", ["hello, World 42!", "zażółć 漢字 😀", "a<b>&'\"\\"])
@one_engine
def test_typed_text_arrives_and_replaces(browser: BrowserDevice, tmp_path: Path, text: str) -> None:
    open_page(browser, tmp_path, "<input id=f value=old aria-label=Field>", state="[f.value]")
    field = find(browser, "Field", "textbox")
    assert log_after(browser, InputText(element=field.index, text=text)) == [text]
    assert find(browser, "Field").value == text
    assert find(browser, "Field").focused


@one_engine
def test_text_can_be_appended_and_cleared(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<input id=f value=old aria-label=Field>", state="[f.value]")
    field = find(browser, "Field").index
    assert log_after(browser, InputText(element=field, text="er", clear=False)) == ["older"]
    assert log_after(browser, InputText(text="!", clear=False)) == ["older!"]
    assert log_after(browser, InputText(element=field, text="")) == [""]


def test_typing_fires_the_events_that_pages_listen_for(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, FIELD)
    field = find(browser, "Field").index
    log = log_after(browser, InputText(element=field, text="ab"), PressKey(key="tab"))
    assert log == [
        "keydown:", "input:a", "keyup:a", "keydown:a", "input:ab", "keyup:ab",
        "keydown:ab", "change:ab",
    ]  # fmt: skip


@one_engine
def test_long_text_is_typed_whole(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<textarea id=f aria-label=Field></textarea>", state="[f.value]")
    text = "line one\nline two " * 40
    field = find(browser, "Field").index
    assert log_after(browser, InputText(element=field, text=text)) == [text]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("password", "s3cret", "s3cret"),
        ("number", "12", "12"),
        ("date", "2013-03-10", "2013-03-10"),
        ("date", "03/10/2013", "2013-03-10"),
        ("time", "09:30", "09:30"),
        ("range", "70", "70"),
        ("email", "a@b.org", "a@b.org"),
    ],
)
@one_engine
def test_fields_of_every_type_take_text(
    browser: BrowserDevice, tmp_path: Path, kind: str, text: str, value: str
) -> None:
    open_page(browser, tmp_path, f"<input id=f type={kind} aria-label=Field>", state="[f.value]")
    field = find(browser, "Field").index
    assert log_after(browser, InputText(element=field, text=text)) == [value]


@one_engine
def test_editable_content_takes_text(browser: BrowserDevice, tmp_path: Path) -> None:
    body = "<div id=f contenteditable aria-label=Note>old</div>"
    open_page(browser, tmp_path, body, state="[f.textContent]")
    assert log_after(browser, InputText(element=find(browser, "Note").index, text="new")) == ["new"]


@one_engine
def test_text_into_a_drop_down_chooses_that_option(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<select id=s aria-label=Fruit onchange='log.push(s.value)'>
    <option value=1>Apple</option><option value=2>Red  pear</option></select>"""
    open_page(browser, tmp_path, body)
    fruit = find(browser, "Fruit", "combobox")
    assert (fruit.value, fruit.description) == ("Apple", "Apple | Red pear")
    assert log_after(browser, InputText(element=fruit.index, text="red pear")) == ["2"]
    assert find(browser, "Fruit").value == "Red pear"
    with pytest.raises(ActionError, match=r"Apple \| Red pear"):
        browser.act(InputText(element=fruit.index, text="Plum"))


@one_engine
def test_options_of_a_list_that_takes_several_add_up(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = "<select id=s multiple aria-label=L><option>A</option><option>B</option></select>"
    open_page(browser, tmp_path, body, state="[...s.selectedOptions].map((o) => o.text)")
    index = find(browser, "L", "listbox").index
    add = InputText(element=index, text="B", clear=False)
    assert log_after(browser, InputText(element=index, text="A"), add) == ["A", "B"]
    assert log_after(browser, InputText(element=index, text="B")) == ["B"]


def test_a_tap_on_a_drop_down_leaves_no_hidden_popup(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<select id=s><option>Apple</option><option>Pear</option></select>
    <input type=date><button onclick='log.push(s.value)'>Go</button>"""
    open_page(browser, tmp_path, body)
    select = next(one for one in browser.observe().elements if one.role == "combobox")
    for action in (Tap(element=select.index), PressKey(key="space"), PressKey(key="enter")):
        browser.act(action)
    assert log_after(browser, Tap(element=find(browser, "Go").index)) == ["Apple"]
    browser.act(Tap(element=select.index))
    browser.act(PressKey(key="arrow_down"))
    assert log_after(browser, Tap(element=find(browser, "Go").index)) == ["Apple", "Pear"]


def test_pickers_open_no_hidden_popup(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<input type=date style='width:150px' aria-label=D><br><input type=color
    aria-label=C><br><button onclick='log.push(1)'>Go</button>"""
    open_page(browser, tmp_path, body)
    date = find(browser, "D")
    right = (date.bounds[2] - 0.03, date.center[1])
    browser.act(Tap(point=right))
    browser.act(Tap(element=find(browser, "C").index))
    assert log_after(browser, Tap(element=find(browser, "Go").index)) == [1]


def test_keys_reach_the_page(browser: BrowserDevice, tmp_path: Path) -> None:
    form = "<form onsubmit='log.push(f.value); return false'><input id=f aria-label=Field></form>"
    open_page(browser, tmp_path, form)
    actions: list[Action] = [
        InputText(element=find(browser, "Field").index, text="abc"),
        PressKey(key="backspace"),
        PressKey(key="arrow_left"),
        PressKey(key="delete"),
        PressKey(key="enter"),
    ]
    assert log_after(browser, *actions) == ["a"]


def test_links_navigate_and_back_returns(browser: BrowserDevice, tmp_path: Path) -> None:
    second = write_page(tmp_path, "<h1>Second</h1>", "second")
    open_page(browser, tmp_path, f"<a href='{second}' target=_blank>More</a>")
    with pytest.raises(ActionError, match="no earlier page"):
        browser.act(PressKey(key="back"))
    first = browser.observe().location
    browser.act(Tap(element=find(browser, "More", "link").index))
    assert browser.observe().location == second
    find(browser, "Second", "text")
    browser.act(PressKey(key="back"))
    assert browser.observe().location == first
    find(browser, "More", "link")


def test_navigate_opens_addresses_of_allowed_kinds_only(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, "First")
    second = write_page(tmp_path, "Second", "second")
    browser.act(Navigate(url=second))
    find(browser, "Second")
    browser.act(Navigate(url="about:blank"))
    assert browser.observe().elements == ()
    for url in ("javascript:alert(1)", "chrome://settings", "data:text/html,x", "second.html", ""):
        with pytest.raises(ActionError):
            browser.act(Navigate(url=url))
    with pytest.raises(ActionError, match="cannot open"):
        browser.act(Navigate(url="http://127.0.0.1:1/"))
    browser.observe()
    browser.act(Navigate(url=second))
    find(browser, "Second")


@one_engine
def test_what_cannot_be_done_is_the_agents_error(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<button id=b onclick='this.remove()'>Once</button><input aria-label=R readonly>
    <input aria-label=D disabled>"""
    open_page(browser, tmp_path, body)
    once = find(browser, "Once").index
    for action in (
        Tap(element=99),
        InputText(element=once, text="x"),
        InputText(element=find(browser, "R").index, text="x"),
        InputText(element=find(browser, "D").index, text="x"),
        InputText(text="x"),
        Answer(text="42"),
    ):
        with pytest.raises(ActionError):
            browser.act(action)
    assert isinstance(browser.act(Tap(element=once)), Tap)
    assert "Once" not in [one.name for one in browser.observe().elements]


def test_an_element_that_moved_is_found_and_one_that_went_is_not(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<button onclick='log.push(1)'>A</button><button onclick='log.push(2)'>B</button>
    <script>setTimeout(() => { document.body.style.paddingTop = '80px'; }, 100);
    setTimeout(() => document.querySelectorAll('button')[1].remove(), 3000);</script>"""
    open_page(browser, tmp_path, body)
    a, b = find(browser, "A").index, find(browser, "B").index
    assert log_after(browser, Tap(element=a)) == [1]
    browser.act(Wait(seconds=3))
    with pytest.raises(ActionError, match="there is no element 1"):
        browser.act(Tap(element=b))
