"""Whether a critic is any good, in numbers and in words.

The questions, in the order in which to ask them: does Q know good states from bad
(ranking)? Are its values true (calibration)? Does it tell actions of one state apart
(sensitivity, advantage ranking)? Would it change anything (share changed)?
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.digiq.critic import Critic, evaluate
from trainers.digiq.extraction import BestOfN, aggregate, share_changed
from trainers.digiq.transitions import TransitionFeatures


@dataclass(frozen=True)
class CalibrationBin:
    """States whose predicted value falls between two bounds."""

    low: float
    high: float
    count: int
    predicted: float
    """Mean value."""
    observed: float
    """Mean Monte-Carlo return."""


@dataclass(frozen=True)
class Diagnostics:
    """A critic looked at from all sides; NaN where the data cannot tell."""

    states: int
    successes: int
    """Logged steps from which the episode succeeded."""
    return_error: float
    """Mean squared error of Q(s, logged) against the Monte-Carlo return."""
    return_variance: float
    """Of the Monte-Carlo returns: the error of a critic that knows only their mean."""
    ranking: float
    """Chance that Q(s, logged) is higher for a step of a success than of a failure (AUC)."""
    ranking_within_task: float
    """The same, comparing steps of the same task only."""
    advantage_ranking: float
    """The same for Q(s, logged) - V(s): what Q knows of the action beyond the state."""
    calibration: tuple[CalibrationBin, ...]
    """V against the Monte-Carlo return."""
    calibration_error: float
    """Mean distance of predicted and observed over states (ECE)."""
    choice: float
    """Share of the states with at least two different candidates."""
    sensitivity: float
    """Standard deviation of Q over a state's different candidates, mean over the states with a
    choice."""
    sensitivity_relative: float
    """The same divided by the standard deviation of a state's mean Q over states."""
    changed: float
    """Share of the kept states where Best-of-N departs from the logged action."""
    kept: float
    """Share of the states that Best-of-N keeps."""
    td_error_by_depth: dict[int, float]
    """Step in the episode -> mean absolute TD error of Q(s, logged)."""

    def numbers(self) -> dict[str, float]:
        """The scalars, for a log; tables are left out."""
        tables = ("calibration", "td_error_by_depth")
        return {name: float(value) for name, value in vars(self).items() if name not in tables}


def diagnose(
    critic: Critic,
    features: TransitionFeatures,
    gamma: float,
    rule: BestOfN | None = None,
    rows: Tensor | None = None,
) -> Diagnostics:
    """Look at a critic.

    Args:
        gamma: the discount it was trained with.
        rule: by which actions are chosen; the paper's if not given.
        rows: (R,) long, the states to judge it on (best: episodes it was not trained
            on); all of them by default.
    """
    rows = torch.arange(len(features)) if rows is None else rows
    q_all, v_all = evaluate(critic, features, rows)
    slots, keep = (rule or BestOfN()).choose(q_all, v_all, features, rows)
    q, v = aggregate(q_all, "mean"), aggregate(v_all, "mean")
    returns, success = features.returns(gamma)[rows], features.succeeded[rows]
    task = None if features.task is None else features.task[rows]
    table = calibration_table(v, returns)
    different = features.different(rows)
    spread, relative = action_sensitivity(q, different)
    backup = features.backup(1, gamma)
    with torch.no_grad():
        following = critic.v(features.states_at(backup.index[rows])).mean(dim=0)
    td_error = (backup.rewards[rows] + backup.discount[rows] * following - q[:, 0]).abs()
    return Diagnostics(
        states=len(rows),
        successes=int(success.sum()),
        return_error=_mean((q[:, 0] - returns).square()),
        return_variance=float(returns.var(correction=0)) if len(rows) else math.nan,
        ranking=ranking(q[:, 0], success),
        ranking_within_task=ranking(q[:, 0], success, task) if task is not None else math.nan,
        advantage_ranking=ranking(q[:, 0] - v, success),
        calibration=table,
        calibration_error=calibration_error(table),
        choice=_mean((different.sum(dim=1) >= 2).float()),
        sensitivity=spread,
        sensitivity_relative=relative,
        changed=share_changed(slots, keep),
        kept=_mean(keep.float()),
        td_error_by_depth=_by_depth(td_error, features.step[rows]),
    )


def ranking(scores: Tensor, labels: Tensor, groups: Tensor | None = None) -> float:
    """Chance that a positive scores higher than a negative (AUC; a tie counts half).

    Args:
        scores: (R,).
        labels: (R,) bool.
        groups: (R,) long; pairs are formed within a group only.

    Returns:
        In [0, 1], 0.5 being chance; NaN if there is no pair.
    """
    groups = torch.zeros_like(labels, dtype=torch.long) if groups is None else groups
    won, pairs = 0.0, 0
    for group in groups.unique():
        member = groups == group
        positive, negative = scores[member & labels], scores[member & ~labels].sort().values
        below = torch.searchsorted(negative, positive, right=False)
        up_to = torch.searchsorted(negative, positive, right=True)
        won += float((below + up_to).sum()) / 2
        pairs += len(positive) * len(negative)
    return won / pairs if pairs else math.nan


def calibration_table(
    values: Tensor, returns: Tensor, bins: int = 10
) -> tuple[CalibrationBin, ...]:
    """Predicted values against observed returns, in bins of equal width over [0, 1].

    Args:
        values: (R,); outside [0, 1] they count in the first or last bin.
        returns: (R,).

    Returns:
        The bins that hold anything, lowest first.
    """
    number = (values * bins).floor().clamp(0, bins - 1).long()
    return tuple(
        CalibrationBin(
            low=int(index) / bins,
            high=(int(index) + 1) / bins,
            count=int((number == index).sum()),
            predicted=float(values[number == index].mean()),
            observed=float(returns[number == index].mean()),
        )
        for index in number.unique()
    )


def calibration_error(table: tuple[CalibrationBin, ...]) -> float:
    """Distance of predicted and observed, averaged over states (expected calibration error)."""
    total = sum(row.count for row in table)
    off = sum(row.count * abs(row.predicted - row.observed) for row in table)
    return off / total if total else math.nan


def action_sensitivity(q: Tensor, counted: Tensor) -> tuple[float, float]:
    """How much Q differs between the actions of one state.

    Args:
        q: (S, N).
        counted: (S, N) bool: valid candidates, each action once.

    Returns:
        The standard deviation over a state's candidates that count, averaged over the states
        with at least two, and the same divided by the standard deviation over states of
        the states' mean Q. 0 means that Q has collapsed to V; NaN that nothing is there
        to compare.
    """
    comparable = counted.sum(dim=1) >= 2
    q, weight = q[comparable], counted[comparable].to(q)
    if not len(q):
        return math.nan, math.nan
    count = weight.sum(dim=1)
    q = q.masked_fill(weight == 0, 0.0)
    mean = q.sum(dim=1) / count
    variance = ((q - mean[:, None]).square() * weight).sum(dim=1) / count
    within = float(variance.sqrt().mean())
    between = float(mean.std(correction=0))
    return within, within / between if between > 0 else math.nan


def collapse(diagnostics: Diagnostics) -> str:
    """Whether Q has collapsed to V, in words with what to try; empty if it has not."""
    d = diagnostics
    if not d.sensitivity_relative < 0.1:  # NaN: nothing to compare
        return ""
    return (
        f"Q has collapsed to V: a state's actions differ by {d.sensitivity:.4f}, "
        f"{d.sensitivity_relative:.0%} of what states differ by. Best-of-N would pick at "
        "random. Fine-tune the representation on actions, or try more diverse candidates."
    )


def verdict(diagnostics: Diagnostics) -> list[str]:
    """What the numbers mean and what to try, in plain words; one sentence a finding."""
    found: list[str] = []
    d = diagnostics
    if d.successes == 0 or d.successes == d.states:
        which = "none of the logged steps led" if d.successes == 0 else "every logged step led"
        return [
            f"There is nothing to learn from: {which} to success. Collect with a policy or tasks "
            "where some attempts succeed and some fail."
        ]
    if d.successes < 20 or d.states - d.successes < 20:
        found.append(
            f"These numbers are rough: {d.successes} steps led to success and "
            f"{d.states - d.successes} did not. Collect more of the rarer kind."
        )
    if d.return_error > d.return_variance:
        found.append(
            f"Q predicts returns worse than their mean would (error {d.return_error:.3f}, "
            f"variance {d.return_variance:.3f}): overfitted or not yet trained. Try more "
            "episodes, more dropout or weight decay, fewer steps, or the mc critic."
        )
    if d.ranking < 0.6:
        found.append(
            f"Q hardly knows success from failure (ranking {d.ranking:.2f}, chance is 0.50). "
            "The features may not carry it: check the representation fine-tuning and the layer."
        )
    elif d.ranking_within_task < 0.55:
        found.append(
            "Q knows which tasks are easy, but within a task it hardly knows success from failure "
            f"(ranking {d.ranking_within_task:.2f}). Collect more attempts at the same tasks."
        )
    if words := collapse(d):
        found.append(words)
    elif d.advantage_ranking < 0.52:
        found.append(
            f"Q tells actions apart, but not the good from the bad (advantage ranking "
            f"{d.advantage_ranking:.2f}): the spread is noise. Try more episodes, a larger "
            "ensemble, or features from another layer."
        )
    if d.calibration_error > 0.15:
        found.append(
            f"V is off by {d.calibration_error:.2f} on average, so a fixed threshold on the "
            "advantage may keep too much or too little. Try the mc critic, or train longer."
        )
    if d.choice < 0.25:
        found.append(
            f"Only {d.choice:.0%} of the states have two different candidates: in the others there "
            "is nothing to choose. Try more candidates or a higher temperature."
        )
    if d.kept < 0.05:
        found.append(f"Best-of-N keeps only {d.kept:.1%} of the states: lower the threshold.")
    elif d.changed < 0.05:
        found.append(
            f"Best-of-N changes only {d.changed:.1%} of the kept actions: the result will be "
            "close to imitating the data. Try more candidates or a higher temperature."
        )
    return found or [
        f"The critic looks sound: ranking {d.ranking:.2f}, advantage ranking "
        f"{d.advantage_ranking:.2f}, V off by {d.calibration_error:.2f}, Best-of-N changes "
        f"{d.changed:.0%} of the kept actions."
    ]


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else math.nan


def _by_depth(values: Tensor, step: Tensor) -> dict[int, float]:
    return {int(depth): float(values[step == depth].mean()) for depth in step.unique()}
