"""UI trees of Android: what is listed of them, and what is refused."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentenv.devices.android.tree import MAX_ELEMENTS, MAX_NODES, parse_tree, print_tree
from agentenv.errors import DeviceError
from agentenv.observations import UIElement

WIDTH, HEIGHT = 1080, 1920


def tree(*nodes: str) -> str:
    return f'<?xml version="1.0"?><hierarchy rotation="0">{"".join(nodes)}</hierarchy>'


def node(inside: str = "", bounds: str = "[0,0][540,960]", **attributes: str) -> str:
    """A node as uiautomator writes it; underscores stand for dashes."""
    given = {"class": "android.view.View", "bounds": bounds}
    given |= {name.replace("_", "-").strip("-"): value for name, value in attributes.items()}
    written = " ".join(f'{key}="{value}"' for key, value in given.items())
    return f"<node {written}>{inside}</node>"


def parse(*nodes: str) -> tuple[UIElement, ...]:
    return parse_tree(tree(*nodes), WIDTH, HEIGHT)


def test_a_screen_of_the_settings_app_is_listed_as_a_person_sees_it() -> None:
    row = node(
        node(_class="android.widget.TextView", text="Bluetooth", bounds="[80,200][500,260]")
        + node(_class="android.widget.TextView", text="Off", bounds="[80,260][500,300]")
        + node(
            _class="com.vendor.widget.Toggle", checkable="true", clickable="true",
            bounds="[900,200][1040,300]", resource_id="android:id/switch",
        ),
        _class="android.widget.LinearLayout", clickable="true", bounds="[0,180][1080,320]",
    )  # fmt: skip
    search = node(
        _class="android.widget.EditText", text="Search", hint="Search", bounds="[0,0][1080,120]"
    )
    listed = node(row, scrollable="true", bounds="[0,120][1080,1920]", resource_id="list")
    field, region, bluetooth, switch = parse(search, listed)
    assert (field.role, field.name, field.value, field.editable) == ("textbox", "Search", "", True)
    assert (region.role, region.scrollable, region.clickable) == ("region", True, False)
    assert (bluetooth.role, bluetooth.name) == ("button", "Bluetooth Off")
    assert bluetooth.bounds == (0.0, 0.0938, 1.0, 0.1667)
    assert (switch.role, switch.name, switch.resource_id) == ("button", "", "android:id/switch")
    assert [one.index for one in (field, region, bluetooth, switch)] == [0, 1, 2, 3]


def test_appium_names_its_tags_by_the_class() -> None:
    source = (
        '<hierarchy rotation="0"><android.widget.FrameLayout bounds="[0,0][1080,1920]">'
        '<android.widget.CheckBox text="Wi-Fi" checkable="true" checked="true" clickable="true" '
        'bounds="[0,0][1080,100]" displayed="true"/>'
        '<android.widget.Button text="Gone" clickable="true" bounds="[0,0][9,9]" '
        'displayed="false"/></android.widget.FrameLayout></hierarchy>'
    )
    [box] = parse_tree(source, WIDTH, HEIGHT)
    assert (box.role, box.name, box.checked) == ("checkbox", "Wi-Fi", True)


def test_what_a_field_holds_is_its_value_and_a_hint_is_not() -> None:
    typed, empty, named = parse(
        node(_class="android.widget.EditText", text="Ada", hint="Name", focused="true"),
        node(_class="android.widget.EditText", text="Name", hint="Name"),
        node(_class="android.widget.EditText", text="•••", content_desc="PIN", password="true"),
    )
    assert (typed.name, typed.value, typed.focused) == ("Name", "Ada", True)
    assert (empty.name, empty.value) == ("Name", "")
    assert (named.name, named.value, named.password) == ("PIN", "•••", True)


@pytest.mark.parametrize(
    "bounds",
    [
        "",
        "[0,0]",
        "[a,b][c,d]",
        "[5,5][5,9]",
        "[9,9][1,1]",
        "[2000,0][3000,9]",
        "[0,0][1e9,1]",
        "[0,0][" + "9" * 5000 + ",10]",
        "[-50,-50][0,0]",
    ],
    ids=range(9),
)
def test_nothing_without_a_place_on_the_screen_is_listed(bounds: str) -> None:
    assert parse(node(bounds=bounds, clickable="true", text="x")) == ()


def test_bounds_are_cut_to_the_screen() -> None:
    [element] = parse(node(bounds="[-100,960][2160,4000]", text="x"))
    assert element.bounds == (0.0, 0.5, 1.0, 1.0)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "null",
        "<html></html>",
        "<hierarchy>",
        "<hierarchy><node></hierarchy>",
        "<hierarchy><node text='&#0;'/></hierarchy>",
        "\ud800",
        b"\xff\xfe\x00",
        '<?xml version="1.0" encoding="no-such-one"?><hierarchy/>',
        '<!DOCTYPE h [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><hierarchy><n text="&b;"/></hierarchy>',
        '<!DOCTYPE h SYSTEM "file:///etc/passwd"><hierarchy/>',
        '<!DOCTYPE h [<!ENTITY x SYSTEM "file:///etc/passwd">]><hierarchy>&x;</hierarchy>',
        "<hierarchy>" + "<node/>" * (MAX_NODES + 1) + "</hierarchy>",
        "<hierarchy><node text='" + "x" * 17_000_000 + "'/></hierarchy>",
    ],
    ids=range(14),
)
def test_what_is_no_tree_is_refused_in_words(source: str | bytes) -> None:
    began = time.process_time()
    with pytest.raises(DeviceError, match="the UI tree") as caught:
        parse_tree(source, WIDTH, HEIGHT)
    assert time.process_time() - began < 1
    assert caught.value.cause == "bad_ui_tree"
    assert len(str(caught.value)) < 400


def test_a_tree_of_ten_thousand_nodes_is_parsed_and_only_the_first_are_listed() -> None:
    rows = [node(text=f"row {number}", clickable="true") for number in range(10_000)]
    began = time.process_time()
    listed = parse(*rows)
    assert time.process_time() - began < 1
    assert len(listed) == MAX_ELEMENTS
    assert listed[-1].name == f"row {MAX_ELEMENTS - 1}"


def test_ten_thousand_nodes_inside_each_other_are_parsed() -> None:
    inside = ""
    for number in range(10_000):
        inside = (
            f'<node class="v" bounds="[0,0][9,9]" text="{number % 7}" clickable="true">' + inside
        )
    listed = parse_tree(tree(inside + "</node>" * 10_000), WIDTH, HEIGHT)
    assert len(listed) == MAX_ELEMENTS


@given(st.text() | st.binary())
def test_no_text_raises_anything_else(source: str | bytes) -> None:
    with contextlib.suppress(DeviceError):
        parse_tree(source, WIDTH, HEIGHT)


ATTRIBUTE = st.sampled_from(
    ["text", "class", "bounds", "clickable", "checked", "hint", "scrollable", "content-desc"]
)
VALUE = st.sampled_from(
    ["true", "false", "", "[1,2][30,40]", "android.widget.EditText", "a &lt; b"]
)
NODES = st.recursive(
    st.just(""),
    lambda inside: st.builds(
        lambda attributes, children: "<node {}>{}</node>".format(
            " ".join(f'{key}="{value}"' for key, value in attributes.items()), "".join(children)
        ),
        st.dictionaries(ATTRIBUTE, VALUE),
        st.lists(inside, max_size=3),
    ),
)


@given(NODES)
@settings(deadline=None)
def test_every_well_formed_tree_is_parsed(nodes: str) -> None:
    for element in parse(nodes):
        left, top, right, bottom = element.bounds
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@st.composite
def elements(draw: st.DrawFn) -> UIElement:
    """One that a tree can tell whole: a field, a control, or a text."""
    left, top = draw(st.integers(0, 1000)), draw(st.integers(0, 1800))
    right, bottom = draw(st.integers(left + 1, WIDTH)), draw(st.integers(top + 1, HEIGHT))
    bounds = tuple(
        round(edge / side, 4)
        for edge, side in zip((left, top, right, bottom), (WIDTH, HEIGHT) * 2, strict=True)
    )
    element = UIElement(
        0, draw(st.sampled_from(["button", "text", "textbox", "radio", "switch", "tab"])),
        draw(TEXT), (bounds[0], bounds[1], bounds[2], bounds[3]),
        description=draw(TEXT), resource_id=draw(TEXT), enabled=draw(st.booleans()),
        focused=draw(st.booleans()), scrollable=draw(st.booleans()),
    )  # fmt: skip
    if element.role == "text":
        return element
    return replace(
        element,
        clickable=True,
        editable=element.role == "textbox",
        value=draw(TEXT) if element.role == "textbox" else "",
        checked=draw(st.booleans()),
    )


@given(st.lists(elements(), max_size=5))
@settings(deadline=None)
def test_a_printed_tree_is_parsed_to_the_same_elements(screen: list[UIElement]) -> None:
    screen = [
        replace(element, index=index)
        for index, element in enumerate(screen)
        if element.description not in (element.name, element.value)
    ]
    screen = [replace(element, index=index) for index, element in enumerate(screen)]
    printed = print_tree(screen, WIDTH, HEIGHT, "org.example")
    assert list(parse_tree(printed, WIDTH, HEIGHT)) == screen
