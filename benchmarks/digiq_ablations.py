"""What each part of Digi-Q is worth: the comparison's run with one choice changed at a time.

    python -m benchmarks.digiq_ablations
    python -m benchmarks.digiq_ablations --variants reference monte_carlo

A variant takes over what the comparison's run of the same seed has made of the same inputs
(episodes, candidates, features, ...) and makes the rest. Two rates say what it is worth:
`success` of the policy that it trains, `success_reranked` of the base policy where the
variant's critic chooses among its samples; and `ranking`, how well that critic tells steps of
successes from steps of failures (AUC), is of logged episodes that it has not seen.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentenv.config import config_from_mapping, config_to_mapping, read_yaml
from agentenv.errors import ConfigError
from agentenv.progress import console
from benchmarks.command import command_of, run_command
from benchmarks.digiq_success import load_settings, success_row
from benchmarks.results_file import RESULTS, Row, write_results
from trainers.digiq.config import DigiQConfig

NAME = "digiq_ablations"
PEER = "reference"
"""The variant that changes nothing."""
_HERE = Path(__file__).resolve().parent
_RERANKED = "base_rerank"


@dataclass(frozen=True)
class BenchmarkConfig:
    """Run Digi-Q with one choice changed at a time, and publish what that does."""

    variants: tuple[str, ...] = ()
    """Of `digiq_ablations.yaml`; all of them if none is given."""
    seed: int = 0
    """Of data and training."""
    out: Path = Path("runs/benchmarks")
    """Run directory; the comparison's runs are looked for there too."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Run what is missing of the variants and write the results; returns their file.

    Raises:
        ConfigError: no such variant, or its settings are wrong.
    """
    command = command_of(NAME, config)  # before the hours it takes: it may be refused
    changes = read_yaml(_HERE / f"{NAME}.yaml")
    names = config.variants or tuple(changes)
    if unknown := [name for name in names if name not in changes]:
        raise ConfigError(f"no variant {unknown[0]}; there are {', '.join(changes)}")
    comparison = _HERE / "digiq_comparison.yaml"
    settings = replace(load_settings(comparison), seed=config.seed, methods=("digiq",))
    settings = replace(
        settings, evaluation=replace(settings.evaluation, reranked=("base",), greedy=())
    )
    first = config.out / comparison.stem / f"seed-{config.seed}"
    rows: dict[str, list[Row]] = {}
    for name in names:
        console.rule(name)
        variant = changed(settings, changes[name], name)
        variant = replace(variant, out=config.out / NAME / f"{name}-{config.seed}")
        inherit(first, variant.out)
        rows[name] = measure(name, variant)
    path = write_results(NAME, compared(rows), command, folder=config.results)
    for row in (row for listed in rows.values() for row in listed):
        console.print(f"{row.label} {row.metric}: {row.value:g} of {row.n}", highlight=False)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def changed(settings: DigiQConfig, changes: Mapping[str, Any], name: str) -> DigiQConfig:
    """Settings with some fields of theirs, or of their parts, replaced.

    Raises:
        ConfigError: there is no such field, or a value is wrong.
    """
    values = config_to_mapping(settings)
    for field, value in changes.items():
        is_part = isinstance(value, Mapping) and isinstance(values.get(field), Mapping)
        values[field] = {**values[field], **value} if is_part else value
    return config_from_mapping(DigiQConfig, values, source=name)


def inherit(first: Path, other: Path) -> None:
    """Copy a run, its policies' evaluations aside, but for the base's; the stages whose inputs the
    other run changes are then made anew."""

    def left(folder: str, names: list[str]) -> set[str]:
        if Path(folder).name == "evaluation":
            return {name for name in names if not name.startswith("base-")}
        return shutil.ignore_patterns("report*", "tensorboard")(folder, names)

    if first.exists() and not other.exists():
        shutil.copytree(first, other, ignore=left)


def measure(name: str, settings: DigiQConfig) -> list[Row]:
    """Run what is missing of one variant; its numbers."""
    from trainers.digiq.pipeline import DigiQ, train  # imports torch, which takes seconds

    summaries, seeds = train(settings), (settings.seed,)
    (method,) = settings.methods
    rows = [success_row(name, "success", summaries[method].overall, seeds)]
    if _RERANKED in summaries:
        rows.append(success_row(name, "success_reranked", summaries[_RERANKED].overall, seeds))
    diagnostics = DigiQ(settings).diagnostics
    if not math.isnan(diagnostics.ranking):
        rows.append(
            Row(
                label=name,
                metric="ranking",
                value=round(diagnostics.ranking, 3),
                unit="auc",
                n=diagnostics.states,
                seeds=seeds,
            )
        )
    return rows


def compared(rows: Mapping[str, list[Row]]) -> list[Row]:
    """All rows, with their ratios to the reference's."""
    peers = {row.metric: row.value for row in rows.get(PEER, [])}
    return [
        replace(row, vs={PEER: round(row.value / peers[row.metric], 3)})
        if name != PEER and peers.get(row.metric)
        else row
        for name, listed in rows.items()
        for row in listed
    ]


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
