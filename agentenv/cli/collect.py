"""`agentenv collect`: let a policy act, and store its trajectories."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from agentenv.cli.devices import DeviceSettings, attached
from agentenv.config import config_to_mapping
from agentenv.progress import console
from agentenv.tasks.base import Split


@dataclass(frozen=True)
class CollectConfig:
    """What acts, on what, and where its trajectories go."""

    tasks: tuple[str, ...]
    """Ids such as miniwob/click-button, a suite's name (see `agentenv suites`), or a YAML file
    of tasks (my_tasks.yaml, or my_tasks.yaml#buy for one of them)."""
    policy: str = "oracle"
    """oracle, random, or a model: path of a checkpoint, Hugging Face name, or endpoint with
    the model's name there (http://127.0.0.1:8000/v1#my-model)."""
    out: Path = Path("runs/collect")
    """Trajectory store. If it exists, what is missing in it is collected."""
    episodes: int = 10
    """Instances of each task."""
    attempts: int = 1
    """Episodes of each instance."""
    split: Split = "train"
    """No instance is in two splits."""
    first: int = 0
    """Number of the first instance within the split."""
    seed: int = 0
    """Of the policy's sampling."""
    devices: int = 2
    """Devices side by side; two or three saturate two cores."""
    device: tyro.conf.OmitArgPrefixes[DeviceSettings] = field(default_factory=DeviceSettings)
    """In a file: `device: {serial: [emulator-5554]}`."""
    temperature: float = 1.0
    """At which a model samples; 0 is greedy."""
    dialect: str = "json"
    """How the policy writes actions: json or qwen_mobile_use."""
    redact: bool = False
    """Paint the owner's data over in every screen before it leaves for an endpoint."""
    chain: bool = False
    """Let a task that follows an earlier session (in phone:pairs, using a liking follows saving
    it) begin where the policy itself ended that one, which is run before it."""


def run(config: CollectConfig) -> None:
    """Collect, and print what the store holds."""
    from agentenv.cli.acting import acting_policy
    from agentenv.collecting import collect
    from agentenv.statistics import print_table, summarise
    from agentenv.tasks.selection import select_tasks, with_earlier_sessions

    tasks = select_tasks(config.tasks)
    if config.chain:
        tasks = with_earlier_sessions(tasks)
    policy = acting_policy(config, tasks)
    make_device, devices = attached(config.device, tasks.values(), config.devices)
    store = collect(
        policy,
        tasks.values(),
        config.out,
        split=config.split,
        episodes=config.episodes,
        first=config.first,
        attempts=config.attempts,
        seed=config.seed,
        devices=devices,
        make_device=make_device,
        dialect=config.dialect,
        chain=config.chain,
        metadata={"config": config_to_mapping(config)},
    )
    print_table({policy.name: summarise(store.episodes())}, title="Collected", console=console)
    counts = store.manifest.counts
    console.print(
        f"{counts.episodes} episodes, {counts.steps} steps in {config.out}\n"
        f"to look at them: agentenv view {config.out}",
        soft_wrap=True,
        highlight=False,
    )
