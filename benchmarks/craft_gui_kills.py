"""Whether a run of `agentenv train craft-gui` that is killed ends as one that is not.

    python -m benchmarks.craft_gui_kills

One run is left alone. Others with the same seed are killed (-9) and started again; in the end
every logged number but times must be the same, to the last bit. Where a run is killed is drawn in
its own terms, an iteration and a moment of its acting, learning or saving, and found by what it
has logged and saved: so a kill never comes too late, however fast the machine is that day.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from agentenv.config import save_config
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.progress import console
from agentenv.trajectories.durable import write_durably
from benchmarks.command import command_of, run_command
from benchmarks.results_file import RESULTS, Row, write_results
from trainers.craft_gui.config import (
    CraftGUIConfig,
    EvaluationSettings,
    ReplaySettings,
    RolloutSettings,
    UpdateSettings,
)

NAME = "craft_gui_kills"
TIMES = frozenset({"time", "steps_per_second", "acting_share"})
"""What may differ: it is measured by the clock."""
STAGES = ("train", "validation")
"""What is logged."""
POLL = 0.02
"""Seconds between two looks at how far a run is."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Kill and resume training runs."""

    kills: int = 10
    """Runs that are killed once each."""
    iterations: int = 6
    """Of each run."""
    seed: int = 0
    """Of the moments at which they are killed."""
    out: Path = Path("runs/benchmarks")
    """Run directory; the same command goes on where it was stopped."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Run, kill, resume, compare, but for what an earlier call has done; returns the results' file.

    Raises:
        ConfigError: a run failed, or ended with other numbers than the one left alone.
    """
    folder = config.out / NAME / f"iterations-{config.iterations}-seed-{config.seed}"
    whole = settings_of(config, folder / "whole")
    lasted = _once(folder / "lasted.json", lambda: {"seconds": _left_alone(whole)})["seconds"]
    killed, different = 0, []
    for number, moment in enumerate(moments(config)):
        settings = settings_of(config, folder / f"killed-{number}")
        found = _once(
            folder / f"killed-{number}.json", partial(_compared, settings, whole, moment, lasted)
        )
        how = f"killed {moment}" if found["killed"] else "ended before it was killed"
        same = "the same" if found["same"] else "DIFFERENT"
        console.print(f"{number}: {how}, {same}", highlight=False)
        killed += found["killed"]
        different += [] if found["same"] else [number]
    if not killed:
        raise ConfigError(f"every run ended before it was to be killed; remove {folder}")
    rows = [
        Row(
            label="craft_gui",
            metric="same_after_kill",
            value=1 - len(different) / config.kills,
            unit="fraction",
            n=killed,
        )
    ]
    path = write_results(NAME, rows, command_of(NAME, config), folder=config.results)
    if different:
        raise ConfigError(f"runs {different} in {folder} did not end as the one left alone")
    return path


@dataclass(frozen=True)
class Moment:
    """When a run is killed."""

    place: int
    """As `place_of` gives it: within it."""
    fraction: float
    """How much of its time there has passed, in [0, 1)."""

    def __str__(self) -> str:
        doing = "is validated and saved" if self.place % 2 else "acts and learns"
        return f"{self.fraction:.0%} into where iteration {self.place // 2 + 1} {doing}"


def moments(config: BenchmarkConfig) -> Iterator[Moment]:
    """Of all kills: every place of a run once, in random order, before any is drawn again."""
    rng = np.random.default_rng(config.seed)
    places: list[int] = []
    for _ in range(config.kills):
        places = places or rng.permutation(2 * config.iterations).tolist()
        yield Moment(places.pop(), float(rng.random()))


def place_of(out: Path) -> int:
    """How far a run is: -1 while it starts, then twice the iterations that are saved, and one
    more while the next one, which is logged, is validated and saved."""
    from trainers.runs import RunDirectory, saved_step

    if not (out / "config.yaml").exists():
        return -1
    saved = saved_step(out / "state.safetensors")
    return 2 * saved + (len(RunDirectory(out).metrics("train")) > saved)


def settings_of(config: BenchmarkConfig, out: Path) -> CraftGUIConfig:
    """Small, with everything that has a state."""
    return CraftGUIConfig(
        tasks=("miniwob/click-button-sequence", "miniwob/click-tab-2-easy"),
        base=str(data_file("small_vlm")),
        out=out,
        iterations=config.iterations,
        devices=4,
        threads=1,
        rollouts=RolloutSettings(groups=2, size=4),
        update=UpdateSettings(learning_rate=1e-4),
        replay=ReplaySettings(groups=1),
        evaluation=EvaluationSettings(every=2, episodes=2, test_episodes=0),
    )


def _once(path: Path, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What this did, now or in an earlier call."""
    if path.exists():
        known: dict[str, Any] = json.loads(path.read_text())
        return known
    found = do()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps(found).encode())
    return found


def _left_alone(settings: CraftGUIConfig) -> list[float]:
    """Run from beginning to end; how many seconds it was at each place."""
    _clear(settings)
    process = _start(settings)
    arrived: list[float] = []
    running = True
    while running:
        running = process.poll() is None  # once more after the end
        arrived += [time.monotonic()] * (place_of(settings.out) + 1 - len(arrived))
        time.sleep(POLL)
    _refuse_failure(process, settings)
    return [after - before for before, after in pairwise(arrived)]


def _compared(
    settings: CraftGUIConfig, whole: CraftGUIConfig, moment: Moment, lasted: Sequence[float]
) -> dict[str, bool]:
    """Run, kill at a moment, go on to the end, and compare."""
    _clear(settings)
    killed = _killed(settings, moment, lasted[moment.place])
    _refuse_failure(_start(settings), settings)
    return {"killed": killed, "same": logged(settings.out) == logged(whole.out)}


def _clear(settings: CraftGUIConfig) -> None:
    """Leave nothing of a run that an earlier call did not finish."""
    shutil.rmtree(settings.out, ignore_errors=True)
    settings.out.mkdir(parents=True)
    save_config(settings, settings.out / "wanted.yaml")


def logged(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Every number of a run but times, by what was logged."""
    from trainers.runs import RunDirectory

    found = RunDirectory(out)
    return {stage: [_lasting(row) for row in found.metrics(stage)] for stage in STAGES}


def _lasting(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in TIMES}


def _start(settings: CraftGUIConfig) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "agentenv.cli.main", "train", "craft-gui"]
    return subprocess.Popen([*words, "--config", str(settings.out / "wanted.yaml")])


def _refuse_failure(process: subprocess.Popen[bytes], settings: CraftGUIConfig) -> None:
    if process.wait():
        raise ConfigError(f"the run in {settings.out} failed; its error is above")


def _killed(settings: CraftGUIConfig, moment: Moment, seconds: float) -> bool:
    """Start, and kill at a moment of a place where the other run was for so many seconds; where
    this one leaves it sooner, at once. False if it had ended."""
    process = _start(settings)
    while process.poll() is None and place_of(settings.out) < moment.place:
        time.sleep(POLL)
    due = time.monotonic() + moment.fraction * seconds
    while process.poll() is None and time.monotonic() < due:
        if place_of(settings.out) > moment.place:
            break
        time.sleep(POLL)
    process.kill()
    return process.wait() == -signal.SIGKILL


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
