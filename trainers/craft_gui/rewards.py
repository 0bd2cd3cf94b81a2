"""What a step against a demonstration, and an episode in the environment, are worth.

Both are sums of named parts, each with a weight of its own and logged by itself. A failure
of the infrastructure - the device's or the judge's - is never a reward.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentenv.actions import Action, Answer, Finish, Invalid
from agentenv.errors import ConfigError, DeviceError
from agentenv.observations import UIElement
from agentenv.trajectories.episode import Episode, Step
from trainers.craft_gui.matching import TOLERANCE, argument_score


@dataclass(frozen=True)
class StepRewardConfig:
    """Reward of a step against a demonstrated one (offline). The defaults are UI-S1's (arXiv
    2509.11543): not an action 0, an action 0.1, of the right type 0.5, all right 1."""

    format: float = 0.1
    """Weight of an answer that is an action."""
    type: float = 0.4
    """Weight of the right type of action."""
    arguments: float = 0.5
    """Weight of right arguments, which count in part (see `argument_score`)."""
    tolerance: float = TOLERANCE
    """Distance from the demonstrated point, as a fraction of the screen, that is still right."""

    def __post_init__(self) -> None:
        _refuse_bad("step reward", vars(self))


@dataclass(frozen=True)
class EpisodeRewardConfig:
    """Reward of an episode in the environment: what the task's verifier says, less costs."""

    success: float = 1.0
    """Weight of the verifier's reward."""
    format: float = 0.0
    """Weight of the share of answers that are actions."""
    step_cost: float = 0.0
    """Cost of every step."""
    invalid_action: float = 0.02
    """Cost of every answer that is no action, or one that could not be carried out."""
    overlong: float = 0.0
    """Cost of an answer as long as it may be; less, the further it is from that (DAPO, arXiv
    2503.14476, Eq. 13)."""
    overlong_buffer: int = 16
    """Tokens before the longest answer at which that begins."""
    privacy: float = 0.0
    """Cost of one unit of what the privacy audit found, at the step where it happened (see
    `privacy_audit.costs`)."""
    judge: float = 0.2
    """Weight of a judge's score, for episodes that end in words or a stop which the verifier
    does not accept. Without a judge there is no such part."""

    def __post_init__(self) -> None:
        _refuse_bad("episode reward", vars(self))
        if self.overlong_buffer < 1:
            raise ConfigError("episode reward: overlong_buffer must be 1 or more")


def _refuse_bad(what: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"{what}: {name} is {value}; give 0 or more (costs are subtracted)")


@dataclass(frozen=True)
class Reward:
    """What something is worth, and why."""

    parts: Mapping[str, float]
    """Every part by name, before its weight; a part that does not apply is absent."""
    steps: tuple[float, ...]
    """What is earned at each step; `total` is their sum."""

    @property
    def total(self) -> float:
        """The reward."""
        return math.fsum(self.steps)


class Judge(Protocol):
    """Scores what rules cannot."""

    def __call__(self, episode: Episode) -> float:
        """How well the episode ended, in [0, 1].

        Raises:
            DeviceError: no score could be had; the episode is then left out.
        """
        ...


def step_reward(
    action: Action, reference: Action, elements: Sequence[UIElement], config: StepRewardConfig
) -> Reward:
    """The graded reward of one action against the demonstrated one.

    Args:
        action: what the policy's answer was parsed to.
        reference: what was done there.
        elements: of the screen that both answer.
        config: the weights.
    """
    same_type = action.type == reference.type
    parts = {
        "format": float(not isinstance(action, Invalid)),
        "type": float(same_type and not isinstance(action, Invalid)),
        "arguments": argument_score(action, reference, elements, tolerance=config.tolerance)
        if same_type
        else 0.0,
    }
    total = (
        config.format * parts["format"]
        + config.type * parts["type"]
        + config.arguments * parts["arguments"]
    )
    return Reward(parts, (total,))


def episode_reward(
    episode: Episode,
    config: EpisodeRewardConfig,
    *,
    privacy_costs: Sequence[float] = (),
    judge: Judge | None = None,
    longest_answer: int = 64,
) -> Reward | None:
    """The reward of an episode.

    Args:
        episode: as it was played.
        config: the weights.
        privacy_costs: (steps,) of what the audit found against each step, as
            `privacy_audit.costs.step_costs` gives them; empty if nothing was audited.
        judge: asked where rules are silent (see `judge_applies`); None leaves that part out.
        longest_answer: tokens at which the policy was cut off.

    Returns:
        None if the infrastructure failed or nothing was done: there is nothing to learn from.

    Raises:
        DeviceError: the judge failed, or gave a score outside [0, 1]; leave the episode out.
    """
    if episode.infra_error or not episode.steps:
        return None
    unparsed = [isinstance(step.action, Invalid) for step in episode.steps]
    invalid = [_is_invalid(step) for step in episode.steps]
    parts = {
        "success": episode.reward,
        "format": 1 - sum(unparsed) / len(unparsed),
        "steps": float(len(episode.steps)),
        "invalid_actions": float(sum(invalid)),
        "privacy_cost": math.fsum(privacy_costs),
    }
    costs = privacy_costs if len(privacy_costs) else (0.0,) * len(episode.steps)
    overlong = (0.0,) * len(episode.steps)
    if config.overlong:
        overlong = _overlong(episode, longest_answer, config.overlong_buffer)
        parts["overlong"] = math.fsum(overlong)
    if judge is not None and judge_applies(episode):
        parts["judge"] = _checked(judge(episode))
    earned = [
        config.format * (not no_action) / len(unparsed)
        - config.step_cost
        - config.invalid_action * useless
        - config.privacy * cost
        - config.overlong * long
        for no_action, useless, cost, long in zip(unparsed, invalid, costs, overlong, strict=True)
    ]
    earned[-1] += config.success * parts["success"] + config.judge * parts.get("judge", 0.0)
    return Reward(parts, tuple(earned))


def judge_applies(episode: Episode) -> bool:
    """Whether rules are silent: it ended in an answer, or was declared over, and the verifier
    did not give the full reward."""
    ended = bool(episode.steps) and isinstance(episode.steps[-1].action, Answer | Finish)
    return ended and not episode.success


def mean_parts(rewards: Iterable[Reward]) -> dict[str, float]:
    """For logs: the mean of every part over the rewards that have it, and of the total.

    Keys are ``reward/<part>`` and ``reward/total``.
    """
    found: dict[str, list[float]] = {}
    for reward in rewards:
        for name, value in {**reward.parts, "total": reward.total}.items():
            found.setdefault(f"reward/{name}", []).append(value)
    return {name: math.fsum(values) / len(values) for name, values in found.items()}


def _overlong(episode: Episode, limit: int, buffer: int) -> tuple[float, ...]:
    """Of each answer, how far it is into the buffer: in [0, 1]."""
    # Torch takes seconds to load, and these settings are read for `--help` too.
    import torch

    from trainers.objectives.selection import overlong_penalty

    lengths = torch.tensor([len(step.token_ids) for step in episode.steps])
    return tuple((-overlong_penalty(lengths, limit=limit, buffer=buffer)).tolist())


def _is_invalid(step: Step) -> bool:
    return isinstance(step.action, Invalid) or step.sent is None


def _checked(score: float) -> float:
    if not 0 <= score <= 1:  # NaN is refused too
        raise DeviceError(f"the judge scored {score}; scores are in [0, 1]", "judge_failed")
    return score
