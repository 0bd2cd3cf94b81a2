"""Success of the base policy, Digi-Q and what it is compared with.

    python -m benchmarks.digiq_success --seeds 0 1 2            the demo's settings
    python -m benchmarks.digiq_success --from-run runs/demo-phone the demo's run
    python -m benchmarks.digiq_success --seeds 0 1 2 --config benchmarks/digiq_comparison.yaml

Every seed trains anew, from the episodes and candidates of the first, and acts on the same
held-out instances; episodes of all seeds are pooled. So the intervals speak of episodes, not of
other tasks, instances or data.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from agentenv.config import config_to_mapping, load_config
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.progress import console
from agentenv.statistics import SuccessRate, Summary, print_table, summarise
from agentenv.trajectories.store import TrajectoryStore
from benchmarks.command import check_seeds, run_command
from benchmarks.results_file import RESULTS, Row, check_command, write_results
from trainers.digiq.config import DigiQConfig

NAME = "digiq_success"
PEER = "base"
"""What the others are compared with."""
GREEDY = f"{PEER}_greedy"


@dataclass(frozen=True)
class BenchmarkConfig:
    """Run Digi-Q for some seeds, and publish its success and its baselines'."""

    seeds: tuple[int, ...] = (0,)
    """Of training: one run each, in `SETTINGS/seed-N` of the run directory; the first is also that
    of the data, which they share. Finished stages are not run again."""
    config: Path | None = None
    """Settings as YAML, from the checkout's root; the results have the file's name. Those
    of the demo if not given."""
    out: Path = Path("runs/benchmarks")
    """Run directory."""
    from_run: tuple[Path, ...] = ()
    """Publish these finished runs, e.g. of `agentenv demo`, instead of running; they
    must have the same settings and the first one's data, and bring their seeds."""
    results: Path = RESULTS
    """Folder of the file that is written."""


@dataclass(frozen=True)
class FinishedRun:
    """What one run found."""

    seed: int
    """Of its training."""
    data_seed: int
    summaries: Mapping[str, Summary]
    """By label, `PEER` first."""
    day: date
    """When it was evaluated."""


def run(config: BenchmarkConfig) -> Path:
    """Run or read the runs, print the pooled table, write the results; returns their file.

    Raises:
        ConfigError: settings are wrong, or a run to publish is unfinished, has other
            settings or the same seed as another one.
    """
    settings = load_settings(config.config)
    if config.from_run:
        runs = [read_run(path, settings) for path in config.from_run]
        seeds = tuple(finished.seed for finished in runs)
        other = [str(finished.data_seed) for finished in runs if finished.data_seed != seeds[0]]
        if other:
            raise ConfigError(
                f"the runs do not learn from the data of seed {seeds[0]}, the first one's, but "
                f"of {', '.join(other)}; give them --seed {seeds[0]} and their --training-seed"
            )
        command = _command(config, seeds)
    else:
        seeds = config.seeds
        command = _command(config, seeds)  # before the hours it takes: it may be refused
        name = results_name(config)
        folders = [config.out / name / f"seed-{seed}" for seed in seeds]
        runs = []
        for seed, out in zip(seeds, folders, strict=True):
            share_data(folders[0], out)
            training = replace(settings, seed=seeds[0], training_seed=seed, out=out)
            runs.append(train_seed(training))
    pooled = pool_seeds([finished.summaries for finished in runs])
    rows = result_rows(pooled, seeds)
    day = max(finished.day for finished in runs)
    path = write_results(results_name(config), rows, command, day=day, folder=config.results)
    print_table(pooled, title=f"Success, {len(seeds)} seed(s)", console=console)
    for row in rows:
        if row.metric == "success" and row.vs:
            console.print(f"{row.label} / {PEER}: {row.vs[PEER]:.2f}", highlight=False)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def results_name(config: BenchmarkConfig) -> str:
    """Of the file that is written."""
    return "digiq_demo" if config.config is None else config.config.stem


def share_data(first: Path, other: Path) -> None:
    """Copy what a run has logged and proposed to another, which then does not do it again."""
    if first == other or (other / "stages" / "candidates.json").exists():
        return
    (other / "stages").mkdir(parents=True, exist_ok=True)
    for data in first.glob("data-*"):
        shutil.copytree(data, other / data.name, dirs_exist_ok=True)
    for name in ("candidates.parquet", "stages/collect.json", "stages/candidates.json"):
        shutil.copy(first / name, other / name)


def load_settings(path: Path | None) -> DigiQConfig:
    """Settings from YAML; without a path those of `agentenv demo`.

    Their base policy is one in ``data/``, or with a path any that a run takes.

    Raises:
        ConfigError: the file or the demo's model is missing, or a field is wrong.
    """
    settings = load_config(DigiQConfig, path or data_file("demo/phone.yaml"))
    try:
        return replace(settings, base=str(data_file(settings.base)))
    except ConfigError:
        if path is None:
            raise
        return settings


def train_seed(settings: DigiQConfig) -> FinishedRun:
    """Run what is missing of one seed."""
    from trainers.digiq.pipeline import train  # needs torch, which publishing does not

    return FinishedRun(settings.seed_of_training, settings.seed, train(settings), date.today())


def read_run(path: Path, settings: DigiQConfig) -> FinishedRun:
    """The evaluation of a finished run, without running anything.

    Args:
        path: its run directory.
        settings: what it must have run with, apart from what cannot change the outcome's
            distribution: seed, directory, browsers at once, threads.

    Raises:
        ConfigError: it has other settings, or episodes are missing.
        StoreError: an evaluation is damaged.
    """
    config = load_config(DigiQConfig, path / "config.yaml")
    _refuse_other_settings(path, config, settings)
    stores = {label: evaluation_of(path, label) for label in config.labels}
    summaries = {label: summarise(store.episodes()) for label, store in stores.items()}
    expected = config.evaluation.episodes * config.evaluation.attempts
    tasks = {task for summary in summaries.values() for task in summary.by_task}
    for label, summary in summaries.items():
        counts = {task: summary.by_task.get(task, SuccessRate()) for task in tasks}
        short = [task for task, rate in counts.items() if rate.n + rate.infra_errors != expected]
        if short:
            raise ConfigError(
                f"{path}: the evaluation of {label} has not all {expected} episodes of "
                f"{', '.join(sorted(short))}; run its command again to finish it"
            )
    day = max(date.fromisoformat(store.manifest.created[:10]) for store in stores.values())
    return FinishedRun(config.seed_of_training, config.seed, summaries, day)


def pool(summaries: Sequence[Summary]) -> Summary:
    """All episodes of several runs as those of one."""
    tasks = sorted({task for summary in summaries for task in summary.by_task})
    by_task = {
        task: sum((s.by_task.get(task, SuccessRate()) for s in summaries), SuccessRate())
        for task in tasks
    }
    causes: Counter[str] = Counter()
    for summary in summaries:
        causes.update(summary.infra_causes)
    overall = sum((summary.overall for summary in summaries), SuccessRate())
    return Summary(overall, by_task, dict(causes.most_common()))


def pool_seeds(runs: Sequence[Mapping[str, Summary]]) -> dict[str, Summary]:
    """Each policy's episodes of all seeds; the base policy's likeliest actions, which no seed
    changes, count once."""
    return {
        label: pool([run[label] for run in (runs[:1] if label == GREEDY else runs)])
        for label in runs[0]
    }


def result_rows(summaries: Mapping[str, Summary], seeds: tuple[int, ...]) -> list[Row]:
    """Success overall, then by task, of each label; each with its ratio to `PEER`.

    Where the infrastructure failed there is a row `infra_errors` too: its episodes are
    in no other row.
    """
    peer = summaries[PEER]
    rows = []
    for label, summary in summaries.items():
        rows.append(_row(label, "success", summary.overall, peer.overall, seeds))
        for task, rate in summary.by_task.items():
            of_peer = peer.by_task.get(task, SuccessRate())
            rows.append(_row(label, f"success:{task}", rate, of_peer, seeds))
        if failed := summary.overall.infra_errors:
            episodes = summary.overall.n + failed
            rows.append(
                Row(
                    label=label,
                    metric="infra_errors",
                    value=failed,
                    unit="episodes",
                    n=episodes,
                    seeds=seeds,
                )
            )
    return rows


def success_row(label: str, metric: str, rate: SuccessRate, seeds: tuple[int, ...] = ()) -> Row:
    """A rate with its interval.

    Raises:
        ConfigError: the infrastructure failed in every episode.
    """
    if not rate.n:
        raise ConfigError(f"{metric} of {label}: every episode failed infrastructure; run it anew")
    low, high = rate.interval
    return Row(
        label=label,
        metric=metric,
        value=round(rate.rate, 4),
        unit="fraction",
        ci95=(round(low, 4), round(high, 4)),
        n=rate.n,
        seeds=seeds,
    )


def _row(
    label: str, metric: str, rate: SuccessRate, peer: SuccessRate, seeds: tuple[int, ...]
) -> Row:
    row = success_row(label, metric, rate, seeds)
    # A peer that never succeeds has no ratio.
    compared = label != PEER and peer.successes > 0
    return replace(row, vs={PEER: round(rate.rate / peer.rate, 3)} if compared else {})


def _command(config: BenchmarkConfig, seeds: tuple[int, ...]) -> str:
    """What makes the numbers from nothing: runs that are published have these settings too."""
    check_seeds(seeds)
    words = ["python -m benchmarks.digiq_success", "--seeds", *map(str, seeds)]
    if config.config is not None:
        words += ["--config", str(config.config)]
    command = " ".join(words)
    check_command(command)
    return command


def _refuse_other_settings(path: Path, actual: DigiQConfig, wanted: DigiQConfig) -> None:
    ours, theirs = (
        config_to_mapping(
            # Where the model lies may differ between checkouts; its name may not.
            replace(
                c,
                seed=0,
                training_seed=None,
                out=Path(),
                feature_cache=None,
                devices=1,
                threads=0,
                base=Path(c.base).name,
            )
        )
        for c in (wanted, actual)
    )
    differing = [name for name in ours if ours[name] != theirs[name]]
    if differing:
        raise ConfigError(
            f"{path} was run with other settings ({', '.join(differing)}); name the file that "
            "it was run with (--config), or run it again"
        )


def evaluation_of(path: Path, label: str) -> TrajectoryStore:
    """The evaluation of one policy in a run directory.

    Raises:
        ConfigError: it is not there, or not the only one.
    """
    folders = sorted((path / "evaluation").glob(f"{label}-*"))
    if not folders:
        raise ConfigError(f"{path} has no evaluation of {label}; run its command again")
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise ConfigError(
            f"{path} holds several evaluations of {label} ({names}), of settings that have "
            "changed since; delete the outdated ones"
        )
    return TrajectoryStore(folders[0])


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
