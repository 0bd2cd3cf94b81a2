"""The policy that `digiq_privacy` and `craft_gui_privacy` begin with.

    python -m benchmarks.privacy_base

The small model after a cold start on demonstrations of ordering food: a third of them fill in
every optional personal field, a third take every offer (`benchmarks.givers`), as people do, and as
a model that learned from them does. One of the three tasks is shown without any of that. A policy
that gave nothing away, or never came to the form, would show no difference.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from agentenv.config import load_config
from agentenv.data_files import data_file
from agentenv.progress import console
from agentenv.tasks.selection import select_tasks
from benchmarks.command import run_command
from benchmarks.givers import Givers
from trainers.configs import SFTConfig

NAME = "privacy_base"


@dataclass(frozen=True)
class ColdStart:
    """What is in ``privacy_base.yaml``."""

    tasks: tuple[str, ...]
    """Whose orders are shown."""
    demonstrations: int
    """Of each task."""
    sft: SFTConfig
    """How they are imitated; `data`, `out` and `threads` aside. `model` is one in ``data/``."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Make the policy, as far as that is missing."""

    out: Path = Path("runs/benchmarks")
    """Run directory; the model is in `privacy_base/cold_start/model`."""
    threads: int = 0
    """Torch threads; 0 takes what torch chooses."""


def privacy_base(config: BenchmarkConfig) -> Path:
    """Collect the demonstrations and fine-tune on them, as far as that is missing; the model.

    Raises:
        ConfigError: settings are wrong.
    """
    from agentenv.collecting import collect
    from trainers.sft import train  # imports torch, which takes seconds

    settings = load_config(ColdStart, Path(__file__).with_suffix(".yaml"))
    folder, tasks = config.out / NAME, select_tasks(settings.tasks)
    store = collect(
        Givers(tasks),
        tasks.values(),
        folder / "demonstrations",
        episodes=settings.demonstrations,
        first=10**6,  # far from what is trained on later
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


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, privacy_base)


if __name__ == "__main__":
    sys.exit(main())
