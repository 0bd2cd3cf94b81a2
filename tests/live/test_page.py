"""The live page in real Chromium, used as a person uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from agentenv.actions import Finish, InputText, Tap
from agentenv.policies.scripted import OraclePolicy
from tests.fakes import BUTTONS, FIELD, PressTask
from tests.person import PATIENCE, flawless_page, own_browser

from .sessions import Running, running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with own_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with flawless_page(browser, 1200, 900) as page:
        yield page


def press_screen(page: Page, x: float, y: float) -> None:
    """Click at a point of the screenshot, once it is the person's turn."""
    expect(page.locator("#screen.yours:not(.busy)")).to_be_visible(timeout=PATIENCE)
    box = page.locator("#screen").bounding_box()
    assert box
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def press_right_button(page: Page, session: Running) -> None:
    button = BUTTONS.index(session.items[0][1].parameters["button"])
    press_screen(page, 0.1, 0.2 * button + 0.05)


def test_a_click_on_the_screenshot_is_recorded_as_a_tap_on_its_element(page: Page) -> None:
    with running() as session:
        page.goto(session.view.url)
        press_right_button(page, session)
        expect(page.locator("#verdict")).to_have_text("Success", timeout=PATIENCE)
        page.click("text=Keep and go on")
        (episode,) = session.finish()
    button = session.items[0][1].parameters["button"]
    assert episode.policy == "human"
    assert episode.success
    assert [step.action for step in episode.steps] == [
        Tap(element=BUTTONS.index(button), label=button)
    ]
    assert [step.actor for step in episode.steps] == [""]
    expect(page.locator("#note")).to_contain_text("the session has ended", timeout=PATIENCE)


def test_a_text_typed_into_a_field_is_one_action(page: Page) -> None:
    with running() as session:
        page.goto(session.view.url)
        press_screen(page, 0.5, 0.85)
        page.keyboard.type("Ada, «1»")
        page.keyboard.press("Enter")
        press_right_button(page, session)
        page.click("text=Keep and go on")
        (episode,) = session.finish()
    assert episode.steps[0].action == InputText(element=FIELD, text="Ada, «1»")


def test_starting_over_forgets_and_giving_up_is_kept_as_no_success(page: Page) -> None:
    with running() as session:
        page.goto(session.view.url)
        press_screen(page, 0.5, 0.85)
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("ol.log li")).to_have_count(1, timeout=PATIENCE)
        page.click("text=Start over")
        expect(page.locator("ol.log li")).to_have_count(0, timeout=PATIENCE)
        page.click("text=Give up")
        expect(page.locator("#verdict")).to_have_text("No success", timeout=PATIENCE)
        page.click("text=Keep and go on")
        (episode,) = session.finish()
    assert [step.action for step in episode.steps] == [Finish(success=False)]
    assert not episode.success


def test_a_person_takes_over_from_the_policy_and_hands_back(page: Page) -> None:
    task = PressTask(presses=3)
    policy = OraclePolicy({task.id: task})
    with running(policy, task=task, person_first=True) as session:
        page.goto(session.view.url)
        press_right_button(page, session)
        expect(page.locator("ol.log li")).to_have_count(1, timeout=PATIENCE)
        page.click("#pause")
        page.click("text=Hand back")
        expect(page.locator("#overlay .mark circle").first).to_be_visible(timeout=PATIENCE)
        page.click("#step")
        expect(page.locator("ol.log li")).to_have_count(2, timeout=PATIENCE)
        page.click("text=Take over")
        press_right_button(page, session)
        expect(page.locator("#verdict")).to_have_text("Success", timeout=PATIENCE)
        page.click("text=Next")
        (episode,) = session.finish()
    assert [step.actor for step in episode.steps] == ["human", "", "human"]
    assert (episode.policy, episode.policy_version) == ("oracle+human", policy.version)
    assert episode.success


def test_several_devices_are_cards_that_open(page: Page) -> None:
    task = PressTask()
    policy = OraclePolicy({task.id: task})
    with running(policy, task=task, devices=3, instances=3, paused=True) as session:
        page.goto(session.view.url)
        expect(page.locator(".card svg circle").nth(8)).to_be_visible(timeout=PATIENCE)
        page.click(".card >> nth=1")
        expect(page.locator("#details")).to_contain_text("Elements (4)", timeout=PATIENCE)
        page.click("text=All devices")
        expect(page.locator(".card")).to_have_count(3)
        page.click("text=Go on")
        episodes = session.finish()
    assert sorted(episode.index for episode in episodes) == [0, 1, 2]
    assert all(episode.success for episode in episodes)
