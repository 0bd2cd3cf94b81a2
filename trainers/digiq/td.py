"""Digi-Q's critic, learned offline by temporal differences (arXiv 2502.15760, "TD-learning").

    Q_i(s, a) <- r + gamma (1 - terminal) Vbar_i(s')
    V_i(s)    <- Qbar_i(s, a)            a the logged action, or the mean over candidates

for every member i of the ensemble; the bar marks Polyak-averaged targets. Only logged
actions have outcomes: what Q says of the other candidates is generalisation, so the
defaults lean on regularisation (dropout, weight decay, an ensemble, early stopping).
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from agentenv.errors import ConfigError
from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.diagnostics import diagnose
from trainers.digiq.transitions import TransitionFeatures

logger = logging.getLogger(__name__)

Log = Callable[[dict[str, float]], None]
"""Receives one row of metrics, `step` among them."""


@dataclass(frozen=True)
class Batch:
    """Transitions of one gradient step; C is 1 (logged only) or N candidates."""

    state: Tensor
    """(B, D)"""
    next_state: Tensor
    """(B, D)"""
    candidate: Tensor
    """(B, C, D), the logged action in slot 0."""
    geometry: Tensor
    """(B, C, G)"""
    valid: Tensor
    """(B, C) bool"""
    rewards: Tensor
    """(B,)"""
    terminal: Tensor
    """(B,) bool"""
    returns: Tensor
    """(B,) Monte-Carlo returns."""


def make_batch(
    features: TransitionFeatures, returns: Tensor, rows: Tensor, all_candidates: bool
) -> Batch:
    """Read some steps.

    Args:
        returns: (S,) `features.returns(gamma)`.
        rows: (B,) long.
        all_candidates: read every candidate, or the logged action alone.
    """
    slots = slice(None) if all_candidates else slice(0, 1)
    return Batch(
        state=features.state_features[rows],
        next_state=features.next_state_features(rows),
        candidate=features.candidate_features[rows, slots],
        geometry=features.candidate_geometry[rows, slots],
        valid=features.candidate_valid[rows, slots],
        rewards=features.rewards[rows].to(torch.float32),
        terminal=features.terminal[rows],
        returns=returns[rows],
    )


@torch.no_grad()
def learning_targets(critic: Critic, batch: Batch, config: CriticConfig) -> tuple[Tensor, Tensor]:
    """What Q_i(s, logged) and V_i(s) regress to.

    Returns:
        Q targets and V targets, both (E, B).
    """
    if config.critic == "mc":
        returns = batch.returns.expand(critic.shape.ensemble, -1)
        return returns, returns
    going_on = (~batch.terminal).to(torch.float32)
    q_target = batch.rewards + config.gamma * going_on * critic.v(batch.next_state, target=True)
    q = critic.q(batch.state, batch.candidate, batch.geometry, target=True)
    if config.v_target == "logged":
        return q_target, q[..., 0]
    counted = batch.valid.clone()
    counted[:, 0] |= ~counted.any(dim=1)  # none valid: the logged action alone
    return q_target, q.masked_fill(~counted, 0.0).sum(dim=-1) / counted.sum(dim=-1)


def critic_loss(
    critic: Critic, batch: Batch, q_target: Tensor, v_target: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean squared errors of Q_i(s, logged) and V_i(s), averaged over i and the batch.

    Returns:
        Q loss and V loss, scalars.
    """
    q = critic.q(batch.state, batch.candidate[:, :1], batch.geometry[:, :1])[..., 0]
    return functional.mse_loss(q, q_target), functional.mse_loss(critic.v(batch.state), v_target)


def split_by_episode(
    features: TransitionFeatures, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Rows for training and for validation; an episode is wholly in one of them.

    Args:
        share: of the episodes, for validation; rounded, at least one if share > 0.

    Raises:
        ConfigError: nothing would be left to train on.
    """
    episodes = features.episode.unique()
    held_out = max(1, round(share * len(episodes))) if share > 0 else 0
    if held_out >= len(episodes):
        raise ConfigError(
            f"{len(episodes)} episodes with validation_share={share} leave none to train on; "
            "collect more or lower the share"
        )
    shuffled = episodes[torch.randperm(len(episodes), generator=generator)]
    validation = torch.isin(features.episode, shuffled[:held_out])
    return (~validation).nonzero().flatten(), validation.nonzero().flatten()


def train_critic(
    features: TransitionFeatures, config: CriticConfig, log: Log | None = None
) -> tuple[Critic, dict[str, float]]:
    """Learn Q and V from logged transitions.

    Args:
        features: the data; not changed.
        config: how.
        log: called with a row of metrics at every evaluation.

    Returns:
        The critic, in evaluation mode, with the weights of the best evaluation, and that
        evaluation's row of metrics. The same arguments give the same critic.

    Raises:
        ConfigError: too few episodes, or the loss is not finite.
    """
    with _torch_settings(config):
        generator = torch.Generator().manual_seed(config.seed)
        training, validation = split_by_episode(features, config.validation_share, generator)
        critic = Critic(
            CriticShape(
                state_size=features.state_features.shape[-1],
                candidate_size=features.candidate_features.shape[-1],
                geometry_size=features.candidate_geometry.shape[-1],
                ensemble=config.ensemble,
                hidden=config.hidden,
                layers=config.layers,
                dropout=config.dropout,
            )
        )
        order = training[torch.randperm(len(training), generator=generator)]
        critic.fit_standardisation(features, order)
        return _optimise(critic, features, training, validation, config, generator, log)


def _optimise(
    critic: Critic,
    features: TransitionFeatures,
    training: Tensor,
    validation: Tensor,
    config: CriticConfig,
    generator: torch.Generator,
    log: Log | None,
) -> tuple[Critic, dict[str, float]]:
    heads = (critic.q_heads, critic.v_heads)
    weights = [weight for head in heads for weight in head.weights]
    biases = [bias for head in heads for bias in head.biases]
    groups: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": config.weight_decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.lr)
    returns = features.returns(config.gamma)
    all_candidates = config.critic == "td" and config.v_target == "expected"
    best: dict[str, float] = {}
    best_weights = critic.state_dict()
    losses: list[float] = []
    batches = _shuffled_batches(training, config.batch, generator)
    critic.train()
    for step in range(1, config.steps + 1):
        batch = make_batch(features, returns, next(batches), all_candidates)
        q_loss, v_loss = critic_loss(critic, batch, *learning_targets(critic, batch, config))
        optimizer.zero_grad(set_to_none=True)
        (q_loss + v_loss).backward()
        torch.nn.utils.clip_grad_norm_([*weights, *biases], config.grad_clip)
        optimizer.step()
        critic.update_targets(config.tau)
        losses.append(float(q_loss.detach() + v_loss.detach()))
        if not math.isfinite(losses[-1]):
            raise ConfigError(
                f"the critic's loss became {losses[-1]} at step {step}; look for NaN or infinite "
                "features, or lower lr"
            )
        if step % config.evaluate_every and step != config.steps:
            continue
        row = {"step": float(step), "train_loss": sum(losses) / len(losses)}
        row |= _evaluation(critic, features, validation, returns, config)
        losses.clear()
        if log is not None:
            log(row)
        if _is_better(row, best):
            best, best_weights = row, copy.deepcopy(critic.state_dict())
        elif config.patience and step - best["step"] >= config.patience * config.evaluate_every:
            logger.info("critic: stopped at step %d, best at %d", step, best["step"])
            break
    critic.load_state_dict(best_weights)
    return critic.eval(), best


def _evaluation(
    critic: Critic,
    features: TransitionFeatures,
    validation: Tensor,
    returns: Tensor,
    config: CriticConfig,
) -> dict[str, float]:
    """Loss and diagnostics on held-out episodes; empty without any."""
    if not len(validation):
        return {}
    critic.eval()
    batch = make_batch(
        features, returns, validation, config.critic == "td" and config.v_target == "expected"
    )
    with torch.no_grad():
        q_loss, v_loss = critic_loss(critic, batch, *learning_targets(critic, batch, config))
    numbers = diagnose(critic, features, config.gamma, rows=validation).numbers()
    critic.train()
    return {"validation_loss": float(q_loss + v_loss)} | {
        f"validation_{name}": value for name, value in numbers.items()
    }


def _is_better(row: dict[str, float], best: dict[str, float]) -> bool:
    """Without validation episodes the last weights are the best."""
    if not best or "validation_return_error" not in row:
        return True
    return row["validation_return_error"] < best["validation_return_error"]


def _shuffled_batches(rows: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless passes over the rows, each in a new order; the last batch may be short."""
    while True:
        yield from rows[torch.randperm(len(rows), generator=generator)].split(size)


@contextmanager
def _torch_settings(config: CriticConfig) -> Iterator[None]:
    """The seed and thread count within, as they were after."""
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            yield
    finally:
        torch.set_num_threads(threads)
