"""Whether a run of `agentenv train craft-gui` that is killed ends as one that is not.

    python -m benchmarks.craft_gui_kills

One run is left alone. Others with the same seed are killed (-9) at a random time of their
training (no sooner: what only imports has nothing to lose), and started again; in the end
every logged number but times must be the same, to the last bit.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
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


@dataclass(frozen=True)
class BenchmarkConfig:
    """Kill and resume training runs."""

    kills: int = 10
    """Runs that are killed once each."""
    iterations: int = 6
    """Of each run."""
    seed: int = 0
    """Of the times at which they are killed."""
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
    times = _once(folder / "whole.json", lambda: _left_alone(whole))
    rng = np.random.default_rng(config.seed)
    killed, different = 0, []
    for number in range(config.kills):
        seconds = float(rng.uniform(times["loaded"], times["ended"]))
        settings = settings_of(config, folder / f"killed-{number}")
        found = _once(
            folder / f"killed-{number}.json", partial(_compared, settings, whole, seconds)
        )
        how = f"killed after {seconds:.0f} s" if found["killed"] else "ended before it was killed"
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


def _left_alone(settings: CraftGUIConfig) -> dict[str, float]:
    """Run from beginning to end; seconds from the start to the first iteration, and to the end."""
    _clear(settings)
    started = time.time()
    _finish(settings)
    ended = time.time()
    loaded = (settings.out / "config.yaml").stat().st_mtime  # written before the first iteration
    return {"loaded": loaded - started, "ended": ended - started}


def _compared(settings: CraftGUIConfig, whole: CraftGUIConfig, seconds: float) -> dict[str, bool]:
    """Run, kill after so many seconds, go on to the end, and compare."""
    _clear(settings)
    killed = _killed(settings, seconds)
    _finish(settings)
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


def _finish(settings: CraftGUIConfig) -> None:
    if _start(settings).wait():
        raise ConfigError(f"the run in {settings.out} failed; its error is above")


def _killed(settings: CraftGUIConfig, seconds: float) -> bool:
    """Start, and kill after so many seconds; False if it had ended."""
    process = _start(settings)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
