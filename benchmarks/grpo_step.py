"""What a GRPO update costs, beside TRL's GRPOTrainer: `pip install 'agentenv[benchmark]'`.

    python -m benchmarks.grpo_step

An update samples a group of answers to each of some screens, and takes one optimiser step on
all of them. Both have the same small model, prompts, group size, precision and lengths; only
the environment is left out. Each runs in a process of its own with one thread, and tells its
memory. They take turns, and seconds are the processor's (see `benchmarks.turns`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from agentenv.errors import ConfigError
from agentenv.progress import console
from benchmarks.command import command_of, run_command
from benchmarks.results_file import RESULTS, Row, three_digits, write_results
from benchmarks.turns import Measured, take_turns

NAME = "grpo_step"
PROCESS = "benchmarks.grpo_stepping"
OURS, PEER = "agentenv", "trl"
PRECISIONS = ("fp32", "bf16")
MEGA = 1e6


@dataclass(frozen=True)
class BenchmarkConfig:
    """Measure completions a second, seconds an update, and peak memory."""

    tasks: tuple[str, ...] = (
        "miniwob/click-checkboxes",
        "miniwob/click-link",
        "miniwob/choose-list",
        "miniwob/login-user",
    )
    """On whose first screens the model answers; one prompt each."""
    size: int = 8
    """Answers to each."""
    tokens: int = 32
    """Longest answer."""
    rounds: int = 5
    """How often they take turns, after one that is not counted."""
    out: Path = Path("runs/benchmarks/grpo_step")
    """Run directory of the screens."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Measure, print and write the results; returns their file.

    Raises:
        ConfigError: TRL is missing, a setting is wrong, or a process failed.
    """
    command = command_of(NAME, config)  # before the minutes it takes: it may be refused
    if min(config.rounds, config.size - 1, config.tokens) < 1:
        raise ConfigError("rounds and tokens must be at least 1, size at least 2")
    if find_spec("trl") is None:
        raise ConfigError("TRL is what this compares with: pip install 'agentenv[benchmark]'")
    data = _screens(config)
    measured = Measured()
    jobs = {f"{who}_{p}": (1,) for p in PRECISIONS for who in (OURS, PEER)}
    flags = [f"--data={data}", f"--prompts={len(config.tasks)}"]
    flags += [f"--size={config.size}", f"--tokens={config.tokens}"]
    take_turns(PROCESS, jobs, flags, config.rounds, measured)
    rows = result_rows(measured, config)
    for row in rows:
        ratios = "".join(f", {ratio:g} x {peer}" for peer, ratio in row.vs.items())
        console.print(f"{row.label} {row.metric}: {row.value:g} {row.unit}{ratios}")
    path = write_results(NAME, rows, command, versions={PEER: version(PEER)}, folder=config.results)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def _screens(config: BenchmarkConfig) -> Path:
    from agentenv.collecting import collect
    from agentenv.policies.scripted import OraclePolicy
    from agentenv.tasks.selection import select_tasks

    tasks = select_tasks(config.tasks)
    store = collect(OraclePolicy(tasks), tasks.values(), config.out / "data", episodes=1, devices=1)
    return store.path


def result_rows(measured: Measured, config: BenchmarkConfig) -> list[Row]:
    """Everything that is published; TRL's with how many times ours each number is."""
    answers = config.size * len(config.tasks)
    rows = []
    for precision in PRECISIONS:
        both = [f"{who}_{precision}" for who in (OURS, PEER)]
        seconds = [median(measured.times[job, 1]) for job in both]
        rates = [answers / s for s in seconds]
        memory = [measured.facts[job]["memory"] / MEGA for job in both]
        tokens = [measured.facts[job]["tokens"] for job in both]
        rows += _pair(f"completions_per_second:{precision}", rates, "1/s", config.rounds)
        rows += _pair(f"update:{precision}", seconds, "s", config.rounds)
        rows += _pair(f"memory:{precision}", memory, "MB", 1)
        rows += _pair(f"answer_tokens:{precision}", tokens, "tokens", answers * config.rounds)
    return rows


def _pair(metric: str, values: list[float], unit: str, n: int) -> list[Row]:
    """Ours with how many times TRL's it is, then TRL's."""
    ours, theirs = values
    ratio = {PEER: three_digits(ours / theirs)}
    return [
        Row(label=OURS, metric=metric, value=three_digits(ours), unit=unit, n=n, vs=ratio),
        Row(label=PEER, metric=metric, value=three_digits(theirs), unit=unit, n=n),
    ]


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
