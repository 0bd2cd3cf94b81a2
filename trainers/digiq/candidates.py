"""Stage 2: N candidate actions for every logged state (arXiv 2502.15760).

Slot 0 is the logged action; the others are sampled once from the frozen base policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from agentenv.actions import Invalid
from agentenv.dialects.base import Dialect
from agentenv.observations import UIElement
from agentenv.policies.base import Decision
from agentenv.policies.vlm import VLMPolicy
from agentenv.tasks.targets import relabelled
from agentenv.trajectories.episode import Episode, Step


@dataclass(frozen=True)
class Candidates:
    """The candidates of one state, N of each."""

    texts: tuple[str, ...]
    log_probs: tuple[float, ...]
    """Summed over tokens, under the distribution each was sampled from."""


def propose_candidates(
    episodes: Sequence[Episode],
    policy: VLMPolicy,
    *,
    n: int,
    progress: Callable[[int], None],
) -> list[Candidates]:
    """Candidates for every step of every episode, in order.

    Args:
        episodes: logged ones.
        policy: the frozen base policy, with the temperature to sample at; answers that
            do not parse are drawn again, up to 3 times.
        n: candidates a state, the logged action included.
        progress: told how many states are done.
    """
    steps = [(episode, number) for episode in episodes for number in range(len(episode.steps))]
    result: list[Candidates] = []
    for start in range(0, len(steps), policy.batch_size):
        batch = steps[start : start + policy.batch_size]
        proposals = policy.propose(
            [episode.history_at(number) for episode, number in batch],
            n - 1,
            resample_invalid=3,
        )
        for (episode, number), proposed in zip(batch, proposals, strict=True):
            step = episode.steps[number]
            decisions = [_logged_decision(step), *proposed]
            result.append(canonical(decisions, step.observation.elements, policy.dialect))
        progress(len(result))
    return result


def logged_candidates(episodes: Sequence[Episode], dialect: Dialect) -> list[Candidates]:
    """The logged action alone of every step of every episode, in order."""
    return [
        canonical([_logged_decision(step)], step.observation.elements, dialect)
        for episode in episodes
        for step in episode.steps
    ]


def canonical(
    decisions: Sequence[Decision], elements: Sequence[UIElement], dialect: Dialect
) -> Candidates:
    """Decisions in one state as candidates, worded so that what does the same is the same."""
    return Candidates(
        texts=tuple(_canonical(dialect, decision, elements) for decision in decisions),
        log_probs=tuple(sum(decision.log_probs) for decision in decisions),
    )


def _logged_decision(step: Step) -> Decision:
    return Decision(step.text, step.action, step.token_ids, step.log_probs)


def _canonical(dialect: Dialect, decision: Decision, elements: Sequence[UIElement]) -> str:
    """One wording for what does the same thing, so that it gets the same features.

    A label does not decide where an action lands: an element is called by its own name,
    whatever the policy called it.
    """
    action = decision.action
    if isinstance(action, Invalid):
        return decision.text
    return dialect.print(relabelled(action, elements))


def save_candidates(path: Path, candidates: Sequence[Candidates]) -> None:
    """Write them as Parquet, one row a state."""
    table = pa.table(
        {
            "texts": [list(row.texts) for row in candidates],
            "log_probs": [list(row.log_probs) for row in candidates],
        }
    )
    temporary = path.with_name(path.name + ".tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)


def load_candidates(path: Path) -> list[Candidates]:
    """What `save_candidates` wrote."""
    table = pq.read_table(path)
    return [Candidates(tuple(row["texts"]), tuple(row["log_probs"])) for row in table.to_pylist()]
