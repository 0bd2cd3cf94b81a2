"""Rank the policies of Digi-Q runs from logged data, and compare with what was measured.

What bias to expect. The actors of a run learned from the very episodes that rate them
here: what they learned by heart looks better than it is, the more so by importance
sampling, which pays for repeating logged successes word for word. The base policy did
not, so estimates favour the trained ones over it. FQE cross-fits its own Q, but shares
the frozen representation, which saw all episodes' outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import torch

from agentenv.config import closest
from agentenv.errors import ConfigError
from agentenv.statistics import SuccessRate, summarise
from trainers.digiq.finished import FinishedRun
from trainers.ope.agreement import regret_at_1, sharpe_ratio_at_k, spearman
from trainers.ope.policy_scores import (
    behaviour_log_probs,
    data_key,
    evaluated_scores,
    has_proposals,
)
from trainers.ope.rating import (
    ESTIMATORS,
    Rating,
    evaluated_episodes,
    need_q,
    need_ratios,
    rate,
)
from trainers.ope.trajectories import RATIO_CLIP


@dataclass(frozen=True)
class Agreement:
    """An estimator's ranking against the measured one; NaN where undefined."""

    spearman: float
    regret_at_1: float
    sharpe_ratio: dict[int, float]
    """By k."""


@dataclass(frozen=True)
class Comparison:
    """All policies, and how well each estimator ranks them."""

    ratings: dict[str, Rating]
    """By policy: its label, with several runs after the run's name."""
    agreement: dict[str, Agreement]
    """By estimator; empty if fewer than two policies have been measured."""
    behaviour: SuccessRate
    """Of the policy that was logged, on the episodes that the estimates are made of."""


def compare(
    paths: Sequence[Path],
    *,
    estimators: Sequence[str] = tuple(ESTIMATORS),
    ks: Sequence[int] = (2, 3),
    gamma: float = 1.0,
    clip: float = RATIO_CLIP,
) -> Comparison:
    """Rate every policy of some runs, and see whether the measured ranking agrees.

    Args:
        paths: run directories of `agentenv train digiq` that learned from the same data.
        estimators: keys of `ESTIMATORS`.
        ks: of SharpeRatio@k.
        gamma: discount; see `trainers.ope.trajectories.Trajectories`.
        clip: largest ratio of one step.

    Raises:
        ConfigError: a folder is no finished run, the runs' data differ, they lack what an
            estimator needs, or a setting is wrong.
    """
    runs = [FinishedRun(path) for path in dict.fromkeys(paths)]
    _check(runs, estimators, ks)
    ratings: dict[str, Rating] = {}
    bases: set[str] = set()
    for run in runs:
        for label in ("base", *run.config.methods):
            if label == "base":  # runs may share it
                version = evaluated_scores(run, label).version
                if version in bases:
                    continue
                bases.add(version)
            name = label if len(runs) == 1 else f"{run.path.resolve().name}/{label}"
            if name in ratings:
                raise ConfigError(f"two runs are called {run.path.name}; rename one of the folders")
            ratings[name] = rate(run, label, estimators, gamma=gamma, clip=clip)
    logged = compress(runs[0].episodes, evaluated_episodes(runs[0]).tolist())
    behaviour = summarise(logged).overall
    agreement = _agreement(ratings, estimators, behaviour.rate, ks)
    return Comparison(ratings, agreement, behaviour)


def _check(runs: Sequence[FinishedRun], estimators: Sequence[str], ks: Sequence[int]) -> None:
    if not runs or not estimators:
        raise ConfigError("give at least one run and one estimator")
    for name in estimators:
        if name not in ESTIMATORS:
            raise ConfigError(f"there is no estimator {name!r}{closest(name, list(ESTIMATORS))}")
    if any(k < 1 for k in ks):
        raise ConfigError(f"k is {min(ks)}; SharpeRatio@k needs at least 1 policy")
    for run in runs:
        if not run.config.methods:
            raise ConfigError(f"{run.path} trained no policy; train with --method digiq, say")
        for label in run.config.methods:
            run.model(label)  # has been trained
        if need_q(estimators) and not has_proposals(run):
            raise ConfigError(
                f"{run.path} has no features of proposed actions, which fqe, dr and wdr need: "
                "choose --estimator wis pdis, or train a method that uses the critic, with "
                "--n-candidates 2 or more"
            )
        if need_ratios(estimators):
            behaviour_log_probs(run)  # are there
        if data_key(run) != data_key(runs[0]):
            raise ConfigError(
                f"{run.path} learned from other data than {runs[0].path}, so their estimates "
                "cannot be ranked together: call agentenv ope on each, or train both on one "
                "store (agentenv train digiq --collect.data STORE)"
            )


def _agreement(
    ratings: dict[str, Rating], estimators: Sequence[str], behaviour: float, ks: Sequence[int]
) -> dict[str, Agreement]:
    pairs = [(r, r.measured.rate) for r in ratings.values() if r.measured and r.measured.n]
    if len(pairs) < 2:
        return {}
    measured = torch.tensor([value for _, value in pairs], dtype=torch.float64)
    result = {}
    for name in estimators:
        values = [rating.estimates[name].value for rating, _ in pairs]
        estimates = torch.tensor(values, dtype=torch.float64)
        if bool(estimates.isnan().any()):
            result[name] = Agreement(math.nan, math.nan, dict.fromkeys(ks, math.nan))
            continue
        result[name] = Agreement(
            spearman=spearman(estimates, measured),
            regret_at_1=regret_at_1(estimates, measured),
            sharpe_ratio={k: sharpe_ratio_at_k(estimates, measured, behaviour, k) for k in ks},
        )
    return result
