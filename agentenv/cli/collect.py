"""`agentenv collect`: let a policy act, and store its trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentenv.cli.acting import ActingSettings, act, acting_policy
from agentenv.config import config_to_mapping
from agentenv.progress import console


@dataclass(frozen=True, kw_only=True)
class CollectConfig(ActingSettings):
    """What acts, on what, and where its trajectories go."""

    policy: str = "oracle"
    out: Path = Path("runs/collect")
    """Trajectory store. If it exists, what is missing in it is collected."""
    attempts: int = 1
    """Episodes of each instance."""
    chain: bool = False
    """Let a task that follows an earlier session (in phone:pairs, using a liking follows saving
    it) begin where the policy itself ended that one, which is run before it."""


def run(config: CollectConfig) -> None:
    """Collect, and print what the store holds."""
    from agentenv.statistics import print_table, summarise
    from agentenv.tasks.selection import select_tasks, with_earlier_sessions

    tasks = select_tasks(config.tasks)
    if config.chain:
        tasks = with_earlier_sessions(tasks)
    policy = acting_policy(config, tasks)
    store = act(
        config,
        policy,
        tasks,
        config.out,
        attempts=config.attempts,
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
