"""`agentenv judge calibrate`: whether a judge agrees with the verifiers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.table import Table

from agentenv.config import config_to_mapping
from agentenv.errors import ConfigError
from agentenv.progress import console, track
from trainers.craft_gui.judge import JudgeConfig

if TYPE_CHECKING:
    from trainers.craft_gui.calibration import Calibration


@dataclass(frozen=True)
class CalibrateConfig:
    """Which judge, and the episodes to judge."""

    store: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """Trajectory store, of a policy that succeeds now and then: a judge is as good as its
    agreement on both successes and failures. What it says is cached, so that a command that
    was interrupted, or failed, goes on where it was."""
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    episodes: int = 100
    """At most so many, drawn at random; those the infrastructure failed are left out."""
    seed: int = 0
    """Of the draw."""
    threshold: float = 0.5
    """Scores from this on pass."""
    out: Path = Path("runs/judge")
    """Folder of calibration.json and the cache."""


def run(config: CalibrateConfig) -> None:
    """Judge, print the confusion table, write the results.

    Raises:
        DeviceError: the judge failed, or its budget is used up.
    """
    import numpy as np

    from agentenv.trajectories.store import TrajectoryStore
    from trainers.craft_gui.calibration import as_mapping, calibrate
    from trainers.craft_gui.judge import EndpointJudge

    judge = EndpointJudge(config.judge, config.out / "cache")
    store = TrajectoryStore(config.store)
    order = np.random.default_rng(config.seed).permutation(len(store))
    drawn = order[: config.episodes].tolist()
    scored: list[tuple[float, bool]] = []
    with track("judge", total=len(drawn)) as progress:
        for number in drawn:
            episode = store.episode(number)
            if episode.steps and not episode.infra_error:
                scored.append((judge(episode), episode.success))
            progress.advance(text=f"cost {judge.spent:.2f}")
    if not scored:
        raise ConfigError(f"{config.store} holds no episode that a verifier has scored")
    found = calibrate(scored, config.threshold)
    out = config.out / "calibration.json"
    results = {"config": config_to_mapping(config), **as_mapping(found), "cost": judge.spent}
    out.write_text(json.dumps(results, indent=2) + "\n")
    _print(found)
    console.print(f"results in {out}", soft_wrap=True, highlight=False)


def _print(found: Calibration) -> None:
    table = Table(title=f"{found.n} episodes")
    for name in ("", "verifier passes", "verifier fails"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("judge passes", str(found.both_pass), str(found.only_judge))
    table.add_row("judge fails", str(found.only_verifier), str(found.both_fail))
    table.add_row("mean score", _two(found.score_of_passes), _two(found.score_of_fails))
    console.print(table)
    numbers = f"agreement {found.agreement}, Cohen's kappa {_two(found.kappa)}"
    console.print(numbers, highlight=False, markup=False)


def _two(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
