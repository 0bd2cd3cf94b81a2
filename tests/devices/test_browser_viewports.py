"""Screens of phones, tablets and laptops, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agentenv.actions import LongPress, Swipe, Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import VIEWPORTS, BrowserDevice, open_browser
from agentenv.devices.browser.viewports import Viewport, get_viewport
from agentenv.errors import ConfigError
from tests.devices.browser_pages import find, log_after, write_page
from tests.devices.conftest import ENGINES, skip_without

SCREEN = """{
  size: [innerWidth, innerHeight], ratio: devicePixelRatio, agent: navigator.userAgent,
  touch: 'ontouchstart' in window, fingers: navigator.maxTouchPoints, log: window.log || [],
  narrow: matchMedia('(max-width: 600px)').matches, coarse: matchMedia('(pointer: coarse)').matches,
  top: scrollY,
}"""
ADAPTED = "<meta name='viewport' content='width=device-width, initial-scale=1'>"
BUTTON = (
    "<script>var log = [];</script><button style='position:absolute;left:70px;top:300px' "
    "ontouchstart='log.push(\"touch\")' onclick='log.push(\"click\")'>Buy</button>"
)


@pytest.fixture(scope="module", params=ENGINES)
def phone(request: pytest.FixtureRequest) -> Iterator[BrowserDevice]:
    skip_without(request.param)
    device = open_browser(engine=request.param, viewport="pixel-8")
    yield device
    device.close()


def show(device: BrowserDevice, folder: Path, body: str, head: str = ADAPTED) -> None:
    device.reset(BrowserSetup(write_page(folder, body, head=head), state=SCREEN, reload=True))


def test_a_phone_says_so_and_is_drawn_in_css_pixels(phone: BrowserDevice, tmp_path: Path) -> None:
    show(phone, tmp_path, BUTTON)
    seen = phone.state()
    assert seen["size"] == [412, 915]
    assert (seen["ratio"], seen["touch"], seen["fingers"]) == (1, True, 1)
    assert seen["narrow"]
    assert seen["coarse"]
    assert "Android" in seen["agent"]
    assert "Mobile" in seen["agent"]
    assert "{" not in seen["agent"]
    assert phone.observe().screenshot.shape == (915, 412, 3)
    assert (phone.features.height, phone.features.width) == (915, 412)


def test_a_tap_on_a_phone_is_a_touch_and_then_a_click(phone: BrowserDevice, tmp_path: Path) -> None:
    show(phone, tmp_path, BUTTON)
    assert log_after(phone, Tap(element=find(phone, "Buy").index)) == ["touch", "click"]


TALL = "<script>var log = [];</script><div style='height:4000px;{style}' {more}></div>"
LOGGED = "onpointerdown='log.push(1)' onpointerup='log.push(2)'"


def test_a_swipe_on_a_phone_scrolls_by_its_length(phone: BrowserDevice, tmp_path: Path) -> None:
    show(phone, tmp_path, TALL.format(style="", more=LOGGED))
    assert log_after(phone, Swipe(start=(0.5, 0.8), end=(0.5, 0.3))) == []
    assert phone.state()["top"] == pytest.approx(0.5 * 915, abs=1)
    phone.act(Swipe(start=(0.5, 0.3), end=(0.5, 0.5)))
    assert phone.state()["top"] == pytest.approx(0.3 * 915, abs=1)


def test_a_page_that_wants_a_finger_s_movement_for_itself_gets_it(
    phone: BrowserDevice, tmp_path: Path
) -> None:
    show(phone, tmp_path, TALL.format(style="touch-action:none", more=LOGGED))
    assert log_after(phone, Swipe(start=(0.5, 0.8), end=(0.5, 0.3))) == [1, 2]
    assert phone.state()["top"] == 0


def test_a_page_that_is_too_wide_for_a_phone_is_zoomed_out_and_still_hit(
    phone: BrowserDevice, tmp_path: Path
) -> None:
    body = BUTTON.replace("left:70px", "left:800px")
    show(phone, tmp_path, body, head="")
    assert phone.state()["size"][0] >= 980
    button = find(phone, "Buy")
    assert 0.75 < button.center[0] < 0.9
    sent = phone.act(Tap(element=button.index))
    assert isinstance(sent, Tap)
    assert sent.point is not None
    assert sent.point == pytest.approx(button.center, abs=0.02)
    phone.act(Tap(point=button.center))
    assert phone.state()["log"] == ["touch", "click"] * 2


def test_a_long_press_on_a_phone_does_not_hang(phone: BrowserDevice, tmp_path: Path) -> None:
    show(phone, tmp_path, BUTTON)
    log = log_after(phone, LongPress(element=find(phone, "Buy").index))
    assert log == ["click"]
    assert phone.observe().screenshot.any()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_scale_is_asked_for_and_changes_no_position(engine: str, tmp_path: Path) -> None:
    skip_without(engine)
    device = open_browser(engine=engine, viewport=Viewport(200, 400, scale=2))
    try:
        show(device, tmp_path, BUTTON)
        assert device.state()["size"] == [200, 400]
        assert device.state()["ratio"] == 2
        assert not device.state()["touch"]
        assert device.observe().screenshot.shape == (800, 400, 3)
        assert device.features.height == 800
        assert log_after(device, Tap(element=find(device, "Buy").index)) == ["click"]
    finally:
        device.close()


def test_presets_are_screens_of_three_kinds() -> None:
    assert len(VIEWPORTS) >= 12
    widths = {name: screen.width for name, screen in VIEWPORTS.items() if screen.mobile}
    assert min(widths.values()) < 400
    assert max(widths.values()) > 700
    assert any(not screen.mobile for screen in VIEWPORTS.values())
    assert {screen.scale for screen in VIEWPORTS.values()} == {1}
    assert "156" in VIEWPORTS["pixel-8"].user_agent_of("156.0.1.2")
    assert "Mobile" not in VIEWPORTS["galaxy-tab-s4"].user_agent_of("156.0.1.2")


def test_unknown_or_impossible_viewports_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean pixel-8"):
        open_browser(viewport="pixel8")
    for wrong in ({"width": 0}, {"height": 100_000}, {"scale": 0}, {"scale": 10}):
        with pytest.raises(ConfigError):
            replace(get_viewport("laptop"), **wrong)  # type: ignore[arg-type]
