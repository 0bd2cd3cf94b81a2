"""The comparison of the ways to a phone: what is measured, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agentenv.actions import Wait
from agentenv.errors import ConfigError
from agentenv.observations import Observation
from agentenv.policies.base import Decision, History
from agentenv.tasks import get_task
from benchmarks.phone_ways import TASKS, BenchmarkConfig, Measured, one_episode, rows_of, run
from benchmarks.results_file import load_results, write_results
from scripts.tables import markdown
from tests.small_models import noise_png


def test_each_way_is_compared_with_the_first_and_success_has_its_interval(tmp_path: Path) -> None:
    measured = {
        "page": Measured({"oracle": [True] * 10}, [0.02] * 10, [0.01] * 40),
        "adb": Measured({"oracle": [True] * 9 + [False]}, [1.0] * 10, [0.2] * 40),
    }
    rows = [row for way in measured for row in rows_of(way, measured)]
    path = write_results("phone_ways", rows, "python -m benchmarks.phone_ways", folder=tmp_path)
    table = markdown(load_results(path))
    assert "|  | its own browser | the real adb |" in table
    assert "| solved by the oracle | 100.0 % [72.2, 100.0] | 90.0 % [59.6, 98.2] |" in table
    assert "| step, median (ms) | 10 | 200 (20×) |" in table


def test_a_model_is_told_what_it_has_said_in_the_episode(tmp_path: Path) -> None:
    told: list[tuple[str, ...]] = []

    class Counts:
        name = version = "counts"

        def act(self, histories: Sequence[History]) -> list[Decision]:
            told.extend(tuple(turn.text for turn in one.turns) for one in histories)
            return [Decision(str(len(told)), Wait()) for _ in histories]

    for _ in range(2):
        acts = one_episode(Counts())
        for _ in range(3):
            assert acts(Observation(noise_png(0), (), "page")) == Wait()
    assert told == [(), ("1",), ("1", "2"), (), ("4",), ("4", "5")]


def test_the_tasks_are_there_and_only_the_phones_are_taken(tmp_path: Path) -> None:
    assert len(TASKS) == len({get_task(name).id for name in TASKS}) == 10
    with pytest.raises(ConfigError, match="no task of the phone"):
        run(BenchmarkConfig(tasks=("miniwob/click-test",), results=tmp_path))
