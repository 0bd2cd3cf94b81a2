"""Settings of the training commands, importable without torch (for `--help`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agentenv.dialects import DialectName
from agentenv.errors import ConfigError


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters (peft); for models too large to update whole."""

    rank: int = 0
    """0 trains every weight."""
    alpha: int = 32
    """Scale of the adapter's output, divided by the rank."""
    dropout: float = 0.0
    """On the adapter's input."""
    targets: str = "all-linear"
    """Modules that get an adapter, as peft names them."""


@dataclass(frozen=True)
class SFTConfig:
    """Supervised fine-tuning of a vision-language model on demonstrations."""

    data: tuple[Path, ...]
    """Trajectory stores (made by `agentenv collect --policy oracle`)."""
    tasks: tuple[str, ...] = ()
    """Imitate these tasks alone, by id or suite; none given: all that the stores hold."""
    episodes: int = 0
    """Of each task at most; 0: all."""
    out: Path = Path("runs/sft")
    """Run directory; the model is saved in its `model` folder, or without steps that see the
    screenshot in `text_model`."""
    model: str = "small"
    """Hugging Face name or path of the model to start from, or `small`: a fresh
    5.4M-parameter LLaVA that two CPU cores can train."""
    steps: int = 3000
    """Optimiser steps with the screenshot."""
    text_steps: int = 0
    """Optimiser steps before those, without the screenshot (half the cost; a model
    from scratch learns to copy and look up first)."""
    batch_size: int = 16
    """Examples per optimiser step."""
    learning_rate: float = 1e-4
    """About 1e-3 for the small model from scratch, 1e-5 for a large one."""
    substitute: float = 0.0
    """Share of the action's words replaced by made-up ones, in goal, elements and
    action alike; teaches a model from scratch to copy."""
    exercises: float = 0.0
    """Share of examples that are made up: screens of invented names to copy and look up. It
    fades to a fifth of this."""
    reading: float = 0.0
    """Weight of learning to predict the prompts as well: from every token of goals and screens
    a model from scratch learns words that few answers would teach it."""
    successful_only: bool = True
    """Imitate successful episodes only."""
    validation_share: float = 0.03
    """Share of episodes kept out for the validation loss."""
    seed: int = 0
    """Of the split, the order, the made-up words, and a fresh model's weights."""
    threads: int = 0
    """Torch threads; 0 takes what torch chooses."""
    dialect: DialectName = "json"
    """How actions are written."""
    max_told: int | None = None
    """Messages of earlier steps that the model's prompts keep, from now on; by default as many
    as they did."""
    lora: LoraConfig = field(default_factory=LoraConfig)

    def __post_init__(self) -> None:
        """Refuse numbers that would quietly mean something else."""
        for name in ("episodes", "steps", "text_steps", "max_told"):
            if (getattr(self, name) or 0) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative")
