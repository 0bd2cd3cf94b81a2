from __future__ import annotations

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agentenv.actions import Finish
from agentenv.errors import ConfigError
from agentenv.observations import Observation
from agentenv.statistics import (
    PairedDifference,
    SuccessRate,
    clustered_bootstrap,
    print_table,
    summarise,
    wilson_interval,
)
from agentenv.trajectories.episode import Episode, Step


def attempt(
    task: str, index: int, success: bool, infra_error: str = "", number: int = 0
) -> Episode:
    step = Step(Observation(b"", (), ""), "", Finish(), Finish(), reward=float(success))
    return Episode(
        task=task,
        split="test",
        index=index,
        policy="p",
        policy_version="1",
        steps=(step,),
        final_observation=None,
        terminated=not infra_error,
        truncated=bool(infra_error),
        attempt=number,
        infra_error=infra_error,
    )


def attempts(outcomes: dict[str, list[int]]) -> list[Episode]:
    return [
        attempt(task, index, bool(success))
        for task, successes in outcomes.items()
        for index, success in enumerate(successes)
    ]


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_intervals_agree_with_worked_ones(
    successes: int, n: int, low: float, high: float
) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_more_confidence_makes_a_wider_interval() -> None:
    assert wilson_interval(8, 10, 0.99) == pytest.approx((0.4008, 0.9599), abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_the_rate_and_stays_within_zero_and_one(a: int, b: int) -> None:
    successes, n = min(a, b), max(a, b)
    low, high = wilson_interval(successes, n)
    assert 0.0 <= low <= high <= 1.0
    if n:
        assert low <= successes / n <= high


@pytest.mark.parametrize(
    ("successes", "n", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 95)]
)
def test_impossible_counts_are_refused(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(ConfigError):
        wilson_interval(successes, n, confidence)


def test_infrastructure_failures_are_counted_apart_from_the_denominator() -> None:
    summary = summarise(
        [
            *attempts({"b": [1, 0], "a": [1]}),
            attempt("a", 1, success=False, infra_error="browser_crashed"),
            attempt("c", 0, success=True, infra_error="timeout"),
        ]
    )
    assert summary.overall == SuccessRate(successes=2, n=3, infra_errors=2)
    assert summary.by_task == {
        "a": SuccessRate(1, 1, 1),
        "b": SuccessRate(1, 2, 0),
        "c": SuccessRate(0, 0, 1),
    }
    assert list(summary.by_task) == ["a", "b", "c"]
    assert summary.infra_causes == {"browser_crashed": 1, "timeout": 1}


def test_a_rate_of_nothing_is_not_zero() -> None:
    assert math.isnan(SuccessRate(0, 0, infra_errors=4).rate)
    assert str(SuccessRate()) == "-"
    assert str(SuccessRate(8, 10)) == "80.0 % [49.0, 94.3]"


def test_the_paired_difference_is_the_mean_over_instances() -> None:
    result = clustered_bootstrap(
        attempts({"a": [0, 0, 1], "b": [1]}), attempts({"a": [1, 1, 1], "b": [0]})
    )
    assert result.difference == pytest.approx((1 + 1 + 0 - 1) / 4)
    assert (result.tasks, result.instances, result.unpaired) == (2, 4, 0)
    # Two tasks: both drawn "b" in a quarter of the resamples, both "a" in another.
    assert result.interval == pytest.approx((-1.0, 2 / 3))


def test_equal_gains_on_every_task_leave_no_uncertainty_over_tasks() -> None:
    first = attempts({task: [0, 1] for task in "abcde"})
    second = attempts({task: [1, 1] for task in "abcde"})
    assert clustered_bootstrap(first, second).interval == pytest.approx((0.5, 0.5))


def test_instances_scored_for_one_policy_only_are_left_out_and_counted() -> None:
    first = [*attempts({"a": [0, 1]}), attempt("a", 2, success=False, infra_error="timeout")]
    second = attempts({"a": [1, 1, 1, 1]})
    result = clustered_bootstrap(first, second)
    assert result.difference == pytest.approx(0.5)
    assert (result.instances, result.unpaired) == (2, 2)


def test_attempts_at_one_instance_are_averaged_before_pairing() -> None:
    first = [attempt("a", 0, success=False)]
    second = [attempt("a", 0, success=bool(number % 2), number=number) for number in range(4)]
    assert clustered_bootstrap(first, second).difference == pytest.approx(0.5)


def test_the_bootstrap_repeats_with_its_seed() -> None:
    first = attempts({task: [0, 1, 0] for task in "abcdef"})
    second = attempts({task: [int(task < "d"), 1, 0] for task in "abcdef"})
    same = [clustered_bootstrap(first, second, seed=3) for _ in range(2)]
    assert same[0] == same[1]
    assert same[0].interval[0] < same[0].difference < same[0].interval[1]


def test_policies_without_common_instances_have_no_difference() -> None:
    result = clustered_bootstrap(attempts({"a": [1]}), attempts({"b": [1]}))
    assert math.isnan(result.difference)
    assert (result.instances, result.unpaired) == (0, 2)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((0.01, 0.2), "better: +5.0 points [1.0, 20.0] on the same instances"),
        ((-0.2, -0.01), "worse: +5.0 points [-20.0, -1.0] on the same instances"),
        ((0.0, 0.2), "not clearly different: +5.0 points [0.0, 20.0] on the same instances"),
    ],
)
def test_what_may_be_said_of_a_difference_is_what_its_whole_interval_allows(
    interval: tuple[float, float], said: str
) -> None:
    assert PairedDifference(0.05, interval, tasks=9, instances=90, unpaired=0).verdict == said


def test_policies_without_a_common_instance_cannot_be_compared() -> None:
    result = clustered_bootstrap(attempts({"a": [1]}), attempts({"b": [1]}))
    assert result.verdict.startswith("not comparable")


def test_the_printed_table_shows_rates_intervals_and_infrastructure_failures() -> None:
    output = io.StringIO()
    base = summarise([*attempts({"a": [1, 0]}), attempt("a", 2, success=False, infra_error="x")])
    better = summarise(attempts({"a": [1, 1], "b": [1]}))
    print_table({"base": base, "digiq": better}, console=Console(file=output, width=120))
    lines = output.getvalue().splitlines()
    row_a = next(line for line in lines if " a " in line)
    assert "50 % (1/2) (+1 infra)" in row_a
    assert "100 % (2/2)" in row_a
    assert any("all tasks" in line and "[9.5, 90.5] (+1 infra)" in line for line in lines)


def test_a_task_stays_one_line_of_a_terminal_whatever_the_number_of_policies() -> None:
    output = io.StringIO()
    summary = summarise(attempts({"phone/settings-theme": [1] * 20 + [0] * 25}))
    print_table(dict.fromkeys("abcdef", summary), console=Console(file=output, width=100))
    (line,) = (line for line in output.getvalue().splitlines() if "settings-theme" in line)
    assert line.count("44 %") == 6


@pytest.mark.parametrize(
    "task", ["phone/doctors-save-favourite", "miniwob/click-collapsible-2-nodelay"]
)
def test_the_policies_of_the_demo_are_named_in_whole_words_on_80_columns(task: str) -> None:
    labels = ("base", "filtered_bc", "digiq", "base_greedy", "base_rerank", "digiq_rerank")
    output = io.StringIO()
    summary = summarise(attempts({task: [1]}))
    print_table(dict.fromkeys(labels, summary), console=Console(file=output, width=80))
    words = {word for label in labels for word in label.split("_")}
    assert words <= set(output.getvalue().split())
    assert max(map(len, output.getvalue().splitlines())) <= 80


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_breaks_lines_and_cuts_nothing_off(width: int) -> None:
    output = io.StringIO()
    name = "miniwob/click-checkboxes-transfer"
    summaries = dict.fromkeys(("base", "filtered_bc", "digiq"), summarise(attempts({name: [1, 0]})))
    print_table(summaries, console=Console(file=output, width=width))
    assert name in output.getvalue()
    assert "…" not in output.getvalue()
