"""Groups of rollouts in the environment, kept in a trajectory store with their log-probs."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agentenv.devices.base import Device
from agentenv.errors import DeviceError, StoreError
from agentenv.policies.base import Decision, History, Policy
from agentenv.policies.scripted import OraclePolicy
from agentenv.policies.vlm import VLMPolicy
from agentenv.rollouts import RolloutStats, rollout
from agentenv.tasks.base import Split, Task
from agentenv.tasks.selection import suite_of
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.manifest import MANIFEST
from agentenv.trajectories.store import EpisodeKey, TrajectoryStore, TrajectoryWriter
from trainers.craft_gui.config import CraftGUIConfig
from trainers.craft_gui.groups import Group, attempt_of
from trainers.craft_gui.judge import EndpointJudge
from trainers.craft_gui.rewards import Reward, episode_reward

if TYPE_CHECKING:
    from trainers.privacy import Auditor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawn:
    """A group that is to be acted."""

    task: str
    number: int
    """Counts the groups of a run, and chooses the instance."""
    shown: int = 0
    """Steps that the oracle takes first."""


class Acting:
    """The environment side of a run: devices, the store of rollouts, rewards.

    Each group's rollouts start from one initial state. On devices with snapshots one rollout
    makes it - by a reset, and an oracle's steps where it helps - and all others go on from its
    snapshot; on others each is reset to the same instance.

    Args:
        config: of the run.
        tasks: id -> task, of one suite.
    """

    def __init__(self, config: CraftGUIConfig, tasks: Mapping[str, Task]) -> None:
        self.config = config
        self.tasks = tasks
        self.suite = suite_of(list(tasks.values()))
        self.path = config.out / "rollouts"
        self._devices: list[Device] = []
        self._writer: TrajectoryWriter | None = None
        self._stored: set[EpisodeKey] = set()
        """What an earlier process has stored."""
        self._auditor = _auditor_of(config, tasks)
        self._judge = (
            EndpointJudge(config.judge, config.out / "judge") if config.judge.url else None
        )

    @property
    def lengths(self) -> dict[str, int]:
        """Steps that each task needs, by id."""
        return {name: task.expected_steps for name, task in self.tasks.items()}

    @cached_property
    def _oracle(self) -> OraclePolicy:
        return OraclePolicy(
            {name: task for name, task in self.tasks.items() if task.has_oracle},
            self.config.dialect,
        )

    def play(
        self, policy: VLMPolicy, plan: Sequence[Drawn], iteration: int
    ) -> tuple[list[Group], int]:
        """Act the groups, all side by side, and store every episode.

        Returns:
            The groups in the plan's order, and the number of steps taken.
        """
        first = self.config.rollouts.first
        instances = {
            self.tasks[drawn.task].instance("train", first + drawn.number).key: drawn
            for drawn in plan
        }
        guided = Guided(policy, self._oracle, {k: drawn.shown for k, drawn in instances.items()})
        stats = RolloutStats()
        items = [(drawn.task, first + drawn.number) for drawn in plan]
        episodes: defaultdict[str, list[Episode]] = defaultdict(list)
        size = self.config.rollouts.size
        for episode in self._run(guided, items, "train", size, stats, guided.shown):
            episodes[episode.key].append(episode)
        for key in instances:
            self._keep(policy, episodes[key])
        groups = [
            self._group(drawn, episodes[key], policy, iteration) for key, drawn in instances.items()
        ]
        return groups, stats.steps

    def evaluate(self, policy: Policy, split: Split, episodes: int) -> list[Episode]:
        """Act the first instances of a split, once each, without keeping them."""
        items = [(name, index) for name in self.tasks for index in range(episodes)]
        return list(self._run(policy, items, split, 1, RolloutStats()))

    def rewards(self, episodes: Iterable[Episode]) -> list[Reward]:
        """Those of the episodes that nothing but the policy failed."""
        found = (self._reward(episode) for episode in episodes)
        return [reward for reward in found if reward is not None]

    def recall(self, policy: VLMPolicy, wanted: Mapping[Drawn, int]) -> list[Group]:
        """Groups of earlier iterations, from the store.

        Args:
            policy: whose prompts they have.
            wanted: with the iteration of each.

        Raises:
            StoreError: some are not there.
        """
        first = self.config.rollouts.first
        drawn_by_key = {(drawn.task, first + drawn.number): drawn for drawn in wanted}
        episodes: defaultdict[Drawn, list[Episode]] = defaultdict(list)
        for episode in TrajectoryStore(self.path).episodes() if wanted else ():
            drawn = drawn_by_key.get((episode.task, episode.index))
            if drawn is not None:
                episodes[drawn].append(episode)
        missing = [drawn.task for drawn in wanted if len(episodes[drawn]) < 2]
        if missing:
            raise StoreError(
                f"{self.path} lacks rollouts of {missing[0]} that the run is to learn from again; "
                "restore it, or begin anew with another --out"
            )
        return [self._group(drawn, episodes[drawn], policy, born) for drawn, born in wanted.items()]

    def flush(self) -> None:
        """Have on disk what was stored."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Close the store and the devices."""
        if self._writer is not None:
            self._writer.close()
        for device in self._devices:
            device.close()
        self._devices = []

    def _run(
        self,
        policy: Policy,
        items: Iterable[tuple[str, int]],
        split: Split,
        attempts: int,
        stats: RolloutStats,
        common: Mapping[str, int] | None = None,
    ) -> Iterable[Episode]:
        if not self._devices:
            task = next(iter(self.tasks.values()))
            self._devices = [task.open_device() for _ in range(self.config.devices)]
        work = ((self.tasks[name], self.tasks[name].instance(split, i)) for name, i in items)
        return rollout(
            policy,
            work,
            self._devices,
            dialect=self.config.dialect,
            attempts=attempts,
            stats=stats,
            common=common,
        )

    def _group(
        self, drawn: Drawn, episodes: Sequence[Episode], policy: VLMPolicy, born: int
    ) -> Group:
        ordered = sorted(episodes, key=lambda episode: episode.attempt)
        rewarded = [(episode, self._reward(episode)) for episode in ordered]
        attempts = tuple(
            attempt_of(episode, reward, policy)
            for episode, reward in rewarded
            if reward is not None
        )
        return Group(drawn.task, drawn.number, attempts, born, drawn.shown)

    def _reward(self, episode: Episode) -> Reward | None:
        """Nothing for an episode that the device, the judge or the audit failed."""
        if episode.infra_error:
            return None
        try:
            costs = self._auditor.logged(episode).tolist() if self._auditor else ()
            return episode_reward(
                episode,
                self.config.reward,
                privacy_costs=costs,
                judge=self._judge,
                longest_answer=self.config.rollouts.max_new_tokens,
            )
        except (DeviceError, StoreError) as failure:
            logger.warning("%s is not learned from: %s", episode.key, failure)
            return None

    def _keep(self, policy: VLMPolicy, episodes: Sequence[Episode]) -> None:
        """Store what is not there yet: a resumed run acts its last iteration again."""
        if self._writer is None:
            self._stored = _stored(self.path)
            self._writer = TrajectoryWriter(
                self.path,
                policy=policy.name,
                suite=self.suite,
                seed=self.config.seed,
                shard_episodes=1024,  # an iteration is a shard; see `flush`
                metadata={
                    "dialect": self.config.dialect,
                    "temperature": self.config.rollouts.temperature,
                },
            )
        for episode in sorted(episodes, key=lambda episode: episode.attempt):
            key = (episode.task, episode.split, episode.index, episode.attempt)
            if key not in self._stored:
                self._writer.append(episode)


class Guided:
    """A policy for which an oracle takes the first steps of some episodes.

    Args:
        policy: takes all other steps.
        oracle: knows the tasks of these episodes.
        shown: instance key -> steps that the oracle takes.
    """

    def __init__(self, policy: Policy, oracle: OraclePolicy, shown: Mapping[str, int]) -> None:
        self.policy = policy
        self.oracle = oracle
        self.shown = shown
        self.name, self.version = policy.name, policy.version

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """One decision for each history; an oracle's has no token ids."""
        helped = [len(h.turns) < self.shown.get(h.instance, 0) for h in histories]
        both = list(zip(histories, helped, strict=True))
        own = iter(self.policy.act([history for history, by_oracle in both if not by_oracle]))
        return [
            self.oracle.act([history])[0] if by_oracle else next(own) for history, by_oracle in both
        ]


def _stored(path: Path) -> set[EpisodeKey]:
    return TrajectoryStore(path).keys() if (path / MANIFEST).exists() else set()


def _auditor_of(config: CraftGUIConfig, tasks: Mapping[str, Task]) -> Auditor | None:
    """Who prices actions; nobody if they cost nothing."""
    if not config.reward.privacy:
        return None
    from trainers.privacy import Auditor

    return Auditor(tasks, config.privacy_policy, "reward.privacy")
