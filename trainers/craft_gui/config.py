"""Settings of `agentenv train craft-gui`, importable without torch (for `--help`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agentenv.config import config_to_mapping
from agentenv.dialects import DialectName
from agentenv.errors import ConfigError
from trainers.configs import LoraConfig
from trainers.craft_gui.curriculum import CurriculumConfig
from trainers.craft_gui.judge import JudgeConfig
from trainers.craft_gui.rewards import EpisodeRewardConfig, StepRewardConfig
from trainers.objectives.config import ObjectiveConfig


@dataclass(frozen=True)
class RolloutSettings:
    """How the policy acts to learn."""

    groups: int = 4
    """Groups with unequal rewards that an iteration learns from."""
    size: int = 8
    """Rollouts of a group, all from one initial state (offline: answers to one screen)."""
    temperature: float = 1.0
    """Of sampling, and of the probabilities that are learned."""
    max_new_tokens: int = 64
    """Longest answer."""
    resample: float = 2.0
    """Groups whose rewards are all equal teach nothing and are drawn anew, until this many
    times `groups` have been drawn; 1 never draws anew."""
    first: int = 0
    """Number of the first training instance; each group takes the next one."""


@dataclass(frozen=True)
class UpdateSettings:
    """How the policy learns from an iteration's rollouts."""

    learning_rate: float = 5e-5
    """Of AdamW, constant after the warm-up. About 1e-6 for a large model trained whole, 1e-5
    with LoRA."""
    warmup: int = 5
    """Optimiser steps of linear warm-up."""
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    minibatches: int = 2
    """Optimiser steps an epoch; each learns from whole groups."""
    epochs: int = 1
    """Times that an iteration's rollouts are gone through."""
    sample: Literal["turn", "episode"] = "turn"
    """What has a ratio, and a length, of its own in the objective: each turn, or all turns of
    an episode together."""
    turns_at_once: int = 64
    """Turns computed at once; memory and speed depend on it, results do not (except by
    `kept_tokens`, which chooses among them)."""
    kept_rollouts: int = 0
    """Rollouts of each group that are learned from: those whose advantages differ most (D3S,
    arXiv 2509.22115); 0 keeps all."""
    kept_tokens: float = 1.0
    """Share of the tokens that are learned from: those where the policy is least certain and
    most depends on it (D3S)."""
    max_gap: float = 0.5
    """Stop with an error if fresh log-probabilities differ from those at sampling by more
    (mean over tokens, nats): something other than the weights has changed in between."""


@dataclass(frozen=True)
class ReplaySettings:
    """Learning again from the groups of earlier iterations, by their stored log-probs."""

    groups: int = 0
    """Earlier groups, beside the fresh ones of an iteration; 0 is on-policy."""
    max_age: int = 4
    """Groups that are more iterations old are stale and not used."""


@dataclass(frozen=True)
class MixingSettings:
    """Imitating demonstrations beside acting (CHORD, arXiv 2508.11408)."""

    data: tuple[Path, ...] = ()
    """Trajectory stores whose successful episodes are imitated; none does not mix."""
    batch: int = 16
    """Demonstrated steps in each optimiser step."""
    peak: float = 0.5
    """Weight of the demonstrations after `warmup` optimiser steps; the rollouts have the rest."""
    valley: float = 0.05
    """Their weight in the end."""
    warmup: int = 0
    decay: int = 100
    """Optimiser steps from peak to valley."""
    phi: bool = False
    """Leave alone what the policy already says, and what would upset it (CHORD-phi)."""


@dataclass(frozen=True)
class GuidanceSettings:
    """Help for tasks at which whole groups fail: the oracle begins (GHPO, arXiv 2507.10628).

    Its steps are not learned from. Such a group counts in the curriculum like any other, so
    that after a success the next group is on its own again. Tasks without an oracle get none.
    """

    first: float = 0.0
    """Share of the task's steps that the oracle takes after one failed group; 0 never helps."""
    increment: float = 0.25
    """More for each further failed group in a row."""
    most: float = 0.75
    """And not more than this."""


@dataclass(frozen=True)
class OfflineSettings:
    """Learning from logged demonstrations alone, a screen at a time, without acting."""

    data: tuple[Path, ...] = ()
    """Trajectory stores; their successful episodes' screens are answered, and the answers
    graded against what was done. None: learn by acting."""
    reward: StepRewardConfig = field(default_factory=StepRewardConfig)


@dataclass(frozen=True)
class EvaluationSettings:
    """Success on instances that are not trained on."""

    every: int = 10
    """Iterations between evaluations on the validation split, whose best policy is kept; 0
    keeps the last one."""
    episodes: int = 4
    """Validation instances of each task."""
    test_episodes: int = 10
    """Instances of each task from the test split, for the starting policy and the best one
    in the end; 0 leaves the test out."""
    temperature: float = 0.8
    """At which the policy is evaluated."""
    best: Literal["success", "reward"] = "success"
    """What the best policy is best at; the reward also counts what its other parts cost."""

    def __post_init__(self) -> None:
        if min(self.every, self.test_episodes) < 0 or self.episodes < 1:
            raise ConfigError("evaluation: give every and test_episodes >= 0, episodes >= 1")


@dataclass(frozen=True)
class CraftGUIConfig:
    """CRAFT-GUI (arXiv 2508.11360): GRPO with a curriculum, in the environment."""

    tasks: tuple[str, ...]
    """Ids such as miniwob/click-button, or a suite's name; all of one suite."""
    base: str
    """Hugging Face name or path of the policy to improve, e.g. a model that Digi-Q made."""
    out: Path = Path("runs/craft_gui")
    """Run directory; the same command goes on where it was stopped, to the same result."""
    iterations: int = 100
    """Each acts, then learns from it. More of them may be asked for later."""
    env_steps: int = 0
    """Stop after the iteration that reaches so many steps in the environment; 0: no limit."""
    seed: int = 0
    """Of sampling, the curriculum's draws, and the order of learning."""
    devices: int = 4
    """Devices stepped at once."""
    threads: int = 0
    """Torch threads; 0 takes what torch chooses. One is fastest beside browsers."""
    dialect: DialectName = "json"
    """How the policy writes actions."""
    freeze_vision: bool = True
    """Train what reads the image features and not the image encoder."""
    save_every: int = 1
    """Iterations between saved training states."""
    rollouts: RolloutSettings = field(default_factory=RolloutSettings)
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    reward: EpisodeRewardConfig = field(default_factory=EpisodeRewardConfig)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    privacy_policy: str = "default"
    """Policy pack of the privacy audit behind `reward.privacy`."""
    objective: ObjectiveConfig = field(default_factory=lambda: ObjectiveConfig("craft_gui"))
    update: UpdateSettings = field(default_factory=UpdateSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    mixing: MixingSettings = field(default_factory=MixingSettings)
    guidance: GuidanceSettings = field(default_factory=GuidanceSettings)
    offline: OfflineSettings = field(default_factory=OfflineSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    lora: LoraConfig = field(default_factory=LoraConfig)

    def __post_init__(self) -> None:
        """Refuse what would fail only after minutes, or do something else than it says."""
        at_least_one = {
            "iterations": self.iterations,
            "devices": self.devices,
            "save_every": self.save_every,
            "rollouts.groups": self.rollouts.groups,
            "update.minibatches": self.update.minibatches,
            "update.epochs": self.update.epochs,
            "update.turns_at_once": self.update.turns_at_once,
            "rollouts.resample": self.rollouts.resample,
            "replay.max_age": self.replay.max_age,
            "mixing.batch": self.mixing.batch,
        }
        for name, value in at_least_one.items():
            if value < 1:
                raise ConfigError(f"{name} is {value}; give 1 or more")
        if self.rollouts.size < 2:
            raise ConfigError("rollouts.size: a group needs 2 or more rollouts to compare")
        if self.update.kept_rollouts == 1 or not 0 < self.update.kept_tokens <= 1:
            raise ConfigError(
                "update: keep 2 or more rollouts of a group (0 keeps all), "
                "and a share of the tokens in (0, 1]"
            )
        if self.rollouts.temperature <= 0:
            raise ConfigError("rollouts.temperature must be more than 0: greedy rollouts are equal")
        if self.offline.data and (self.replay.groups or self.guidance.first or self.env_steps):
            raise ConfigError("offline learning has no replay, no guidance and no env_steps")

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change when a run goes on: all but how long, and how fast, it runs."""
        settings = config_to_mapping(self)
        free = ("out", "iterations", "env_steps", "devices", "threads", "save_every")
        for name in free:
            del settings[name]
        del settings["evaluation"]["test_episodes"]
        return settings
