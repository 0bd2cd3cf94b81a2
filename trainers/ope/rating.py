"""One policy of a run, rated from the run's logged data by every estimator."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from agentenv.progress import track
from agentenv.statistics import SuccessRate, summarise
from agentenv.tasks.selection import select_tasks
from trainers.digiq.finished import FinishedRun
from trainers.ope import doubly_robust, importance_sampling
from trainers.ope.fitted_q import FOLDS, SETTINGS, FittedValues, fit_q
from trainers.ope.intervals import Estimate, bootstrap
from trainers.ope.kept import Kept, keep
from trainers.ope.policy_scores import (
    behaviour_log_probs,
    evaluated_scores,
    proposal_weights,
    score_key,
)
from trainers.ope.trajectories import Trajectories, lay_out_trajectories
from trainers.runs import fingerprint


@dataclass(frozen=True)
class Estimator:
    """How a value is estimated, and what it takes."""

    estimate: Callable[[Trajectories], Tensor]
    needs_ratios: bool
    """Stored behaviour log-probabilities."""
    needs_q: bool
    """Features and candidates."""


ESTIMATORS: dict[str, Estimator] = {
    "fqe": Estimator(doubly_robust.direct, needs_ratios=False, needs_q=True),
    "dr": Estimator(doubly_robust.doubly_robust, needs_ratios=True, needs_q=True),
    "wdr": Estimator(doubly_robust.weighted_doubly_robust, needs_ratios=True, needs_q=True),
    "wis": Estimator(importance_sampling.weighted, needs_ratios=True, needs_q=False),
    "pdis": Estimator(importance_sampling.per_decision, needs_ratios=True, needs_q=False),
    "is": Estimator(importance_sampling.trajectory_wise, needs_ratios=True, needs_q=False),
}
"""By name, in the order in which they are shown."""


def need_ratios(estimators: Sequence[str]) -> bool:
    """Whether any of them does."""
    return any(ESTIMATORS[name].needs_ratios for name in estimators)


def need_q(estimators: Sequence[str]) -> bool:
    """Whether any of them does."""
    return any(ESTIMATORS[name].needs_q for name in estimators)


@dataclass(frozen=True)
class Rating:
    """What is known of one policy."""

    estimates: dict[str, Estimate]
    """By estimator."""
    effective_sample_size: float
    """Of importance sampling, in episodes; NaN where no estimator needs ratios."""
    measured: SuccessRate | None
    """By the run's evaluation; None if there was none."""


def rate(
    run: FinishedRun, label: str, estimators: Sequence[str], *, gamma: float, clip: float
) -> Rating:
    """Rate a policy.

    Args:
        run: whose data, features and critic settings are used.
        label: of the policy, see `FinishedRun.model`.
        estimators: keys of `ESTIMATORS`.
        gamma: discount.
        clip: largest ratio of one step.
    """
    log = logged_trajectories(run, label, estimators, gamma=gamma, clip=clip)
    size = math.nan
    if need_ratios(estimators):
        size = float(importance_sampling.effective_sample_size(log))
    store = run.evaluation(label, evaluated_scores(run, label).version)
    return Rating(
        estimates={name: bootstrap(ESTIMATORS[name].estimate, log) for name in estimators},
        effective_sample_size=size,
        measured=None if store is None else summarise(store.episodes()).overall,
    )


def logged_trajectories(
    run: FinishedRun, label: str, estimators: Sequence[str], *, gamma: float, clip: float
) -> Trajectories:
    """What the estimators see of a policy; arguments as of `rate`."""
    steps = [step for episode in run.episodes for step in episode.steps]
    log_ratios = None
    if need_ratios(estimators):
        policy = evaluated_scores(run, label).log_probs[:, 0]
        log_ratios = policy - behaviour_log_probs(run)
    values = fitted_values(run, label, gamma) if need_q(estimators) else None
    everything = lay_out_trajectories(
        [len(episode.steps) for episode in run.episodes],
        torch.tensor([step.reward for step in steps]),
        log_ratios=log_ratios,
        q=None if values is None else values.q,
        v=None if values is None else values.v,
        gamma=gamma,
        clip=clip,
    )
    return everything[evaluated_episodes(run)]


def evaluated_episodes(run: FinishedRun) -> Tensor:
    """(n,) bool: logged episodes of the tasks that the run's policies are measured on."""
    tasks = select_tasks(run.config.tasks)
    return torch.tensor([episode.task in tasks for episode in run.episodes])


def fitted_values(run: FinishedRun, label: str, gamma: float) -> FittedValues:
    """Q and V of a policy by fitted Q evaluation, computed or read again."""

    def compute() -> Kept:
        weights = proposal_weights(run, label)
        with track(f"fitted Q of {label}", total=FOLDS) as bar:
            values = fit_q(
                run.features,
                weights,
                gamma=gamma,
                settings=SETTINGS,
                progress=lambda done: bar.advance(done - bar.done),
            )
        return Kept({"q": values.q, "v": values.v})

    c = run.config
    inputs = {
        "policy": score_key(run, label, c.evaluation.temperature),
        "proposals": c.candidates.temperature,
        "features": run.stage("features")["inputs"],
        "critic": asdict(SETTINGS),
        "gamma": gamma,
        "folds": FOLDS,
    }
    return FittedValues(**keep(run.path / "ope", "fitted_q", fingerprint(inputs), compute).tensors)
