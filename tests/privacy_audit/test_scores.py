"""Scores over many trajectories, worked by hand."""

from __future__ import annotations

import math

import pytest

from agentenv.statistics import wilson_interval
from privacy_audit.findings import Judgement, Verdict
from privacy_audit.scores import (
    Scored,
    compare,
    curve,
    exposure,
    holm,
    mean_score,
    minimisation,
    qualified_success,
)


def judged(verdict: Verdict, weight: float) -> Judgement:
    return Judgement("x", verdict, weight)


def scored(task: str, index: int, score: float, success: bool = True, out: bool = False) -> Scored:
    return Scored((task, "test", index), success, score, out)


def test_nothing_reached_is_nothing_lost_and_a_failed_audit_is_everything() -> None:
    assert minimisation([judged("not reached", 1.0)]) == 1.0
    assert minimisation([judged("clean", 1.0), judged("not reached", 5.0)]) == 1.0
    assert minimisation([judged("audit failure", 1.0)]) == 0.0
    assert exposure([judged("clean", 1.0), judged("not reached", 1.0)]) == (1, 2)


def test_privacy_qualified_success_needs_success_score_and_no_disqualification() -> None:
    runs = [
        scored("a", 0, 0.9),
        scored("a", 1, 0.7),
        scored("a", 2, 0.69),
        scored("a", 3, 1.0, success=False),
        scored("a", 4, 1.0, out=True),
    ]
    share = qualified_success(runs, 0.7)
    assert (share.value, share.n) == (0.4, 5)
    assert share.interval == wilson_interval(2, 5)
    values = [share.value for _, share in curve(runs)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 0.6
    assert math.isnan(qualified_success([], 0.7).value)


def test_a_mean_is_as_sure_as_its_tasks_are_many() -> None:
    clustered = [scored("a", i, 1.0) for i in range(50)] + [scored("b", i, 0.0) for i in range(50)]
    mean = mean_score(clustered)
    assert (mean.value, mean.n) == (0.5, 100)
    assert mean.interval == (0.0, 1.0)  # two tasks say nothing, however many instances
    spread = [scored(f"t{i}", 0, i % 2) for i in range(100)]
    low, high = mean_score(spread).interval
    assert 0.35 < low < 0.5 < high < 0.65


def test_agents_are_compared_on_the_instances_that_both_tried() -> None:
    first = [scored(f"t{i}", 0, 0.5, success=i < 6) for i in range(12)]
    second = [scored(f"t{i}", 0, 0.9) for i in range(1, 13)]
    by_name = {one.metric: one for one in compare(first, second, 0.7)}
    minimised = by_name["minimisation"]
    assert minimised.value == pytest.approx(0.4)
    assert (minimised.tasks, minimised.instances, minimised.unpaired) == (11, 11, 2)
    assert minimised.p < minimised.p_corrected <= 0.01
    assert by_name["PQSR at 0.7"].value == 1.0
    assert by_name["success"].value == pytest.approx(6 / 11)
    assert by_name["disqualified"].p_corrected == 1.0
    assert compare(first, [], 0.7)[0].instances == 0


def test_p_values_are_corrected_by_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
