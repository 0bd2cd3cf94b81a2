from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentenv.errors import ConfigError
from trainers.craft_gui.curriculum import (
    Curriculum,
    CurriculumConfig,
    Policy,
    draw,
    groups_to_draw,
    metrics,
    probabilities,
    record,
    restore,
    save,
    stage_of,
    stages_of,
    start,
)

LENGTHS = {"tap": 1, "form": 3, "search": 5, "mail": 8, "book": 12}
"""Stages: tap and form; search and mail; book."""


def config(policy: Policy, **fields: Any) -> CurriculumConfig:
    return CurriculumConfig(policy=policy, **fields)


def draws(curriculum: Curriculum, of: CurriculumConfig, count: int) -> tuple[list[str], Curriculum]:
    tasks = []
    for _ in range(count):
        task, curriculum = draw(curriculum, of)
        tasks.append(task)
    return tasks, curriculum


def failing(curriculum: Curriculum, of: CurriculumConfig, task: str, groups: int) -> Curriculum:
    for _ in range(groups):
        curriculum = record(curriculum, of, task, [False] * 4)
    return curriculum


policies = st.sampled_from(get_args(Policy))
outcomes = st.lists(
    st.lists(st.booleans(), max_size=6).map(lambda s: (s, [2.0 * x - 1 for x in s])), max_size=60
)


def run(
    of: CurriculumConfig, history: list[tuple[list[bool], list[float]]], at: Curriculum
) -> tuple[list[str], Curriculum]:
    tasks = []
    for successes, advantages in history:
        task, at = draw(at, of)
        tasks.append(task)
        at = record(at, of, task, successes, advantages)
    return tasks, at


@settings(deadline=None, max_examples=60)
@given(policies, outcomes, st.floats(1e-3, 5), st.integers(0, 5))
def test_whatever_happened_the_next_draw_is_from_a_distribution(
    policy: Policy, history: list[tuple[list[bool], list[float]]], temperature: float, cool: int
) -> None:
    of = config(policy, stage_groups=5, cool_after=cool, cool_for=7, temperature=temperature)
    _, after = run(of, history, start(LENGTHS))
    shares = probabilities(after, of)
    assert list(shares) == list(LENGTHS)
    assert all(share >= 0 for share in shares.values())
    assert sum(shares.values()) == pytest.approx(1.0)
    assert all(math.isfinite(number) for number in metrics(after, of).values())


@settings(deadline=None, max_examples=60)
@given(policies, outcomes, st.integers(0, 60), st.integers(0, 2**31))
def test_a_curriculum_resumed_from_json_goes_on_as_if_nothing_had_happened(
    policy: Policy, history: list[tuple[list[bool], list[float]]], stop: int, seed: int
) -> None:
    of = config(policy, stage_groups=5, cool_for=4)
    uninterrupted, at_end = run(of, history, start(LENGTHS, seed))
    first, at_stop = run(of, history[:stop], start(LENGTHS, seed))
    resumed = restore(json.loads(json.dumps(save(at_stop))), LENGTHS)
    assert resumed == at_stop
    second, resumed_end = run(of, history[stop:], resumed)
    assert first + second == uninterrupted
    assert resumed_end == at_end


@settings(deadline=None, max_examples=60)
@given(policies.filter(lambda p: p != "uniform"), outcomes)
def test_a_cooled_task_is_left_alone_until_it_is_revived(
    policy: Policy, history: list[tuple[list[bool], list[float]]]
) -> None:
    of = config(policy, stage_groups=5, cool_after=2, cool_for=6)
    at = start(LENGTHS)
    for successes, advantages in history:
        cooling = {t for t, record in at.tasks.items() if record.cooling_until > at.draws}
        reached = {name for s in stages_of(at, of)[: at.stage + 1] for name in s}
        task, at = draw(at, of)
        sleepers = reached if policy == "staged" else set(LENGTHS)
        assert task not in cooling or sleepers <= cooling
        at = record(at, of, task, successes, advantages)


def test_different_seeds_draw_differently_and_equal_ones_alike() -> None:
    of = config("uniform")
    first, _ = draws(start(LENGTHS, 0), of, 30)
    assert first == draws(start(LENGTHS, 0), of, 30)[0]
    assert first != draws(start(LENGTHS, 1), of, 30)[0]


def test_draws_follow_their_probabilities() -> None:
    of = config("pass_rate")
    curriculum = failing(start(LENGTHS), replace(of, cool_after=0), "book", 5)
    shares = probabilities(curriculum, of)
    counts = Counter(draws(curriculum, of, 2000)[0])
    for task, share in shares.items():
        assert counts[task] / 2000 == pytest.approx(share, abs=0.05)


# Staged.


def test_stages_are_those_of_craft_gui() -> None:
    assert stages_of(start(LENGTHS), config("staged")) == [
        ["tap", "form"],
        ["search", "mail"],
        ["book"],
    ]


def test_stages_come_in_order_and_earlier_ones_keep_their_replay_share() -> None:
    of = config("staged", stage_groups=4, replay=0.25)
    curriculum = start(LENGTHS)
    assert probabilities(curriculum, of) == {
        "tap": 0.5, "form": 0.5, "search": 0.0, "mail": 0.0, "book": 0.0
    }  # fmt: skip
    tasks, curriculum = draws(curriculum, of, 5)
    assert set(tasks[:4]) <= {"tap", "form"}
    assert probabilities(curriculum, of) == pytest.approx(
        {"tap": 0.125, "form": 0.125, "search": 0.375, "mail": 0.375, "book": 0.0}
    )
    tasks, curriculum = draws(curriculum, of, 4)
    assert "book" not in tasks[:3]
    assert probabilities(curriculum, of)["book"] == pytest.approx(0.75)
    assert draws(curriculum, of, 100)[1].stage == 2  # the last one stays


def test_a_stage_that_is_mastered_ends_early() -> None:
    of = config("staged", stage_groups=1000)
    curriculum = start(LENGTHS)
    for _ in range(8):
        for task in ("tap", "form"):
            curriculum = record(curriculum, of, task, [True] * 8)
    assert draw(curriculum, of)[1].stage == 1
    assert draw(curriculum, replace(of, advance_at=1.1))[1].stage == 0


def test_stages_without_tasks_are_passed_over() -> None:
    of = config("staged", stage_groups=1)
    curriculum = start({"tap": 1, "book": 20})
    assert stages_of(curriculum, of) == [["tap"], ["book"]]
    tasks, curriculum = draws(curriculum, replace(of, replay=0.0), 2)
    assert tasks == ["tap", "book"]
    # They keep the numbers that the success by stage is logged under.
    numbers = metrics(curriculum, of)
    assert numbers["curriculum/stage"] == stage_of(20, of) == 3
    assert "curriculum/stage_3/pass_rate" in numbers
    assert "curriculum/stage_2/pass_rate" not in numbers


def test_while_a_whole_stage_cools_the_earlier_ones_are_replayed() -> None:
    of = config("staged", stage_groups=1, cool_after=1, cool_for=3)
    _, curriculum = draws(start({"tap": 1, "book": 20}), of, 2)
    curriculum = failing(curriculum, of, "book", 1)
    tasks, curriculum = draws(curriculum, of, 3)
    assert tasks == ["tap"] * 3
    assert probabilities(curriculum, of)["book"] == pytest.approx(0.8)


def test_within_a_stage_tasks_near_half_are_preferred_and_the_stages_share_is_kept() -> None:
    of = config("staged", stage_groups=1, thin_after=0)
    curriculum = start(LENGTHS)
    for _ in range(2):
        curriculum = record(curriculum, of, "tap", [True] * 4)
        curriculum = record(curriculum, of, "form", [True, False])
    _, curriculum = draws(curriculum, of, 2)
    shares = probabilities(curriculum, of)
    assert shares["form"] > 2 * shares["tap"]
    assert shares["form"] + shares["tap"] == pytest.approx(0.2)
    alike = probabilities(curriculum, replace(of, by_pass_rate=False))
    assert alike["form"] == alike["tap"] == pytest.approx(0.1)


# Pass rates.


def test_tasks_near_half_are_sampled_most_and_unknown_ones_often() -> None:
    of = config("pass_rate", cool_after=0, thin_after=0, memory=1.0)
    curriculum = start({"half": 1, "always": 1, "never": 1, "unknown": 1})
    for _ in range(4):
        curriculum = record(curriculum, of, "half", [True, False, True, False])
        curriculum = record(curriculum, of, "always", [True] * 4)
        curriculum = record(curriculum, of, "never", [False] * 4)
    # Beta(9, 9), Beta(17, 1), Beta(1, 17), Beta(1, 1): 4 a b / ((a + b) (a + b + 1))
    signals = {
        "half": 4 * 81 / (18 * 19),
        "always": 4 * 17 / (18 * 19),
        "never": 4 * 17 / (18 * 19),
        "unknown": 4 / 6,
    }
    total = sum(signals.values())
    assert probabilities(curriculum, of) == pytest.approx(
        {task: signal / total for task, signal in signals.items()}
    )


def test_old_rollouts_count_less() -> None:
    of = config("pass_rate", memory=0.5)
    curriculum = record(start({"tap": 1}), of, "tap", [True] * 4)
    curriculum = record(curriculum, of, "tap", [False] * 2)
    assert curriculum.tasks["tap"].pass_rate == pytest.approx((1 + 2) / (2 + 2 + 2))


def test_a_group_that_the_infrastructure_failed_changes_nothing() -> None:
    curriculum = start(LENGTHS)
    assert record(curriculum, config("staged"), "tap", []) == curriculum


# Bandit.


def test_the_bandits_values_and_shares_are_those_worked_out_by_hand() -> None:
    of = config("bandit", bandit_rate=0.5, temperature=0.5)
    curriculum = record(start({"a": 1, "b": 1}), of, "a", [True, False], [1.0, -1.0])
    curriculum = record(curriculum, of, "b", [True, False], [0.2, -0.4])
    assert curriculum.tasks["b"].value == pytest.approx(0.5 * 0.3 + 0.5)
    odds = math.exp((1.0 - 0.65) / 0.5)
    assert probabilities(curriculum, of)["a"] == pytest.approx(odds / (1 + odds))


# Cooling and thinning.


def test_a_task_that_keeps_failing_cools_down_and_is_revived_with_a_clean_record() -> None:
    of = config("pass_rate", cool_after=3, cool_for=10)
    curriculum = failing(start(LENGTHS), of, "book", 2)
    assert probabilities(curriculum, of)["book"] > 0
    curriculum = failing(curriculum, of, "book", 1)
    assert probabilities(curriculum, of)["book"] == 0
    _, revived = draws(curriculum, of, 10)
    assert probabilities(revived, of)["book"] == pytest.approx(1 / 5)
    assert revived.tasks["book"].groups == 3


def test_one_success_starts_the_count_of_failures_again() -> None:
    of = config("pass_rate", cool_after=2)
    curriculum = failing(start(LENGTHS), of, "book", 1)
    curriculum = record(curriculum, of, "book", [False, True])
    curriculum = failing(curriculum, of, "book", 1)
    assert probabilities(curriculum, of)["book"] > 0


def test_if_every_task_cools_they_are_drawn_all_the_same() -> None:
    of = config("staged", cool_after=1)
    curriculum = failing(failing(start(LENGTHS), of, "tap", 1), of, "form", 1)
    assert probabilities(curriculum, of)["tap"] == pytest.approx(0.5)
    assert probabilities(curriculum, of)["book"] == 0


def test_a_task_that_keeps_succeeding_is_thinned_out_until_it_fails() -> None:
    of = config("staged", thin_after=2, thin_to=0.25, by_pass_rate=False)
    curriculum = start({"tap": 1, "form": 1})
    for _ in range(2):
        curriculum = record(curriculum, of, "tap", [True, True])
    assert probabilities(curriculum, of)["tap"] == pytest.approx(0.2)
    curriculum = record(curriculum, of, "tap", [True, False])
    assert probabilities(curriculum, of)["tap"] == pytest.approx(0.5)


def test_uniform_neither_cools_nor_thins() -> None:
    of = config("uniform", cool_after=1, thin_after=1)
    curriculum = failing(start(LENGTHS), of, "tap", 3)
    curriculum = record(curriculum, of, "form", [True, True])
    assert set(probabilities(curriculum, of).values()) == {1 / 5}


# Dynamic sampling.


def test_groups_are_drawn_again_until_enough_teach_something_or_the_cap_is_reached() -> None:
    assert groups_to_draw(8, informative=0, drawn=0, most=2.0) == 8
    assert groups_to_draw(8, informative=5, drawn=8, most=2.0) == 3
    assert groups_to_draw(8, informative=2, drawn=14, most=2.0) == 2
    assert groups_to_draw(8, informative=2, drawn=16, most=2.0) == 0
    assert groups_to_draw(8, informative=9, drawn=9, most=2.0) == 0
    assert groups_to_draw(8, informative=0, drawn=8, most=1.0) == 0


@given(st.integers(1, 20), st.floats(1, 5), st.randoms(use_true_random=False))
def test_dynamic_sampling_ends_and_never_passes_its_cap(
    wanted: int, most: float, random: Any
) -> None:
    informative = drawn = 0
    while more := groups_to_draw(wanted, informative, drawn, most):
        drawn += more
        informative += random.randint(0, more)
    assert drawn <= most * wanted
    assert informative >= wanted or drawn == int(most * wanted)


# Errors.


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stages": (8, 3)}, "rising"),
        ({"stages": (0, 3)}, "rising"),
        ({"replay": 1.5}, "replay is 1.5"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"thin_to": 0.0}, "thin_to"),
        ({"stage_groups": 0}, "stage_groups"),
        ({"cool_for": -1}, "cool_for"),
    ],
)
def test_bad_settings_are_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        CurriculumConfig(**fields)


def test_a_curriculum_of_other_tasks_is_not_resumed() -> None:
    saved = save(start(LENGTHS))
    with pytest.raises(ConfigError, match="book"):
        restore(saved, {name: steps for name, steps in LENGTHS.items() if name != "book"})
    with pytest.raises(ConfigError, match="tap"):
        restore(saved, {**LENGTHS, "tap": 2})
    with pytest.raises(ConfigError, match="saved curriculum"):
        restore({**saved, "draws": "many"}, LENGTHS)


def test_no_tasks_and_no_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one task"):
        start({})
    with pytest.raises(ConfigError, match="tap has 0"):
        start({"tap": 0})
