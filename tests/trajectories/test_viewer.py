from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, sync_playwright

from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser, require_browser
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.viewer import json_for_html, write_viewer

from .factories import episodes, make_episode

ATTACK = '</script><script>window.broken = 1</script><img src=x onerror="window.broken = 1">'


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    program = find_browser(HEADLESS_SHELL) or require_browser(CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1280, "height": 800})
        browser.close()


def open_viewer(page: Page, path: Path, *shown: Episode) -> list[str]:
    """Open a viewer of `shown`; returns the errors the page logs, as they come."""
    write_viewer(shown, path, title="Test")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(path.as_uri())
    return problems


def test_the_arrow_keys_walk_through_steps_and_episodes(browser_page: Page, tmp_path: Path) -> None:
    first, second = make_episode(0), make_episode(1, goal="Click button TWO.")
    problems = open_viewer(browser_page, tmp_path / "viewer.html", first, second)
    assert browser_page.locator("#details").inner_text().startswith("step 1 of 2\ntap “ONE” [0]")
    assert browser_page.locator("#overlay .mark circle").count() == 3
    browser_page.keyboard.press("ArrowRight")
    browser_page.keyboard.press("ArrowRight")
    assert "after the last action" in browser_page.locator("#details").inner_text()
    assert browser_page.locator("#overlay .mark").count() == 0
    browser_page.keyboard.press("ArrowDown")
    assert browser_page.locator("#goal").inner_text() == "Click button TWO."
    assert problems == []


def test_what_episodes_say_stays_text(browser_page: Page, tmp_path: Path) -> None:
    episode = make_episode(goal=ATTACK, task=ATTACK)
    hostile = replace(episode.steps[0], text=ATTACK)
    episode = replace(episode, steps=(hostile, *episode.steps[1:]))
    problems = open_viewer(browser_page, tmp_path / "viewer.html", episode)
    assert browser_page.locator("#goal").inner_text() == ATTACK
    assert ATTACK in browser_page.locator("#details").inner_text()
    assert browser_page.evaluate("window.broken") is None
    assert problems == []


def test_the_list_is_filtered_by_task_outcome_and_text(browser_page: Page, tmp_path: Path) -> None:
    open_viewer(
        browser_page,
        tmp_path / "viewer.html",
        make_episode(0),
        make_episode(1, reward=0.0, goal="Choose red."),
        make_episode(2, task="miniwob/focus-text", infra_error="timeout"),
    )
    visible = browser_page.locator("#list li:visible")
    assert visible.count() == 3
    browser_page.select_option("#outcome", "failure")
    assert visible.count() == 1
    assert browser_page.locator("#goal").inner_text() == "Choose red."
    browser_page.select_option("#outcome", "")
    browser_page.select_option("#task", "miniwob/focus-text")
    assert "infra" in visible.inner_text()
    browser_page.select_option("#task", "")
    browser_page.fill("#search", "RED")
    assert visible.count() == 1


def test_episodes_without_steps_can_be_looked_at(browser_page: Page, tmp_path: Path) -> None:
    failed = make_episode(length=0, infra_error="browser_crashed")
    problems = open_viewer(browser_page, tmp_path / "viewer.html", failed)
    assert "browser_crashed" in browser_page.locator("#details").inner_text()
    assert problems == []


def test_a_viewer_of_nothing_opens(browser_page: Page, tmp_path: Path) -> None:
    problems = open_viewer(browser_page, tmp_path / "viewer.html")
    assert "0 of 0 episodes" in browser_page.locator("#count").inner_text()
    assert problems == []


def test_the_page_asks_nothing_of_the_network(tmp_path: Path) -> None:
    write_viewer([make_episode()], tmp_path / "viewer.html", title="A <b>title</b>")
    html = (tmp_path / "viewer.html").read_text()
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)
    assert "<title>A &lt;b&gt;title&lt;/b&gt;</title>" in html


def test_screens_that_did_not_change_are_stored_once(tmp_path: Path) -> None:
    same = [make_episode(index) for index in range(20)]
    write_viewer(same, tmp_path / "many.html", title="Many")
    html = (tmp_path / "many.html").read_text()
    assert html.count("data:image/png;base64,") == 3


def test_the_limit_is_kept_and_said(tmp_path: Path) -> None:
    many = (make_episode(index) for index in range(5))
    assert write_viewer(many, tmp_path / "viewer.html", title="Some", limit=2) == 2
    assert '"more":true' in (tmp_path / "viewer.html").read_text()


@settings(max_examples=30, deadline=None)
@given(st.lists(episodes, max_size=2))
def test_any_episode_can_be_viewed(
    tmp_path_factory: pytest.TempPathFactory, shown: list[Episode]
) -> None:
    path = tmp_path_factory.mktemp("viewer") / "viewer.html"
    assert write_viewer(shown, path) == len(shown)


@given(st.text() | st.floats() | st.lists(st.text(), max_size=3))
def test_json_in_html_cannot_leave_its_element_and_is_always_json(value: object) -> None:
    text = str(json_for_html(value))
    assert text.isascii()
    assert not set("<>&") & set(text)
    parsed = json.loads(text, parse_constant=pytest.fail)
    assert parsed == value or parsed is None
