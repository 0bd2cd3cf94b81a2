"""A dataset card: what a trajectory store holds, and how good it is to learn from.

TQ and SACo are those of Schweighofer et al., "A Dataset Perspective on Offline
Reinforcement Learning" (arXiv 2111.04714).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from agentenv.errors import ConfigError
from agentenv.statistics import SuccessRate, rate_of
from agentenv.trajectories.manifest import Manifest
from agentenv.trajectories.overlap import Overlap, overlaps_between, overlaps_within
from agentenv.trajectories.store import TrajectoryStore
from agentenv.trajectories.tally import Digest, InstanceKey, Tally, tally_by_task

T = TypeVar("T")

ABOUT = "written by agentenv card"
"""By this a card is told from a file that somebody else wrote."""

WORST_RETURN, BEST_RETURN = 0.0, 1.0
"""Of a task: what doing nothing earns, and its full reward."""


@dataclass(frozen=True)
class Facts:
    """A set of episodes in numbers; None stands for what nothing tells.

    Episodes that the infrastructure failed are in `success.infra_errors` and nowhere else.
    """

    success: SuccessRate
    instances: int
    first_screens: int
    """Different ones (with goal and elements) that the instances begin with."""
    mean_return: float | None
    """Undiscounted."""
    best_return: float
    """The mean return of the reference; without one 1, a task's full reward."""
    tq: float | None
    """Trajectory quality: (mean return - worst) / (best return - worst), the worst being 0:
    what an agent that does nothing gets, for every task starts failing."""
    steps: int
    """Each is a (state, action) pair."""
    unique_pairs: int
    """Different ones."""
    unique_share: float | None
    """unique_pairs / steps. Not SACo, which compares with other data."""
    reference_pairs: int | None
    """Different ones in the reference."""
    saco: float | None
    """State-action coverage: unique_pairs / reference_pairs; None without a reference."""
    mean_steps: float | None
    lengths: dict[int, int]
    """Steps -> episodes."""
    at_limit: int
    """Episodes that the step limit ended."""
    actions: dict[str, int]
    """Type -> steps, the most frequent first; `invalid` is output that was no action."""
    identical_episodes: int
    """Those beyond the first with the same states, actions and rewards."""

    @property
    def episodes(self) -> int:
        """Those that count."""
        return self.success.n

    @property
    def invalid(self) -> int:
        """Steps whose output was no action."""
        return self.actions.get("invalid", 0)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"success": rate_of(self.success)}


@dataclass(frozen=True)
class Card:
    """A store in numbers; its JSON is `card.json`."""

    data: str
    """Of the shards that were read, as `fingerprint` gives it."""
    policy: str
    suite: str
    seed: int
    created: str
    dialect: str | None
    temperature: float | None
    """At which the policy sampled; None if it does not, or nobody noted it."""
    policies: dict[str, int]
    """"policy (version)" -> episodes."""
    splits: dict[str, int]
    """Split -> episodes."""
    infra_causes: dict[str, int]
    """Cause -> episodes, the most frequent first."""
    reference: str | None
    """Name of the store that TQ and SACo compare with."""
    total: Facts
    tasks: dict[str, Facts]
    overlaps: tuple[Overlap, ...]

    @property
    def shared_instances(self) -> int:
        """Instances that are also in the store compared with; must be 0."""
        return sum(overlap.shared_instances for overlap in self.overlaps)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return (
            {"about": ABOUT}
            | asdict(self)
            | {
                "total": self.total.plain(),
                "tasks": {task: facts.plain() for task, facts in self.tasks.items()},
            }
        )


def card_of(
    store: TrajectoryStore,
    reference: TrajectoryStore | None = None,
    against: TrajectoryStore | None = None,
) -> Card:
    """Read a store once, an episode at a time, and describe it.

    Args:
        store: what is described.
        reference: for TQ and SACo: the best data there is on these tasks, such as
            demonstrations.
        against: what must share no instance with `store`, such as the episodes that
            policies trained on it are tested with.

    Raises:
        ConfigError: the reference lacks a task.
        StoreError: a store is damaged.
    """
    tallies = tally_by_task(store.episodes())
    best = None if reference is None else _best(reference, tallies)

    def facts(*tasks: str) -> Facts:
        compared = None if best is None else [best[task] for task in tasks]
        return _facts([tallies[task] for task in tasks], compared)

    states = _first_states(tallies.values())
    overlaps = overlaps_within(states)
    if against is not None:
        others = _first_states(tally_by_task(against.episodes()).values())
        overlaps += overlaps_between(states, others, _name(against))
    manifest = store.manifest
    return Card(
        data=fingerprint(manifest),
        policy=manifest.policy,
        suite=manifest.suite,
        seed=manifest.seed,
        created=manifest.created,
        dialect=manifest.metadata.get("dialect"),
        temperature=manifest.metadata.get("temperature"),
        policies=_by_frequency(_sum(tally.policies for tally in tallies.values())),
        splits=_by_frequency(_sum(tally.splits for tally in tallies.values())),
        infra_causes=_by_frequency(_sum(tally.infra_causes for tally in tallies.values())),
        reference=None if reference is None else _name(reference),
        total=facts(*tallies),
        tasks={task: facts(task) for task in tallies},
        overlaps=overlaps,
    )


def fingerprint(manifest: Manifest) -> str:
    """16 hexadecimal digits that change when a store's episodes do."""
    shards = "".join(shard.sha256 for shard in manifest.shards)
    return hashlib.sha256(shards.encode()).hexdigest()[:16]


def _facts(tallies: Collection[Tally], reference: Collection[Tally] | None) -> Facts:
    success = sum((tally.success for tally in tallies), SuccessRate())
    lengths = _sum(tally.lengths for tally in tallies)
    actions = _sum(tally.actions for tally in tallies)
    states = _first_states(tallies)
    steps, unique = actions.total(), _unique_pairs(tallies)
    mean = _mean_return(tallies)
    best = BEST_RETURN if reference is None else _mean_return(reference) or 0.0
    pairs = None if reference is None else _unique_pairs(reference)
    return Facts(
        success=success,
        instances=len(states),
        first_screens=len({(task, state) for (task, _, _), state in states.items()}),
        mean_return=mean,
        best_return=best,
        tq=None if mean is None else _ratio(mean - WORST_RETURN, best - WORST_RETURN),
        steps=steps,
        unique_pairs=unique,
        unique_share=_ratio(unique, steps),
        reference_pairs=pairs,
        saco=None if pairs is None else _ratio(unique, pairs),
        mean_steps=_ratio(steps, success.n),
        lengths=dict(sorted(lengths.items())),
        at_limit=sum(tally.at_limit for tally in tallies),
        actions=_by_frequency(actions),
        identical_episodes=success.n - sum(len(tally.contents) for tally in tallies),
    )


def _best(reference: TrajectoryStore, wanted: Collection[str]) -> dict[str, Tally]:
    """The reference's tallies of the wanted tasks."""
    tallies = tally_by_task(reference.episodes())
    missing = [task for task in wanted if task not in tallies or not tallies[task].success.n]
    if missing:
        raise ConfigError(
            f"the reference {reference.path} has no episode of {', '.join(missing)}; "
            "give one that holds the same tasks"
        )
    return {task: tallies[task] for task in wanted}


def _mean_return(tallies: Collection[Tally]) -> float | None:
    returns = sum(tally.returns for tally in tallies)
    return _ratio(returns, sum(tally.success.n for tally in tallies))


def _unique_pairs(tallies: Collection[Tally]) -> int:
    return sum(len(tally.pairs) for tally in tallies)


def _name(store: TrajectoryStore) -> str:
    """Its folder's: a card may be published, and where it was made is nobody's business."""
    return store.path.resolve().name


def _first_states(tallies: Iterable[Tally]) -> dict[InstanceKey, Digest]:
    return {key: state for tally in tallies for key, state in tally.first_states.items()}


def _sum(counters: Iterable[Counter[T]]) -> Counter[T]:
    return sum(counters, Counter())


def _by_frequency(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _ratio(value: float, total: float) -> float | None:
    return value / total if total > 0 and math.isfinite(value) else None
