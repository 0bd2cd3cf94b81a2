"""What the critic's heads learn, a rule at a time (arXiv 2502.15760, "TD-learning").

For every member i of the ensemble, a being the logged action; the bar marks
Polyak-averaged targets, expectations over the data are left out:

    td        Q_i(s, a) <- r + gamma (1 - terminal) Vbar_i(s')      V_i(s) <- Qbar_i(s, a)
    nstep     Q_i(s, a) <- r + ... + gamma^n Vbar_i(s n steps on)   V_i(s) <- Qbar_i(s, a)
    mc        Q_i(s, a), V_i(s) <- the rewards that followed, discounted
    iql       Q_i(s, a) as td     V_i(s) <- an upper expectile of Qbar_i(s, a)
    hlgauss   as td, with values as categories

A time-out is bootstrapped through; success and a declared end are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainers.digiq.critic import Critic
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.transitions import Backup, TransitionFeatures
from trainers.digiq.value_bins import classification_loss


@dataclass(frozen=True)
class Batch:
    """Transitions of one gradient step; C is 1 (logged only) or N candidates."""

    state: Tensor
    """(B, D)"""
    later_state: Tensor
    """(B, D): that of the backup."""
    candidate: Tensor
    """(B, C, D), the logged action in slot 0."""
    geometry: Tensor
    """(B, C, G)"""
    weights: Tensor
    """(B, C): of each action in the state's mean; of no meaning if C is 1."""
    rewards: Tensor
    """(B,), up to the later state."""
    discount: Tensor
    """(B,): of the later state's value."""


def backup_of(features: TransitionFeatures, config: CriticConfig) -> Backup:
    """How far Q looks ahead in the log before it trusts V."""
    if config.critic == "mc":
        returns = features.returns(config.gamma)
        return Backup(returns, torch.zeros_like(returns), torch.zeros_like(features.next_index))
    return features.backup(config.n_step if config.critic == "nstep" else 1, config.gamma)


def make_batch(
    features: TransitionFeatures, backup: Backup, rows: Tensor, all_candidates: bool
) -> Batch:
    """Read some steps.

    Args:
        backup: of all steps.
        rows: (B,) long.
        all_candidates: read every candidate, or the logged action alone.
    """
    slots = slice(None) if all_candidates else slice(0, 1)
    return Batch(
        state=features.state_features[rows],
        later_state=features.states_at(backup.index[rows]),
        candidate=features.candidate_features[rows, slots],
        geometry=features.candidate_geometry[rows, slots],
        weights=features.action_weights(rows)[:, slots],
        rewards=backup.rewards[rows],
        discount=backup.discount[rows],
    )


@torch.no_grad()
def learning_targets(critic: Critic, batch: Batch, config: CriticConfig) -> tuple[Tensor, Tensor]:
    """What Q_i(s, logged) and V_i(s) are drawn to.

    Returns:
        Q targets and V targets, both (E, B).
    """
    if config.critic == "mc":
        returns = batch.rewards.expand(critic.shape.ensemble, -1)
        return returns, returns
    q_target = batch.rewards + batch.discount * critic.v(batch.later_state, target=True)
    q = critic.q(batch.state, batch.candidate, batch.geometry, target=True)
    return q_target, q[..., 0] if config.v_target == "logged" else (q * batch.weights).sum(dim=-1)


def critic_loss(
    critic: Critic, batch: Batch, q_target: Tensor, v_target: Tensor, config: CriticConfig
) -> tuple[Tensor, Tensor]:
    """Losses of Q_i(s, logged) and V_i(s), averaged over i and the batch.

    Returns:
        Q loss and V loss, scalars.
    """
    q = critic.q_outputs(batch.state, batch.candidate[:, :1], batch.geometry[:, :1])[:, :, 0]
    v = critic.v_outputs(batch.state)
    if config.critic == "hlgauss":
        return classification_loss(q, q_target), classification_loss(v, v_target)
    q_loss = functional.mse_loss(q[..., 0], q_target)
    if config.critic == "iql":
        return q_loss, expectile_loss(v[..., 0], v_target, config.expectile)
    return q_loss, functional.mse_loss(v[..., 0], v_target)


def expectile_loss(values: Tensor, targets: Tensor, expectile: float) -> Tensor:
    """IQL's loss of V (arXiv 2110.06169): mean of |expectile - 1(u < 0)| u^2, u = target - value.

    Above 0.5, falling short of a target costs more than exceeding it, so V tends to the
    better of the logged actions without ever asking Q about another.
    """
    shortfall = targets - values
    weight = torch.where(shortfall < 0, 1 - expectile, expectile)
    return (weight * shortfall.square()).mean()
