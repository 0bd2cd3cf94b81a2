"""What is learned from: groups of rollouts from one initial state, as turns with rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agentenv.policies.prompts import Prompt
from agentenv.policies.vlm import VLMPolicy
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.tally import state_digest
from trainers.craft_gui.ledger import LedgerError
from trainers.craft_gui.rewards import Reward
from trainers.objectives.objective import Objective
from trainers.objectives.selection import unequal_groups
from trainers.objectives.step_advantages import Steps


@dataclass(frozen=True)
class Turn:
    """One decision: everything that learning needs of it is in this record."""

    prompt: Prompt
    answer: tuple[int, ...]
    """Token ids, all of them to learn from; the end token among them if it was said."""
    log_probs: tuple[float, ...]
    """Of each, when it was sampled."""
    reward: float
    """Earned at this step by itself."""
    state: bytes
    """Equal for turns in the same state."""

    def __post_init__(self) -> None:
        if not self.answer or len(self.answer) != len(self.log_probs):
            raise LedgerError(
                f"a turn has {len(self.answer)} tokens and {len(self.log_probs)} of their "
                "log-probabilities; was it stored by a policy that keeps both?"
            )


@dataclass(frozen=True)
class Attempt:
    """One rollout of a group."""

    turns: tuple[Turn, ...]
    """Those of the policy; an oracle's beginning is not among them."""
    reward: Reward
    success: bool


@dataclass(frozen=True)
class Group:
    """Rollouts of one task from one initial state."""

    task: str
    number: int
    """Counts the groups of a run."""
    attempts: tuple[Attempt, ...]
    """Those that the infrastructure failed are left out."""
    born: int = 0
    """Iteration whose policy acted."""
    shown: int = 0
    """Steps that an oracle took first."""

    @property
    def rewards(self) -> Tensor:
        """(attempts,) float64."""
        return torch.tensor([attempt.reward.total for attempt in self.attempts]).double()

    @property
    def informative(self) -> bool:
        """Whether its rewards differ, and there is something to learn from."""
        if len(self.attempts) < 2 or not any(attempt.turns for attempt in self.attempts):
            return False
        alike = torch.zeros(len(self.attempts), dtype=torch.long)
        return bool(unequal_groups(self.rewards, alike).any())

    @property
    def one_start(self) -> bool:
        """Whether all attempts began in the same state, as far as the agent sees."""
        return len({attempt.turns[0].state for attempt in self.attempts if attempt.turns}) <= 1

    @property
    def turns(self) -> list[Turn]:
        """Of all attempts, in order."""
        return [turn for attempt in self.attempts for turn in attempt.turns]


def attempt_of(episode: Episode, reward: Reward, policy: VLMPolicy) -> Attempt:
    """An episode as it is learned from, fresh or from a store.

    Args:
        episode: of the policy, or one with its prompts.
        reward: what it is worth.
        policy: whose prompts the turns have.
    """
    turns = tuple(
        Turn(
            policy.prompt(episode.history_at(number)),
            step.token_ids,
            step.log_probs,
            reward.steps[number],
            state_digest(step.observation),
        )
        for number, step in enumerate(episode.steps)
        if step.token_ids  # an oracle's steps have none
    )
    return Attempt(turns, reward, episode.success)


def advantages_of(groups: Sequence[Group], objective: Objective) -> Tensor:
    """(turns,) float32, how good each turn of the groups was, in order."""
    attempts = [attempt for group in groups for attempt in group.attempts]
    rewards = torch.cat([group.rewards for group in groups])
    numbers = torch.cat(
        [torch.full((len(group.attempts),), place) for place, group in enumerate(groups)]
    )
    places: dict[bytes, int] = {}
    rows, earned, anchors = [], [], []
    for row, attempt in enumerate(attempts):
        for turn in attempt.turns:
            rows.append(row)
            earned.append(turn.reward)
            anchors.append(places.setdefault(turn.state, len(places)))
    steps = Steps(torch.tensor(rows), torch.tensor(earned), torch.tensor(anchors))
    return objective.advantages(rewards, numbers, steps)
