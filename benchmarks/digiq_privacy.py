"""Success, and success that spares the owner's data, of Digi-Q with and without a price on it.

    python -m benchmarks.digiq_privacy --seeds 0 1 2

Four policies act on the same held-out orders of the embedded phone: the base policy, Digi-Q on
success alone (`digiq`), Digi-Q whose candidates' values are lowered by what the audit would find
against them (`digiq_privacy`), and Digi-Q whose critic learns rewards that are lowered by what it
found (`digiq_priced`). All learn from the same episodes and candidates. `qualified` is
privacy-qualified success (PQSR) at `tau`, `disqualified` the share in which prohibited data was
sent, `minimisation` the mean score, with an interval from a bootstrap over whole tasks; the others'
are Wilson's, over the episodes of all seeds.

The base policy orders food and gives away too much (`benchmarks.privacy_base`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from agentenv.errors import ConfigError
from agentenv.trajectories.store import TrajectoryStore
from benchmarks.cold_start import ColdStartConfig
from benchmarks.command import command_of, run_command
from benchmarks.digiq_ablations import inherit
from benchmarks.digiq_success import evaluation_of, load_settings, share_data, train_seed
from benchmarks.privacy_base import privacy_base
from benchmarks.privacy_rows import PEER, audited, print_rows, privacy_rows
from benchmarks.results_file import RESULTS, write_results
from privacy_audit.policy import load_policy
from trainers.digiq.config import DigiQConfig, PrivacySettings

NAME = "digiq_privacy"
_SETTINGS = Path(__file__).resolve().parent / f"{NAME}.yaml"


@dataclass(frozen=True)
class BenchmarkConfig:
    """Train with and without a price, and publish what each does."""

    base: str = ""
    """Policy to begin with, instead of that of `benchmarks.privacy_base`: path of a checkpoint that
    knows the phone, or Hugging Face name."""
    seeds: tuple[int, ...] = (0,)
    """Of training; the first is also that of the data, which they share."""
    weight: float = 1.0
    """Taken off a candidate's value, or off a reward, for each unit of cost."""
    tau: float = 0.7
    """Threshold on the minimisation score."""
    out: Path = Path("runs/benchmarks")
    """Run directory. Finished stages are not run again."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Run what is missing and write the results; returns their file.

    Raises:
        ConfigError: settings are wrong.
    """
    command = command_of(NAME, config)  # before the hours it takes: it may be refused
    if not config.seeds or config.weight <= 0:
        raise ConfigError("give a seed at least, and a weight above 0: without one nothing differs")
    base = config.base or str(privacy_base(ColdStartConfig(out=config.out)))
    settings = replace(load_settings(_SETTINGS), base=base, methods=("digiq",))
    stores: dict[str, list[TrajectoryStore]] = {}
    for label, path in train_all(settings, config):
        method = PEER if label == PEER else "digiq"
        stores.setdefault(label, []).append(evaluation_of(path, method))
    policy = load_policy(settings.privacy.policy)
    audits = {label: audited(found, policy) for label, found in stores.items()}
    rows = privacy_rows(audits, tau=config.tau, seeds=config.seeds)
    print_rows(rows)
    return write_results(NAME, rows, command, folder=config.results)


def train_all(settings: DigiQConfig, config: BenchmarkConfig) -> list[tuple[str, Path]]:
    """Train each seed without and with a price: (label, run directory) of all evaluations.

    The base policy is the same in all runs, and evaluated once.
    """
    found: list[tuple[str, Path]] = []
    first = config.out / NAME / f"success-{config.seeds[0]}"
    for seed in config.seeds:
        without = config.out / NAME / f"success-{seed}"
        share_data(first, without)
        plain = replace(settings, seed=config.seeds[0], training_seed=seed, out=without)
        train_seed(plain)
        found.append(("digiq", without))
        for label, (name, privacy) in prices(config.weight).items():
            folder = config.out / NAME / f"{name}-{seed}"
            inherit(without, folder)  # all that no price concerns
            train_seed(replace(plain, privacy=privacy, out=folder))
            found.append((label, folder))
    return [(PEER, first), *found]


def prices(weight: float) -> dict[str, tuple[str, PrivacySettings]]:
    """By label: what a run is called, and what is priced in it."""
    return {
        "digiq_privacy": ("cost", PrivacySettings(candidates=weight)),
        "digiq_priced": ("price", PrivacySettings(rewards=weight)),
    }


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
