"""What Digi-Q's features and critic cost, beside the usual ways to have them.

    python -m benchmarks.digiq_cost
    python -m benchmarks.digiq_cost --data runs/demo-phone/data-48fc006e

Features: image and prompt encoded once a state, and equal candidates once, against a prefill of
image, prompt and candidate for each candidate; the same model, and the same features come out.

Critic: ours on frozen features (of the small model's width, and as wide as the authors'),
against one of the size and shape of the Digi-Q authors' (see `benchmarks.authors_critic`); the
same data and batch. The time of neither depends on the values of its weights: theirs are
random, so nothing has to be downloaded.

Every way runs in a process of its own with one thread, and tells its memory. They take turns,
and seconds are the processor's, so that hardly anything else is measured. The authors' critic
needs about 18 GB.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from agentenv.errors import ConfigError
from agentenv.progress import console
from benchmarks.command import command_of, run_command
from benchmarks.digiq_success import load_settings
from benchmarks.results_file import RESULTS, Row, three_digits, write_results
from benchmarks.turns import Measured, take_turns
from trainers.digiq.config import CollectSettings, DigiQConfig

NAME = "digiq_cost"
PROCESS = "benchmarks.costing"
OURS, PLAIN, AUTHORS = "digiq", "plain_prefill", "authors_critic"
COUNTS = (1, 4, 16)
"""Candidates a state."""
OUR_STEPS = 50
"""Of the optimiser in each turn; the authors' critic does one."""
THEIR_STEPS = 800
"""That the authors train their critic for."""
TOLERANCE = 0.01
"""Of the largest feature: a larger difference in float32 is no rounding."""
MEGA, GIGA = 1e6, 1e9


@dataclass(frozen=True)
class BenchmarkConfig:
    """Measure time and memory of features and critic."""

    data: Path | None = None
    """A trajectory store of the small model's dialect; without it, the small model first acts
    on `tasks`."""
    tasks: tuple[str, ...] = (
        "miniwob/click-checkboxes",
        "miniwob/click-link",
        "miniwob/choose-list",
        "miniwob/enter-text",
        "miniwob/login-user",
    )
    """Of the data that is made."""
    episodes: int = 12
    """Instances of each task."""
    states: int = 32
    """Whose features are computed in each turn."""
    batch: int = 128
    """States in a step of either critic."""
    rounds: int = 3
    """How often the ways take turns, after one that is not counted."""
    out: Path = Path("runs/benchmarks/digiq_cost")
    """Run directory of the data, the candidates and the features, which are kept."""
    results: Path = RESULTS
    """Folder of the file that is written."""


@dataclass(frozen=True)
class Differences:
    """Between the features of both ways: the largest, as a share of the largest feature."""

    bfloat16: float
    """As they are computed."""
    float32: float


def run(config: BenchmarkConfig) -> Path:
    """Measure, print a table and write the results; returns their file.

    Raises:
        ConfigError: a setting is wrong, a process failed, or the features differ.
    """
    command = command_of(NAME, config)  # before the minutes it takes: it may be refused
    for name in ("states", "batch", "rounds"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1")
    differences = prepare(config)
    measured = Measured()
    # The largest first: if there is not enough memory, that is known at once.
    critics = {"authors": (1,), "critic": (OUR_STEPS,), "critic_wide": (OUR_STEPS,), "stage": (1,)}
    options = {"run": config.out, "states": config.states, "batch": config.batch}
    flags = [f"--{name}={value}" for name, value in options.items()]
    take_turns(PROCESS, critics, flags, config.rounds, measured)
    features = {"shared": COUNTS, "plain": COUNTS, "plain_distinct": COUNTS[-1:]}
    take_turns(PROCESS, features, flags, config.rounds, measured)
    rows = result_rows(measured, differences)
    for row in rows:
        ratios = "".join(f", {ratio:g} x {peer}" for peer, ratio in row.vs.items())
        console.print(f"{row.label} {row.metric}: {row.value:g} {row.unit}{ratios}")
    path = write_results(NAME, rows, command, folder=config.results)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def prepare(config: BenchmarkConfig) -> Differences:
    """Data, candidates and features of the small model, and whether both ways agree on them.

    Raises:
        ConfigError: they do not.
    """
    import torch

    from benchmarks.plain_prefill import ExactModel, PlainModel, difference
    from trainers.digiq.finished import FinishedRun
    from trainers.digiq.pipeline import DigiQ

    torch.set_num_threads(1)
    digiq = DigiQ(settings_of(config))
    _ = digiq.features
    digiq.run.close()
    run = FinishedRun(config.out)
    found = Differences(
        difference(run, PlainModel, config.states), difference(run, ExactModel, config.states)
    )
    if found.float32 > TOLERANCE:
        raise ConfigError(
            f"shared and plain prefill give different features: up to {found.float32:.2g} of the "
            "largest; one of them is wrong, so their times say nothing"
        )
    return found


def settings_of(config: BenchmarkConfig) -> DigiQConfig:
    """The demo's, on less data; its model as it is: training it changes no cost."""
    demo = load_settings(None)
    return replace(
        demo,
        tasks=config.tasks,
        out=config.out,
        feature_cache=None,
        threads=1,
        collect=CollectSettings(episodes=config.episodes, data=config.data),
        candidates=replace(demo.candidates, n=COUNTS[-1]),
        representation=replace(demo.representation, kind="off_the_shelf"),
    )


def result_rows(measured: Measured, differences: Differences) -> list[Row]:
    """Everything that is published; peers with how many times ours their number is."""
    return [*_feature_rows(measured, differences), *_critic_rows(measured)]


def _feature_rows(measured: Measured, differences: Differences) -> list[Row]:
    times, facts = measured.times, measured.facts
    states = int(facts["shared"]["states"])
    most = COUNTS[-1]

    def seconds(job: str, count: int) -> float:
        return median(times[job, count]) / states

    n = len(times["shared", most]) * states
    rows = []
    for count in COUNTS:
        ours, plain = (seconds(job, count) for job in ("shared", "plain"))
        rows += _pair(f"features:{count}", PLAIN, ours, plain, "s/state", n)
    ours, plain = seconds("shared", most), seconds("plain_distinct", most)
    rows += _pair("features_distinct", PLAIN, ours, plain, "s/state", n)
    rows.append(
        _row(OURS, "candidates_distinct", facts["shared"]["distinct"], "candidates", states)
    )
    ours, plain = (facts[job]["memory"] / MEGA for job in ("shared", "plain"))
    rows += _pair("features_memory", PLAIN, ours, plain, "MB", 1)
    rows.append(_row(PLAIN, "features_difference", differences.bfloat16, "fraction", states))
    rows.append(_row(PLAIN, "features_difference_float32", differences.float32, "fraction", states))
    return rows


def _critic_rows(measured: Measured) -> list[Row]:
    times, facts = measured.times, measured.facts
    theirs = facts["authors"]
    n = len(times["authors", 1])
    their_step = median(times["authors", 1])
    rows = []
    for job, of in (("critic", ""), ("critic_wide", "_wide")):
        ours = facts[job]
        step = median(times[job, OUR_STEPS]) / OUR_STEPS
        both = ours["trainable"] / MEGA, theirs["trainable"] / MEGA
        rows += _pair(f"critic_trainable{of}", AUTHORS, *both, "million", 1)
        rows += _pair(f"critic_state{of}", AUTHORS, _state(ours), _state(theirs), "GB", 1)
        both = ours["memory"] / GIGA, theirs["memory"] / GIGA
        rows += _pair(f"critic_memory{of}", AUTHORS, *both, "GB", 1)
        rows += _pair(f"critic_step{of}", AUTHORS, step, their_step, "s", n)
    stage, whole = median(times["stage", 1]) / 60, THEIR_STEPS * their_step / 60
    return [
        *rows,
        _row(OURS, "critic_stage", stage, "min", n),
        _row(OURS, "critic_stage_steps", facts["stage"]["steps"], "steps", 1),
        _row(AUTHORS, "critic_stage_extrapolated", whole, "min", n, stage),
    ]


def _state(facts: Mapping[str, float]) -> float:
    """Gigabytes of weights, slow copies, gradients and Adam's two moments, in float32."""
    return 4 * (facts["parameters"] + 3 * facts["trainable"]) / GIGA


def _pair(metric: str, peer: str, ours: float, theirs: float, unit: str, n: int) -> list[Row]:
    return [_row(OURS, metric, ours, unit, n), _row(peer, metric, theirs, unit, n, ours)]


def _row(
    label: str, metric: str, value: float, unit: str, n: int, ours: float | None = None
) -> Row:
    vs = {OURS: three_digits(value / ours)} if ours else {}
    return Row(label=label, metric=metric, value=three_digits(value), unit=unit, n=n, vs=vs)


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
