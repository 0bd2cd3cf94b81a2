"""Measurements that take turns, each in a process of its own.

What else the machine does then hits all of them alike, and their memory can be told apart.
A process answers every number it reads with the seconds that took, and in the end writes what
else it knows, as JSON (see `serve`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from agentenv.errors import ConfigError
from agentenv.progress import console


class Job(Protocol):
    """What one process measures."""

    def turn(self, size: int) -> object:
        """Do it once, as large as asked."""

    def facts(self) -> dict[str, float]:
        """What else is known in the end."""


@dataclass
class Measured:
    """What the jobs found."""

    times: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    """Job and size -> the processor's seconds of each turn."""
    facts: dict[str, dict[str, float]] = field(default_factory=dict)
    """Job -> what it knew in the end, `memory` among it: bytes at most, beyond those before."""


def take_turns(
    module: str,
    jobs: Mapping[str, Sequence[int]],
    flags: Sequence[str],
    rounds: int,
    to: Measured,
) -> None:
    """Start a process for each job, and let them take turns.

    Args:
        module: run as ``python -m MODULE JOB FLAGS``; it calls `serve`.
        jobs: and the sizes each is asked for in every round.
        flags: of all.
        rounds: after one that is not counted.
        to: gets what they found.

    Raises:
        ConfigError: one of them failed.
    """
    with _workers(module, jobs, flags) as workers:
        for number in range(rounds + 1):
            console.print(f"{', '.join(jobs)}: round {number} of {rounds}", highlight=False)
            for worker in workers:
                for size in jobs[worker.job]:
                    seconds = worker.turn(size)
                    if number:
                        to.times.setdefault((worker.job, size), []).append(seconds)
        for worker in workers:
            to.facts[worker.job] = worker.finish()


@contextmanager
def _workers(module: str, jobs: Iterable[str], flags: Sequence[str]) -> Iterator[list[_Worker]]:
    """None is left, whatever happens."""
    with ExitStack() as stack:
        workers = []
        for job in jobs:
            workers.append(_Worker(module, job, flags))
            stack.callback(workers[-1].close)
        yield workers


class _Worker:
    """The process of one job."""

    def __init__(self, module: str, job: str, flags: Sequence[str]) -> None:
        self.job = job
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, job, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self, size: int) -> float:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # its answer is missing, too
            self._process.stdin.write(f"{size}\n")
            self._process.stdin.flush()
        return float(self._answer())

    def finish(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.close()
        facts: dict[str, float] = json.loads(self._answer())
        return facts

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            killed = self._process.wait() < 0
            why = "it was killed, probably for its memory" if killed else "its error is above"
            raise ConfigError(f"the measurement '{self.job}' ended early: {why}")
        return line


def serve(start: Callable[[], Job], sizes: Iterable[str], say: Callable[[str], None]) -> None:
    """The process's side: answer every size, then tell what is known.

    Times are the processor's, not the clock's: with one thread they are the same, unless
    other processes are running.

    Args:
        start: makes the job; its memory counts from here on.
        sizes: lines of one number each.
        say: writes a line.
    """
    before = psutil.Process().memory_info().rss
    forget_peak()
    job = start()
    for size in sizes:
        since = time.process_time()
        job.turn(int(size))
        say(str(time.process_time() - since))
    say(json.dumps({**job.facts(), "memory": peak_memory() - before}))


def forget_peak() -> None:
    """Let `peak_memory` count from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Bytes this process has had in memory, at most (Linux).

    `ru_maxrss` would not do: it starts with what the parent had.
    """
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise ConfigError("memory is measured on Linux only")
    return 1024 * int(found[1])
