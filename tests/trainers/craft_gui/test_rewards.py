from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentenv.actions import (
    Action,
    Answer,
    BaseAction,
    Drag,
    Finish,
    InputText,
    Invalid,
    Navigate,
    OpenApp,
    PressKey,
    RequestPermission,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.errors import ConfigError, DeviceError
from agentenv.observations import UIElement
from agentenv.trajectories.episode import Episode, Step
from tests.trajectories.factories import actions, elements, episodes, make_episode
from trainers.craft_gui.matching import argument_score, token_f1
from trainers.craft_gui.rewards import (
    EpisodeRewardConfig,
    StepRewardConfig,
    episode_reward,
    judge_applies,
    mean_parts,
    step_reward,
)

SCREEN = (
    UIElement(0, "button", "Send", (0.1, 0.1, 0.4, 0.2), clickable=True),
    UIElement(1, "textbox", "To", (0.1, 0.3, 0.9, 0.4), editable=True, focused=True),
    UIElement(2, "img", "Map", (0.0, 0.5, 1.0, 1.0)),
)


# Offline: a step against the demonstrated one.


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Invalid(reason="no JSON"), 0.0),
        (Wait(), 0.1),
        (Tap(element=1), 0.5),
        (Tap(element=0), 1.0),
        (Tap(point=(0.15, 0.19)), 1.0),
        (Tap(point=(0.5, 0.15)), 0.5),
    ],
)
def test_a_step_is_graded_as_ui_s1_does(action: Action, expected: float) -> None:
    found = step_reward(action, Tap(element=0), SCREEN, StepRewardConfig())
    assert found.total == pytest.approx(expected)


def test_the_parts_of_a_step_are_kept_apart_and_weighed_as_configured() -> None:
    config = StepRewardConfig(format=0.2, type=0.3, arguments=2.0)
    action, reference = InputText(text="Ann Smith", element=1), InputText(text="ann", element=1)
    found = step_reward(action, reference, SCREEN, config)
    assert found.parts == pytest.approx({"format": 1.0, "type": 1.0, "arguments": 2 / 3})
    assert found.total == pytest.approx(0.5 + 4 / 3)


@pytest.mark.parametrize(
    ("action", "reference", "expected"),
    [
        # Places: in the element's box, which a demonstrated point stands for.
        (Tap(element=0), Tap(point=(0.12, 0.12)), 1),
        (Tap(point=(0.39, 0.11)), Tap(point=(0.12, 0.19)), 1),
        (Tap(element=9), Tap(element=0), 0),
        (Tap(element=9), Tap(element=9), 1),
        # Where the exact place matters, or nothing lies there, within the tolerance.
        (Tap(point=(0.53, 0.70)), Tap(point=(0.50, 0.70)), 1),
        (Tap(point=(0.55, 0.70)), Tap(point=(0.50, 0.70)), 0),
        (Tap(point=(0.97, 0.03)), Tap(point=(0.95, 0.05)), 1),
        # A box decides alone: its centre being near is not enough.
        (Tap(point=(0.25, 0.21)), Tap(element=0), 0),
        # Typing: where, and the words.
        (InputText(text="To Ann Smith", element=1), InputText(text="ann", element=1), 1 / 2),
        (InputText(text="ann"), InputText(text="Ann", element=1), 1),
        (InputText(text="ann", element=0), InputText(text="ann"), 0),
        (InputText(text="ann", element=0), InputText(text="ann", element=1), 0),
        # Directions.
        (Swipe(start=(0.5, 0.9), end=(0.6, 0.1)), Swipe(start=(0.4, 0.6), end=(0.4, 0.5)), 1),
        (Swipe(start=(0.5, 0.1), end=(0.5, 0.9)), Swipe(start=(0.4, 0.6), end=(0.4, 0.5)), 0),
        (Swipe(start=(0.1, 0.5), end=(0.9, 0.6)), Swipe(start=(0.4, 0.5), end=(0.5, 0.5)), 1),
        (Scroll(direction="down", element=2), Scroll(direction="down"), 1),
        (Scroll(direction="up"), Scroll(direction="down"), 0),
        # A drag has two ends.
        (Drag(element=0, to_element=1), Drag(element=0, to_point=(0.51, 0.36)), 1),
        (Drag(element=0, to_element=2), Drag(element=0, to_element=1), 0),
        # Names, keys, addresses, words.
        (OpenApp(app="google maps"), OpenApp(app="Google-Maps"), 1),
        (OpenApp(app="Maps"), OpenApp(app="Google Maps"), 0),
        (Navigate(url="https://shop.test/a/"), Navigate(url="https://shop.test/a"), 1),
        (PressKey(key="enter"), PressKey(key="back"), 0),
        (Answer(text="12 May"), Answer(text="12 may 2025"), 4 / 5),
        (Finish(success=False), Finish(), 0),
        (Wait(seconds=5), Wait(seconds=1), 1),
        (
            RequestPermission(permission="read_data", resource="Phone", reason="to call"),
            RequestPermission(permission="read_data", resource="phone"),
            1,
        ),
        (Tap(element=0), Wait(), 0),
    ],
)
def test_arguments_are_scored_as_worked_out_by_hand(
    action: Action, reference: Action, expected: float
) -> None:
    assert argument_score(action, reference, SCREEN) == pytest.approx(expected)


def test_token_f1_counts_repeated_words_and_empty_texts() -> None:
    assert token_f1("a a b", "a b b") == pytest.approx(2 * 2 / 6)
    assert token_f1("", " ") == 1.0
    assert token_f1("", "a") == token_f1("a", "") == 0.0


@settings(deadline=None, max_examples=150)
@given(actions, actions, st.lists(elements, max_size=3))
def test_whatever_was_answered_the_score_is_a_share_and_the_demonstration_itself_is_right(
    action: BaseAction, reference: BaseAction, screen: list[UIElement]
) -> None:
    of: Any = argument_score
    assert 0 <= of(action, reference, screen) <= 1
    assert of(reference, reference, screen) == 1
    total = step_reward(action, reference, screen, StepRewardConfig()).total  # type: ignore[arg-type]
    assert 0 <= total <= 1 + 1e-9


# Online: an episode in the environment.

CONFIG = EpisodeRewardConfig(
    success=1.0, format=0.1, step_cost=0.01, invalid_action=0.05, privacy=0.3, judge=0.2
)


def ending(action: Action, reward: float = 0.0) -> Episode:
    """Two taps, of which the second was refused, something unreadable, and then `action`."""
    tap = make_episode(reward=0.0).steps[0]
    refused = replace(tap, sent=None)
    unreadable = replace(tap, action=Invalid(reason="no JSON"), sent=None)
    last = replace(tap, action=action, sent=action, reward=reward)
    return replace(make_episode(), steps=(tap, refused, unreadable, last))


def test_an_episodes_reward_is_the_one_worked_out_by_hand_part_by_part() -> None:
    found = episode_reward(ending(Wait(), reward=1.0), CONFIG, privacy_costs=[0, 1.5, 0, 0.5])
    assert found is not None
    assert found.parts == {
        "success": 1.0,
        "format": 0.75,
        "steps": 4.0,
        "invalid_actions": 2.0,
        "privacy_cost": 2.0,
    }
    assert found.total == pytest.approx(1 + 0.1 * 0.75 - 4 * 0.01 - 2 * 0.05 - 2 * 0.3)
    assert found.steps == pytest.approx((0.015, 0.025 - 0.06 - 0.45, -0.06, 0.015 + 1 - 0.15))


def test_answers_near_the_longest_cost_more_the_nearer_they_are() -> None:
    step = make_episode(reward=0.0).steps[0]
    steps = tuple(replace(step, token_ids=(7,) * length) for length in (8, 24, 28, 32))
    config = EpisodeRewardConfig(success=0.0, overlong=0.5, overlong_buffer=8)
    found = episode_reward(replace(make_episode(), steps=steps), config, longest_answer=32)
    assert found is not None
    assert found.steps == pytest.approx((0.0, 0.0, -0.25, -0.5))
    assert found.parts["overlong"] == 1.5


def test_the_judge_is_asked_only_where_rules_are_silent() -> None:
    asked: list[Episode] = []

    def judge(episode: Episode) -> float:
        asked.append(episode)
        return 0.5

    silent = [ending(Answer(text="May")), ending(Finish(success=False))]
    clear = [ending(Wait()), ending(Answer(text="May"), reward=1.0)]
    for episode in silent + clear:
        found = episode_reward(episode, CONFIG, judge=judge)
        without = episode_reward(episode, CONFIG)
        assert found is not None
        assert without is not None
        assert "judge" not in without.parts
        assert found.total - without.total == pytest.approx(0.1 if episode in silent else 0.0)
        assert judge_applies(episode) == (episode in silent)
    assert asked == silent


@pytest.mark.parametrize("score", [1.5, -0.1, math.nan])
def test_a_judge_without_a_valid_score_is_a_failure_never_a_reward(score: float) -> None:
    with pytest.raises(DeviceError) as failure:
        episode_reward(ending(Answer(text="May")), CONFIG, judge=lambda episode: score)
    assert failure.value.cause == "judge_failed"


def test_what_the_infrastructure_failed_has_no_reward() -> None:
    assert episode_reward(make_episode(infra_error="browser_crashed"), CONFIG) is None
    assert episode_reward(replace(make_episode(), steps=()), CONFIG) is None


@settings(deadline=None, max_examples=50)
@given(episodes)
def test_the_steps_of_any_episode_sum_to_its_reward(episode: Episode) -> None:
    def tame(step: Step) -> Step:
        return replace(step, reward=math.tanh(step.reward))

    found = episode_reward(replace(episode, steps=tuple(map(tame, episode.steps))), CONFIG)
    if found is None:
        assert episode.infra_error or not episode.steps
        return
    assert len(found.steps) == len(episode.steps)
    assert found.total == pytest.approx(
        found.parts["success"]
        + 0.1 * found.parts["format"]
        - 0.01 * found.parts["steps"]
        - 0.05 * found.parts["invalid_actions"],
        abs=1e-9,
    )


def test_parts_are_averaged_over_the_rewards_that_have_them() -> None:
    first = episode_reward(ending(Answer(text="May")), CONFIG, judge=lambda episode: 0.4)
    second = episode_reward(ending(Wait(), reward=1.0), CONFIG)
    assert first is not None
    assert second is not None
    means = mean_parts([first, second])
    assert means["reward/success"] == pytest.approx(0.5)
    assert means["reward/judge"] == pytest.approx(0.4)
    assert means["reward/total"] == pytest.approx((first.total + second.total) / 2)
    assert mean_parts([]) == {}


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_weights_are_not_negative(bad: float) -> None:
    with pytest.raises(ConfigError, match="privacy is"):
        EpisodeRewardConfig(privacy=bad)
    with pytest.raises(ConfigError, match="type is"):
        StepRewardConfig(type=bad)
