"""The viewer with what a critic says, in a real browser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page

from agentenv.actions import Action, Finish, InputText, Invalid, Tap
from agentenv.cli.view import ViewConfig, run
from agentenv.errors import ConfigError
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryWriter
from agentenv.trajectories.values import (
    EpisodeValues,
    Estimate,
    JudgedAction,
    StateValues,
    favourites,
)
from agentenv.trajectories.viewer import write_viewer

from .factories import make_episode
from .test_viewer import ATTACK, browser_page

__all__ = ["browser_page"]

LOGGED = Tap(element=0, label="ONE")


def judged(action: Action, q: float | None, before: float, after: float | None) -> JudgedAction:
    estimate = None if q is None else Estimate(q, q - 0.1, q + 0.2)
    logged = action == LOGGED
    return JudgedAction(ATTACK, action, estimate, before, after, logged=logged, imitated=q == 0.9)


AGREES = StateValues(Estimate(0.4, 0.3, 0.5), (judged(LOGGED, 0.7, -0.1, -0.05),))
DIFFERS = StateValues(
    Estimate(0.5, 0.3, 0.5),
    (
        judged(InputText(text=ATTACK, element=0), 0.9, -2.0, -0.2),
        judged(Finish(), 0.6, -4.0, -5.0),
        judged(LOGGED, 0.3, -0.5, -1.5),
        judged(Invalid(reason=ATTACK), None, -0.01, -0.01),
    ),
    followed=0.95,
)


@dataclass
class Critic:
    """Says the same of every episode; of none, if the infrastructure failed."""

    critic = "runs/<b>digiq</b>"
    before = "base"
    after = "digiq"
    rule = "the best"
    states: tuple[StateValues, ...] = (AGREES, DIFFERS)

    def read(self, episodes: Iterable[Episode]) -> Iterator[tuple[Episode, EpisodeValues | None]]:
        for episode in episodes:
            values = EpisodeValues(self.states, final=StateValues(AGREES.v))
            yield episode, None if episode.infra_error else values


def open_values(page: Page, path: Path, critic: Critic, *shown: Episode) -> list[str]:
    write_viewer(shown, path, values=critic)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(path.as_uri())
    return problems


def test_pointing_at_a_candidate_highlights_its_marker(browser_page: Page, tmp_path: Path) -> None:
    open_values(browser_page, tmp_path / "values.html", Critic(), make_episode())
    browser_page.keyboard.press("ArrowRight")
    rows, markers = browser_page.locator(".candidate"), browser_page.locator(".candidate-marker")
    assert [row.split("\n")[0] for row in rows.all_inner_texts()] == ["1", "2", "3", "–"]
    assert markers.all_text_contents() == ["1 3"]  # at one place; finishing has none
    assert browser_page.locator(".candidate-marker.lit").count() == 0
    rows.nth(2).hover()
    assert browser_page.locator(".candidate-marker.lit").count() == 1
    assert browser_page.locator("#ghost circle").count() == 3
    rows.nth(1).hover()
    assert browser_page.locator(".candidate-marker.lit").count() == 0
    markers.first.hover()
    assert browser_page.locator(".candidate.lit").count() == 2


def test_the_steps_at_which_the_policies_differ_can_be_shown_alone(
    browser_page: Page, tmp_path: Path
) -> None:
    same = replace(make_episode(1), task="miniwob/other", infra_error="timeout")
    problems = open_values(
        browser_page, tmp_path / "values.html", Critic(), make_episode(), make_episode(2), same
    )
    summary = browser_page.locator("#differ-summary")
    assert summary.inner_text() == (
        "digiq and base differ in 2 of 4 states; in 2 of these the critic prefers digiq’s choice"
    )
    assert browser_page.locator("#strip .differs").count() == 1
    browser_page.keyboard.press("d")
    assert browser_page.locator("#strip button").count() == 1
    assert browser_page.locator("#list li:visible").count() == 2
    assert "step 2 of 2" in browser_page.locator("#details").inner_text()
    browser_page.keyboard.press("ArrowRight")
    browser_page.keyboard.press("ArrowDown")
    assert browser_page.evaluate("location.hash") == "#1.1"
    assert "2 of 4 states" in summary.inner_text()
    browser_page.keyboard.press("d")
    assert browser_page.locator("#strip button").count() == 3
    assert problems == []


def test_numbers_tags_and_curve_are_what_the_critic_said(
    browser_page: Page, tmp_path: Path
) -> None:
    open_values(browser_page, tmp_path / "values.html", Critic(), make_episode())
    assert browser_page.locator("#chart circle.v").count() == 3  # two steps and the time-out
    assert browser_page.locator("#chart circle.q").count() == 2
    assert browser_page.locator("#chart .outcome.success").count() == 1
    browser_page.locator("#chart .catch").nth(1).click()
    assert browser_page.evaluate("location.hash") == "#0.1"
    text = browser_page.locator("#details").inner_text()
    assert "V 0.50 (heads 0.30 to 0.50) · return that followed 0.95" in text
    first = browser_page.locator(".candidate").first.inner_text().split()
    assert first[-6:] == ["0.90", "+0.40", "−2.0", "→", "−0.2", "+1.8"]
    tags = browser_page.locator(".candidate .tags").all_inner_texts()
    assert [tag.split() for tag in tags] == [["★", "digiq"], [], ["logged", "base"], []]


def test_what_candidates_say_stays_text(browser_page: Page, tmp_path: Path) -> None:
    problems = open_values(browser_page, tmp_path / "values.html", Critic(), make_episode())
    browser_page.keyboard.press("ArrowRight")
    browser_page.locator(".candidate").first.hover()
    assert ATTACK in browser_page.locator("#details").inner_text()
    assert "<b>digiq</b>" in browser_page.locator("#critic").inner_text()
    assert browser_page.evaluate("window.broken") is None
    assert problems == []


def test_without_a_critic_nothing_of_it_is_shown(browser_page: Page, tmp_path: Path) -> None:
    write_viewer([make_episode()], tmp_path / "view.html")
    browser_page.goto((tmp_path / "view.html").as_uri())
    browser_page.keyboard.press("d")
    assert browser_page.locator("#strip button").count() == 3
    for name in ("#differences", "#chart", ".candidate", ".candidate-marker", ".differs"):
        assert not browser_page.locator(name).first.is_visible()


def test_a_policy_alone_is_shown_without_a_comparison(browser_page: Page, tmp_path: Path) -> None:
    alone = StateValues(AGREES.v, (judged(LOGGED, 0.7, -0.1, None),))
    critic = Critic(states=(alone, alone))
    critic.after = ""
    open_values(browser_page, tmp_path / "values.html", critic, make_episode())
    assert browser_page.locator("#differ-summary").inner_text() == "2 states"
    assert not browser_page.locator("#differ").is_visible()
    assert "→" not in browser_page.locator(".candidate").inner_text()


def test_the_favourite_is_the_likeliest_action_that_can_be_done() -> None:
    assert favourites(DIFFERS.actions) == (2, 0)
    assert favourites(AGREES.actions) == (0, 0)
    assert favourites([judged(LOGGED, 0.7, -0.1, None)]) == (0, None)
    assert favourites([judged(Invalid(reason="x"), None, -0.1, -0.1)]) == (None, None)


def test_what_only_a_critic_can_do_needs_one_and_episodes_exist(tmp_path: Path) -> None:
    with TrajectoryWriter(tmp_path, policy="p", suite="s", seed=0) as writer:
        for index in range(3):
            writer.append(make_episode(index, goal=f"Goal {index}."))
    with pytest.raises(ConfigError, match="need --critic"):
        run(ViewConfig(tmp_path, policy="digiq"))
    with pytest.raises(ConfigError, match="a video shows no values"):
        run(ViewConfig(tmp_path, video=tmp_path / "v.gif", critic=tmp_path))
    with pytest.raises(ConfigError, match="from 0 to 2, not 3"):
        run(ViewConfig(tmp_path, episodes=(0, 3)))
    run(ViewConfig(tmp_path, episodes=(2, 0)))
    page = (tmp_path / "view.html").read_text()
    assert page.index("Goal 2.") < page.index("Goal 0.")
    assert "Goal 1." not in page
