"""How fast the privacy auditor is, and how much memory an audit of many trajectories takes.

    python -m benchmarks.audit_speed

Reference agents leave trajectories behind on the phone without a browser. `events_per_second` is
reading a log and checking its chain, following flows and giving verdicts, on one core, with caches
that are empty whenever the trajectories begin anew; the contract of an instance is read once for
all agents that try it. CPU time is measured for each trajectory, and the least of all rounds
counts: what else the machine does would be in the others. CPU time is the honest measure on a busy
machine, and still too long there: caches and cores are shared. `peak_memory` is that of a process
that audits a store of `trajectories` episodes and writes the JSON report.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentenv.errors import AgentenvError
from agentenv.progress import console, track
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryWriter
from benchmarks.command import command_of, run_command
from benchmarks.results_file import RESULTS, Row, three_digits, write_results
from privacy_audit import canaries, findings, invented, normal
from privacy_audit.auditing import audit_events
from privacy_audit.contract import Contract
from privacy_audit.events import read_log
from privacy_audit.phone_contract import contract_for
from privacy_audit.policy import Policy, load_policy
from privacy_audit.reference.agents import AGENTS
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import cases, play

NAME = "audit_speed"


@dataclass(frozen=True)
class BenchmarkConfig:
    """What to measure."""

    tasks: tuple[str, ...] = ()
    """Booking tasks, without "phone/"; by default all."""
    instances: int = 1
    """Of each of them."""
    rounds: int = 25
    """How often every trajectory is audited."""
    trajectories: int = 10_000
    """In the store whose audit's memory is measured; 0 measures none."""
    results: Path = RESULTS
    """Folder to write to."""


def run(config: BenchmarkConfig) -> Path:
    """Play, audit again and again, and write the results."""
    command = command_of(NAME, config)
    episodes = played(config.tasks, config.instances)
    count = sum(len(one.events or ()) for one in episodes)
    speed = count / least_seconds(episodes, load_policy(), config.rounds)
    rows = [
        Row(label="auditor", metric="events_per_second", value=three_digits(speed), unit="1/s",
            n=count * config.rounds)
    ]  # fmt: skip
    if config.trajectories:
        with tempfile.TemporaryDirectory() as folder:
            write_store(Path(folder), episodes, config.trajectories)
            memory, seconds = audit_in_a_process(Path(folder))
        rows += [
            Row(label="auditor", metric=metric, value=three_digits(value), unit=unit,
                n=config.trajectories)
            for metric, value, unit in (
                ("peak_memory", memory, "GB"),
                ("trajectories_per_second", config.trajectories / seconds, "1/s"),
            )
        ]  # fmt: skip
    for row in rows:
        console.print(f"{row.label:18} {row.metric:24} {row.value:g} {row.unit} (n = {row.n})")
    return write_results(NAME, rows, command, folder=config.results)


def played(tasks: Sequence[str], instances: int) -> list[Episode]:
    """What the reference agents leave behind."""
    device, chosen = PagePhone(), list(cases(tasks, instances=instances))
    with track("play", len(chosen) * len(AGENTS)) as progress:
        episodes = []
        for agent in AGENTS:
            for case in chosen:
                episodes.append(play(agent, case, device).episode)
                progress.advance()
    device.close()
    return episodes


def least_seconds(episodes: Sequence[Episode], policy: Policy, rounds: int) -> float:
    """CPU time that auditing all of them takes, from their logs on."""
    known = {one.key: contract_for(one.task, one.split, one.index) for one in episodes}
    least = [float("inf")] * len(episodes)
    for _ in range(rounds):
        _forget()
        contracts = {key: replace(contract) for key, contract in known.items()}
        for at, episode in enumerate(episodes):
            start = time.thread_time()
            _audit(episode, contracts[episode.key], policy)
            least[at] = min(least[at], time.thread_time() - start)
    return sum(least)


def _audit(episode: Episode, contract: Contract, policy: Policy) -> None:
    log = read_log(episode.events or ())
    audit_events(log.events, contract, policy, success=True)


def _forget() -> None:
    """Empty every cache of texts."""
    for module in (normal, canaries, invented, findings):
        for one in vars(module).values():
            if hasattr(one, "cache_clear"):
                one.cache_clear()


def write_store(path: Path, episodes: Sequence[Episode], trajectories: int) -> None:
    """A store of so many trajectories: those that there are, again and again."""
    with TrajectoryWriter(path, policy="reference", suite="phone", seed=0) as writer:
        for number in range(trajectories):
            again = episodes[number % len(episodes)]
            writer.append(replace(again, attempt=number // len(episodes)))


def audit_in_a_process(store: Path) -> tuple[float, float]:
    """(peak memory in GB, CPU seconds) of `agentenv audit` on a store.

    Raises:
        AgentenvError: it failed.
    """
    command = [sys.executable, "-m", "agentenv.cli.main", "audit", str(store), "--format", "json",
               "--out", str(store / "audit.json")]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AgentenvError(f"agentenv audit failed: {done.stderr.strip()[-300:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return after.ru_maxrss * 1024 / 1e9, seconds


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
