"""Roll a policy out into a trajectory store, continuing where an interrupted call stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from agentenv.chaining import Chain, lost
from agentenv.devices.base import Device
from agentenv.errors import ConfigError
from agentenv.policies.base import Policy
from agentenv.progress import track
from agentenv.rollouts import RolloutStats, rollout
from agentenv.tasks.base import Split, Task
from agentenv.tasks.selection import suite_of
from agentenv.trajectories.card_page import keep_card
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.manifest import MANIFEST
from agentenv.trajectories.store import EpisodeKey, TrajectoryStore, TrajectoryWriter

logger = logging.getLogger(__name__)

SHARD_EPISODES = 32
"""Episodes that killing the process can lose."""
TASK_FILES = "task_files"
"""What `files_of` is called in a manifest."""
APART = "apart"
"""How tasks of one owner are in a store whose manifest does not say it: each as it is prepared."""


def collect(
    policy: Policy,
    tasks: Iterable[Task],
    path: Path,
    *,
    split: Split = "train",
    episodes: int = 10,
    first: int = 0,
    attempts: int = 1,
    seed: int = 0,
    devices: int = 2,
    dialect: str = "json",
    make_device: Callable[[], Device] | None = None,
    chain: bool = False,
    description: str = "collect",
    metadata: Mapping[str, Any] | None = None,
) -> TrajectoryStore:
    """Run `policy` on numbered instances of every task and store what happens.

    Episodes already in the store are not run again. In the end the store gets its dataset
    card (`agentenv.trajectories.card_page`).

    Args:
        policy: what acts.
        tasks: all of one suite.
        path: the store's directory; created, or continued.
        split: which instances; no instance is in two splits.
        episodes: instances of each task: numbers `first` to `first + episodes - 1`.
        first: number of the first instance.
        attempts: episodes of each instance.
        seed: recorded with the store; sampling is the policy's business.
        devices: how many act side by side (never more than there are episodes).
        dialect: how the policy writes actions.
        make_device: makes the devices, instead of what fits the suite.
        chain: a task that follows another of these begins where the agent left that one's
            episode of the same instance and attempt, and not as it is prepared.
        description: shown beside the progress bar.
        metadata: recorded with the store.

    Returns:
        The store, complete.

    Raises:
        ConfigError: an argument is wrong, or the store was begun with another policy,
            version of it, dialect, suite, seed or version of a task.
        StoreError: the store is damaged, or being written by another process.
    """
    for name, value in {"episodes": episodes, "attempts": attempts, "devices": devices}.items():
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, not {value}")
    chosen = list(tasks)
    suite = suite_of(chosen)
    ended = Chain(chosen if chain else ())
    identity = identity_of(policy.name, policy.version, dialect, chosen, chain=chain)
    refuse_mixture(path, identity)
    writer = TrajectoryWriter(
        path,
        policy=policy.name,
        suite=suite,
        seed=seed,
        shard_episodes=SHARD_EPISODES,
        metadata={
            **(metadata or {}),
            **identity,
            **files_of(chosen),
            "temperature": temperature_of(policy),
        },
    )
    with writer:
        present = TrajectoryStore(path).keys()
        # Task by task: a device that stays on its page starts the next episode at once.
        wanted = [
            _Item(attempt, task, index, later)
            for attempt in range(attempts)
            for later in ((False, True) if chain else (False,))
            for task in chosen
            if bool(task.follows and chain) == later
            for index in range(first, first + episodes)
        ]
        missing = [item for item in wanted if item.key(split) not in present]
        if len(missing) < len(wanted):
            done = len(wanted) - len(missing)
            logger.info("%s: %d of %d episodes are there already", path, done, len(wanted))
        if missing:
            count = min(devices, len(missing))
            make = make_device or chosen[0].open_device
            if chain:
                for episode in TrajectoryStore(path).episodes():
                    ended.note(episode)
            running = _episodes(policy, missing, split, make, count, dialect, ended)
            with track(description, len(missing)) as progress, closing(running):
                stats = RolloutStats()
                for episode in running:
                    writer.append(episode)
                    stats.count(episode)
                    ended.note(episode)
                    progress.advance(text=remark(stats))
        writer.flush()
        keep_card(path)
    return TrajectoryStore(path)


@dataclass(frozen=True)
class _Item:
    """One episode to run."""

    attempt: int
    task: Task
    index: int
    later: bool = False
    """Begins at the end of the episode of the task that its own follows."""

    def key(self, split: Split) -> EpisodeKey:
        """As the store names it."""
        return (self.task.id, split, self.index, self.attempt)


def _episodes(
    policy: Policy,
    items: list[_Item],
    split: Split,
    make_device: Callable[[], Device],
    count: int,
    dialect: str,
    ended: Chain,
) -> Generator[Episode, None, None]:
    """The items' episodes as they end; the devices are closed with the generator."""
    devices = [make_device() for _ in range(count)]
    try:
        # Each attempt is a rollout of its own, so that one that is missing runs alone; and
        # later sessions begin when all earlier ones have ended.
        for (attempt, later), group in groupby(items, key=lambda item: (item.attempt, item.later)):
            if later:
                yield from _later(policy, list(group), split, devices, dialect, ended)
                continue
            work = ((item.task, item.task.instance(split, item.index)) for item in group)
            for episode in rollout(policy, work, devices, dialect=dialect):
                yield replace(episode, attempt=attempt)
    finally:
        for device in devices:
            device.close()


def _later(
    policy: Policy,
    items: list[_Item],
    split: Split,
    devices: Sequence[Device],
    dialect: str,
    ended: Chain,
) -> Iterator[Episode]:
    """Episodes of one attempt that begin where earlier ones have ended."""
    work = []
    for item in items:
        instance = ended.begin(item.task, split, item.index, item.attempt)
        if instance is None:
            yield lost(policy, item.task, split, item.index, item.attempt)
        else:
            work.append((item.task, instance))
    tasks = {item.task.id: item.task for item in items}
    for episode in rollout(policy, work, devices, dialect=dialect):
        yield replace(episode, attempt=items[0].attempt, after=tasks[episode.task].follows)


def identity_of(
    policy: str,
    policy_version: str,
    dialect: str,
    tasks: Iterable[Task],
    *,
    chain: bool = False,
) -> dict[str, str]:
    """What must be the same for episodes of one store; recorded in its manifest."""
    identity = {"policy": policy, "policy_version": policy_version, "dialect": dialect}
    identity["sessions"] = "chained" if chain else APART
    return identity | {f"version of {task.id}": task.version for task in tasks if task.version}


def files_of(tasks: Iterable[Task]) -> dict[str, list[str]]:
    """The files that tasks were read from, recorded in the manifest: where to find them again."""
    files = sorted({str(task.source) for task in tasks if task.source is not None})
    return {TASK_FILES: files} if files else {}


def refuse_mixture(path: Path, identity: Mapping[str, str]) -> None:
    """A store is of one policy: results over a mixture would belong to none.

    Args:
        path: of the store, which need not exist yet.
        identity: of what will be appended, as `identity_of` gives it.

    Raises:
        ConfigError: what is there is of another.
    """
    if not (path / MANIFEST).exists():
        return
    manifest = TrajectoryStore(path).manifest
    recorded = {"sessions": APART, **manifest.metadata, "policy": manifest.policy}
    for name, value in identity.items():
        if recorded.get(name, value) != value:
            raise ConfigError(
                f"{path} was collected with {name.replace('_', ' ')} {recorded[name]!r}, not "
                f"{value!r}; write to another directory, or continue with the same"
            )


def temperature_of(policy: Policy) -> float | None:
    """At which a policy samples; None of one that has no temperature."""
    return getattr(policy, "temperature", None)


def remark(stats: RolloutStats) -> str:
    """Success so far, in a few words."""
    scored = stats.episodes - stats.failed
    success = f"success {100 * stats.successes / scored:.0f} %" if scored else ""
    failed = f", {stats.failed} failed infrastructure" if stats.failed else ""
    return success + failed
