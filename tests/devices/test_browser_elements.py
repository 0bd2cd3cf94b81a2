"""What the list of elements says of a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import InputText, Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.observations import UIElement
from tests.devices.browser_pages import find, log_after, open_page
from tests.devices.conftest import one_engine

pytestmark = one_engine


def listed(device: BrowserDevice, folder: Path, body: str) -> list[UIElement]:
    open_page(device, folder, body)
    elements = device.observe().elements
    assert [one.index for one in elements] == list(range(len(elements)))
    return list(elements)


def roles_and_names(elements: list[UIElement]) -> list[tuple[str, str]]:
    return [(one.role, one.name) for one in elements]


def test_controls_and_texts_come_in_document_order(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<p>Hello <b>bold</b> world</p><button>Save</button><a href=#>More</a>
    <label><input type=checkbox checked> Agree</label><img alt=Logo width=20 height=20>
    <ul><li>One<li>Two</ul><table><tr><td>Cell<td>Next</table>"""
    elements = listed(browser, tmp_path, body)
    assert roles_and_names(elements) == [
        ("text", "Hello bold world"), ("button", "Save"), ("link", "More"), ("checkbox", "Agree"),
        ("img", "Logo"), ("text", "One"), ("text", "Two"), ("text", "Cell"), ("text", "Next"),
    ]  # fmt: skip
    assert [one.name for one in elements if one.checked] == ["Agree"]
    assert [one.name for one in elements if one.clickable] == ["Save", "More", "Agree"]


def test_fields_are_named_by_their_labels(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<label for=a>First</label><input id=a value=x><br><label>Second <input></label>
    <p><label>Third</label><input></p><input aria-label=Fourth><br><input placeholder=Fifth>
    <input title=Sixth>"""
    names = roles_and_names(listed(browser, tmp_path, body))
    words = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth")
    assert [name for name in names if name[0] == "textbox"] == [("textbox", word) for word in words]
    first = find(browser, "First", "textbox")
    assert (first.value, first.resource_id, first.editable) == ("x", "a", True)


def test_passwords_are_not_shown(browser: BrowserDevice, tmp_path: Path) -> None:
    field = listed(browser, tmp_path, "<input type=password value=secret>")[0]
    assert (field.value, field.password) == ("•" * 6, True)


def test_flags_say_what_a_control_is_like(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<button disabled>Off</button><div role=switch aria-checked=true>On</div>
    <input aria-label=Here autofocus><input aria-label=Fixed readonly><script>
    document.querySelector('[autofocus]').focus()</script>
    <div style='height:30px;overflow:auto' aria-label=Box><p>a<p>b<p>c</div>"""
    listed(browser, tmp_path, body)
    assert not find(browser, "Off").enabled
    assert find(browser, "On", "switch").checked
    assert not find(browser, "Fixed").editable
    assert find(browser, "Box", "region").scrollable
    browser.act(Tap(element=find(browser, "Here").index))
    assert [one.name for one in browser.observe().elements if one.focused] == ["Here"]


def test_what_cannot_be_seen_is_not_listed(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<button>Seen</button><button style='display:none'>None</button>
    <button style='visibility:hidden'>Hidden</button><button style='opacity:0'>Clear</button>
    <button style='position:absolute;left:-900px'>Left</button>
    <button style='position:absolute;top:900px'>Below</button>
    <button style='position:absolute;top:100px;left:50px'>Covered</button>
    <div style='position:absolute;top:90px;left:0;width:320px;height:60px;background:red'></div>
    <div style='position:absolute;top:160px;height:40px;overflow:hidden'>
    <p>Inside<p style='margin-top:90px'>Clipped</div>"""
    names = [name for _, name in roles_and_names(listed(browser, tmp_path, body))]
    assert names == ["Seen", "Inside"]


def test_what_shows_only_a_sliver_is_not_listed_but_a_thin_line_is(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<div style='height:60px;overflow:hidden'>
    <button style='display:block;height:57px'>Whole</button>
    <button style='display:block;height:40px'>Sliver</button></div>
    <div style='height:60px;overflow:hidden'><button style='display:block;height:56px'>Over</button>
    <button style='display:block;height:40px'>Strip</button></div>
    <button style='width:50px;height:2px;padding:0;border:0' aria-label=Line></button>
    <button style='position:absolute;left:318px;top:90px;width:80px'>Aside</button>
    <svg width=9 height=40><rect width=30 height=2 fill=red></rect></svg>"""
    elements = listed(browser, tmp_path, body)
    assert [one.name for one in elements] == ["Whole", "Over", "Strip", "Line", ""]
    assert elements[-1].role == "rect"


def test_an_element_covered_in_the_middle_is_listed_and_tapped_at_its_rim(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<button style='width:200px;height:100px' onclick='log.push(1)'>Below</button>
    <div style='position:absolute;left:20px;top:10px;width:170px;height:80px;background:red'
    onclick='log.push(2)'></div>"""
    listed(browser, tmp_path, body)
    assert log_after(browser, Tap(element=find(browser, "Below").index)) == [1]


def test_bounds_are_fractions_clipped_to_the_screen(browser: BrowserDevice, tmp_path: Path) -> None:
    body = (
        "<button style='position:absolute;left:160px;top:120px;width:900px;height:60px'>B</button>"
    )
    assert listed(browser, tmp_path, body)[0].bounds == (0.5, 0.5, 1.0, 0.75)


def test_handlers_of_every_kind_make_things_clickable(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<span onclick='1'>Attribute</span> <span id=a>Listener</span>
    <span id=b>Property</span>
    <span style='cursor:pointer'>Pointer</span> <span>Nothing</span>
    <ul id=c><li>One</li><li>Two</li></ul><div id=d style='width:20px;height:20px;background:red'>
    </div><script>a.addEventListener('click', () => {}); b.onclick = () => {};
    c.addEventListener('mousedown', () => {}); d.addEventListener('click', () => {});</script>"""
    elements = listed(browser, tmp_path, body)
    clickable = [one.name for one in elements if one.clickable]
    assert clickable == ["Attribute", "Listener", "Property", "Pointer", "One", "Two", ""]
    assert [one.name for one in elements if not one.clickable] == ["Nothing"]
    assert (elements[-1].role, elements[-1].description) == ("generic", "red")


def test_shapes_are_described_by_colour_and_size(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<svg width=300 height=200><circle cx=20 cy=20 r=10 fill=red onclick='log.push(1)'/>
    <rect x=50 y=10 width=40 height=30 fill='#123456'/><polygon points='100,40 120,40 110,10'
    fill=blue /><text x=150 y=30>Word</text></svg>"""
    elements = listed(browser, tmp_path, body)
    assert [(one.role, one.name, one.description) for one in elements[:3]] == [
        ("circle", "", "red 20x20"),
        ("rect", "", "#123456 40x30"),
        ("polygon", "", "triangle blue 20x30"),
    ]
    assert (elements[3].role, elements[3].name) == ("text", "Word")
    assert [one.clickable for one in elements[:2]] == [True, False]
    assert log_after(browser, Tap(element=0)) == [1]


def test_lists_of_options_are_spelled_out(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<select><option>A<option selected>B</select>
    <select multiple size=3><option selected>C<option>D</select>"""
    elements = listed(browser, tmp_path, body)
    seen = [(one.role, one.name, one.value, one.description) for one in elements]
    assert seen == [
        ("combobox", "", "B", "A | B"),
        ("listbox", "", "C", "C | D"),
        ("option", "C", "", ""),
        ("option", "D", "", ""),
    ]
    browser.act(Tap(element=3))
    assert [one.checked for one in browser.observe().elements] == [False, False, False, True]


def test_a_hidden_check_box_is_stood_for_by_its_label(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<input type=checkbox id=c style='display:none'><label for=c>Styled</label>"""
    listed(browser, tmp_path, body)
    styled = find(browser, "Styled", "checkbox")
    assert not styled.checked
    browser.act(Tap(element=styled.index))
    assert find(browser, "Styled", "checkbox").checked


def test_a_wrapped_link_is_tapped_on_its_text(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<div style='width:100px;font:16px monospace'>xxxxxxx <a href='#'
    onclick='log.push(1)'>go to</a></div><div style='width:100px'>
    <span style='display:inline-block;width:60px'></span><a href='#' onclick='log.push(2)'>a
    somewhatlongword</a></div>"""
    listed(browser, tmp_path, body)
    links = [one.index for one in browser.observe().elements if one.role == "link"]
    assert log_after(browser, *(Tap(element=index) for index in links)) == [1, 2]


def test_huge_pages_are_cut_off(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<script>for (let i = 0; i < 600; i++) document.write(`<i style="position:absolute;
    font-size:6px;left:${10 * (i % 30)}px;top:${10 * Math.floor(i / 30)}px">x</i>`)</script>"""
    assert len(listed(browser, tmp_path, body)) == 500


def test_frames_shadow_trees_and_odd_markup_break_nothing(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<iframe title=Inner srcdoc='<button>Framed</button>' height=40></iframe>
    <x-card></x-card><form><input name=id><input name=tagName><button>Send</button></form>
    <p id=__proto__>Last</p>
    <script>document.querySelector('x-card').attachShadow({mode: 'open'}).innerHTML = 'shadow';
    Array.prototype.toJSON = () => 'broken';</script>"""
    names = roles_and_names(listed(browser, tmp_path, body))
    assert ("iframe", "Inner") in names
    assert ("button", "Send") in names
    assert ("text", "Last") in names


def test_the_widgets_of_jquery_ui_can_be_used(browser: BrowserDevice) -> None:
    miniwob = pytest.importorskip("miniwob")
    folder = Path(miniwob.__file__).parent / "html" / "miniwob"
    start = "core.EPISODE_MAX_TIME = 1e9; Math.seedrandom('3'); core.startEpisodeReal();"

    browser.reset(BrowserSetup((folder / "use-autocomplete.html").as_uri(), start=start))
    browser.act(InputText(element=find(browser, "Tags:", "textbox").index, text="Ang"))
    browser.act(Tap(element=find(browser, "Angola").index))
    assert find(browser, "Tags:", "textbox").value == "Angola"

    browser.reset(BrowserSetup((folder / "choose-date.html").as_uri(), start=start))
    date = next(one for one in browser.observe().elements if one.role == "textbox")
    browser.act(Tap(element=date.index))
    browser.act(Tap(element=find(browser, "Prev", "link").index))
    browser.act(Tap(element=find(browser, "5", "link").index))
    chosen = next(one for one in browser.observe().elements if one.role == "textbox")
    assert chosen.value == "11/05/2016"


def test_a_round_button_of_which_only_the_corner_beside_it_is_free_is_not_listed(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<style>button { position: absolute; left: 9px; width: 60px; height: 30px;
    border-radius: 15px } #above { top: 4px; height: 64px; width: 70px; left: 2px;
    border-radius: 30px }</style><div style="position: relative; height: 99px">
    <button style="top: 5px">Switch</button><button id=above>New</button></div>"""
    assert roles_and_names(listed(browser, tmp_path, body)) == [("button", "New")]
