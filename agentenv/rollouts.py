"""Let a policy act on many task instances, several devices at a time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from agentenv.devices.base import Device
from agentenv.dialects import Dialect
from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError, DeviceError
from agentenv.forking import Fork, Job, Jobs
from agentenv.policies.base import Decision, Policy
from agentenv.recording import EpisodeRecorder
from agentenv.tasks.base import Task, TaskInstance
from agentenv.trajectories.episode import Episode
from agentenv.worker import Worker, gather


@dataclass
class RolloutStats:
    """Counts, kept up to date while the rollout runs."""

    episodes: int = 0
    """Yielded, failed ones included."""
    steps: int = 0
    """Of the yielded episodes; those that several have in common were taken once, and count
    once."""
    successes: int = 0
    failed: int = 0
    """Yielded with `infra_error`: every retry failed as well. No part of a success rate."""
    retries: int = 0
    infra_errors: Counter[str] = field(default_factory=Counter)
    """Cause -> how often a device failed; what a second try made good is counted too."""
    blocked_requests: int = 0
    """That network policies have blocked, those of retried episodes included."""

    def count(self, episode: Episode, shared: int = 0) -> None:
        """Add an episode that is being yielded, `shared` of whose steps another one took."""
        self.episodes += 1
        self.steps += len(episode.steps) - shared
        self.successes += episode.success
        self.failed += bool(episode.infra_error)


def rollout(
    policy: Policy,
    items: Iterable[tuple[Task, TaskInstance]],
    devices: Sequence[Device] | Callable[[], Device],
    *,
    count: int | None = None,
    dialect: str | Dialect = "json",
    attempts: int = 1,
    on_episode: Callable[[Episode], None] | None = None,
    max_steps: int | None = None,
    infra_retries: int = 2,
    stats: RolloutStats | None = None,
    common: Mapping[str, int] | None = None,
) -> Iterator[Episode]:
    """Run every item `attempts` times and yield the episodes as they end.

    All running episodes advance together: one `policy.act` for all of them, then one
    action on each device, at the same time; so the order of episodes does not depend on
    how fast a device is. An episode that the infrastructure cut short is run again on
    the same device, connected anew; if that does not help, its last try is yielded with
    `infra_error` set.

    Args:
        policy: what acts.
        items: tasks with their instances; read as devices become free.
        devices: devices to use, left open at the end; or what makes one, called `count`
            times, closed at the end. Each device is used by one thread of its own.
        count: number of devices to make.
        dialect: given to the environments.
        attempts: episodes of each item, numbered by `Episode.attempt`.
        on_episode: called with each episode before it is yielded.
        max_steps: step limit instead of the tasks' own.
        infra_retries: how often an episode may be run again.
        stats: counts to keep up to date.
        common: instance's key -> how many steps its attempts have in common. The first
            attempt takes them, and the others go on from a snapshot, which is verified
            (`agentenv.forking`). Devices without snapshots are all reset, and the policy
            acts from the start.

    Raises:
        ConfigError: no devices, no attempts, or not one decision for each history.
        Exception: the policy's or `on_episode`'s own; all devices are closed first.
    """
    if attempts < 1:
        raise ConfigError(f"attempts must be at least 1, not {attempts}")
    stats = RolloutStats() if stats is None else stats
    slots = [_Slot(device, dialect, max_steps) for device in _devices(devices, count)]
    forks = _Forks(slots, common or {}, attempts)
    work = Jobs(
        Job(task, instance, number, fork)
        for task, instance in items
        for fork in [forks.fork(instance)]
        for number in range(attempts)
    )
    close = callable(devices)
    try:
        while _start(slots, work):
            _advance([slot for slot in slots if slot.running], policy)
            for episode, shared in _ended(slots, policy, infra_retries, stats):
                stats.count(episode, shared)
                if on_episode is not None:
                    on_episode(episode)
                yield episode
    except Exception:
        close = True
        raise
    finally:
        with contextlib.ExitStack() as stack:  # every slot is stopped, even if one raises
            stack.callback(forks.close)
            for slot in slots:
                stack.callback(slot.stop, close=close)


class _Forks:
    """Made as their instances are read, and closed together in the end.

    Args:
        slots: whose devices there are.
        common: steps in common, by the instance's key.
        attempts: at every instance.
    """

    def __init__(self, slots: Sequence[_Slot], common: Mapping[str, int], attempts: int) -> None:
        able = attempts > 1 and all(slot.device.features.snapshots for slot in slots)
        self._common = common if able else {}
        self._attempts = attempts
        self._made: list[Fork] = []

    def fork(self, instance: TaskInstance) -> Fork | None:
        """The one of the next item's attempts; None if each begins by itself."""
        if instance.key not in self._common:
            return None
        self._made.append(Fork(self._common[instance.key], self._attempts))
        return self._made[-1]

    def close(self) -> None:
        """Free the snapshots of those that an exception has cut short."""
        for fork in self._made:
            fork.close()


class _Slot:
    """A device, the thread that uses it, and the episode it is in."""

    def __init__(self, device: Device, dialect: str | Dialect, max_steps: int | None) -> None:
        self.device = device
        self.dialect = dialect
        self.max_steps = max_steps
        # A thread for each device and not a shared pool: drivers such as Playwright's
        # must be used by the thread that started them.
        self.thread = Worker("agentenv-rollout")
        self.retry: Job | None = None
        """To be run again, before new work is taken."""
        self.job: Job | None = None
        """The one that `run` is a try at."""
        self.run: EpisodeRecorder | None = None

    @property
    def running(self) -> bool:
        """Whether the policy is to act here."""
        return self.run is not None and not self.run.over

    def start(self, job: Job) -> Future[Any]:
        """Take a job and begin its episode."""
        env = DeviceEnv(
            job.task,
            self.device,
            self.dialect,
            split=job.instance.split,
            max_steps=self.max_steps,
        )
        self.retry, self.job = None, job
        beginning = job.fork.enter() if job.fork else None
        self.run = EpisodeRecorder(env, job.instance, job.attempt, beginning)
        return self._submit(job, self.run, self.run.begin)

    def advance(self, decision: Decision) -> Future[Any]:
        """Carry out a decision in the running episode."""
        assert self.job is not None
        assert self.run is not None
        return self._submit(self.job, self.run, partial(self.run.advance, decision))

    def _submit(self, job: Job, run: EpisodeRecorder, do: Callable[[], None]) -> Future[Any]:
        def work() -> None:
            do()
            if job.fork is not None:
                job.fork.passed(run)

        return self.thread.submit(work)

    def stop(self, *, close: bool) -> None:
        """End the thread; close the device in it if asked to."""
        try:
            if close:
                with contextlib.suppress(DeviceError):
                    self.thread.submit(self.device.close).result()
        finally:
            self.thread.stop(wait=True)


def _devices(
    devices: Sequence[Device] | Callable[[], Device], count: int | None
) -> Sequence[Device]:
    if callable(devices):
        if count is None or count < 1:
            raise ConfigError("say how many devices to make: count must be at least 1")
        return [devices() for _ in range(count)]
    if not devices:
        raise ConfigError("a rollout needs at least one device")
    return devices


def _start(slots: Sequence[_Slot], work: Jobs) -> bool:
    """Begin an episode in every free slot while there is work; whether any slot has one."""
    while True:
        begun = []
        for slot in slots:
            if slot.run is None:
                job = slot.retry or work.take()
                if job is not None:
                    begun.append(slot.start(job))
        if not begun:
            return any(slot.run is not None for slot in slots)
        gather(begun)  # of which one may have been what others waited for


def _advance(running: Sequence[_Slot], policy: Policy) -> None:
    """One step of every running episode."""
    histories = [slot.run.history() for slot in running if slot.run is not None]
    if not histories:
        return
    decisions = policy.act(histories)
    if len(decisions) != len(histories):
        raise ConfigError(
            f"policy {policy.name} made {len(decisions)} decisions for {len(histories)} histories"
        )
    gather(slot.advance(one) for slot, one in zip(running, decisions, strict=True))


def _ended(
    slots: Sequence[_Slot], policy: Policy, infra_retries: int, stats: RolloutStats
) -> list[tuple[Episode, int]]:
    """Free the slots whose episodes have ended; the episodes not to be run again, each with the
    number of its steps that another one took."""
    episodes = []
    for slot in slots:
        job, run = slot.job, slot.run
        if job is None or run is None or not run.over:
            continue
        slot.run = None
        stats.blocked_requests += 0 if run.last is None else len(run.last.blocked_requests)
        stats.infra_errors += run.env.infra_errors
        if run.infra_error and job.failures < infra_retries:
            stats.retries += 1
            slot.retry = replace(job, failures=job.failures + 1)
            continue
        if job.fork is not None:
            job.fork.left()
        shared = len(run.beginning.steps) if run.beginning else 0
        episodes.append((run.episode(policy.name, policy.version), shared))
    return episodes
