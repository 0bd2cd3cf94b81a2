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
    Series,
    result_rows,
    series_from_metrics,
    task_rows,
    write_report,
)
from agentenv.statistics import PairedDifference, Summary, clustered_bootstrap, summarise
from agentenv.trajectories.marks import describe
from agentenv.trajectories.store import TrajectoryStore
from trainers.digiq.config import Evaluated
from trainers.digiq.critic import evaluate
from trainers.digiq.diagnostics import verdict
from trainers.digiq.extraction import aggregate

if TYPE_CHECKING:
    from trainers.digiq.pipeline import DigiQ

NOTES = {
    "base": "the policy that collected the data",
    "filtered_bc": "imitates the steps of successful episodes",
    "digirl": "imitates the steps whose advantage is above 1 / step limit",
    "digiq": "imitates the best of N candidates by Q",
    "reinforce": "weighs the logged actions by their advantage",
    "awr": "weighs the logged actions by the exponential of their advantage",
}
NOTES |= {f"{label}_rerank": f"{label}; Q chooses among its samples" for label in NOTES} | {
    f"{label}_greedy": f"{label}; always its likeliest action" for label in NOTES
}
SHOWN_STATES = 12
MEANINGS = {
    "states": "logged states of episodes the critic was not trained on",
    "return_error": "mean squared error of Q of the logged action against the return",
    "return_variance": "what that error would be of a critic that knows only the mean return",
    "ranking": "Q of steps that led to success against steps that did not; 0.5 is chance",
    "ranking_within_task": "the same within a task",
    "advantage_ranking": "the same for Q - V: what Q knows of the action beyond the state",
    "calibration_error": "mean distance of V and the return that followed",
    "choice": "share of the states with at least two different candidates",
    "sensitivity": "spread (standard deviation) of Q over a state's different candidates",
    "sensitivity_relative": "the same relative to the spread over states; 0 means Q has "
    "collapsed to V",
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
    critic = digiq.config.uses_critic
    differences = {
        label: clustered_bootstrap(episodes["base"], episodes[label])
        for label in stores
        if label != "base"
    }
    report = Report(
        title="Digi-Q",
        summary=finding(summaries, differences),
        results=result_rows(summaries, NOTES | _round_notes(digiq)),
        tasks=task_rows(summaries),
        differences={f"{label} - base": one for label, one in differences.items()},
        curves=[
            *_round_curves(digiq, summaries),
            *_actor_curves(digiq),
            *(critic_curves(digiq) if critic else ()),
        ],
        states=_states(digiq) if critic else (),
        diagnostics=_diagnostics(digiq) if critic else (),
        configuration=yaml.safe_dump(config_to_mapping(digiq.config), sort_keys=False),
        command=f"agentenv train digiq --config {digiq.config.out / 'config.yaml'}",
        facts={
            "tasks": str(len(digiq.tasks)),
            "logged episodes": str(len(digiq.episodes)),
            "logged states": str(len(digiq.prompts)),
            "candidates a state": str(digiq.config.candidates.n),
            "base policy": Path(digiq.config.base).name,
            "critic": digiq.config.critic.critic,
            "representation": digiq.config.representation.kind.replace("_", " "),
        },
    )
    path = digiq.config.out / "report.html"
    write_report(report, path)
    return path


def finding(summaries: Mapping[str, Summary], differences: Mapping[str, PairedDifference]) -> str:
    """The outcome in one sentence, with what it does not show; of Digi-Q if it is there.

    Args:
        summaries: by label, the base policy's among them.
        differences: to the base policy, by label.
    """
    online = [label for label in summaries if "_online" in label]
    trained = [
        label for label in summaries if label not in online and Evaluated.of(label).way == "sampled"
    ]
    label = "digiq" if "digiq" in summaries else trained[-1]
    name = "Digi-Q" if label == "digiq" else label
    base, found = summaries["base"].overall, summaries[label].overall
    if label == "base":
        return (
            f"The base policy succeeds in {base.rate:.0%} of {base.n} episodes on instances no "
            "training stage has seen; no method was asked for."
        )
    sentences = (
        f"On instances no training stage has seen, {name} succeeds in {found.rate:.0%} of "
        f"{found.n} episodes and the base policy in {base.rate:.0%} of {base.n}; {name} is "
        f"{differences[label].verdict}."
    )
    if f"{label}_rerank" in summaries:
        again = summaries[f"{label}_rerank"].overall
        sentences += f" With Q choosing among its samples it succeeds in {again.rate:.0%}."
    sentences += " It learned from logged episodes alone."
    if {"base_rerank", "base_greedy"} <= summaries.keys():
        chosen, likeliest = (summaries[f"base_{how}"].overall for how in ("rerank", "greedy"))
        sentences += (
            f" Q choosing among samples of the base policy succeeds in {chosen.rate:.0%}, the base "
            f"policy's likeliest actions in {likeliest.rate:.0%}."
        )
    if online:
        rate = summaries[online[-1]].overall
        method, _, rounds = online[-1].partition("_online")
        sentences += (
            f" {method} after {rounds} rounds of fresh episodes succeeds in {rate.rate:.0%} of "
            f"{rate.n}."
        )
    return sentences


def _round_notes(digiq: DigiQ) -> dict[str, str]:
    method = digiq.config.online.method
    return {
        label: f"{method}, gone on for {number} rounds with fresh episodes"
        for label, number in digiq.config.rounds_by_label.items()
    }


def _round_curves(digiq: DigiQ, summaries: Mapping[str, Summary]) -> list[Curve]:
    rounds = digiq.config.rounds_by_label
    if not rounds:
        return []
    numbers = {digiq.config.online.method: 0, **rounds}
    rates = [(n, summaries[label].overall) for label, n in numbers.items() if label in summaries]
    return [
        Curve(
            "Offline to online: success by round",
            [
                Series("success", [(n, rate.rate) for n, rate in rates]),
                Series("95 % from", [(n, rate.interval[0]) for n, rate in rates]),
                Series("95 % to", [(n, rate.interval[1]) for n, rate in rates]),
            ],
            x_label="round of fresh episodes",
            y_label="success",
            note="0 is the policy that learned from logged episodes alone.",
        )
    ]


def _actor_curves(digiq: DigiQ) -> list[Curve]:
    labels = (*digiq.config.methods, *digiq.config.rounds_by_label)
    losses = {label: digiq.run.metrics(f"actor_{label}") for label in labels}
    return [
        Curve(
            "Actors: loss",
            [series_from_metrics(rows, "loss", label=label) for label, rows in losses.items()],
            y_label="- weight log pi per token",
            note="Of the actions each method imitates; not comparable between methods.",
        )
    ]


def critic_curves(digiq: DigiQ) -> list[Curve]:
    """How the critic learned, and how true its values are along an episode."""
    rows = digiq.run.metrics("critic")

    def held_out(*names: str) -> list[Series]:
        return [
            series_from_metrics(rows, f"validation_{name}", label=name.replace("_", " "))
            for name in names
        ]

    return [
        Curve(
            "Critic: loss",
            [
                series_from_metrics(rows, "train_loss", label="training"),
                series_from_metrics(rows, "validation_loss", label="held-out episodes"),
            ],
            y_label="Q + V",
        ),
        Curve(
            "Critic: error of Q against the return, held-out episodes",
            held_out("return_error", "return_variance"),
            y_label="squared error",
            note="Above the returns' variance, Q is worse than their mean.",
        ),
        Curve(
            "Critic: ranking on held-out episodes",
            held_out("ranking", "ranking_within_task", "advantage_ranking"),
            y_label="AUC",
            note="0.5 is chance.",
        ),
        Curve(
            "Critic: does the action matter?",
            held_out("sensitivity_relative", "changed"),
            y_label="share",
            note="Sensitivity near 0: Q has collapsed to V, and Best-of-N picks at random.",
        ),
        *_value_curves(digiq),
        Curve(
            "Representation: right answers about logged actions",
            [series_from_metrics(digiq.run.metrics("representation"), "accuracy")],
            y_label="accuracy",
            note="Does it change the screen? Does it lead to the goal?",
        ),
    ]


def _value_curves(digiq: DigiQ) -> list[Curve]:
    diagnostics = digiq.diagnostics
    table = diagnostics.calibration
    ends = (0.0, 1.0)
    return [
        Curve(
            "Critic: calibration of V",
            [
                Series("found", [(row.predicted, row.observed) for row in table]),
                Series("perfect", list(zip(ends, ends, strict=True))),
            ],
            x_label="V",
            y_label="return that followed",
            note="Below the diagonal, V promises too much.",
        ),
        Curve(
            "Critic: TD error by depth",
            [Series("TD error", sorted(diagnostics.td_error_by_depth.items()))],
            x_label="step of the episode",
            y_label="mean |r + gamma V(s') - Q(s, a)|",
            note="Large at the end: the reward is not understood; large at the start: it has "
            "not been carried back yet.",
        ),
    ]


def _diagnostics(digiq: DigiQ) -> list[Diagnostic]:
    numbers = digiq.diagnostics.numbers()
    rows = [Diagnostic(name, numbers[name], text) for name, text in MEANINGS.items()]
    sentences = [Diagnostic("verdict", text, "") for text in verdict(digiq.diagnostics)]
    return rows + sentences


def _states(digiq: DigiQ) -> list[CandidateState]:
    """Some states in which the critic departs from the log, and some in which it does not."""
    chosen = digiq.selection("digiq")
    slots, keep = chosen.slots, chosen.keep
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
