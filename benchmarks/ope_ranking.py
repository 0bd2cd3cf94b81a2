"""Does off-policy evaluation rank policies as their measured success does?

    python -m benchmarks.digiq_success --config benchmarks/digiq_comparison.yaml --seeds 0 1 2
    python -m benchmarks.ope_ranking

The runs that the other benchmark leaves have learned from the same logged episodes, and
their policies have acted on the same held-out instances: a ranking from the log alone can be
compared with the measured one. `ope_ranking` says for each estimator how well they agree,
`ope_estimates` what it estimated of each policy.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentenv.errors import ConfigError
from agentenv.progress import console
from benchmarks.command import command_of, run_command
from benchmarks.digiq_success import success_row
from benchmarks.results_file import RESULTS, Row, write_results
from trainers.ope.comparison import Comparison, compare
from trainers.ope.intervals import Estimate

NAME, ESTIMATES = "ope_ranking", "ope_estimates"


@dataclass(frozen=True)
class BenchmarkConfig:
    """Rank the policies of finished runs from their logged data, and publish how well."""

    runs: tuple[str, ...] = (
        "digiq_comparison/seed-0",
        "digiq_comparison/seed-1",
        "digiq_comparison/seed-2",
    )
    """Run directories below `out`, all of the same logged episodes; those of
    benchmarks.digiq_ablations can be added (five minutes each)."""
    k: int = 3
    """Of SharpeRatio@k."""
    out: Path = Path("runs/benchmarks")
    """Run directory of the other benchmarks."""
    results: Path = RESULTS
    """Folder of the files that are written."""


def run(config: BenchmarkConfig) -> list[Path]:
    """Rate every policy, write both results; returns their files.

    Raises:
        ConfigError: a run is missing, unfinished or of other data, or has not been evaluated.
    """
    if missing := [name for name in config.runs if not (config.out / name).is_dir()]:
        raise ConfigError(
            f"there is no {config.out / missing[0]}: run benchmarks.digiq_success first"
        )
    found = compare([config.out / name for name in config.runs], ks=(config.k,))
    if not found.agreement:
        raise ConfigError("fewer than two of these policies have been measured")
    paths = [
        write_results(NAME, ranking_rows(found), command_of(NAME, config), folder=config.results),
        write_results(
            ESTIMATES, estimate_rows(found), command_of(NAME, config), folder=config.results
        ),
    ]
    for path in paths:
        console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return paths


def ranking_rows(found: Comparison) -> list[Row]:
    """How well each estimator ranks the policies that have been measured."""
    n = sum(rating.measured is not None for rating in found.ratings.values())
    rows = []
    for estimator, agreement in found.agreement.items():
        numbers = {"spearman": agreement.spearman, "regret_at_1": agreement.regret_at_1}
        numbers |= {f"sharpe_ratio_at_{k}": v for k, v in agreement.sharpe_ratio.items()}
        rows += [
            Row(label=estimator, metric=metric, value=round(value, 3), unit="", n=n)
            for metric, value in numbers.items()
            if not math.isnan(value)
        ]
    return rows


def estimate_rows(found: Comparison) -> list[Row]:
    """What is measured and estimated of each policy."""
    return [row for policy in found.ratings for row in _rows_of(policy, found)]


def _rows_of(policy: str, found: Comparison) -> Iterator[Row]:
    rating, logged = found.ratings[policy], found.behaviour.n
    label = re.sub(r"[^a-z0-9]+", "_", policy.lower())
    if rating.measured is not None:
        yield success_row(label, "measured", rating.measured)
    for name, estimate in rating.estimates.items():
        if not math.isnan(estimate.value):
            yield _estimate_row(label, name, estimate, logged)


def _estimate_row(label: str, name: str, estimate: Estimate, n: int) -> Row:
    value, (low, high) = estimate.value, estimate.interval
    # A bootstrap's percentiles need not hold the estimate itself.
    bounds = (round(min(low, value), 4), round(max(high, value), 4))
    return Row(label=label, metric=name, value=round(value, 4), unit="fraction", ci95=bounds, n=n)


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
