"""What a Digi-Q run found, filled into `agentenv.reporting`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from agentenv.config import config_to_mapping
from agentenv.reporting import (
    CandidateState,
    Curve,
    Diagnostic,
    RankedAction,
    Report,
    result_rows,
    series_from_metrics,
    task_rows,
    write_report,
)
from agentenv.statistics import Summary, clustered_bootstrap, summarise
from agentenv.trajectories.marks import describe
from agentenv.trajectories.store import TrajectoryStore
from trainers.digiq.critic import evaluate
from trainers.digiq.diagnostics import verdict
from trainers.digiq.extraction import aggregate

if TYPE_CHECKING:
    from trainers.digiq.pipeline import DigiQ

NOTES = {
    "base": "the policy that collected the data",
    "filtered_bc": "imitates the steps of successful episodes",
    "digiq": "imitates the best of N candidates by Q",
}
SHOWN_STATES = 12
MEANINGS = {
    "states": "logged states of episodes the critic was not trained on",
    "ranking": "Q of steps that led to success against steps that did not; 0.5 is chance",
    "ranking_within_task": "the same within a task",
    "advantage_ranking": "the same for Q - V: what Q knows of the action beyond the state",
    "calibration_error": "mean distance of V and the return that followed",
    "sensitivity_relative": "spread of Q over a state's candidates, relative to that over "
    "states; 0 means Q has collapsed to V",
    "changed": "share of imitated states where the best candidate is not the logged action",
    "kept": "share of states in which something is imitated",
}


def write_digiq_report(digiq: DigiQ, stores: Mapping[str, TrajectoryStore]) -> Path:
    """Write the run's ``report.html``.

    Args:
        digiq: the run, all of whose stages have finished.
        stores: evaluation episodes by label, the base policy first.

    Returns:
        The page's path.
    """
    summaries = {label: summarise(store.episodes()) for label, store in stores.items()}
    episodes = {label: list(store.episodes()) for label, store in stores.items()}
    report = Report(
        title="Digi-Q",
        summary=finding(summaries),
        results=result_rows(summaries, NOTES),
        tasks=task_rows(summaries),
        differences={
            f"{label} - base": clustered_bootstrap(episodes["base"], episodes[label])
            for label in stores
            if label != "base"
        },
        curves=_curves(digiq),
        states=_states(digiq),
        diagnostics=_diagnostics(digiq),
        configuration=yaml.safe_dump(config_to_mapping(digiq.config), sort_keys=False),
        command=f"agentenv train digiq --config {digiq.config.out / 'config.yaml'}",
        facts={
            "tasks": str(len(digiq.tasks)),
            "logged episodes": str(len(digiq.episodes)),
            "logged states": str(len(digiq.features)),
            "candidates a state": str(digiq.config.candidates.n),
            "base policy": Path(digiq.config.base).name,
        },
    )
    path = digiq.config.out / "report.html"
    write_report(report, path)
    return path


def finding(summaries: Mapping[str, Summary]) -> str:
    """The outcome in one sentence, with what it does not show."""
    base, digiq = summaries["base"].overall, summaries["digiq"].overall
    (_, base_high), (digiq_low, digiq_high) = base.interval, digiq.interval
    base_low = base.interval[0]
    if digiq_low > base_high:
        relation = "better than the base policy: their 95 % intervals do not overlap"
    elif digiq_high < base_low:
        relation = "worse than the base policy: their 95 % intervals do not overlap"
    else:
        relation = "not clearly different from the base policy: their 95 % intervals overlap"
    return (
        f"On instances no training stage has seen, Digi-Q succeeds in {digiq.rate:.0%} of "
        f"{digiq.n} episodes and the base policy in {base.rate:.0%} of {base.n}; Digi-Q is "
        f"{relation}. It learned from logged episodes alone."
    )


def _curves(digiq: DigiQ) -> list[Curve]:
    run = digiq.run
    actors = [*digiq.config.baselines, "digiq"]
    critic = run.metrics("critic")
    return [
        Curve(
            "Actors: loss",
            [series_from_metrics(run.metrics(f"actor_{a}"), "loss", label=a) for a in actors],
            y_label="- log pi per token",
            note="Of the actions each method imitates; not comparable between methods.",
        ),
        Curve(
            "Critic: loss",
            [series_from_metrics(critic, "train_loss", label="Q + V, training")],
            y_label="squared error",
        ),
        Curve(
            "Critic: ranking on held-out episodes",
            [
                series_from_metrics(critic, f"validation_{name}", label=name.replace("_", " "))
                for name in ("ranking", "ranking_within_task", "advantage_ranking")
            ],
            y_label="AUC",
            note="0.5 is chance.",
        ),
        Curve(
            "Representation: right answers about logged actions",
            [series_from_metrics(run.metrics("representation"), "accuracy", label="accuracy")],
            y_label="accuracy",
            note="Does it change the screen? Does it lead to the goal?",
        ),
    ]


def _diagnostics(digiq: DigiQ) -> list[Diagnostic]:
    numbers = digiq.diagnostics.numbers()
    rows = [Diagnostic(name, numbers[name], text) for name, text in MEANINGS.items()]
    sentences = [Diagnostic("verdict", text, "") for text in verdict(digiq.diagnostics)]
    return rows + sentences


def _states(digiq: DigiQ) -> list[CandidateState]:
    """Some states in which the critic departs from the log, and some in which it does not."""
    slots, keep = digiq.selection("digiq")
    rng = np.random.default_rng(digiq.config.seed)
    kept = keep.nonzero().flatten().numpy()
    changed = kept[slots[kept].numpy() != 0]
    same = kept[slots[kept].numpy() == 0]
    rows = [
        *rng.permutation(changed)[: SHOWN_STATES * 2 // 3],
        *rng.permutation(same)[: SHOWN_STATES // 3],
    ]
    steps = [(e, step) for e in digiq.episodes for step in e.steps]
    q_all, v_all = evaluate(digiq.critic, digiq.features)
    aggregation = digiq.config.actor.aggregation
    q, v = aggregate(q_all, aggregation), aggregate(v_all, aggregation)
    result = []
    for row in map(int, rows):
        episode, step = steps[row]
        ranked = []
        for slot, text in enumerate(digiq.candidates[row].texts):
            action = digiq.dialect.parse(text)
            ranked.append(
                RankedAction(
                    text=describe(action),
                    action=action,
                    q=float(q[row, slot]),
                    advantage=float(q[row, slot] - v[row]),
                    chosen=slot == int(slots[row]),
                    logged=slot == 0,
                )
            )
        outcome = "succeeded" if episode.success else "failed"
        result.append(
            CandidateState(
                task=episode.task,
                goal=episode.goal,
                screenshot=step.observation.png,
                candidates=ranked,
                elements=step.observation.elements,
                value=float(v[row]),
                note=f"step {step.observation.step + 1}; the logged episode {outcome}",
            )
        )
    return result
