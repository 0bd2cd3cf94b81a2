"""What is published of off-policy evaluation beside what was measured."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from agentenv.errors import ConfigError
from agentenv.statistics import SuccessRate
from benchmarks import ope_ranking
from benchmarks.ope_ranking import BenchmarkConfig, estimate_rows, ranking_rows
from benchmarks.results_file import write_results
from trainers.ope.comparison import Agreement, Comparison
from trainers.ope.intervals import Estimate
from trainers.ope.rating import Rating

FOUND = Comparison(
    ratings={
        "seed-0/base": Rating(
            {"fqe": Estimate(0.5, (0.4, 0.6)), "is": Estimate(math.nan, (math.nan, math.nan))},
            effective_sample_size=7.0,
            measured=SuccessRate(4, 10),
        ),
        "seed-0/awr": Rating({"fqe": Estimate(0.3, (0.31, 0.6))}, 7.0, measured=None),
    },
    agreement={
        "fqe": Agreement(spearman=0.25, regret_at_1=0.0, sharpe_ratio={3: 1.5}),
        "is": Agreement(math.nan, math.nan, {3: math.nan}),
    },
    behaviour=SuccessRate(5, 12),
)


def test_each_estimator_is_published_with_how_well_it_ranks_what_was_measured() -> None:
    rows = {(row.label, row.metric): row for row in ranking_rows(FOUND)}
    assert {key: row.value for key, row in rows.items()} == {
        ("fqe", "spearman"): 0.25,
        ("fqe", "regret_at_1"): 0.0,
        ("fqe", "sharpe_ratio_at_3"): 1.5,
    }  # what is undefined is left out
    assert {row.n for row in rows.values()} == {1}  # policies


def test_each_policy_is_published_as_measured_and_as_estimated(tmp_path: Path) -> None:
    rows = {(row.label, row.metric): row for row in estimate_rows(FOUND)}
    assert rows["seed_0_base", "measured"].value == 0.4
    assert rows["seed_0_base", "measured"].n == 10
    assert rows["seed_0_base", "fqe"].ci95 == (0.4, 0.6)
    assert rows["seed_0_base", "fqe"].n == 12  # logged episodes
    assert set(rows) == {
        ("seed_0_base", "measured"),
        ("seed_0_base", "fqe"),
        ("seed_0_awr", "fqe"),
    }
    write_results("ope", rows.values(), "python -m benchmarks.ope_ranking", folder=tmp_path)


def test_a_missing_run_is_named_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"seed-0: run benchmarks\.digiq_success first"):
        ope_ranking.run(BenchmarkConfig(out=tmp_path, results=tmp_path))
