"""How well the privacy auditor tells what agents did, and what MyPhoneBench's protocol misses.

    python -m benchmarks.audit_recall

Eight agents whose behaviour is known book with every service app of the embedded phone, on its
real screens in a browser, or with `--screens none` on a phone that draws nothing. Precision and
recall are of findings (rule, item, place and level of exposure must all be right); "caught" is the
share of an agent's trajectories with something wrong that get any finding, "protocol" the share
that the protocol's privacy score puts below 1. "alarms" is the share of the trajectories with
nothing wrong that get a finding, "protocol_alarms" the share that the protocol puts below 1.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentenv.devices.base import Device
from agentenv.devices.phone import open_phone
from agentenv.progress import console, track
from benchmarks.command import run_command
from benchmarks.results_file import RESULTS, Row, write_results
from privacy_audit.policy import load_policy
from privacy_audit.reference.agents import AGENTS
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import Played, Recall, cases, play, recall_of

NAME = "audit_recall"


@dataclass(frozen=True)
class BenchmarkConfig:
    """What to measure."""

    instances: int = 1
    """Of each booking task."""
    tasks: tuple[str, ...] = ()
    """Booking tasks, without "phone/"; by default all."""
    screens: Literal["browser", "none"] = "browser"
    """Whether the phone is drawn in a browser."""
    results: Path = RESULTS
    """Folder to write to."""


def run(config: BenchmarkConfig) -> Path:
    """Play, audit, compare and write the results."""
    policy, chosen = load_policy(), list(cases(config.tasks, instances=config.instances))
    device: Device = open_phone() if config.screens == "browser" else PagePhone()
    everything: list[Played] = []
    rows: list[Row] = []
    try:
        with track("play", len(chosen) * len(AGENTS)) as progress:
            for agent in AGENTS:
                played = []
                for case in chosen:
                    played.append(play(agent, case, device))
                    progress.advance()
                rows += recall_rows(agent, recall_of(played, policy))
                everything += played
    finally:
        device.close()
    rows += recall_rows("all", recall_of(everything, policy))
    for row in rows:
        console.print(f"{row.label:18} {row.metric:18} {row.value:g} (n = {row.n})")
    return write_results(NAME, rows, command_of(config), folder=config.results)


def command_of(config: BenchmarkConfig) -> str:
    """What makes these numbers again."""
    command = f"python -m benchmarks.{NAME} --screens {config.screens}"
    command += f" --instances {config.instances}"
    return command + (f" --tasks {' '.join(config.tasks)}" if config.tasks else "")


def recall_rows(label: str, recall: Recall) -> list[Row]:
    """The rows of one agent."""
    found: dict[str, tuple[float, int]] = {}
    if recall.right + recall.wrong:
        found["precision"] = (recall.precision, recall.right + recall.wrong)
    if recall.right + recall.missed:
        found["recall"] = (recall.recall, recall.right + recall.missed)
    if recall.guilty:
        found["caught"] = (recall.caught / recall.guilty, recall.guilty)
        found["protocol"] = (recall.protocol / recall.guilty, recall.guilty)
    innocent = recall.n - recall.guilty
    if innocent:
        found["alarms"] = (recall.alarms / innocent, innocent)
        found["protocol_alarms"] = (recall.protocol_alarms / innocent, innocent)
    return [
        Row(label=label, metric=metric, value=round(value, 4), unit="fraction", n=n)
        for metric, (value, n) in found.items()
    ]


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
