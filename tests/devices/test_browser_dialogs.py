"""What the agent learns of dialogs, and how they are answered, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import Navigate, Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.errors import ActionError
from tests.devices.browser_pages import find, open_page, write_page

ASKING = """<script>var log = [];</script><button onclick="alert('Saved'); log.push(
confirm('Sure?'), prompt('Name?', 'Bob'), prompt('More?'))">Go</button>"""


def test_dialogs_are_accepted_and_told_with_the_next_observation(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    browser.reset(BrowserSetup(write_page(tmp_path, ASKING), state="{log}"))
    assert browser.observe().messages == ()
    browser.act(Tap(element=find(browser, "Go").index))
    assert browser.state() == {"log": [True, "Bob", ""]}
    assert browser.observe().messages == (
        "alert: Saved",
        "confirm, accepted: Sure?",
        "prompt, answered 'Bob': Name?",
        "prompt, answered '': More?",
    )
    browser.act(Tap(point=(0.9, 0.9)))
    assert browser.observe().messages == ()


def test_a_setup_may_have_dialogs_dismissed(browser: BrowserDevice, tmp_path: Path) -> None:
    url = write_page(tmp_path, ASKING)
    browser.reset(BrowserSetup(url, state="{log}", dialogs="dismiss"))
    browser.act(Tap(element=find(browser, "Go").index))
    assert browser.state() == {"log": [False, None, None]}
    assert browser.observe().messages[1:3] == (
        "confirm, dismissed: Sure?",
        "prompt, dismissed: Name?",
    )


def test_a_dialog_of_a_loading_page_is_told_with_the_first_observation(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, "<script>alert('Wel' + '\\n' + 'come')</script><p>Hello</p>")
    assert browser.observe().messages == ("alert: Wel come",)
    open_page(browser, tmp_path, "<p>Silent</p>")
    assert browser.observe().messages == ()


def test_a_page_that_asks_before_it_is_left(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<p>First</p><button onclick='1'>Touch</button>
    <script>onbeforeunload = (event) => event.preventDefault()</script>"""
    first = write_page(tmp_path, body, "first")
    second = write_page(tmp_path, "<p>Second</p>", "second")
    asked = "the page asked whether to leave it: "

    browser.reset(BrowserSetup(first, dialogs="dismiss"))
    browser.act(Tap(element=find(browser, "Touch").index))
    with pytest.raises(ActionError):
        browser.act(Navigate(url=second))
    assert browser.observe().messages == (asked + "dismissed",)
    find(browser, "First")

    browser.reset(BrowserSetup(second))  # a reset leaves every page
    find(browser, "Second")
    browser.reset(BrowserSetup(first))
    browser.act(Tap(element=find(browser, "Touch").index))
    browser.act(Navigate(url=second))
    assert browser.observe().messages == (asked + "accepted",)
    find(browser, "Second")


def test_a_flood_of_dialogs_and_printing_stop_nothing(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    body = """<button onclick="for (let i = 0; i < 30; i++) alert('x'.repeat(999)); print();
    log.push(1)">Go</button>"""
    open_page(browser, tmp_path, body)
    browser.act(Tap(element=find(browser, "Go").index))
    assert browser.state() == {"log": [1]}
    assert 0 < len(browser.observe().messages) < 30
    assert max(len(message) for message in browser.observe().messages) < 500
