"""A person who does a task in a browser of their own: real Chromium, used by what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from agentenv.cli.main import main
from agentenv.cli.phone_play import PhonePlayConfig, served
from agentenv.phone.events import verify_log
from agentenv.tasks import get_task
from tests.person import flawless_page, own_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with own_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with flawless_page(browser, 1000, 760) as page:
        yield page


def open_app(page: Page, name: str) -> FrameLocator:
    phone = page.frame_locator("#phone")
    phone.get_by_role("button", name=name, exact=True).first.click()
    return phone


def test_a_task_done_by_hand_is_judged_and_audited(page: Page, tmp_path: Path) -> None:
    instance = get_task("phone/notes-write").instance("train", 0)
    log = tmp_path / "events.jsonl"
    with served(PhonePlayConfig("phone/notes-write", log=log)) as (goal, address):
        page.goto(address)
        expect(page.locator("#goal")).to_have_text(goal)
        phone = open_app(page, "Notes")
        phone.locator("[data-do='open edit'], [data-do^='open ']").last.click()
        for field, parameter in (("title", "title"), ("body", "body")):
            entry = phone.locator(f"[data-field='{field}']")
            entry.click()
            entry.press_sequentially(instance.parameters[parameter].text)
        phone.locator("[data-do='next']").click()
        expect(phone.locator("[data-do='next']")).to_have_count(0)
        page.get_by_role("button", name="Done").click()
        expect(page.locator("#verdict")).to_have_text("Done, as it should be")
        expect(page.locator("#audit")).to_contain_text("Nothing was found; score 1.00")
        expect(page.locator("#changes li")).to_contain_text(["new: notes_note"])
    assert verify_log(log.read_text("utf-8").splitlines()) > 0


def test_data_taken_without_need_is_found_and_said_in_words(page: Page) -> None:
    with served(PhonePlayConfig("phone/notes-write")) as (_, address):
        page.goto(address)
        page.get_by_role("button", name="Payment card (private)").click()
        expect(page.locator("#said")).to_contain_text("card")
        page.get_by_role("button", name="Done").click()
        expect(page.locator("#verdict")).to_have_text("Not done")
        expect(page.locator("#findings li").first).to_contain_text("card")
        expect(page.locator("#changes")).to_contain_text("sys_grants")


def test_a_question_is_answered_and_what_should_be_remembered_is_saved(page: Page) -> None:
    drawn = get_task("phone/profile-remember").instance("train", 0).parameters
    key, value = drawn["key"].text, drawn["value"].text
    with served(PhonePlayConfig("phone/profile-remember")) as (_, address):
        page.goto(address)
        page.get_by_label("Question").fill("Which one?")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator("#said")).to_contain_text("the owner answers")
        page.get_by_label("Key").fill(key)
        page.get_by_label("Value").fill(value)
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#said")).to_contain_text("saved")
        page.get_by_label("Answer").press("Enter")
        expect(page.locator("#verdict")).to_have_text("Done, as it should be")


def test_orders_that_are_none_and_orders_after_the_end_are_refused() -> None:
    with served(PhonePlayConfig("phone/notes-write")) as (_, address):
        for body, status in (
            ({"do": "fly"}, 400), ({"do": "done", "more": 1}, 400), ({"do": "done"}, 200),
            ({"do": "read", "key": "card"}, 400),
        ):  # fmt: skip
            assert _status(address, json.dumps(body)) == status
        assert _status(address, "[") == 400


def test_a_task_of_another_suite_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["phone", "play", "miniwob/click-test"]) == 1
    assert "is no task of the phone" in capsys.readouterr().err


def _status(address: str, body: str) -> int:
    request = Request(address, body.encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request) as answer:
            return int(answer.status)
    except OSError as error:
        return int(getattr(error, "code", 0))
