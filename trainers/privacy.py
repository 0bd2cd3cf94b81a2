"""The privacy audit as trainers ask it: what actions cost, on tasks whose privacy can be judged.

Imported by runs that ask for a price alone: the audit is no part of the trainers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from agentenv.actions import Action
from agentenv.errors import ConfigError
from agentenv.tasks.base import Task
from agentenv.tasks.selection import find_among
from agentenv.trajectories.episode import Episode
from privacy_audit.contract import Contract
from privacy_audit.costs import action_costs, step_costs
from privacy_audit.phone_contract import contract_for
from privacy_audit.policy import load_policy


class Auditor:
    """Prices actions by what the audit finds against them; made once a run, of whose every task it
    reads the contract.

    Args:
        tasks: that the run names, id -> task.
        policy: policy pack of the audit.
        setting: of the run, that asks for it; for the error.

    Raises:
        ConfigError: a task declares nothing that its privacy could be judged by, or there is no
            such policy pack.
    """

    def __init__(self, tasks: Mapping[str, Task], policy: str, setting: str) -> None:
        self._policy, self._find = load_policy(policy), find_among(tasks)
        for name in tasks:
            try:
                contract_for(name, "train", 0, self._find)
            except ConfigError as error:
                raise ConfigError(
                    f"{setting} needs tasks that declare a privacy contract; {name} has none"
                ) from error

    def logged(self, episode: Episode) -> np.ndarray:
        """What each step of an episode cost (see `privacy_audit.costs.step_costs`).

        Returns:
            (steps,) float64; the sum is the episode's cost.

        Raises:
            ConfigError: its task declares no contract.
            StoreError: it cannot be audited.
        """
        return step_costs(episode, self._policy, self._contract(episode))

    def proposed(self, episode: Episode, step: int, actions: Sequence[Action]) -> np.ndarray:
        """What actions would cost instead of the one that was taken at a step (see
        `privacy_audit.costs.action_costs`).

        Returns:
            (actions,) float64.

        Raises:
            ConfigError: the episode's task declares no contract.
        """
        past, seen = episode.steps[:step], episode.steps[step].observation
        return action_costs(past, seen, actions, self._policy, self._contract(episode))

    def _contract(self, episode: Episode) -> Contract:
        return contract_for(episode.task, episode.split, episode.index, self._find)
