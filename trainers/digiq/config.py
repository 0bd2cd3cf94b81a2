"""Settings of `agentenv train digiq`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from trainers.configs import LoraConfig
from trainers.digiq.critic_config import CriticConfig


@dataclass(frozen=True)
class CollectSettings:
    """Stage 1: the base policy acts in the environment."""

    episodes: int = 40
    """Instances of each task, drawn from the training split."""
    temperature: float = 1.0
    """At which the base policy samples."""
    data: Path | None = None
    """An existing trajectory store to learn from instead."""


@dataclass(frozen=True)
class CandidateSettings:
    """Stage 2: candidate actions for every logged state."""

    n: int = 16
    """Candidates a state, the logged action included."""
    temperature: float = 1.2
    """At which candidates are sampled; higher is more diverse."""


@dataclass(frozen=True)
class RepresentationSettings:
    """Stages 3 and 4: what the critic sees of a state and an action."""

    kind: Literal["finetuned", "off_the_shelf"] = "finetuned"
    """Whether the model first learns to tell which actions change the screen."""
    steps: int = 200
    """Optimiser steps."""
    batch_size: int = 16
    """States per optimiser step."""
    learning_rate: float = 1e-4
    """Peak, of AdamW; warm-up and cosine decay."""
    topics: tuple[Literal["change", "outcome"], ...] = ("change", "outcome")
    """What the model is asked of an action: whether it changes the screen (the paper),
    whether its episode succeeded (ours; a small model's features need it)."""
    layer: int = -2
    """Layer whose hidden state is the feature: -1 the last, 0 the embeddings."""


@dataclass(frozen=True)
class ActorSettings:
    """Stage 7: imitating the chosen actions, from the base policy on."""

    steps: int = 400
    """Optimiser steps, for Digi-Q and each baseline alike."""
    batch_size: int = 16
    """Actions per optimiser step."""
    learning_rate: float = 1e-4
    """Peak, of AdamW; warm-up and cosine decay."""
    aggregation: Literal["min", "mean", "max"] = "mean"
    """How the critic's heads become one advantage."""
    threshold: float = 0.0
    """Imitate the best candidate only if its advantage is larger (the paper: 0; the
    authors' code: 1 / horizon)."""
    margin: float = 0.0
    """Taken off the advantage of every candidate but the logged action (the paper: 0);
    pessimism towards actions whose outcome was never seen."""
    observed: bool = False
    """Let the logged action's value be at least the return that followed it, and exactly
    its reward where the episode ended; the paper asks the critic alone."""


@dataclass(frozen=True)
class EvaluationSettings:
    """Stage 8: instances that no training stage has seen."""

    episodes: int = 10
    """Instances of each task, from the test split."""
    attempts: int = 1
    """Episodes of each instance."""
    temperature: float = 0.8
    """Of the one sample that is acted (the authors' value)."""


@dataclass(frozen=True)
class DigiQConfig:
    """Digi-Q (arXiv 2502.15760) from logged data to a better policy, and its report."""

    tasks: tuple[str, ...]
    """Ids such as miniwob/click-button, or a suite's name."""
    base: str
    """Hugging Face name or path of the policy to improve."""
    out: Path = Path("runs/digiq")
    """Run directory; the same command resumes or skips what is finished."""
    seed: int = 0
    """Of sampling, of the order of the data and of the critic."""
    devices: int = 4
    """Browsers stepped at once."""
    threads: int = 0
    """Torch threads; 0 takes what torch chooses."""
    dialect: str = "json"
    """How the policy writes actions: json or qwen_mobile_use."""
    freeze_vision: bool = True
    """Train what reads the image features and not the image encoder (as the authors do)."""
    baselines: tuple[Literal["filtered_bc"], ...] = ("filtered_bc",)
    """Trained on the same data, with the same number of steps, and evaluated alike."""
    collect: CollectSettings = field(default_factory=CollectSettings)
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    representation: RepresentationSettings = field(default_factory=RepresentationSettings)
    critic: CriticConfig = field(default_factory=CriticConfig)
    actor: ActorSettings = field(default_factory=ActorSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    lora: LoraConfig = field(default_factory=LoraConfig)
