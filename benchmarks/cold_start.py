"""A small model that was shown how: demonstrations, and fine-tuning on them, as a file says.

Some comparisons begin with one, as the papers' do: from a policy that hardly ever succeeds nothing
can be learned by acting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agentenv.config import load_config
from agentenv.data_files import data_file
from agentenv.policies.base import Policy
from agentenv.progress import console
from agentenv.tasks.base import Task
from agentenv.tasks.selection import select_tasks
from trainers.configs import SFTConfig

FIRST = 10**6
"""Number of the first demonstrated instance, far from what is trained on later."""


@dataclass(frozen=True)
class ColdStart:
    """What is in a cold start's file, which lies beside its module."""

    tasks: tuple[str, ...]
    """What is shown."""
    demonstrations: int
    """Of each task."""
    sft: SFTConfig
    """How they are imitated; `data`, `out` and `threads` aside. `model` is one in ``data/``."""


@dataclass(frozen=True)
class ColdStartConfig:
    """Make the policy, as far as that is missing."""

    out: Path = Path("runs/benchmarks")
    """Run directory; the model is in `NAME/cold_start/model`."""
    threads: int = 0
    """Torch threads; 0 takes what torch chooses."""


def load_cold_start(name: str) -> ColdStart:
    """What ``NAME.yaml`` says."""
    return load_config(ColdStart, Path(__file__).with_name(f"{name}.yaml"))


def cold_start(
    name: str, config: ColdStartConfig, shown_by: Callable[[Mapping[str, Task]], Policy]
) -> Path:
    """Collect the demonstrations and fine-tune on them, as far as that is missing; the model.

    Args:
        name: of the settings and the folder in the run directory.
        config: where, and how fast.
        shown_by: makes who demonstrates from the tasks.

    Raises:
        ConfigError: settings are wrong.
    """
    from agentenv.collecting import collect
    from trainers.sft import train  # imports torch, which takes seconds

    settings, folder = load_cold_start(name), config.out / name
    tasks = select_tasks(settings.tasks)
    store = collect(
        shown_by(tasks),
        tasks.values(),
        folder / "demonstrations",
        episodes=settings.demonstrations,
        first=FIRST,
        devices=4,
        description="demonstrations",
    )
    sft = replace(
        settings.sft,
        data=(store.path,),
        out=folder / "cold_start",
        model=str(data_file(settings.sft.model)),
        threads=config.threads,
    )
    model = train(sft)
    console.print(f"model: {model}", soft_wrap=True, highlight=False)
    return model
