"""What actions cost by the privacy audit, for a policy that is to give away less.

What a logged action cost may be taken off its reward: then Q and V are of success less what was
given away, and fall with the first step that leads to it. What a candidate would cost may be taken
off its value before the best one is chosen (`BestOfN.privacy`): then what is imitated is the action
that succeeds without the data, where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from agentenv.dialects.base import Dialect
from agentenv.tasks import get_task
from agentenv.tasks.selection import FindTask, find_among, select_tasks
from agentenv.trajectories.episode import Episode
from trainers.digiq.candidates import Candidates
from trainers.digiq.config import DigiQConfig
from trainers.digiq.features import FrozenStates, transitions
from trainers.digiq.transitions import TransitionFeatures


def costed_transitions(
    episodes: Sequence[Episode], frozen: FrozenStates, dialect: Dialect, config: DigiQConfig
) -> TransitionFeatures:
    """`transitions`, with what actions cost as far as the settings ask for it."""
    features, settings = transitions(episodes, frozen, dialect), config.privacy
    if not (settings.rewards or settings.candidates):
        return features
    find = find_among(select_tasks(config.tasks))  # imported ones are known by their suite alone
    if settings.rewards:
        prices = settings.rewards * logged_costs(episodes, settings.policy, find)
        features = replace(features, rewards=features.rewards - prices, prices=prices)
    if settings.candidates:
        costs = candidate_costs(episodes, frozen.candidates, dialect, settings.policy, find)
        features = replace(features, candidate_costs=costs)
    return features


def logged_costs(episodes: Sequence[Episode], policy: str, find: FindTask = get_task) -> Tensor:
    """What each logged action cost (see `privacy_audit.costs.step_costs`).

    Args:
        episodes: of tasks that declare a privacy contract.
        policy: policy pack of the audit.
        find: gives the task of an id.

    Returns:
        (S,) float32; an episode's add up to its cost.

    Raises:
        ConfigError: a task declares no contract, or there is no such policy pack.
        StoreError: an episode cannot be audited.
    """
    from privacy_audit.costs import step_costs
    from privacy_audit.phone_contract import contract_for
    from privacy_audit.policy import load_policy

    pack = load_policy(policy)
    costs = [
        step_costs(episode, pack, contract_for(episode.task, episode.split, episode.index, find))
        for episode in episodes
    ]
    return torch.from_numpy(np.concatenate(costs)).to(torch.float32)


def candidate_costs(
    episodes: Sequence[Episode],
    candidates: Sequence[Candidates],
    dialect: Dialect,
    policy: str,
    find: FindTask = get_task,
) -> Tensor:
    """What each candidate would lose in its state (see `privacy_audit.costs.action_costs`).

    Args:
        episodes: logged ones, of tasks that declare a privacy contract.
        candidates: of their steps, in order.
        dialect: the candidates are written in.
        policy: policy pack of the audit.
        find: gives the task of an id.

    Returns:
        (S, N) float32, 0 for what gives away nothing more.

    Raises:
        ConfigError: a task declares no contract, or there is no such policy pack.
    """
    # The audit is no part of the trainers: it is needed for this setting alone.
    from privacy_audit.costs import action_costs
    from privacy_audit.phone_contract import contract_for
    from privacy_audit.policy import load_policy

    pack = load_policy(policy)
    table, rows = [], iter(candidates)
    for episode in episodes:
        contract = contract_for(episode.task, episode.split, episode.index, find)
        for number, step in enumerate(episode.steps):
            texts = next(rows).texts
            different = list(dict.fromkeys(texts))
            actions = [dialect.parse(text) for text in different]
            past = episode.steps[:number]
            costs = action_costs(past, step.observation, actions, pack, contract)
            found = dict(zip(different, costs.tolist(), strict=True))
            table.append([found[text] for text in texts])
    return torch.tensor(table)
