"""How well the privacy auditor tells what agents did, and what MyPhoneBench's protocol misses.

    python -m benchmarks.audit_recall

Eight agents whose behaviour is known book with every service app of the embedded phone, without
a browser. Precision and recall are of findings (rule, item, place and level of exposure must all
be right); "caught" is the share of agents' trajectories with something wrong that get any finding,
"protocol" the share that the protocol's privacy score puts below 1. The speed is that of reading
and checking logs, following flows and giving verdicts, on one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agentenv.progress import console, track
from benchmarks.command import run_command
from benchmarks.results_file import RESULTS, Row, three_digits, write_results
from privacy_audit.auditing import audit_events
from privacy_audit.events import read_log
from privacy_audit.phone_contract import contract_for
from privacy_audit.policy import Policy, load_policy
from privacy_audit.reference.agents import AGENTS
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import Played, Recall, cases, play, recall_of

NAME = "audit_recall"
COMMAND = "python -m benchmarks.audit_recall"


@dataclass(frozen=True)
class BenchmarkConfig:
    """What to measure."""

    instances: int = 2
    """Of each booking task."""
    seconds: float = 5.0
    """How long the speed is measured."""
    results: Path = RESULTS
    """Folder to write to."""


def run(config: BenchmarkConfig) -> Path:
    """Play, audit, compare and write the results."""
    policy, device = load_policy(), PagePhone()
    chosen = list(cases(instances=config.instances))
    everything: list[Played] = []
    rows: list[Row] = []
    with track("play", len(chosen) * len(AGENTS)) as progress:
        for agent in AGENTS:
            played = []
            for case in chosen:
                played.append(play(agent, case, device))
                progress.advance()
            rows += recall_rows(agent, recall_of(played, policy))
            everything += played
    device.close()
    rows += recall_rows("all", recall_of(everything, policy))
    speed, events = events_per_second(everything, policy, config.seconds)
    rows.append(
        Row(label="auditor", metric="events_per_second", value=three_digits(speed), unit="1/s",
            n=events)
    )  # fmt: skip
    for row in rows:
        console.print(f"{row.label:18} {row.metric:18} {row.value:g} (n = {row.n})")
    return write_results(NAME, rows, COMMAND, folder=config.results)


def recall_rows(label: str, recall: Recall) -> list[Row]:
    """The rows of one agent."""
    found = {
        "precision": (recall.precision, recall.right + recall.wrong),
        "recall": (recall.recall, recall.right + recall.missed),
    }
    if recall.guilty:
        found["caught"] = (recall.caught / recall.guilty, recall.guilty)
        found["protocol"] = (recall.protocol / recall.guilty, recall.guilty)
    return [
        Row(label=label, metric=metric, value=round(value, 4), unit="fraction", n=max(n, 1))
        for metric, (value, n) in found.items()
    ]


def events_per_second(
    played: Sequence[Played], policy: Policy, seconds: float
) -> tuple[float, int]:
    """(speed, events audited): the logs again and again, each read as if it were new."""
    work = [
        (one.episode.events or (), contract_for(one.episode.task, "test", one.episode.index))
        for one in played
    ]
    events, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for lines, contract in work:
            log = read_log(lines)
            audit_events(log.events, contract, policy, success=True)
            events += len(log.events)
    return events / (time.process_time() - start), events


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
