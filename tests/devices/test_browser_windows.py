"""Pop-ups and new tabs open in the one tab there is, and back returns, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import Action, InputText, PressKey, Tap, Wait
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from tests.devices.browser_pages import find, log_after, open_page, write_page
from tests.devices.conftest import one_engine


@pytest.mark.parametrize(
    "opener",
    [
        "<a href='second.html' target=elsewhere>Go</a>",
        "<base target=_blank><a href='second.html'>Go</a>",
        "<form action='second.html' target=_blank><button>Go</button></form>",
        "<form action='second.html'><button formtarget=_blank>Go</button></form>",
        """<form action='second.html' target=_blank></form>
        <button onclick="document.querySelector('form').submit()">Go</button>""",
        "<button onclick=\"window.open('second.html')\">Go</button>",
        "<button onclick=\"window.open('second.html', 'name', 'noopener')\">Go</button>",
        """<button onclick="const popup = window.open(); popup.document.title = 'x';
        popup.location = 'second.html'">Go</button>""",
        """<button onclick="Object.assign(document.createElement('a'),
        {href: 'second.html', target: '_blank'}).click()">Go</button>""",
    ],
)
@one_engine
def test_a_new_tab_opens_in_place_and_back_returns(
    browser: BrowserDevice, tmp_path: Path, opener: str
) -> None:
    second = write_page(tmp_path, "<p>Second</p>", "second")
    open_page(browser, tmp_path, f"<p>First</p>{opener}")
    first = browser.observe().location
    browser.act(Tap(element=find(browser, "Go").index))
    find(browser, "Second")
    assert browser.observe().location.split("?")[0] == second
    browser.act(PressKey(key="back"))
    assert browser.observe().location == first
    find(browser, "First")


def test_a_frame_opens_new_tabs_in_place_of_its_page(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str]
) -> None:
    here, there = sites
    write_page(tmp_path, "<p>Second</p>", "second")
    write_page(
        tmp_path,
        """<a href='second.html' target=_blank>Link</a>
        <button onclick="window.open('second.html')">Open</button>""",
        "inner",
    )
    write_page(tmp_path, f"<p>First</p><iframe src='{there}/inner.html'></iframe>", "page")
    browser.reset(BrowserSetup(f"{here}/page.html"))
    for name in ("Link", "Open"):
        browser.act(Tap(element=find(browser, name).index))
        assert browser.observe().location == f"{there}/second.html"
        browser.act(PressKey(key="back"))
        find(browser, "First")


def test_a_link_into_a_frame_of_the_page_opens_there(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    write_page(tmp_path, "<p>Second</p>", "second")
    body = """<a href='second.html' target=view>Link</a><iframe name=view height=40></iframe>
    <button onclick="window.open('page.html?', 'view')">Open</button>"""
    open_page(browser, tmp_path, body)
    browser.act(Tap(element=find(browser, "Link").index))
    find(browser, "Second")
    find(browser, "Open")
    browser.act(Tap(element=find(browser, "Open").index))
    assert "Second" not in [one.name for one in browser.observe().elements]


def test_a_pop_up_that_nobody_asked_for_is_blocked(browser: BrowserDevice, tmp_path: Path) -> None:
    write_page(tmp_path, "<p>Advert</p>", "advert")
    body = """<script>onload = () => log.push(open('advert.html'));
    setTimeout(() => log.push(open('advert.html')), 1000)</script><p>First</p>"""
    open_page(browser, tmp_path, body)
    assert log_after(browser, Wait(seconds=2)) == [None, None]
    find(browser, "First")


def test_a_page_that_waits_for_its_pop_up_to_be_closed_goes_on(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str]
) -> None:
    body = """<script>var log = [];</script><button onclick="const popup = window.open('/nothing');
    popup.focus(); popup.postMessage('hello', '*'); log.push(popup.closed);
    log.push(window.open('/nothing'));
    const timer = setInterval(() => {
      if (popup.closed) { clearInterval(timer); log.push('closed'); }
    }, 200)">Go</button>"""
    write_page(tmp_path, body)
    browser.reset(BrowserSetup(sites[0] + "/page.html", state="{log}"))
    actions: list[Action] = [Tap(element=find(browser, "Go").index), Wait(seconds=2)]
    assert log_after(browser, *actions) == [False, None, "closed"]


def test_a_pop_up_that_closes_itself_leads_back(browser: BrowserDevice, tmp_path: Path) -> None:
    write_page(
        tmp_path, "<input aria-label=Code><button onclick='window.close()'>Done</button>", "popup"
    )
    open_page(browser, tmp_path, "<button onclick=\"window.open('popup.html')\">Sign in</button>")
    browser.act(Tap(element=find(browser, "Sign in").index))
    browser.act(InputText(element=find(browser, "Code").index, text="1"))
    browser.act(Tap(element=find(browser, "Done").index))
    browser.act(Wait(seconds=1))
    find(browser, "Sign in")


@one_engine
def test_a_page_that_closes_itself_stays(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<button onclick='window.close(); log.push(1)'>Close</button>")
    assert log_after(browser, Tap(element=find(browser, "Close").index)) == [1]
