"""Pointing, dragging and choosing files, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import Action, ChooseFile, Drag, Hover, PressKey, Tap, Wait
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.errors import ActionError, ConfigError
from tests.devices.browser_pages import find, log_after, open_page, write_page
from tests.devices.conftest import one_engine


def test_hover_shows_what_is_under_the_pointer_until_it_leaves(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<style>#menu { display: none } #top:hover #menu { display: block }</style>
    <div id=top>Menu<button id=menu onclick='log.push(1)'>Save</button></div>
    <p style='margin-top:120px'>Text</p>
    <script>for (const type of ['mouseenter', 'mouseleave'])
      document.getElementById('top').addEventListener(type, () => log.push(type));</script>"""
    open_page(browser, tmp_path, body)
    sent = browser.act(Hover(element=find(browser, "Menu").index, label="Menu"))
    assert isinstance(sent, Hover)
    assert (sent.element, sent.label) == (None, "Menu")
    assert sent.point is not None
    browser.act(Wait(seconds=5))
    save = find(browser, "Save", "button")
    assert log_after(browser, Tap(element=save.index)) == ["mouseenter", 1]
    assert log_after(browser, Hover(point=(0.5, 0.9))) == ["mouseenter", 1, "mouseleave"]
    assert "Save" not in [one.name for one in browser.observe().elements]


def test_an_element_is_dragged_onto_another(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<button id=a style='position:absolute;left:20px;top:20px'>Ball</button>
    <button style='position:absolute;left:200px;top:150px'>Goal</button><script>
    let held = false;
    a.onpointerdown = (e) => { held = true; a.setPointerCapture(e.pointerId); };
    a.onpointermove = (e) => {
      if (held) { a.style.left = e.clientX - 10 + 'px'; a.style.top = e.clientY - 10 + 'px'; }
    };
    a.onpointerup = () => { held = false; log.push('dropped'); };
    </script>"""
    open_page(browser, tmp_path, body)
    ball, goal = find(browser, "Ball"), find(browser, "Goal")
    sent = browser.act(Drag(element=ball.index, to_element=goal.index, to_label="Goal"))
    assert isinstance(sent, Drag)
    assert (sent.element, sent.to_element, sent.to_label) == (None, None, "Goal")
    assert sent.point == pytest.approx(ball.center, abs=0.02)
    assert sent.to_point == pytest.approx(goal.center, abs=0.02)
    assert browser.state() == {"log": ["dropped"]}
    moved = find(browser, "Ball")
    assert (moved.bounds[0] * 320, moved.bounds[1] * 240) == pytest.approx(
        (goal.center[0] * 320 - 10, goal.center[1] * 240 - 10), abs=3
    )


DROP_ZONES = """<div id=card draggable=true onclick=0 style='width:80px;height:30px'>Card</div>
<div id=done style='height:40px'>Done</div><div id=shut style='height:40px'>Shut</div><script>
addEventListener('dragstart', (e) => {
  e.dataTransfer.setData('text/plain', e.target.id); e.dataTransfer.effectAllowed = 'move';
});
done.ondragover = (e) => { e.preventDefault(); e.dataTransfer.dropEffect = 'move'; };
done.ondrop = (e) => { e.preventDefault(); log.push(e.dataTransfer.getData('text/plain')); };
for (const type of ['dragstart', 'dragenter', 'dragleave', 'drop', 'dragend'])
  addEventListener(type, (e) => {
    const effect = type === 'dragend' ? ' ' + e.dataTransfer.dropEffect : '';
    if (e.target.id) log.push(type + ' ' + e.target.id + effect);
  });
</script>"""


def test_html_drag_and_drop_runs_its_whole_course(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, DROP_ZONES)
    card, done = find(browser, "Card").index, find(browser, "Done").index
    log = log_after(browser, Drag(element=card, to_element=done))
    assert log == [
        "dragstart card", "dragenter card", "dragenter done", "dragleave card",
        "card", "drop done", "dragend card move",
    ]  # fmt: skip


@one_engine
def test_what_is_dropped_where_nothing_takes_it_is_not_dropped(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, DROP_ZONES)
    drag = Drag(element=find(browser, "Card").index, to_element=find(browser, "Shut").index)
    log = log_after(browser, drag)
    assert log[-2:] == ["dragleave shut", "dragend card none"]
    assert "drop shut" not in log


@one_engine
def test_text_is_selected_by_dragging_over_it(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<p>Mark me whole</p>", state="[getSelection().toString()]")
    left, top, right, bottom = find(browser, "Mark me whole").bounds
    middle = (top + bottom) / 2
    drag = Drag(point=(left, middle), to_point=(right, middle))
    assert log_after(browser, drag) == ["Mark me whole"]


@one_engine
def test_what_cannot_be_dragged_is_the_agents_error(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<button>A</button>")
    a = find(browser, "A").index
    for action in (Drag(element=a, to_element=99), Drag(element=99, to_element=a)):
        with pytest.raises(ActionError, match="no element 99"):
            browser.act(action)


UPLOADS = """<input type=file id=f aria-label=One><br>
<input type=file id=g multiple aria-label=Many><br>
<input type=file id=h style='display:none'><label for=h>Label</label>
<button id=b>Button</button><button id=late>Later</button><button id=c>Cancel</button><script>
for (const field of [f, g, h]) field.onchange = () => log.push(
  field.id + ':' + [...field.files].map((file) => file.name).join());
const ask = () => {
  const field = document.createElement('input');
  field.type = 'file';
  field.onchange = () => log.push(field.files[0].name + ' ' + field.files[0].size);
  field.click();
};
b.onclick = ask;
late.onclick = () => setTimeout(ask, 200);
</script>"""


@pytest.fixture
def uploads(browser: BrowserDevice, tmp_path: Path) -> BrowserDevice:
    files = (tmp_path / "a.txt", tmp_path / "b ü.txt")
    for number, path in enumerate(files):
        path.write_text("text" + "ü" * (number + 1), encoding="utf-8")
    url = write_page(tmp_path, "<script>var log = [];</script>" + UPLOADS)
    browser.reset(BrowserSetup(url, state="{log}", files=files, reload=True))
    return browser


@pytest.mark.parametrize(
    ("name", "logged"),
    [("One", "f:a.txt"), ("Label", "h:a.txt"), ("Button", "a.txt 6"), ("Later", "a.txt 6")],
)
def test_a_file_is_chosen_for_whatever_asks_for_one(
    uploads: BrowserDevice, name: str, logged: str
) -> None:
    target = find(uploads, name)
    sent = uploads.act(ChooseFile(element=target.index, name="a.txt"))
    assert isinstance(sent, ChooseFile)
    assert sent.point == pytest.approx(target.center, abs=0.1)
    assert uploads.state() == {"log": [logged]}


@one_engine
def test_one_file_replaces_another_and_several_add_up(uploads: BrowserDevice) -> None:
    one, many = find(uploads, "One").index, find(uploads, "Many").index
    choices: list[Action] = [
        ChooseFile(element=field, name=name)
        for field in (one, many)
        for name in ("a.txt", "b ü.txt", "b ü.txt")
    ]
    logged = ["f:a.txt", "f:b ü.txt", "g:a.txt", "g:a.txt,b ü.txt"]
    assert log_after(uploads, *choices) == logged


@pytest.mark.parametrize("name", ["One", "Button", "Later"])
def test_who_taps_what_asks_for_a_file_is_told_how_to_choose_one(
    uploads: BrowserDevice, name: str
) -> None:
    assert isinstance(uploads.act(Tap(element=find(uploads, name).index)), Tap)
    (message,) = uploads.observe().messages
    assert message.endswith("choose_file and one of 'a.txt', 'b ü.txt'")
    log = log_after(uploads, ChooseFile(name="b ü.txt"))
    assert log == (["f:b ü.txt"] if name == "One" else ["b ü.txt 8"])


def test_a_file_field_is_opened_by_the_keyboard_too(uploads: BrowserDevice) -> None:
    uploads.act(PressKey(key="tab"))
    uploads.act(PressKey(key="enter"))
    assert "choose_file" in str(uploads.observe().messages)
    assert log_after(uploads, ChooseFile(name="a.txt")) == ["f:a.txt"]


@one_engine
def test_only_files_that_the_task_provides_are_chosen(
    uploads: BrowserDevice, tmp_path: Path
) -> None:
    one = find(uploads, "One").index
    for name in ("page.html", "../a.txt", str(tmp_path / "a.txt"), ""):
        with pytest.raises(ActionError, match="no file"):
            uploads.act(ChooseFile(element=one, name=name))
    for action in (
        ChooseFile(name="a.txt"),
        ChooseFile(element=find(uploads, "Cancel").index, name="a.txt"),
    ):
        with pytest.raises(ActionError, match="asks for no file"):
            uploads.act(action)
    assert uploads.state() == {"log": []}


@one_engine
def test_a_question_that_was_passed_over_is_not_answered_later(uploads: BrowserDevice) -> None:
    uploads.act(Tap(element=find(uploads, "One").index))
    uploads.act(Wait(seconds=0.1))
    with pytest.raises(ActionError, match="asks for no file"):
        uploads.act(ChooseFile(name="a.txt"))


@one_engine
def test_files_that_do_not_exist_or_share_a_name_are_refused(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    url = write_page(tmp_path, "")
    (tmp_path / "other").mkdir()
    one, other = tmp_path / "a.txt", tmp_path / "other" / "a.txt"
    one.write_text("")
    with pytest.raises(ConfigError, match="does not exist"):
        browser.reset(BrowserSetup(url, files=(one, other)))
    other.write_text("")
    with pytest.raises(ConfigError, match="two of the setup's files"):
        browser.reset(BrowserSetup(url, files=(one, other)))
