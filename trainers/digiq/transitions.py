"""What the critic learns from: transitions as tensors of frozen features.

Shapes, here and in the rest of the critic's files: S logged states (all episodes one
after another), F final states (what was seen after a truncated episode's last action),
N candidate actions a state (slot 0 is the logged one), D features of the VLM, G numbers
of action geometry, E members of the critic's ensemble, B states of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from agentenv.errors import ConfigError


@dataclass(frozen=True)
class Backup:
    """What Q of each logged action is told by the log: rewards + discount * V(later state)."""

    rewards: Tensor
    """(S,) float32, summed and discounted up to the later state."""
    discount: Tensor
    """(S,) float32: gamma^n, n steps lying between; 0 where the episode ended on the way,
    but not where it was cut short by the step limit."""
    index: Tensor
    """(S,) long: the later state, numbered as `TransitionFeatures.next_index`; arbitrary
    where the discount is 0."""


@dataclass(frozen=True)
class TransitionFeatures:
    """Logged transitions and the candidates proposed for their states.

    Feature tensors may be float16 and memory-mapped: only batches of them are read.
    Episodes that the infrastructure ended must have been left out.
    """

    state_features: Tensor
    """(S, D): the state alone, no action in the prompt."""
    candidate_features: Tensor
    """(S, N, D): the state together with one candidate action."""
    candidate_geometry: Tensor
    """(S, N, G): `trainers.digiq.geometry.action_geometry` of each candidate."""
    candidate_valid: Tensor
    """(S, N) bool; slot 0 was acted, so it counts for learning whatever it says here."""
    rewards: Tensor
    """(S,) reward of the logged action, less its price."""
    terminal: Tensor
    """(S,) bool: nothing comes after this step (success, a declared end, the task's end)."""
    timeout: Tensor
    """(S,) bool: last step of an episode cut short by the step limit; values are
    bootstrapped through it."""
    final_state_features: Tensor
    """(F, D): states after the timeouts, one each, in order."""
    next_index: Tensor
    """(S,) long: the next state; below S a row of `state_features`, from S on row
    `next_index - S` of `final_state_features`; 0, and unused, where terminal."""
    episode: Tensor
    """(S,) long: number of the episode, increasing."""
    step: Tensor
    """(S,) long: 0 for an episode's first step."""
    task: Tensor | None = None
    """(S,) long: number of the task, for rankings within a task."""
    candidate_log_probs: Tensor | None = None
    """(S, N): log-probability of each candidate under the policy that proposed it."""
    base_log_probs: Tensor | None = None
    """(S, N): log-probability of its wording under the base policy, at temperature 1."""
    candidate_weights: Tensor | None = None
    """(S, N), rows adding up to 1: how much each candidate counts where a state's value is
    the mean over its actions; by default all valid ones count alike."""
    candidate_costs: Tensor | None = None
    """(S, N): what the privacy audit would find against each candidate."""
    prices: Tensor | None = None
    """(S,): what has been taken off `rewards` for what the logged action gave away."""

    def __post_init__(self) -> None:
        states, candidates = self.candidate_valid.shape
        finals = len(self.final_state_features)
        expected = {
            "candidate_features": (states, candidates),
            "candidate_geometry": (states, candidates),
            "candidate_log_probs": (states, candidates),
            "base_log_probs": (states, candidates),
            "candidate_weights": (states, candidates),
            "candidate_costs": (states, candidates),
        }
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or field.name == "final_state_features":
                continue
            shape = expected.get(field.name, (states,))
            if tuple(value.shape[: len(shape)]) != shape:
                raise ConfigError(
                    f"{field.name} has shape {tuple(value.shape)}; it must start with {shape}"
                )
        if bool((self.terminal & self.timeout).any()):
            raise ConfigError("a step is both terminal and a timeout; it can be one of them")
        if states and int(self.next_index.max()) >= states + finals:
            raise ConfigError(
                f"next_index reaches {int(self.next_index.max())} but there are "
                f"{states} states and {finals} final states"
            )

    def __len__(self) -> int:
        return len(self.rewards)

    def states_at(self, index: Tensor) -> Tensor:
        """States by number, read row by row.

        Args:
            index: (B,) long, numbered as in `next_index`.

        Returns:
            (B, D).
        """
        final = index >= len(self)
        result = self.state_features[index.masked_fill(final, 0)]
        if bool(final.any()):
            late = self.final_state_features[index[final] - len(self)]
            result[final] = late.to(result.dtype)
        return result

    def action_weights(self, rows: Tensor) -> Tensor:
        """`candidate_weights` of some states, rows (B,) long, or what they are by default.

        Returns:
            (B, N) float32; without a valid candidate the logged action counts alone.
        """
        if self.candidate_weights is not None:
            return self.candidate_weights[rows]
        counted = self.candidate_valid[rows].clone()
        counted[:, 0] |= ~counted.any(dim=1)
        return counted / counted.sum(dim=1, keepdim=True)

    def different(self, rows: Tensor) -> Tensor:
        """Valid candidates that are not an earlier one of their state once more.

        Equal actions have equal features, to the bit.

        Args:
            rows: (B,) long.

        Returns:
            (B, N) bool.
        """
        features, valid = self.candidate_features[rows], self.candidate_valid[rows]
        repeated = torch.zeros_like(valid)
        for slot in range(1, valid.shape[1]):
            equal = (features[:, :slot] == features[:, slot, None]).all(dim=-1)
            repeated[:, slot] = (equal & valid[:, :slot]).any(dim=1)
        return valid & ~repeated

    def backup(self, steps: int, gamma: float) -> Backup:
        """What each logged action led to within some steps.

        Args:
            steps: n, at least 1; an episode that ends sooner gives fewer.
            gamma: discount.
        """
        rewards = self.rewards.to(torch.float32).clone()
        discount = gamma * (~self.terminal).to(torch.float32)
        index = self.next_index.clone()
        for _ in range(steps - 1):
            going_on = (discount > 0) & (index < len(self))
            here = index[going_on]  # the step that comes next
            rewards[going_on] += discount[going_on] * self.rewards[here].to(torch.float32)
            discount[going_on] *= gamma * (~self.terminal[here]).to(torch.float32)
            index[going_on] = self.next_index[here]
        return Backup(rewards, discount, index)

    def following_actions(self, rows: Tensor, count: int) -> Tensor:
        """The logged actions that came after those of some steps, in the same episode.

        Args:
            rows: (B,) long.
            count: of actions after each.

        Returns:
            (B, count, G + 1) float32: each action's geometry and a 1; zeros where the
            episode was over.
        """
        later = rows[:, None] + torch.arange(1, count + 1)
        known = later < len(self)
        later = later.clamp(max=len(self) - 1)
        known &= self.episode[later] == self.episode[rows][:, None]
        geometry = self.candidate_geometry[later, 0].to(torch.float32)
        return torch.cat([geometry, torch.ones(*later.shape, 1)], dim=-1) * known[..., None]

    def returns(self, gamma: float) -> Tensor:
        """Monte-Carlo returns: what was really collected from each step on.

        Args:
            gamma: discount; 1.0 gives the plain sum of rewards to come.

        Returns:
            (S,) float32. After a timeout nothing more is counted.
        """
        result = self.rewards.to(torch.float32).clone()
        ends = (self.terminal | self.timeout).tolist()
        for row in range(len(self) - 2, -1, -1):
            if not ends[row]:
                result[row] += gamma * result[row + 1]
        return result

    @property
    def succeeded(self) -> Tensor:
        """(S,) bool: the full reward was collected from here on, at whatever price."""
        earned = self if self.prices is None else replace(self, rewards=self.rewards + self.prices)
        return earned.returns(1.0) >= 1.0 - 1e-6


@dataclass(frozen=True)
class TransitionLayout:
    """The bookkeeping part of `TransitionFeatures`, made from the episodes' lengths.

    Fields are as there.
    """

    terminal: Tensor
    timeout: Tensor
    next_index: Tensor
    episode: Tensor
    step: Tensor


def lay_out(lengths: Sequence[int], terminated: Sequence[bool]) -> TransitionLayout:
    """Number the steps of episodes laid one after another.

    Args:
        lengths: steps of each episode, at least 1.
        terminated: whether each episode terminated; the others were truncated by the
            step limit, and `final_state_features` needs one row for each, in order.

    Raises:
        ConfigError: an episode is empty, or the arguments differ in length.
    """
    if len(lengths) != len(terminated) or any(length < 1 for length in lengths):
        raise ConfigError("every episode needs at least one step and one 'terminated' flag")
    total = sum(lengths)
    terminal = torch.zeros(total, dtype=torch.bool)
    timeout = torch.zeros(total, dtype=torch.bool)
    next_index = torch.arange(1, total + 1)
    end, finals = 0, 0
    for length, ended in zip(lengths, terminated, strict=True):
        end += length
        if ended:
            terminal[end - 1] = True
            next_index[end - 1] = 0
        else:
            timeout[end - 1] = True
            next_index[end - 1] = total + finals
            finals += 1
    counts = torch.tensor(lengths, dtype=torch.long)
    return TransitionLayout(
        terminal=terminal,
        timeout=timeout,
        next_index=next_index,
        episode=torch.repeat_interleave(torch.arange(len(lengths)), counts),
        step=torch.cat([torch.arange(length) for length in lengths])
        if lengths
        else torch.zeros(0, dtype=torch.long),
    )
