"""What the critic's heads learn, a rule at a time (arXiv 2502.15760, "TD-learning").

For every member i of the ensemble, a being the logged action; the bar marks
Polyak-averaged targets, expectations over the data are left out:

    td        Q_i(s, a) <- r + gamma (1 - terminal) Vbar_i(s')      V_i(s) <- Qbar_i(s, a)
    nstep     Q_i(s, a) <- r + ... + gamma^n Vbar_i(s n steps on)   V_i(s) <- Qbar_i(s, a)
    chunk     Q_i(s, a) as td     V_i(s) <- Qbar_i(s, a_1 ... a_h), a_1 being a, and
              Q_i(s, a_1 ... a_h) <- r_1 + ... + gamma^(h-1) r_h + gamma^h Vbar_i(s h steps on)
    mc        Q_i(s, a), V_i(s) <- the rewards that followed, discounted
    iql       Q_i(s, a) as td     V_i(s) <- an upper expectile of Qbar_i(s, a)
    hlgauss   as td, with values as categories

A time-out is bootstrapped through; success and a declared end are not.

`chunk` is chunked TD (Q-chunking, arXiv 2507.07969; ALOE, arXiv 2602.12691, does so for
vision-language-action models) for a policy that decides one action at a time. Values of whole
chunks carry a reward back h steps at once, but cannot rank single candidates; so, as
Decoupled Q-chunking (arXiv 2512.10926) and Chunk-Guided Q-learning (arXiv 2603.13971) do by
other means, single actions have a Q beside them: here the same heads, which are told of the
actions after the first or of none, and both meet in V. V is the mean over the logged chunks
of a state, never a maximum: the policy that was logged saw the states between, so a chunk's
value must not be read as what its actions bring when they are acted blindly. `nstep` looks
as far, but puts the outcome of n actions, luck included, on the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from trainers.digiq.critic import Critic
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.transitions import Backup, TransitionFeatures
from trainers.digiq.value_bins import classification_loss


@dataclass(frozen=True)
class Chunk:
    """The logged actions from each state of a batch on, to be valued at once."""

    following: Tensor
    """(B, h - 1, G + 1): those after the first."""
    later_state: Tensor
    """(B, D), after the last of them."""
    rewards: Tensor
    """(B,), of them all, discounted."""
    discount: Tensor
    """(B,): of the later state's value."""


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
    chunk: Chunk | None = None
    """Of the chunk critic."""


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


def batch_reader(features: TransitionFeatures, config: CriticConfig) -> Callable[[Tensor], Batch]:
    """Reads what a critic learns from of some steps, given as (B,) long."""
    backup = backup_of(features, config)
    chunks = features.backup(config.chunk, config.gamma) if config.critic == "chunk" else None

    def read(rows: Tensor) -> Batch:
        batch = make_batch(features, backup, rows, config.v_target == "expected")
        if chunks is None:
            return batch
        return replace(batch, chunk=make_chunk(features, chunks, rows, config.chunk))

    return read


def make_chunk(features: TransitionFeatures, backup: Backup, rows: Tensor, length: int) -> Chunk:
    """Read the logged actions from some steps on.

    Args:
        backup: of all steps, `length` steps ahead.
        rows: (B,) long.
        length: h, at least 2; an episode that ends sooner gives fewer.
    """
    return Chunk(
        following=features.following_actions(rows, length - 1),
        later_state=features.states_at(backup.index[rows]),
        rewards=backup.rewards[rows],
        discount=backup.discount[rows],
    )


@torch.no_grad()
def learning_targets(critic: Critic, batch: Batch, config: CriticConfig) -> tuple[Tensor, Tensor]:
    """What Q_i(s, logged) and V_i(s) are drawn to.

    Returns:
        Q targets (E, B), with a chunk (E, 2 B): those of the chunks after those of the
        single actions; and V targets (E, B).
    """
    if config.critic == "mc":
        returns = batch.rewards.expand(critic.shape.ensemble, -1)
        return returns, returns
    q_target = batch.rewards + batch.discount * critic.v(batch.later_state, target=True)
    chunk = batch.chunk
    following = chunk.following if chunk else None
    q = critic.q(batch.state, batch.candidate, batch.geometry, target=True, following=following)
    if chunk:
        later = critic.v(chunk.later_state, target=True)
        q_target = torch.cat([q_target, chunk.rewards + chunk.discount * later], dim=1)
    return q_target, q[..., 0] if config.v_target == "logged" else (q * batch.weights).sum(dim=-1)


def critic_loss(
    critic: Critic, batch: Batch, q_target: Tensor, v_target: Tensor, config: CriticConfig
) -> tuple[Tensor, Tensor]:
    """Losses of Q_i(s, logged) and V_i(s), averaged over i and the batch (and over single
    actions and chunks); targets as of `learning_targets`.

    Returns:
        Q loss and V loss, scalars.
    """
    logged = (batch.state, batch.candidate[:, :1], batch.geometry[:, :1])
    q = critic.q_outputs(*logged)[:, :, 0]
    if batch.chunk:
        chunks = critic.q_outputs(*logged, following=batch.chunk.following)[:, :, 0]
        q = torch.cat([q, chunks], dim=1)
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
