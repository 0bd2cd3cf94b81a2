"""Attempts at one instance that begin in exactly one state: a snapshot that one of them takes.

The first attempt leads: it takes the steps that all have in common, and is saved. The others
wait for that, and go on from there, each on its own device. Should the leader not get so far -
its device fails for good, or the episode ends before - the next attempt leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentenv.devices.base import Device
from agentenv.recording import Beginning, EpisodeRecorder
from agentenv.tasks.base import Task, TaskInstance


class Fork:
    """Of the attempts at one instance.

    Args:
        after: steps that they have in common.
        attempts: how many there are.
    """

    def __init__(self, after: int, attempts: int) -> None:
        self.after = after
        self.beginning: Beginning | None = None
        self._left = attempts
        self._led = False
        self._forget: Callable[[str], None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether an attempt would have to wait for the one that leads."""
        return self._led and self.beginning is None

    def enter(self) -> Beginning | None:
        """What an attempt that starts now goes on from; None: it leads."""
        self._led = True
        return self.beginning

    def passed(self, run: EpisodeRecorder) -> None:
        """Tell of every step of an attempt; called in the thread of its device."""
        if self.beginning is None and not run.over and len(run.steps) == self.after:
            self.beginning = run.save()
            self._forget = forgetter(run.env.device)

    def left(self) -> None:
        """An attempt has ended for good; after the last one the snapshot is forgotten."""
        self._left -= 1
        self._led = self.beginning is not None
        if not self._left:
            self.close()

    def close(self) -> None:
        """Free what the snapshot takes."""
        if self.beginning is not None and self._forget is not None:
            self._forget(self.beginning.token)
        self.beginning = None


def forgetter(device: Device) -> Callable[[str], None] | None:
    """How the device forgets a snapshot, if it can."""
    found: Callable[[str], None] | None = getattr(device, "forget", None)
    return found


@dataclass(frozen=True)
class Job:
    """One episode to run."""

    task: Task
    instance: TaskInstance
    attempt: int
    fork: Fork | None = None
    """What it has in common with others."""
    failures: int = 0
    """Earlier tries that the infrastructure cut short."""


class Jobs:
    """Jobs in order, each to be taken once.

    Args:
        jobs: read as they are taken.
    """

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._next: Job | None = None

    def take(self) -> Job | None:
        """The next one; None if none is left, or it has to wait.

        None overtakes one that waits: attempts that begin together have equal prompts, which
        a policy may read once for all.
        """
        job = self._next or next(self._jobs, None)
        waits = job is not None and job.fork is not None and job.fork.waiting
        self._next = job if waits else None
        return None if waits else job
