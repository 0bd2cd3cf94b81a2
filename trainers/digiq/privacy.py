"""What actions cost by the privacy audit, for a policy that is to give away less.

What a logged action cost may be taken off its reward: then Q and V are of success less what was
given away, and fall with the first step that leads to it. What a candidate would cost may be taken
off its value before the best one is chosen (`BestOfN.privacy`): then what is imitated is the action
that succeeds without the data, where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from agentenv.dialects.base import Dialect
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.episode import Episode
from trainers.digiq.candidates import Candidates
from trainers.digiq.config import DigiQConfig, PrivacySettings
from trainers.digiq.features import FrozenStates, transitions
from trainers.digiq.transitions import TransitionFeatures

if TYPE_CHECKING:
    from trainers.privacy import Auditor


def auditor_of(config: DigiQConfig) -> Auditor | None:
    """Who prices a run's actions; nobody if they cost nothing.

    Raises:
        ConfigError: as of `Auditor`.
    """
    settings = config.privacy
    if not (settings.rewards or settings.candidates):
        return None
    from trainers.privacy import Auditor

    setting = "privacy.rewards" if settings.rewards else "privacy.candidates"
    return Auditor(select_tasks(config.tasks), settings.policy, setting)


def costed_transitions(
    episodes: Sequence[Episode],
    frozen: FrozenStates,
    dialect: Dialect,
    settings: PrivacySettings,
    auditor: Auditor | None,
) -> TransitionFeatures:
    """`transitions`, with what actions cost as far as the settings ask for it.

    Args:
        auditor: of `auditor_of`.
    """
    features = transitions(episodes, frozen, dialect)
    if auditor is None:
        return features
    if settings.rewards:
        prices = settings.rewards * logged_costs(episodes, auditor)
        features = replace(features, rewards=features.rewards - prices, prices=prices)
    if settings.candidates:
        costs = candidate_costs(episodes, frozen.candidates, dialect, auditor)
        features = replace(features, candidate_costs=costs)
    return features


def logged_costs(episodes: Sequence[Episode], auditor: Auditor) -> Tensor:
    """What each logged action cost.

    Returns:
        (S,) float32; an episode's add up to its cost.

    Raises:
        ConfigError: a task declares no contract.
        StoreError: an episode cannot be audited.
    """
    costs = np.concatenate([auditor.logged(episode) for episode in episodes])
    return torch.from_numpy(costs).to(torch.float32)


def candidate_costs(
    episodes: Sequence[Episode],
    candidates: Sequence[Candidates],
    dialect: Dialect,
    auditor: Auditor,
) -> Tensor:
    """What each candidate would lose in its state.

    Args:
        episodes: logged ones.
        candidates: of their steps, in order.
        dialect: the candidates are written in.
        auditor: prices them.

    Returns:
        (S, N) float32, 0 for what gives away nothing more.

    Raises:
        ConfigError: a task declares no contract.
    """
    table, rows = [], iter(candidates)
    for episode in episodes:
        for step in range(len(episode.steps)):
            texts = next(rows).texts
            different = list(dict.fromkeys(texts))
            costs = auditor.proposed(episode, step, [dialect.parse(text) for text in different])
            found = dict(zip(different, costs.tolist(), strict=True))
            table.append([found[text] for text in texts])
    return torch.tensor(table)
