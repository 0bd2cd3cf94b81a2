"""Steps and resets of our browser environment, and of others on the same pages.

    python -m benchmarks.browser_steps

The same pages, the same taps, the same Chromium; screenshot, elements and reward on every
step. The peers are BrowserGym as it comes, BrowserGym without its delays, and Farama's
MiniWoB++ environment (Selenium); the script installs them into a folder of their own. The
environments take turns, so that what else the machine does hits all alike.

One number is about more than speed: `stale`, the share of screenshots that still show the
page as it was before the action, on a page that a tap fills with another colour.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agentenv.errors import ConfigError
from agentenv.progress import console
from benchmarks.command import run_command
from benchmarks.peers import Peers
from benchmarks.results_file import RESULTS, Row, three_digits, write_results
from benchmarks.stepping import ENVIRONMENTS, TAPS, Measured

NAME = "browser_steps"
OURS = ENVIRONMENTS[0]
PAGES = tuple(page for page in TAPS if page != "colour")
CALM = 1.0
"""Load above which a machine is too busy for its numbers to be trusted."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Measure steps and resets of browser environments."""

    seconds: float = 5.0
    """For which each environment steps on each page, in each round."""
    resets: int = 3
    """Of each page in each round."""
    rounds: int = 3
    """How often the environments take turns."""
    stale_taps: int = 30
    """Screenshots looked at, in each round, for whether they show the page before the tap."""
    together: int = 4
    """Processes of an environment in the measurement of several at once."""
    cache: Path = Path("runs/benchmarks/browser_steps")
    """Where the peers are installed."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Measure everything and write the results; returns their file.

    Raises:
        ConfigError: a peer cannot be installed, or a measurement failed.
    """
    peers = Peers(config.cache.resolve())
    versions = peers.versions()
    if os.getloadavg()[0] > CALM:
        console.print(f"[yellow]the machine is busy (load {os.getloadavg()[0]:.1f})[/]")
    alone: dict[str, list[Measured]] = {name: [] for name in ENVIRONMENTS}
    together: dict[str, list[Measured]] = {name: [] for name in ENVIRONMENTS}
    for number in range(config.rounds):
        for name in ENVIRONMENTS:
            console.print(f"round {number + 1} of {config.rounds}: {name}", highlight=False)
            counted = ["--resets", str(config.resets), "--stale-taps", str(config.stale_taps)]
            alone[name] += measure(name, peers, config, [["--pages", *PAGES, *counted]])
            pages = [PAGES[one % len(PAGES)] for one in range(config.together)]
            together[name] += measure(name, peers, config, [["--pages", page] for page in pages])
    rows = result_rows(alone, together, config.together)
    for row in rows:
        ratios = "".join(f", {ratio:.1f} x {peer}" for peer, ratio in row.vs.items())
        console.print(f"{row.label} {row.metric}: {row.value:g} {row.unit}{ratios}")
    command = f"python -m benchmarks.{NAME}"
    path = write_results(NAME, rows, command, versions=versions, folder=config.results)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def measure(
    name: str, peers: Peers, config: BenchmarkConfig, jobs: Sequence[Sequence[str]]
) -> list[Measured]:
    """What processes that run at the same time measured, one with each of the options.

    Raises:
        ConfigError: one of them failed.
    """
    python = sys.executable if name == OURS else str(peers.python)
    command = [python, "-m", "benchmarks.stepping", "--env", name]
    command += ["--seconds", str(config.seconds), "--colour", peers.colour_folder]
    processes = [
        subprocess.Popen(
            [*command, *options],
            env=peers.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for options in jobs
    ]
    for process in processes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    measured = []
    for process in processes:
        out, why = process.communicate()
        if process.returncode:
            raise ConfigError(f"{name} failed: {why.strip()[-500:]}")
        measured.append(Measured(**json.loads(out)))
    return measured


def result_rows(
    alone: dict[str, list[Measured]], together: dict[str, list[Measured]], count: int
) -> list[Row]:
    """Rates with their ratios to the peers', quantiles of times, stale screenshots."""
    rates = {
        "steps_per_second": {name: _rate(_steps(alone[name])) for name in alone},
        f"steps_per_second_of_{count}": {
            name: _total_rate(together[name], count) for name in alone
        },
        "resets_per_second": {name: _rate(_resets(alone[name])) for name in alone},
    }
    rows = []
    for metric, by_name in rates.items():
        for name, (rate, n) in by_name.items():
            vs = {peer: round(rate / other, 1) for peer, (other, _) in by_name.items()}
            rows.append(
                Row(
                    label=name,
                    metric=metric,
                    value=three_digits(rate),
                    unit="1/s",
                    n=n,
                    vs={peer: ratio for peer, ratio in vs.items() if name == OURS != peer},
                )
            )
    for name, runs in alone.items():
        rows += _quantiles(name, "step", _steps(runs)) + _quantiles(name, "reset", _resets(runs))
        shown = sum(run.shown for run in runs)
        stale = sum(run.stale for run in runs) / shown
        rows.append(
            Row(label=name, metric="stale", value=three_digits(stale), unit="fraction", n=shown)
        )
    return rows


def _steps(runs: Sequence[Measured]) -> list[float]:
    return [time for run in runs for times in run.steps.values() for time in times]


def _resets(runs: Sequence[Measured]) -> list[float]:
    return [time for run in runs for time in run.resets]


def _rate(times: Sequence[float]) -> tuple[float, int]:
    return len(times) / sum(times), len(times)


def _total_rate(runs: Sequence[Measured], count: int) -> tuple[float, int]:
    """Of `count` processes at once: the sum of their rates, the mean of the rounds."""
    rates = [_rate(_steps([run]))[0] for run in runs]
    return sum(rates) * count / len(runs), len(_steps(runs))


def _quantiles(label: str, metric: str, times: Sequence[float]) -> list[Row]:
    return [
        Row(
            label=label,
            metric=f"{metric}_p{percent}",
            value=three_digits(float(np.percentile(times, percent)) * 1000),
            unit="ms",
            n=len(times),
        )
        for percent in (50, 95)
    ]


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
