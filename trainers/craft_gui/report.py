"""What a CRAFT-GUI run found, filled into `agentenv.reporting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from agentenv.config import config_to_mapping
from agentenv.reporting import (
    Curve,
    Diagnostic,
    Report,
    result_rows,
    series_from_metrics,
    task_rows,
    write_report,
)
from agentenv.statistics import PairedDifference, Summary, clustered_bootstrap, summarise
from agentenv.trajectories.store import TrajectoryStore

if TYPE_CHECKING:
    from trainers.craft_gui.grpo import CraftGUI

NOTES = {
    "base": "the policy that training started from",
    "craft_gui": "the policy that was best on the validation split",
}
Rows = Sequence[Mapping[str, Any]]


def write_craft_gui_report(trainer: CraftGUI, stores: Mapping[str, TrajectoryStore]) -> Path:
    """Write the run's ``report.html``.

    Args:
        trainer: of a run that has finished.
        stores: test episodes by label; none if no test was asked for.

    Returns:
        The page's path.
    """
    c = trainer.config
    rows, validation = trainer.run.metrics("train"), trainer.run.metrics("validation")
    summaries = {label: summarise(store.episodes()) for label, store in stores.items()}
    difference = None
    if stores:
        difference = clustered_bootstrap(stores["base"].episodes(), stores["craft_gui"].episodes())
    report = Report(
        title="CRAFT-GUI",
        summary=finding(summaries, difference, rows, judged=bool(c.judge.url)),
        results=result_rows(summaries, NOTES),
        tasks=task_rows(summaries),
        differences={"craft_gui - base": difference} if difference else {},
        curves=curves(rows, validation),
        diagnostics=diagnostics(rows),
        configuration=yaml.safe_dump(config_to_mapping(c), sort_keys=False),
        command=f"agentenv train craft-gui --config {c.out / 'config.yaml'}",
        facts={
            "tasks": str(len(trainer.tasks)),
            "iterations": str(trainer.iteration),
            "environment steps": str(trainer.env_steps),
            "objective": trainer.objective.name,
            "curriculum": c.curriculum.policy,
            "starting policy": Path(c.base).name,
            "best at iteration": str(trainer.best_iteration),
        },
    )
    path = c.out / "report.html"
    write_report(report, path)
    return path


def finding(
    summaries: Mapping[str, Summary],
    difference: PairedDifference | None,
    rows: Rows,
    *,
    judged: bool,
) -> str:
    """The outcome in a few sentences, with what it does not show."""
    sentences = ""
    if difference is not None:
        base, found = summaries["base"].overall, summaries["craft_gui"].overall
        sentences = (
            f"On instances that training has not seen, the trained policy succeeds in "
            f"{found.rate:.0%} of {found.n} episodes and the one it started from in "
            f"{base.rate:.0%} of {base.n}; it is {difference.verdict}. "
        )
    steps = int(rows[-1]["env_steps"]) if rows else 0
    sentences += (
        f"It learned from {steps} steps in the environment."
        if steps
        else "It learned from logged screens, without acting."
    )
    if not judged:
        sentences += " No judge was configured: rewards are from rules alone."
    return sentences


def curves(rows: Rows, validation: Rows) -> list[Curve]:
    """How the run went."""

    def chart(title: str, y: str, note: str, *names: str) -> Curve:
        series = [series_from_metrics(rows, name, label=name) for name in names]
        return Curve(title, series, x_label="iteration", y_label=y, note=note)

    stages = sorted(
        {name for row in [*rows, *validation] for name in row if name.startswith("stage_")}
    )
    tracked = ["success", *(stages if len(stages) > 1 else [])]
    of_stages = [
        name
        for name in _names(rows, "curriculum/stage_")
        if name.endswith(("/share", "/pass_rate"))
    ]
    found = [
        Curve(
            "Success on the validation split",
            [series_from_metrics(validation, name) for name in tracked],
            x_label="iteration",
            y_label="success",
            note="By stage of the curriculum; the best policy is the one that is kept.",
        ),
        chart("Success of the rollouts", "success", "Of the tasks that were drawn.", *tracked),
        chart("Reward", "mean", "Each part before its weight.", *_names(rows, "reward/")),
        chart("Curriculum", "share", "What is drawn, and how often it succeeds.", *of_stages),
        chart(
            "State of the curriculum",
            "number",
            "The stage it is in, tasks that are left alone, and between how many it chooses.",
            *("curriculum/stage", "curriculum/cooling", "curriculum/effective_tasks"),
        ),
        chart(
            "Groups without a signal",
            "share",
            "All rewards equal: they were drawn anew.",
            "dead_groups",
            "guided_groups",
        ),
        chart(
            "Distance to the policy that acted, and to the reference",
            "nats a token",
            "k3 estimates. The gap should stay near 0: it is measured before anything is learned.",
            *("kl_from_old", "kl_from_reference", "gap"),
        ),
        chart("Clipped tokens", "share", "", "clip_share"),
        chart("Entropy", "nats a token", "Near 0, all rollouts are alike.", "entropy"),
        chart("Loss", "", "", "loss", "imitation"),
    ]
    # What was not measured leaves no empty chart.
    kept = [
        Curve(c.title, [s for s in c.series if s.points], c.x_label, c.y_label, c.note)
        for c in found
    ]
    return [curve for curve in kept if curve.series]


def diagnostics(rows: Rows) -> list[Diagnostic]:
    """The last iteration's numbers that tell whether the training is healthy."""
    meanings = {
        "gap": "nats a token between sampling and training; rounding alone is below 0.05",
        "clip_share": "tokens whose update was clipped; much above 0.3, learn more slowly",
        "entropy": "nats a token; near 0, nothing new is tried",
        "dead_groups": "groups with equal rewards; near 1, tasks are too easy or too hard",
        "one_start": "groups whose rollouts all began in the same state; less than 1 is a fault",
        "steps_per_second": "environment steps, learning included",
        "acting_share": "of the time that is spent acting, not learning",
    }
    last = {name: value for row in rows for name, value in row.items()}
    return [Diagnostic(name, last[name], text) for name, text in meanings.items() if name in last]


def _names(rows: Rows, prefix: str) -> list[str]:
    return sorted({name for row in rows for name in row if name.startswith(prefix)})
