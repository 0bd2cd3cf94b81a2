"""Learning Digi-Q's critic offline (arXiv 2502.15760, "TD-learning").

What Q and V are drawn to is in `targets.py`; here is the loop. Only logged actions have
outcomes: what Q says of the other candidates is generalisation, so the defaults lean on
regularisation (dropout, weight decay, an ensemble, early stopping on held-out episodes).
"""

from __future__ import annotations

import copy
import itertools
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from agentenv.errors import ConfigError
from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.critic_config import CriticConfig, StopOn
from trainers.digiq.diagnostics import Diagnostics, collapse, diagnose
from trainers.digiq.replay import Replay, mixture
from trainers.digiq.targets import Batch, batch_reader, critic_loss, learning_targets
from trainers.digiq.transitions import TransitionFeatures

logger = logging.getLogger(__name__)

Log = Callable[[dict[str, float]], None]
"""Receives one row of metrics, `step` among them."""


def split_by_episode(
    features: TransitionFeatures,
    share: float,
    generator: torch.Generator,
    among: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rows for training and for validation; an episode is wholly in one of them.

    Args:
        share: of the episodes, for validation; rounded, at least one if share > 0.
        among: numbers of the episodes to split; all of them by default.

    Raises:
        ConfigError: nothing would be left to train on.
    """
    episodes = features.episode.unique() if among is None else among
    held_out = max(1, round(share * len(episodes))) if share > 0 else 0
    if held_out >= len(episodes):
        raise ConfigError(
            f"{len(episodes)} episodes with validation_share={share} leave none to train on; "
            "collect more or lower the share"
        )
    shuffled = episodes[torch.randperm(len(episodes), generator=generator)]
    validation = torch.isin(features.episode, shuffled[:held_out])
    training = torch.isin(features.episode, shuffled[held_out:])
    return training.nonzero().flatten(), validation.nonzero().flatten()


def train_critic(
    features: TransitionFeatures,
    config: CriticConfig,
    log: Log | None = None,
    among: Tensor | None = None,
    replay: Replay | None = None,
) -> tuple[Critic, dict[str, float]]:
    """Learn Q and V from logged transitions.

    Args:
        features: the data; not changed.
        config: how.
        log: called with a row of metrics at every evaluation.
        among: numbers of the episodes to learn from, and to validate on; all by default.
        replay: instead, go on from a trained critic (its optimiser starts anew) on logged
            and fresh data; what was held out of either before is held out again.

    Returns:
        The critic, in evaluation mode, with the weights of the best evaluation, and that
        evaluation's row of metrics. The same arguments give the same critic.

    Raises:
        ConfigError: too few episodes, settings that contradict each other, or the loss is
            not finite.
    """
    _check(features, config)
    with _torch_settings(config):
        if replay is not None:
            return _go_on(replay, features, config, log)
        generator = torch.Generator().manual_seed(config.seed)
        training, validation = split_by_episode(features, config.validation_share, generator, among)
        critic = Critic(
            CriticShape(
                state_size=features.state_features.shape[-1],
                candidate_size=features.candidate_features.shape[-1],
                geometry_size=features.candidate_geometry.shape[-1],
                ensemble=config.ensemble,
                hidden=config.hidden,
                layers=config.layers,
                dropout=config.dropout,
                bins=config.bins if config.critic == "hlgauss" else 0,
                chunk=config.chunk if config.critic == "chunk" else 1,
            )
        )
        order = training[torch.randperm(len(training), generator=generator)]
        critic.fit_standardisation(features, order)
        batches = _shuffled_batches(training, config.batch, generator)
        return _optimise(critic, features, batches, validation, config, log)


def _go_on(
    replay: Replay, features: TransitionFeatures, config: CriticConfig, log: Log | None
) -> tuple[Critic, dict[str, float]]:
    training, held_out = [], []
    for episodes in features.episode.split(list(replay.sizes)):
        generator = torch.Generator().manual_seed(config.seed)
        part = split_by_episode(features, config.validation_share, generator, episodes.unique())
        training.append(part[0].tolist())
        held_out.append(part[1])
    logged, fresh = training[0], [row for part in training[1:] for row in part]
    rows = mixture(logged, fresh, config.batch, replay.fresh_share, config.seed)
    batches = (torch.tensor(rows(step)) for step in itertools.count())
    critic = copy.deepcopy(replay.start)
    return _optimise(critic, features, batches, torch.cat(held_out), config, log)


def _check(features: TransitionFeatures, config: CriticConfig) -> None:
    if config.n_step < 1:
        raise ConfigError(f"n_step is {config.n_step}; it must be at least 1")
    if config.critic == "chunk" and config.chunk < 2:
        raise ConfigError(f"chunk is {config.chunk}; it must be at least 2: one action is td")
    if not 0 < config.expectile < 1:
        raise ConfigError(f"expectile is {config.expectile}; it must be between 0 and 1")
    if config.critic in ("mc", "chunk", "iql") and config.v_target == "expected":
        raise ConfigError(
            f"the {config.critic} critic's V learns from logged actions alone; leave out "
            "v_target=expected, or choose td, nstep or hlgauss"
        )
    if config.critic == "hlgauss":
        returns = features.returns(config.gamma)
        if config.bins < 2 or float(returns.min()) < 0 or float(returns.max()) > 1:
            raise ConfigError(
                "hlgauss needs at least 2 bins and returns in [0, 1]; these are in "
                f"[{float(returns.min()):g}, {float(returns.max()):g}]"
            )


def _optimise(
    critic: Critic,
    features: TransitionFeatures,
    batches: Iterator[Tensor],
    validation: Tensor,
    config: CriticConfig,
    log: Log | None,
) -> tuple[Critic, dict[str, float]]:
    optimizer, parameters = _optimizer(critic, config)
    read = batch_reader(features, config)
    best: dict[str, float] = {}
    best_weights = critic.state_dict()
    losses: list[float] = []
    collapsed = False
    critic.train()
    for step in range(1, config.steps + 1):
        q_loss, v_loss = _losses(critic, read(next(batches)), config)
        optimizer.zero_grad(set_to_none=True)
        (q_loss + v_loss).backward()
        torch.nn.utils.clip_grad_norm_(parameters, config.grad_clip)
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
        losses.clear()
        if len(validation):
            found = diagnose(critic, features, config.gamma, rows=validation)
            row |= _validation(critic, read(validation), found, config)
            collapsed = _report_collapse(step, found, collapsed)
        if log is not None:
            log(row)
        if _is_better(row, best, config.stop_on):
            best, best_weights = row, copy.deepcopy(critic.state_dict())
        elif config.patience and step - best["step"] >= config.patience * config.evaluate_every:
            logger.info(
                "critic: stopped at step %d; %s on held-out episodes was best at %d",
                *(step, config.stop_on, best["step"]),
            )
            break
    critic.load_state_dict(best_weights)
    return critic.eval(), best


def _optimizer(
    critic: Critic, config: CriticConfig
) -> tuple[torch.optim.Optimizer, list[torch.nn.Parameter]]:
    """AdamW on the heads, and what it trains."""
    heads = (critic.q_heads, critic.v_heads)
    weights = [weight for head in heads for weight in head.weights]
    biases = [bias for head in heads for bias in head.biases]
    groups: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": config.weight_decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr), [*weights, *biases]


def _losses(critic: Critic, batch: Batch, config: CriticConfig) -> tuple[Tensor, Tensor]:
    return critic_loss(critic, batch, *learning_targets(critic, batch, config), config)


@torch.no_grad()
def _validation(
    critic: Critic, batch: Batch, diagnostics: Diagnostics, config: CriticConfig
) -> dict[str, float]:
    """Loss and diagnostics on held-out episodes, for the log."""
    critic.eval()
    q_loss, v_loss = _losses(critic, batch, config)
    critic.train()
    numbers = {"loss": float(q_loss + v_loss), **diagnostics.numbers()}
    return {f"validation_{name}": value for name, value in numbers.items()}


def _report_collapse(step: int, diagnostics: Diagnostics, before: bool) -> bool:
    """Say it when Q collapses to V while it is learned, and when it no longer is so.

    Returns:
        Whether it has collapsed now.
    """
    words = collapse(diagnostics)
    if words and not before:
        logger.warning("critic: step %d: %s", step, words)
    elif before and not words:
        logger.info("critic: step %d: Q tells a state's actions apart again", step)
    return bool(words)


def _is_better(row: dict[str, float], best: dict[str, float], stop_on: StopOn) -> bool:
    """Without validation episodes the last weights are the best."""
    name = f"validation_{stop_on}"
    if not best or name not in row:
        return True
    if math.isnan(row[name]) or stop_on == "return_error":  # nothing to rank: judge by the error
        name = "validation_return_error"
        return row[name] < best[name]
    return row[name] > best[name]


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
