"""Which actions the actor should imitate (arXiv 2502.15760, "Best-of-N policy extraction").

    A(s, a_j) = agg_i Q_i(s, a_j) - agg_i V_i(s),   a* = argmax_j A(s, a_j), kept if A > threshold

Slot 0 is the logged action. What the actor makes of it is elsewhere (`methods.py`,
`trainers.imitation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from trainers.digiq.transitions import TransitionFeatures

Aggregation = Literal["min", "mean", "max"]
"""How an ensemble becomes one number: pessimistic, neutral or (the authors') optimistic."""

TIE_TOLERANCE = 1e-6
"""Advantages closer than this are equal: the same action in two slots gets values that
differ by rounding."""


def aggregate(values: Tensor, aggregation: Aggregation) -> Tensor:
    """One value from the ensemble's: (E, ...) to (...)."""
    if aggregation == "min":
        return values.amin(dim=0)
    if aggregation == "max":
        return values.amax(dim=0)
    return values.mean(dim=0)


def combine(q: Tensor, v: Tensor, valid: Tensor, aggregation: Aggregation = "mean") -> Tensor:
    """Advantages from an ensemble's values.

    Args:
        q: (E, S, N).
        v: (E, S).
        valid: (S, N) bool.

    Returns:
        (S, N), minus infinity where invalid.
    """
    advantage = aggregate(q, aggregation) - aggregate(v, aggregation)[:, None]
    return advantage.masked_fill(~valid, -torch.inf)


def observe(q: Tensor, features: TransitionFeatures, rows: Tensor, gamma: float) -> Tensor:
    """Q with what was seen of the logged actions put in its place.

    The return that followed an action bounds its optimal value from below (self-imitation
    learning, arXiv 1806.05635); at a terminal step its value is the reward itself.

    Args:
        q: (E, R, N); slot 0 is the logged action.
        rows: (R,) long, the states q is of.
        gamma: discount of the returns.

    Returns:
        (E, R, N).
    """
    logged = torch.maximum(q[..., 0], features.returns(gamma)[rows])
    logged = torch.where(features.terminal[rows], features.rewards[rows].to(q), logged)
    return torch.cat([logged[..., None], q[..., 1:]], dim=-1)


def unlikeliness(log_probs: Tensor | None, valid: Tensor, prior: float) -> Tensor:
    """What is taken off the values of candidates that the base policy would hardly choose.

        prior * (max_k log pi(a_k|s) - log pi(a_j|s))

    The policy that maximises E[Q] - prior * KL(policy || pi) is in proportion to
    pi * exp(Q / prior) (maximum a posteriori policy optimisation, arXiv 1806.06920): this
    is its likeliest candidate. What the base policy hardly tries has hardly been logged
    either, and the critic only guesses there.

    Args:
        log_probs: (S, N) log pi of the candidates under the base policy; needed if `prior`
            is not 0.
        valid: (S, N) bool; the others count neither as the likeliest nor at all.
        prior: in units of value for each nat; the paper has 0.

    Returns:
        (S, N), at least 0; 0 where invalid.
    """
    if not prior:
        return torch.zeros(valid.shape)
    assert log_probs is not None
    known = log_probs.masked_fill(~valid, -torch.inf)
    behind = known.amax(dim=-1, keepdim=True) - log_probs
    return (prior * behind).masked_fill(~valid, 0.0)


def best_of_n(
    advantages: Tensor,
    valid: Tensor,
    threshold: float = 0.0,
    margin: float = 0.0,
    handicap: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The best valid candidate of each state; the lowest slot on ties.

    Args:
        advantages: (S, N).
        valid: (S, N) bool.
        threshold: imitate only what is better than the state's value by more than this;
            the paper has 0, the authors' code 1/H.
        margin: taken off every candidate but the logged action, the only one whose
            outcome was seen; the paper has 0.
        handicap: (S, N) taken off besides, such as `unlikeliness`.

    Returns:
        Slots (S,) long and which states to keep (S,) bool. A state without a valid
        candidate has slot 0 and is not kept.

    Raises:
        ValueError: a valid candidate's advantage is NaN.
    """
    if bool((advantages.isnan() & valid).any()):
        raise ValueError("a valid candidate's advantage is NaN; the critic has diverged")
    handicapped = advantages.masked_fill(~valid, -torch.inf)
    handicapped[:, 1:] -= margin
    if handicap is not None:
        handicapped -= handicap
    best = handicapped.amax(dim=1, keepdim=True)
    slots = (handicapped >= best - TIE_TOLERANCE).to(torch.uint8).argmax(dim=1)
    chosen = handicapped.gather(1, slots[:, None])[:, 0]
    return slots, (chosen > threshold) & valid.any(dim=1)


@dataclass(frozen=True)
class BestOfN:
    """The whole rule: from a critic's values to the action imitated in each state.

    Its settings are those of `ActorSettings`, and the price of candidates.
    """

    aggregation: Aggregation = "mean"
    threshold: float = 0.0
    margin: float = 0.0
    prior: float = 0.0
    observed: float | None = None
    """Discount with which the logged actions' returns are taken into account (see `observe`);
    None leaves all to the critic, as the paper does."""
    n: int = 0
    """Candidates of a state that compete, the logged action first; 0 stands for all."""
    privacy: float = 0.0
    """Taken off a candidate's value for each unit of `TransitionFeatures.candidate_costs`."""

    def advantages(
        self, q: Tensor, v: Tensor, features: TransitionFeatures, rows: Tensor | None = None
    ) -> Tensor:
        """A(s, a_j) of every candidate.

        Args:
            q: (E, R, N).
            v: (E, R).
            features: of the states.
            rows: (R,) long, the states the values are of; all of them by default.

        Returns:
            (R, N), minus infinity where the candidate is invalid.
        """
        rows = torch.arange(len(features)) if rows is None else rows
        if self.observed is not None:
            q = observe(q, features, rows, self.observed)
        return combine(q, v, features.candidate_valid[rows], self.aggregation)

    def choose(
        self, q: Tensor, v: Tensor, features: TransitionFeatures, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The best candidates; arguments as of `advantages`, returns and raises as `best_of_n`."""
        rows = torch.arange(len(features)) if rows is None else rows
        valid, log_probs = features.candidate_valid[rows], features.base_log_probs
        if self.n:
            valid = valid & (torch.arange(valid.shape[1]) < self.n)
        handicap = unlikeliness(None if log_probs is None else log_probs[rows], valid, self.prior)
        if self.privacy:
            assert features.candidate_costs is not None
            handicap = handicap + self.privacy * features.candidate_costs[rows]
        table = self.advantages(q, v, features, rows)
        return best_of_n(table, valid, self.threshold, self.margin, handicap)


def share_changed(slots: Tensor, keep: Tensor) -> float:
    """Share of the kept states where another action than the logged one is imitated.

    Returns:
        In [0, 1]; 0 if none is kept.
    """
    return float((slots[keep] != 0).float().mean()) if bool(keep.any()) else 0.0
