"""Groups of answers to logged screens, graded against what was demonstrated there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agentenv.actions import Invalid
from agentenv.errors import ConfigError
from agentenv.policies.vlm import VLMPolicy
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from trainers.craft_gui.acting import Drawn
from trainers.craft_gui.config import CraftGUIConfig
from trainers.craft_gui.groups import Attempt, Group, Turn
from trainers.craft_gui.rewards import step_reward


class Demonstrations:
    """What `Acting` is for rollouts, for the screens of successful logged episodes.

    Args:
        config: of the run.

    Raises:
        ConfigError: there is no successful episode.
        StoreError: a store is unreadable.
    """

    def __init__(self, config: CraftGUIConfig) -> None:
        self.config = config
        self._states: defaultdict[str, list[tuple[Episode, int]]] = defaultdict(list)
        self._lengths: defaultdict[str, list[int]] = defaultdict(list)
        for episode in successful(config.offline.data):
            self._lengths[episode.task].append(len(episode.steps))
            self._states[episode.task] += [
                (episode, number)
                for number, step in enumerate(episode.steps)
                if not isinstance(step.action, Invalid)
            ]

    @property
    def lengths(self) -> dict[str, int]:
        """Mean steps of each task's demonstrations, by id."""
        return {name: round(float(np.mean(steps))) for name, steps in self._lengths.items()}

    def play(
        self, policy: VLMPolicy, plan: Sequence[Drawn], iteration: int
    ) -> tuple[list[Group], int]:
        """Answer a screen of each drawn task, several times; no step is taken."""
        states = []
        for drawn in plan:
            known = self._states[drawn.task]
            rng = np.random.default_rng([self.config.seed, drawn.number])
            states.append(known[int(rng.integers(len(known)))])
        histories = [episode.history_at(number) for episode, number in states]
        answers = policy.propose(histories, self.config.rollouts.size)
        groups = []
        for drawn, (episode, number), history, decisions in zip(
            plan, states, histories, answers, strict=True
        ):
            step, prompt = episode.steps[number], policy.prompt(history)
            attempts = []
            for decision in decisions:
                reward = step_reward(
                    decision.action,
                    step.action,
                    step.observation.elements,
                    self.config.offline.reward,
                )
                turn = Turn(prompt, decision.token_ids, decision.log_probs, reward.total, b"")
                # Wholly right is what counts as success here.
                right = reward.parts["type"] == reward.parts["arguments"] == 1
                attempts.append(Attempt((turn,), reward, right))
            groups.append(Group(drawn.task, drawn.number, tuple(attempts), iteration))
        return groups, 0

    def flush(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


def successful(stores: Sequence[Path]) -> list[Episode]:
    """The successful episodes of some stores.

    Raises:
        ConfigError: there is none.
        StoreError: a store is unreadable.
    """
    found = [
        episode
        for path in stores
        for episode in TrajectoryStore(path).episodes()
        if episode.success
    ]
    if not found:
        names = ", ".join(map(str, stores))
        raise ConfigError(f"no successful demonstration in {names}: collect some with an oracle")
    return found
