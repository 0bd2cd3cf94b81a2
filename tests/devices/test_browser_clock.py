"""The page's clock stands still between calls, and screenshots are never stale."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from agentenv.actions import Tap, Wait
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import SETTLE_MS, BrowserDevice
from agentenv.devices.browser.cdp import Connection
from agentenv.devices.browser.engine import ScriptError
from agentenv.devices.browser.lockstep_clock import LockstepClock
from agentenv.observations import Screen
from tests.devices.browser_pages import find, log_after, open_page, write_page
from tests.devices.conftest import one_engine, open_test_browser

CLOCKS = """<div id=box style='width:50px;height:50px;background:red'></div>
<style>@keyframes move { from { margin-left: 0 } to { margin-left: 200px } }
#box { animation: move 100s linear }</style><script>
let ticks = 0, frames = 0, timeouts = 0;
setInterval(() => ticks++, 10);
(function again() { setTimeout(() => { timeouts++; again(); }, 10); })();
(function frame() { requestAnimationFrame(() => { frames++; frame(); }); })();
</script>"""
READ = "[Date.now(), performance.now(), ticks, timeouts, box.getBoundingClientRect().left]"


def test_nothing_moves_while_the_agent_thinks(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, CLOCKS, state=READ)
    before, shown = browser.state(), browser.observe()
    time.sleep(0.3)
    assert browser.state() == before
    assert browser.observe() == shown


def test_an_action_advances_every_clock_by_the_same_time(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, CLOCKS, state=READ)
    before = browser.state()["log"]
    after = log_after(browser, Tap(point=(0.9, 0.9)))
    date, uptime, ticks, timeouts, left = (b - a for a, b in zip(before, after, strict=True))
    assert date == pytest.approx(SETTLE_MS, abs=1)
    assert uptime == pytest.approx(SETTLE_MS, abs=1)
    assert ticks == pytest.approx(SETTLE_MS / 10, abs=1)
    assert timeouts == pytest.approx(SETTLE_MS / 10, abs=1)
    assert left == pytest.approx(200 * SETTLE_MS / 100_000, abs=0.15)


def test_what_is_asked_with_a_picture_is_asked_once_and_after_its_frame(
    lockstep: BrowserDevice, tmp_path: Path
) -> None:
    body = """<script>let asked = 0, frames = 0;
    (function frame() { requestAnimationFrame(() => { frames++; frame(); }); })();</script>"""
    open_page(lockstep, tmp_path, body)
    engine = lockstep._engine
    assert engine is not None
    question = "[++asked, frames]"
    [first, before] = engine.evaluate(question)
    engine.screenshot(then=question)
    assert engine.evaluate(question) == [first + 1, before + 1]
    assert engine.evaluate(question) == [first + 2, before + 1]
    engine.screenshot(then=question)
    assert engine.evaluate("frames") == before + 2
    engine.screenshot(then="nowhere.to.be.found")
    with pytest.raises(ScriptError, match="nowhere"):
        engine.evaluate("nowhere.to.be.found")


def test_waiting_takes_page_time_and_not_ours(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<script>setTimeout(() => log.push('late'), 20000)</script>")
    assert log_after(browser, Wait(seconds=10)) == []
    assert log_after(browser, Wait(seconds=10)) == ["late"]


@one_engine
def test_pages_open_at_a_fixed_instant(browser: BrowserDevice, tmp_path: Path) -> None:
    for _ in range(2):
        open_page(browser, tmp_path, "", state="new Date(log[0] = Date.now()).toISOString()")
        assert str(browser.state()["log"]).startswith("2025-01-01T12:00:00")


@one_engine
def test_dates_behave_as_dates(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(
        browser,
        tmp_path,
        "",
        state="""[new Date() instanceof Date, typeof Date(), new Date(0).getTime(), Date.UTC(1970),
        new Date(2020, 1, 2).getMonth(), new Date().constructor === Date,
        new (class extends Date {})(5).getTime()]""",
    )
    expected = [True, "string", 0, 0, 1, True, 5]
    assert browser.state()["log"] == expected


def test_transitions_and_their_handlers_finish_within_an_action(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<style>#b { transition: margin-left .3s } .on { margin-left: 100px }</style>
    <button id=b onclick='setTimeout(() => b.classList.add("on"), 50)'>Go</button>
    <script>b.ontransitionend = () => { b.textContent = 'Done'; };</script>"""
    open_page(browser, tmp_path, body)
    browser.act(Tap(element=find(browser, "Go").index))
    assert find(browser, "Done").bounds[0] > 0.3


def test_a_page_at_rest_is_given_the_time_once_and_one_that_begins_to_move_twice(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<style>#b { transition: margin-left 9s } .on { margin-left: 100px }</style>
    <button id=b>Go</button><script>b.onclick = () => b.classList.toggle('on');</script>"""
    open_page(browser, tmp_path, body, state="Date.now()")
    times = [browser.state()["log"]]
    for action in (Tap(point=(0.9, 0.9)), Tap(element=find(browser, "Go").index)):
        browser.act(action)
        times.append(browser.state()["log"])
    assert [b - a for a, b in pairwise(times)] == pytest.approx([SETTLE_MS, 2 * SETTLE_MS], abs=1)


def test_what_a_frame_leads_to_is_seen_at_once(browser: BrowserDevice, tmp_path: Path) -> None:
    """A script that asked for one frame and awaits none any more has more to do."""
    body = """<button id=b>Go</button><script>
    const later = () => setTimeout(() => { b.textContent = 'Done'; }, 100);
    b.onclick = () => requestAnimationFrame(later);</script>"""
    open_page(browser, tmp_path, body)
    browser.act(Tap(element=find(browser, "Go").index))
    assert find(browser, "Done")


def test_the_screenshot_shows_the_state_after_the_action(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<div style='height:240px' id=a></div><script>let n = 0; const show = () => {
    a.style.background = n % 2 ? 'rgb(255,0,0)' : 'rgb(0,0,255)'; }; show();
    onmousedown = () => { n++; show(); };</script>"""
    open_page(browser, tmp_path, body, state="[n]")
    for number in range(1, 16):
        browser.act(Tap(point=(0.5, 0.5)))
        colour = browser.observe().screenshot[120, 160].tolist()
        assert colour == ([255, 0, 0] if number % 2 else [0, 0, 255])


def test_what_is_due_as_an_action_ends_is_on_the_screenshot_and_in_the_state(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = f"""<div style='height:240px' id=a></div><script>let n = 0;
    onmousedown = () => setTimeout(() => {{
      n++; a.style.background = n % 2 ? 'rgb(255,0,0)' : 'rgb(0,0,255)';
    }}, {SETTLE_MS});</script>"""
    open_page(browser, tmp_path, body, state="n")
    for number in range(1, 9):
        browser.act(Tap(point=(0.5, 0.5)))
        colour = browser.observe().screenshot[120, 160].tolist()
        assert browser.state()["log"] == number
        assert colour == ([255, 0, 0] if number % 2 else [0, 0, 255])


def test_the_same_start_gives_the_same_bytes_in_every_browser(tmp_path: Path) -> None:
    """Lockstep only: ordinary Chromium promises no such thing."""
    body = (
        CLOCKS
        + """<input id=f aria-label=Field><p id=p></p><script>function start(seed) {
    f.value = ''; p.textContent = seed + ' ' + new Date() + performance.now(); f.focus(); }
    </script>"""
    )
    url = write_page(tmp_path, body)

    def trace(times: int) -> list[Screen]:
        device = open_test_browser("lockstep")
        try:
            for _ in range(times):
                device.reset(BrowserSetup(url, start="start(7)", reload=True))
            seen = []
            for _ in range(3):
                seen.append(device.observe())
                device.act(Tap(point=(0.3, 0.3)))
            return seen
        finally:
            device.close()

    assert trace(1) == trace(2)


def test_a_reset_without_a_reload_shows_what_the_first_did(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<style>button:hover { background: red }</style><a href='#'>Top</a>
    <button onclick='this.textContent += 1'>Go</button><div style='height:900px' id=p></div>"""
    start = "document.querySelector('button').textContent = 'Go'; p.textContent = Date.now();"
    setup = BrowserSetup(write_page(tmp_path, body), start=start)
    browser.reset(setup)
    first = browser.observe()
    browser.act(Tap(element=find(browser, "Top").index))
    browser.act(Tap(element=find(browser, "Go").index))
    assert browser.observe() != first
    browser.reset(setup)
    again = browser.observe()
    assert again.elements == first.elements
    assert again.location == first.location
    assert (again.screenshot == first.screenshot).all()


class Frames:
    """Stands for the connection: notes each frame's time as Chromium reads it."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.microseconds: list[int] = []

    def send(self, method: str, params: Mapping[str, Any]) -> int:
        assert method == "HeadlessExperimental.beginFrame"
        self.microseconds.append(int(params["frameTimeTicks"] * 1000))
        return 0

    def wait(self, call_id: int, timeout: float) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("uptime", [0.0, 17068771.75, 17105265.087, 9e9 + 1 / 3])
def test_every_frame_is_later_than_the_last_in_whole_microseconds(uptime: float) -> None:
    frames = Frames()
    clock = LockstepClock(lambda: cast(Connection, frames), lambda method, **params: {})
    clock.ticks = uptime
    for number in range(200):
        clock.draw(time.monotonic() + 1)
        clock.ticks += 0.001 * (number % 3)
    assert frames.microseconds == sorted(set(frames.microseconds))
