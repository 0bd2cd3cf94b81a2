"""`agentenv train chain`: Digi-Q, then CRAFT-GUI from its policy, then Digi-Q on its rollouts.

Nothing is learned here: each stage is a run of its own, which skips or resumes what an earlier
call has done, and hands the next one a policy's folder or a store's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from agentenv.config import config_to_mapping, save_config
from agentenv.progress import console
from agentenv.reporting import (
    Curve,
    Report,
    result_rows,
    series_from_metrics,
    task_rows,
    write_report,
)
from agentenv.statistics import Summary
from agentenv.trajectories.store import TrajectoryStore
from trainers.chain.config import ChainConfig
from trainers.craft_gui import grpo
from trainers.craft_gui.config import CraftGUIConfig
from trainers.digiq import pipeline
from trainers.digiq.config import DigiQConfig
from trainers.runs import RunDirectory

NOTES = {
    "base": "the policy that everything started from",
    "start": "the policy that acting started from",
    "digiq": "stage 1: Digi-Q, from logged episodes",
    "craft_gui": "stage 2: CRAFT-GUI, by acting",
    "digiq_again": "stage 3: Digi-Q, from stage 2's rollouts",
    "digiq_again_rerank": "stage 3, its critic choosing among the policy's samples",
}


@dataclass(frozen=True)
class Stages:
    """How each stage is run; tests put others in their place."""

    digiq: Callable[[DigiQConfig], Mapping[str, Summary]] = pipeline.train
    craft_gui: Callable[[CraftGUIConfig], Mapping[str, Summary]] = grpo.train


def train(config: ChainConfig, stages: Stages | None = None) -> dict[str, Summary]:
    """Run all stages, or go on with them, and write ``report.html``.

    Args:
        config: of the chain.
        stages: how each is run.

    Returns:
        Success on the test split by label (see `NOTES`), in the order of the stages; what a
        stage did not test is absent.

    Raises:
        ConfigError: settings of a stage are wrong; those that can be known are looked at
            before the first one runs.
    """
    stages = stages or Stages()
    first = None if config.start else config.digiq_settings()
    start = config.start or str(config.out / "digiq" / "models" / "digiq")
    acting = config.craft_gui_settings(start)
    best, rollouts = acting.out / "models" / "best", acting.out / "rollouts"
    again = config.again_settings(str(best), rollouts)
    save_config(config, config.out / "config.yaml")
    found: dict[str, Summary] = {}
    if first is not None:
        console.rule("1 digiq: from logged episodes")
        found |= _named(stages.digiq(first), base="base", digiq="digiq")
    console.rule("2 craft-gui: by acting")
    begun = "start" if config.start else ""  # stage 1 has tested it
    found |= _named(stages.craft_gui(acting), base=begun, craft_gui="craft_gui")
    console.rule("3 digiq again: from these rollouts")
    made = stages.digiq(again)
    found |= _named(made, digiq="digiq_again", digiq_rerank="digiq_again_rerank")
    _write_report(config, found, rollouts)
    return found


def _named(summaries: Mapping[str, Summary], **labels: str) -> dict[str, Summary]:
    """Some of a stage's results by their labels in the chain; an empty label leaves one out."""
    return {label: summaries[name] for name, label in labels.items() if label and name in summaries}


def _write_report(config: ChainConfig, found: Mapping[str, Summary], rollouts: Path) -> None:
    store = TrajectoryStore(rollouts)
    succeeded = sum(episode.success for episode in store.episodes())
    acting = RunDirectory(config.out / "craft_gui").metrics("validation")
    critics = {
        name: RunDirectory(config.out / name).metrics("critic")
        for name in ("digiq", "digiq_again")
        if (config.out / name).exists()
    }
    curves = [
        Curve(
            "Stage 2: success on the validation split",
            [series_from_metrics(acting, "success")],
            x_label="iteration",
            y_label="success",
        ),
        Curve(
            "Stages 1 and 3: the critics' loss on episodes they do not learn from",
            [
                series_from_metrics(rows, "validation_loss", label=name)
                for name, rows in critics.items()
            ],
            note="Each of its own episodes; they tell whether it learned, not which is better.",
        ),
    ]
    rates = {label: summary.overall for label, summary in found.items()}
    shown = (f"{rate.rate:.0%} ({label}, {rate.n} episodes)" for label, rate in rates.items())
    report = Report(
        title="Digi-Q, CRAFT-GUI, Digi-Q",
        summary=(
            f"Success stage by stage: {', '.join(shown)}. The critic was trained again on "
            f"{len(store)} rollouts, {succeeded} of which succeeded. Each stage has a report of "
            "its own: report.html in digiq, craft_gui and digiq_again."
        ),
        results=result_rows(found, NOTES),
        tasks=task_rows(found),
        curves=[curve for curve in curves if any(series.points for series in curve.series)],
        configuration=yaml.safe_dump(config_to_mapping(config), sort_keys=False),
        command=f"agentenv train chain --config {config.out / 'config.yaml'}",
    )
    write_report(report, config.out / "report.html")
