"""`agentenv watch`: see a policy act, live, in your own browser; take over when you like."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.cli.devices import DeviceSettings, attached
from agentenv.dialects import DialectName
from agentenv.progress import console
from agentenv.tasks.base import Split


@dataclass(frozen=True)
class WatchConfig:
    """What acts, on what, and how fast."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TASK ...")]
    """Ids such as miniwob/click-button, or a suite's name (see `agentenv suites`)."""
    policy: str = "oracle"
    """oracle, random, or a model: path of a checkpoint, Hugging Face name, or endpoint with
    the model's name there (http://127.0.0.1:8000/v1#my-model)."""
    out: Path | None = None
    """Trajectory store for what happens; steps you took yourself are marked in it."""
    episodes: int = 10
    """Instances of each task."""
    split: Split = "train"
    """No instance is in two splits."""
    first: int = 0
    """Number of the first instance within the split."""
    devices: int = 1
    """Devices side by side; several are shown as a grid."""
    device: tyro.conf.OmitArgPrefixes[DeviceSettings] = field(default_factory=DeviceSettings)
    """In a file: `device: {serial: [emulator-5554]}`."""
    seconds: float = 1.0
    """How long each action is shown before it is carried out; the page can change it."""
    take_over: bool = False
    """You act first; the page hands over to the policy, and takes over again."""
    seed: int = 0
    """Of the policy's sampling."""
    temperature: float = 1.0
    """At which a model samples; 0 is greedy."""
    dialect: DialectName = "json"
    """How the policy writes actions."""
    redact: bool = False
    """Paint the owner's data over in every screen before it leaves for an endpoint."""
    port: int = 0
    """Of 127.0.0.1, for instance to forward it; 0 takes a free one."""
    open: bool = True
    """Open the page, where this machine has a desktop."""


def run(config: WatchConfig) -> None:
    """Show the page until every episode was seen; print how they ended."""
    from agentenv.cli.acting import acting_policy
    from agentenv.live.running import run_live
    from agentenv.tasks.selection import select_tasks

    tasks = select_tasks(config.tasks)
    policy = acting_policy(config, tasks)
    make_device, devices = attached(config.device, tasks.values(), config.devices)
    stats = run_live(
        policy,
        tasks,
        out=config.out,
        split=config.split,
        first=config.first,
        episodes=config.episodes,
        devices=devices,
        make_device=make_device,
        seconds=config.seconds,
        person_first=config.take_over,
        seed=config.seed,
        dialect=config.dialect,
        port=config.port,
        browser=config.open,
    )
    console.print(
        f"{stats.episodes} episodes, {stats.successes} successful"
        + (f"; in {config.out}" if config.out else ""),
        soft_wrap=True,
        highlight=False,
    )
