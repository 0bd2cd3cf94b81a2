"""What do the critic's features know of an action, before and after the fine-tuning of Digi-Q?

    python -m benchmarks.digiq_ablations --variants reference off_the_shelf
    python -m benchmarks.digiq_features

A linear probe (logistic regression, five folds over episodes) reads from a logged action's
features whether it changes the screen, which is what Digi-Q fine-tunes for, and whether its
episode succeeds. The number is the AUC on the folds left out. The fine-tuned model has been
asked both about the same episodes, so that what it gains is an upper bound. `same_target` is
the share of states where TD and Monte Carlo learn the same number: nothing follows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from agentenv.errors import ConfigError
from agentenv.progress import console
from benchmarks.command import run_command
from benchmarks.results_file import RESULTS, Row, write_results
from trainers.digiq.diagnostics import ranking
from trainers.digiq.finished import FinishedRun
from trainers.digiq.representation import Topic, right_answers

NAME = "digiq_features"
COMMAND = f"python -m benchmarks.{NAME}"
LABELS = {"reference": "finetuned"}
"""Variant -> what it is published as, if not by its name."""
FOLDS = 5
PENALTY = 30.0
"""On the squared weights, beside the sum of the examples' losses."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Probe the features of finished runs, and publish what they know."""

    variants: tuple[str, ...] = ("off_the_shelf", "reference")
    """Of `benchmarks.digiq_ablations`, on the same logged episodes."""
    seed: int = 0
    """Of those runs."""
    out: Path = Path("runs/benchmarks")
    """Run directory of the other benchmark."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Probe and publish; returns the results file.

    Raises:
        ConfigError: a run is missing or unfinished.
    """
    rows: list[Row] = []
    for variant in config.variants:
        path = config.out / "digiq_ablations" / f"{variant}-{config.seed}"
        try:
            finished = FinishedRun(path)
        except ConfigError as error:
            raise ConfigError(f"{error}; first run benchmarks.digiq_ablations") from error
        rows += rows_of(LABELS.get(variant, variant), finished)
    results = write_results(NAME, rows, COMMAND, folder=config.results)
    console.print(f"results: {results}", soft_wrap=True, highlight=False)
    return results


def rows_of(label: str, finished: FinishedRun) -> Iterator[Row]:
    """What one run's features know."""
    features = finished.features
    right = [answers for episode in finished.episodes for answers in right_answers(episode)]
    seen = torch.tensor([answers is not None for answers in right])
    logged = features.candidate_features[:, 0][seen].float()
    fold = features.episode[seen] % FOLDS
    topics: tuple[Topic, ...] = ("change", "outcome")
    for topic in topics:
        answers = torch.tensor([row[topic] for row in right if row is not None])
        value, n = probe(logged, answers, fold), len(answers)
        yield Row(label=label, metric=f"{topic}_auc", value=round(value, 3), unit="", n=n)
    share = features.terminal.float().mean().item()
    yield Row(
        label=label,
        metric="same_target",
        value=round(share, 3),
        unit="fraction",
        n=len(features),
    )


def probe(features: Tensor, answers: Tensor, fold: Tensor) -> float:
    """Mean AUC, over the folds, of a logistic regression fitted to the other folds.

    Args:
        features: (S, D).
        answers: (S,) bool.
        fold: (S,) long, which fold each belongs to; those without both answers are left out.
    """
    found = []
    for left_out in fold.unique():
        test = fold == left_out
        if len(answers[test].unique()) < 2 or len(answers[~test].unique()) < 2:
            continue
        mean, deviation = features[~test].mean(0), features[~test].std(0) + 1e-4
        scaled = (features - mean) / deviation
        weights = _logistic(scaled[~test], answers[~test].float())
        found.append(ranking(scaled[test] @ weights, answers[test]))
    if not found:
        raise ConfigError("too few episodes for a probe: every fold needs both answers")
    return sum(found) / len(found)


def _logistic(features: Tensor, answers: Tensor) -> Tensor:
    """(D,) weights; the intercept changes no ranking."""
    weights = torch.zeros(features.shape[1], requires_grad=True)
    intercept = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, intercept], max_iter=100)

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = features @ weights + intercept
        value = binary_cross_entropy_with_logits(scores, answers)
        value = value + PENALTY / len(answers) * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach()


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
