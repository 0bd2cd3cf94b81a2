"""Frames and shadow trees are seen and acted on as part of the screen, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import Action, InputText, Scroll, Tap, Wait
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.errors import ActionError
from tests.devices.browser_pages import find, log_after, open_page, write_page

TELL = "<script>const tell = (what) => top.postMessage(what, '*');</script>"
HEAR = "<script>var log = []; onmessage = (event) => log.push(event.data);</script>"


def names(device: BrowserDevice) -> list[str]:
    return [one.name for one in device.observe().elements]


FORM = (
    TELL
    + """<body style='margin:0'><button style='display:block;height:20px;width:80px'
onclick="tell('pressed')">Press</button><input aria-label=Name oninput='tell(this.value)'>
<select aria-label=Fruit onchange='tell(this.value)'><option>Apple<option>Pear</select>"""
)


@pytest.mark.parametrize(
    ("browser", "kind"),
    [
        ("lockstep", "same site"),
        ("lockstep", "other site"),
        ("lockstep", "srcdoc"),
        ("lockstep", "sandboxed"),
        ("playwright", "other site"),
        ("playwright", "srcdoc"),
    ],
    indirect=["browser"],
)
def test_what_a_frame_shows_is_listed_where_it_stands_and_can_be_used(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str], kind: str
) -> None:
    here, there = sites
    write_page(tmp_path, FORM, "form")
    frame = {
        "same site": "<iframe src='form.html'",
        "other site": f"<iframe src='{there}/form.html'",
        "srcdoc": f'<iframe srcdoc="{FORM.replace(chr(34), "&quot;")}"',
        "sandboxed": f"<iframe sandbox='allow-scripts' src='{there}/form.html'",
    }[kind]
    style = "style='position:absolute;left:40px;top:60px;width:240px;height:100px;border:2px solid'"
    body = f"{HEAR}<p>Before</p>{frame} title=Inner {style}></iframe><p>After</p>"
    write_page(tmp_path, body, "page")
    browser.reset(BrowserSetup(f"{here}/page.html", state="{log}"))

    assert names(browser) == ["Before", "Inner", "Press", "Name", "Fruit", "After"]
    press = find(browser, "Press", "button")
    assert press.bounds == pytest.approx((42 / 320, 62 / 240, 122 / 320, 82 / 240), abs=1e-3)
    actions: list[Action] = [
        Tap(element=press.index),
        Tap(point=press.center),
        InputText(element=find(browser, "Name").index, text="Ann"),
    ]
    assert log_after(browser, *actions) == ["pressed", "pressed", "A", "An", "Ann"]
    assert find(browser, "Name").value == "Ann"
    assert find(browser, "Name").focused
    more = InputText(text="a", clear=False)
    choose = InputText(element=find(browser, "Fruit").index, text="pear")
    assert log_after(browser, more, choose)[5:] == ["Anna", "Pear"]
    with pytest.raises(ActionError, match=r"Apple \| Pear"):
        browser.act(InputText(element=find(browser, "Fruit").index, text="Plum"))
    with pytest.raises(ActionError, match="this screen has 6"):
        browser.act(Tap(element=6))


def test_frames_in_frames_are_clipped_scaled_and_covered(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str]
) -> None:
    here, there = sites
    write_page(
        tmp_path,
        f"""{TELL}<button style='position:absolute;left:0;top:0;width:40px;height:20px'
        onclick="tell('deep')">Deep</button><p style='position:absolute;left:150px'>Cut</p>
        <b style='position:absolute;left:60px;top:0'>Hid</b>""",
        "inner",
    )
    write_page(
        tmp_path,
        f"""<iframe src='{there}/inner.html' style='position:absolute;left:20px;top:10px;
        width:300px;height:100px;border:0'></iframe>""",
        "middle",
    )
    write_page(
        tmp_path,
        f"""{HEAR}<iframe src='middle.html' style='position:absolute;left:100px;top:50px;
        width:150px;height:100px;border:0;transform:scale(0.5);transform-origin:0 0'></iframe>
        <div style='position:absolute;left:138px;top:0;width:20px;height:200px;background:red'>
        </div>""",
        "page",
    )
    browser.reset(BrowserSetup(f"{here}/page.html", state="{log}"))
    deep = find(browser, "Deep", "button")
    assert deep.bounds == pytest.approx((110 / 320, 55 / 240, 130 / 320, 65 / 240), abs=1e-3)
    assert "Cut" not in names(browser)
    assert "Hid" not in names(browser)
    assert log_after(browser, Tap(element=deep.index)) == ["deep"]


def test_a_frame_is_scrolled_and_its_page_where_it_cannot_be(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str]
) -> None:
    here, there = sites
    write_page(tmp_path, "<div style='height:900px'>Top</div><p>End</p>", "long")
    write_page(tmp_path, "<p>Short</p>", "short")
    frame = "style='display:block;border:0;width:300px;height:100px'></iframe>"
    body = f"""<iframe src='{there}/long.html' {frame}<iframe src='{there}/short.html' {frame}
    <div style='height:2000px'></div>"""
    write_page(tmp_path, body, "page")
    browser.reset(BrowserSetup(f"{here}/page.html", state="{log: [scrollY]}"))
    for _ in range(16):
        if "End" not in names(browser):
            browser.act(Scroll(direction="down", point=(0.5, 0.2)))
    assert browser.state() == {"log": [0]}
    find(browser, "End")
    assert "Top" not in names(browser)
    assert log_after(browser, Scroll(direction="down", point=(0.5, 0.7))) == [144]


def test_a_frame_that_goes_away_or_is_replaced_breaks_nothing(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str]
) -> None:
    here, there = sites
    write_page(tmp_path, "<p>New</p>", "new")
    write_page(tmp_path, "<button onclick='1'>Old</button>", "old")
    body = f"""<iframe src='{there}/old.html' height=40></iframe>
    <iframe src='{there}/old.html' height=40></iframe><script>
    setTimeout(() => {{ document.querySelector('iframe').src = '{there}/new.html'; }}, 2000);
    setTimeout(() => {{ document.querySelector('iframe').remove(); }}, 4000);</script>"""
    write_page(tmp_path, body, "page")
    browser.reset(BrowserSetup(f"{here}/page.html"))
    old = find(browser, "Old")
    assert names(browser).count("Old") == 2
    browser.act(Wait(seconds=2))
    assert {"New", "Old"} <= set(names(browser))
    browser.act(Tap(element=find(browser, "Old").index))
    browser.act(Wait(seconds=2))
    assert "New" not in names(browser)
    assert names(browser).count("Old") == 1
    browser.act(Tap(element=find(browser, "Old").index))
    assert old.role == "button"


def test_shadow_trees_are_listed_and_used_like_the_rest(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<p>Before</p><x-card id=card><b slot=title>Title</b>Slotted <i>text</i></x-card>
    <x-box id=box></x-box><p>After</p>
    <script>
    const open = card.attachShadow({mode: 'open'});
    open.innerHTML = `<style>p { margin: 0 }</style><button><slot name=title></slot></button>
      <p><slot></slot></p><input aria-label=Name><x-inner></x-inner>`;
    open.querySelector('button').onclick = () => log.push('title');
    open.querySelector('input').oninput = (event) => log.push(event.target.value);
    const inner = open.querySelector('x-inner').attachShadow({mode: 'open'});
    inner.innerHTML = '<label>Yes <input type=checkbox></label><select><option>A<option>B</select>';
    inner.querySelector('input').onchange = () => log.push('yes');
    inner.querySelector('select').onchange = (event) => log.push(event.target.value);
    const closed = box.attachShadow({mode: 'closed'});
    closed.innerHTML = '<span>Secret</span>';
    closed.firstChild.addEventListener('click', () => log.push(box.shadowRoot));
    </script>"""
    open_page(browser, tmp_path, body)
    assert [(one.role, one.name) for one in browser.observe().elements] == [
        ("text", "Before"), ("button", "Title"), ("text", "Slotted text"), ("textbox", "Name"),
        ("checkbox", "Yes"), ("combobox", ""), ("text", "Secret"), ("text", "After"),
    ]  # fmt: skip
    assert find(browser, "Secret").clickable
    combobox = next(one for one in browser.observe().elements if one.role == "combobox")
    actions: list[Action] = [
        Tap(element=find(browser, "Title").index),
        InputText(element=find(browser, "Name").index, text="x"),
        Tap(element=find(browser, "Yes").index),
        Tap(element=combobox.index),
        InputText(element=combobox.index, text="B"),
        Tap(element=find(browser, "Secret").index),
    ]
    assert log_after(browser, *actions) == ["title", "x", "yes", "B", None]
    browser.act(Tap(element=find(browser, "Name").index))
    assert find(browser, "Name").focused


def test_what_moves_in_a_frame_comes_to_rest_and_starts_at_the_same_time(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str]
) -> None:
    here, there = sites
    moving = """<button onclick="this.nextElementSibling.style.opacity = 1">Show</button>
    <p style='opacity:0;transition:opacity 300ms'>Shown</p>
    <p id=age></p><script>setInterval(() => {
      age.textContent = 'Age ' + Math.floor(performance.now() / 1000); }, 100)</script>"""
    write_page(tmp_path, moving, "moving")
    write_page(tmp_path, f"<iframe src='{there}/moving.html'></iframe>", "page")
    browser.reset(BrowserSetup(f"{here}/page.html"))
    browser.act(Tap(element=find(browser, "Show").index))
    assert {"Shown", "Age 0"} <= set(names(browser))
    browser.act(Wait(seconds=2))
    find(browser, "Age 2")
