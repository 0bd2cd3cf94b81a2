"""`agentenv record`: your own demonstrations, made in your browser, as a trajectory store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.dialects import DialectName
from agentenv.progress import console
from agentenv.tasks.base import Split


@dataclass(frozen=True)
class RecordConfig:
    """What you will do, and where it is kept."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TASK ...")]
    """Ids such as miniwob/click-button, or a suite's name (see `agentenv suites`)."""
    out: Path = Path("runs/demonstrations")
    """Trajectory store. If it exists, what is missing in it is recorded."""
    episodes: int = 10
    """Instances of each task. Stop when you like: what you kept is stored at once."""
    split: Split = "train"
    """No instance is in two splits."""
    first: int = 0
    """Number of the first instance within the split."""
    dialect: DialectName = "json"
    """How your actions are written for models to learn."""
    port: int = 0
    """Of 127.0.0.1, for instance to forward it; 0 takes a free one."""
    open: bool = True
    """Open the page, where this machine has a desktop."""


def run(config: RecordConfig) -> None:
    """Show the page until every instance was done; print what was kept."""
    from agentenv.live.running import run_live
    from agentenv.tasks.selection import select_tasks

    stats = run_live(
        None,
        select_tasks(config.tasks),
        out=config.out,
        split=config.split,
        first=config.first,
        episodes=config.episodes,
        dialect=config.dialect,
        port=config.port,
        browser=config.open,
    )
    console.print(
        f"{stats.episodes} demonstrations, {stats.successes} successful, in {config.out}\n"
        f"to look at them: agentenv view {config.out}",
        soft_wrap=True,
        highlight=False,
    )
