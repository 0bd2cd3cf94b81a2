"""The phone on a real browser's page."""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agentenv.actions import (
    Action,
    DoubleTap,
    InputText,
    OpenApp,
    PressKey,
    RequestPermission,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import open_browser
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.devices.phone import PhoneDevice, open_phone
from agentenv.errors import ActionError, DeviceError
from agentenv.observations import Screen, UIElement
from agentenv.phone.apps import APPS
from agentenv.phone.events import verify_log
from agentenv.phone.phone import Phone
from agentenv.phone.server import shared_server
from agentenv.phone.setup import PhoneSetup
from agentenv.tasks import get_task

pytestmark = pytest.mark.skipif(
    not any(find_browser(kind) for kind in (HEADLESS_SHELL, CHROMIUM)), reason="no Chromium"
)
SETUP = PhoneSetup(seed="test")


@pytest.fixture(scope="module")
def device() -> Iterator[PhoneDevice]:
    device = open_phone()
    yield device
    device.close()


def element(screen: Screen, resource_id: str) -> UIElement:
    found = [one for one in screen.elements if one.resource_id == resource_id]
    assert found, f"{resource_id} is not among {[one.resource_id for one in screen.elements]}"
    return found[0]


def do(device: PhoneDevice, *steps: str | Action) -> Screen:
    """Taps by resource id, and other actions."""
    for step in steps:
        screen = device.observe()
        action = Tap(element=element(screen, step).index) if isinstance(step, str) else step
        device.act(action)
    return device.observe()


def test_a_phone_is_used_by_taps_text_and_keys(device: PhoneDevice) -> None:
    device.reset(SETUP)
    screen = do(device, "tap-app-notes", "tap-open-write")
    assert screen.location == "notes/write"
    title = element(screen, "field-title")
    screen = do(device, InputText(element=title.index, text="Milk, ×2 😀"))
    assert element(screen, "field-title").value == "Milk, ×2 😀"
    assert element(screen, "field-title").focused
    screen = do(device, PressKey(key="enter"))
    assert element(screen, "field-body").focused
    screen = do(device, InputText(text="and <b>bread</b>"), "tap-next")
    [change] = device.state()["changes"].rows
    assert change.columns["title"] == "Milk, ×2 😀"
    assert change.columns["body"] == "and <b>bread</b>"
    assert do(device, PressKey(key="home")).location == "home"
    assert do(device, PressKey(key="recents")).location == "recents"


def test_the_log_of_what_was_done_is_unbroken(device: PhoneDevice) -> None:
    device.reset(PhoneSetup())
    before = device.event_log()
    assert device.phone.open_app("notes")
    after = device.event_log()
    assert after[: len(before)] == before
    assert verify_log(after) == len(after) > len(before)


def test_the_screen_after_a_restore_is_byte_for_byte_the_one_before(device: PhoneDevice) -> None:
    device.reset(SETUP)
    screen = do(device, OpenApp(app="Tavola"), Scroll(direction="down"))
    screen = do(device, InputText(element=element(screen, "field-search").index, text="kit"))
    token, before = device.snapshot(), device.observe()
    do(device, PressKey(key="enter"), Scroll(direction="down"), PressKey(key="home"))
    device.restore(token)
    after = device.observe()
    assert (after.png, after.elements, after.location) == (
        before.png,
        before.elements,
        before.location,
    )


def test_a_screen_of_which_a_part_was_drawn_anew_is_restored_to_the_byte(
    device: PhoneDevice,
) -> None:
    device.reset(PhoneSetup(seed="13", attitude="open"))
    screen = do(device, OpenApp(app="notes"))
    search = element(screen, "field-search").index
    text = "'; DROP TABLE sys_events; -- \" OR 1=1"
    do(device, InputText(element=search, text=text), "field-search", "tap-ime")
    before = do(device, "field-search")
    device.restore(device.snapshot())
    assert device.observe().png == before.png


@pytest.mark.parametrize("steps", [(), (PressKey(key="arrow_left"),), ("field-search",)])
def test_a_long_text_is_restored_where_its_caret_stands(
    device: PhoneDevice, steps: tuple[str | Action, ...]
) -> None:
    device.reset(SETUP)
    screen = do(device, OpenApp(app="notes"))
    search = element(screen, "field-search").index
    before = do(device, InputText(element=search, text="long and longer " * 9), *steps)
    device.restore(device.snapshot())
    assert device.observe().png == before.png
    assert element(before, "field-search").focused


def test_a_very_long_text_written_after_another_is_restored_to_the_byte(
    device: PhoneDevice,
) -> None:
    device.reset(SETUP)
    search = element(device.observe(), "field-search").index
    first = InputText(element=search, text="plain")
    before = do(device, first, first.model_copy(update={"text": "x" * 9000, "clear": False}))
    device.restore(device.snapshot())
    assert device.observe().png == before.png


def test_a_slider_does_not_keep_the_focus(device: PhoneDevice) -> None:
    device.reset(SETUP)
    screen = do(device, OpenApp(app="settings"))
    slider = InputText(element=element(screen, "field-brightness").index, text="-17")
    with pytest.raises(ActionError, match="a number from 0 to 100"):
        device.act(slider)
    screen = device.observe()
    assert not element(screen, "field-brightness").focused
    device.restore(device.snapshot())
    assert device.observe().png == screen.png


def test_a_swipe_scrolls_and_where_it_stopped_is_state(device: PhoneDevice) -> None:
    device.reset(SETUP)
    first = do(device, OpenApp(app="notes"))
    moved = do(device, Swipe(start=(0.5, 0.8), end=(0.5, 0.4)))
    assert moved.location == "notes/home"
    assert moved.elements != first.elements
    token = device.snapshot()
    do(device, PressKey(key="home"))
    device.restore(token)
    assert device.observe().png == moved.png


def test_a_finger_that_moves_over_text_selects_nothing(device: PhoneDevice) -> None:
    device.reset(SETUP)
    before = device.observe()
    do(device, Swipe(start=(0.62, 0.72), end=(0.02, 0.63)), DoubleTap(point=(0.2, 0.2)))
    assert do(device, PressKey(key="ctrl+a")).png == before.png


def test_whatever_is_done_takes_one_picture(
    device: PhoneDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.reset(SETUP)
    engine = device._browser._engine
    assert engine is not None
    take = engine.screenshot
    taken: list[bytes] = []

    def take_one(then: str = "") -> bytes:
        taken.append(take(then))
        return taken[-1]

    monkeypatch.setattr(engine, "screenshot", take_one)
    steps: tuple[str | Action, ...] = (
        OpenApp(app="restaurants"),
        Scroll(direction="down"),
        Scroll(direction="up"),
        "field-search",
        InputText(text="a"),
        PressKey(key="back"),
        Swipe(start=(0.5, 0.8), end=(0.5, 0.4)),
        PressKey(key="home"),
    )
    for number, step in enumerate(steps, start=1):
        do(device, step)
        assert len(taken) == number, step


@pytest.mark.parametrize("width", [320, 412])
def test_a_phone_of_another_width_fills_the_same_screen(device: PhoneDevice, width: int) -> None:
    device.reset(replace(SETUP, width=width))
    first = do(device, OpenApp(app="notes"))
    assert element(first, "tap-home").bounds[3] == pytest.approx(1, abs=0.01)
    moved = do(device, Swipe(start=(0.5, 0.8), end=(0.5, 0.7)))
    scrolled = [
        before.bounds[1] - after.bounds[1]
        for before in first.elements for after in moved.elements
        if before.resource_id == after.resource_id == "tap-open-note-3"
    ]  # fmt: skip
    assert scrolled == pytest.approx([0.1], abs=0.02)  # as far as the finger went
    screen = do(device, "tap-open-write")
    do(device, InputText(element=element(screen, "field-title").index, text="Wide"), "tap-next")
    [change] = device.state()["changes"].rows
    assert change.columns["title"] == "Wide"


def test_a_home_screen_of_many_apps_scrolls_and_is_restored(device: PhoneDevice) -> None:
    device.reset(PhoneSetup(apps=APPS, font_size="large", width=320))
    first = device.observe()
    moved = do(device, Swipe(start=(0.5, 0.7), end=(0.5, 0.4)))
    assert moved.elements != first.elements
    device.restore(device.snapshot())
    assert device.observe().png == moved.png
    do(device, PressKey(key="recents"))
    assert do(device, PressKey(key="home")).elements == first.elements


def test_a_swipe_leaves_the_focus_and_a_tap_beside_takes_it(device: PhoneDevice) -> None:
    device.reset(SETUP)
    do(device, OpenApp(app="notes"), "field-search")
    moved = do(device, Swipe(start=(0.5, 0.7), end=(0.5, 0.6)))
    assert element(moved, "field-search").focused
    device.restore(device.snapshot())
    assert device.observe().png == moved.png
    beside = do(device, Tap(point=(0.6, 0.06)))
    assert not element(beside, "field-search").focused


def test_one_scrolls_past_a_field_that_has_the_focus(device: PhoneDevice) -> None:
    device.reset(PhoneSetup(apps=("notes",)))
    screen = do(device, OpenApp(app="notes"), "tap-open-write")
    body = InputText(element=element(screen, "field-body").index, text="line\n" * 40)
    up, down = Scroll(direction="up"), Scroll(direction="down")
    focused = do(device, body, up, up, up, "field-title")
    assert element(focused, "field-title").focused
    moved = do(device, down)
    listed = [one.resource_id for one in moved.elements]
    assert "field-body" in listed
    assert "field-title" not in listed
    later = do(device, Wait(seconds=60))
    assert [one.resource_id for one in later.elements] == listed
    device.restore(device.snapshot())
    assert device.observe().png == later.png


def test_the_last_rows_own_button_is_not_under_the_one_that_makes_a_new_row(
    device: PhoneDevice,
) -> None:
    setup = get_task("phone/clock-alarm-on").instance("test", 0).setup  # just as long a list
    assert isinstance(setup, PhoneSetup)
    device.reset(setup)
    down = Scroll(direction="down")
    screen = do(device, OpenApp(app="clock"), down, down)
    last = [one for one in screen.elements if one.role == "switch"][-1]
    new = next(one for one in screen.elements if one.name == "New")
    assert last.bounds[3] <= new.bounds[1]


def test_one_browser_shows_one_phone_after_another(device: PhoneDevice) -> None:
    device.reset(SETUP)
    do(device, OpenApp(app="notes"))
    shown = device.observe()
    parked = device.park()
    device.reset(PhoneSetup(seed="another", theme="dark"))
    assert device.observe().png != shown.png
    device.show(parked)
    assert (device.observe().png, device.observe().elements) == (shown.png, shown.elements)


def test_a_snapshot_of_another_phone_brings_that_phone(device: PhoneDevice) -> None:
    device.reset(SETUP)
    do(device, OpenApp(app="notes"), "tap-open-write")
    do(device, InputText(element=element(device.observe(), "field-title").index, text="Half"))
    token, before = device.snapshot(), device.observe()
    device.reset(PhoneSetup(seed="another"))
    device.restore(token)
    assert device.observe().png == before.png
    do(device, "tap-next")
    [change] = device.state()["changes"].rows
    assert change.columns["title"] == "Half"
    device.forget(token)
    with pytest.raises(DeviceError, match="no such snapshot"):
        device.restore(token)


def test_the_same_setup_is_the_same_screen_in_another_process(device: PhoneDevice) -> None:
    script = (
        "from tests.devices.test_phone_device import *\n"
        "device = open_phone()\ndevice.reset(SETUP)\n"
        "print(trace(device))\ndevice.close()"
    )
    theirs = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    device.reset(SETUP)
    assert trace(device) == theirs.stdout.strip()


def trace(device: PhoneDevice) -> str:
    """What the first screens look like, as a hash."""
    seen = hashlib.sha256()
    for app in ("notes", "restaurants", "settings"):
        screen = device.observe()
        seen.update(screen.png + repr(screen.elements).encode())
        device.act(OpenApp(app=app))
    seen.update(device.observe().png)
    return seen.hexdigest()


def test_the_owners_answer_is_a_message(device: PhoneDevice) -> None:
    device.reset(PhoneSetup(attitude="denies"))
    ask = RequestPermission(permission="read_data", resource="phone", reason="why not")
    assert do(device, ask).messages == ("permission read_data for 'phone': denied",)
    assert do(device, PressKey(key="home")).messages == ()


def test_mistakes_are_refused_in_words(device: PhoneDevice) -> None:
    device.reset(SETUP)
    with pytest.raises(ActionError, match="there is no app 'Camera'"):
        device.act(OpenApp(app="Camera"))
    with pytest.raises(DeviceError, match="no such snapshot"):
        device.restore("nothing")


def test_a_person_uses_the_phone_at_its_address() -> None:
    server, phone = shared_server(), Phone(SETUP)
    browser = open_browser(400, 700)
    try:
        address = server.address(server.add(phone))
        browser.reset(BrowserSetup(address, ready="document.querySelector('#phone') !== null"))
        browser.act(Tap(element=element(browser.observe(), "tap-app-notes").index))
        assert phone.location == "notes/home"
    finally:
        browser.close()


def request(method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
    """A request that no page of ours would send."""
    host = shared_server().url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    sent = json.dumps(body) if body is not None else None
    connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_no_request_reaches_another_phone_or_what_its_screen_does_not_offer() -> None:
    server = shared_server()
    mine, other = Phone(PhoneSetup(seed="mine")), Phone(PhoneSetup(seed="other"))
    token = server.add(mine)
    server.add(other)
    before = other.image()
    tap = {"events": [{"kind": "tap", "target": "open detail 7"}]}
    assert request("POST", f"/{token}/events", tap)[0] == 200
    assert mine.location == "home"
    for path in ("/", "/x/events", f"/{token}x/events", f"/{token}/../notes", "/events"):
        assert request("POST", path, tap)[0] == 404
    assert request("GET", f"/{token}/profile")[0] == 404
    assert request("POST", f"/{token}/events", {"events": [{"kind": "sql"}]})[0] == 400
    assert request("POST", f"/{token}/events", tap, Host="evil.example")[0] == 403
    assert request("POST", f"/{token}/events", tap, Origin="http://evil.example")[0] == 403
    huge = {"Content-Length": str(10**9)}
    assert request("POST", f"/{token}/events", None, **huge)[0] == 400
    assert other.image() == before
    assert not mine.changes()
