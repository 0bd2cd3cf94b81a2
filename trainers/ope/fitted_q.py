"""Fitted Q evaluation (Le et al., arXiv 1903.08738) with the critic of Digi-Q.

    Q(s, a) <- r + gamma (1 - end) V(s'),     V(s) <- sum_j w_j Q(s, a_j)

a_j being the candidates of s, weighed so that the sum is the evaluated policy's
expectation (see `policy_scores.proposal_weights`). This is the critic's own TD learning
with other weights in V's mean, hence its networks, targets and loop.

The steps of an episode get their values from a critic that has not seen it
(cross-fitting): one that has would know its outcome by heart, and doubly robust
estimates would find nothing to correct.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from agentenv.errors import ConfigError
from trainers.digiq.critic import evaluate
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.td import train_critic
from trainers.digiq.transitions import TransitionFeatures

FOLDS = 5
SETTINGS = CriticConfig(
    critic="td",
    v_target="expected",
    steps=300,
    lr=1e-3,
    weight_decay=0.1,
    validation_share=0.0,
    patience=0,
)
"""Of every policy's critic, whatever the run's own was, so that policies are rated alike. The
steps are fixed: no held-out return says when the Q of *another* policy than the logged one
is best."""


@dataclass(frozen=True)
class FittedValues:
    """What the evaluated policy would earn, by the model, from S logged states on."""

    q: Tensor
    """(S,) after the logged action."""
    v: Tensor
    """(S,)"""


def fit_q(
    features: TransitionFeatures,
    weights: Tensor,
    *,
    gamma: float = 1.0,
    settings: CriticConfig = SETTINGS,
    folds: int = FOLDS,
    progress: Callable[[int], None] = lambda done: None,
) -> FittedValues:
    """Learn Q of a policy from logged steps, and say its values of those steps.

    An episode that was cut short by the step limit is over: what is estimated is the
    reward of an episode, which has that limit.

    Args:
        features: logged transitions.
        weights: (S, N), for `TransitionFeatures.candidate_weights`.
        gamma: discount.
        settings: networks and optimiser, like `SETTINGS`.
        folds: critics, each trained without its share of the episodes; 1 trains one on all
            and cross-fits nothing.
        progress: told how many critics are done.

    Raises:
        ConfigError: there are fewer episodes than folds.
    """
    ended = features.terminal | features.timeout
    task = replace(
        features, terminal=ended, timeout=torch.zeros_like(ended), candidate_weights=weights
    )
    episodes = features.episode.unique()
    if not 1 <= folds <= len(episodes):
        raise ConfigError(f"{len(episodes)} episodes cannot be split into {folds} folds")
    generator = torch.Generator().manual_seed(settings.seed)
    shuffled = episodes[torch.randperm(len(episodes), generator=generator)]
    q, v = torch.zeros(len(features)), torch.zeros(len(features))
    for number, part in enumerate(shuffled.chunk(folds)):
        others = shuffled if folds == 1 else shuffled[~torch.isin(shuffled, part)]
        critic, _ = train_critic(task, replace(settings, gamma=gamma), among=others.sort().values)
        rows = torch.isin(features.episode, part).nonzero().flatten()
        values = evaluate(critic, task, rows)[0].mean(dim=0)
        q[rows], v[rows] = values[:, 0], (values * weights[rows]).sum(dim=1)
        progress(number + 1)
    return FittedValues(q, v)
