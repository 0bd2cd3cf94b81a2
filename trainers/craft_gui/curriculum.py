"""Which task the next group of rollouts is of.

    staged      CRAFT-GUI (arXiv 2508.11360): short tasks first, then longer ones, with a
                replay share of the stages before
    pass_rate   tasks are sampled the more, the nearer their measured pass rate is to 1/2
    bandit      SEC (arXiv 2505.14970): tasks whose advantages have lately been largest
    uniform     every task alike, always

All but `uniform` also leave alone, for a while, tasks that keep failing, and thin out tasks
that keep succeeding: neither carries a signal.

A curriculum is a value: `draw` and `record` give a new one, and nothing else changes it. It
is saved as JSON, and the same seed and outcomes give the same draws, resumed or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from agentenv.config import config_from_mapping, config_to_mapping
from agentenv.errors import ConfigError

Policy = Literal["staged", "pass_rate", "bandit", "uniform"]


@dataclass(frozen=True)
class CurriculumConfig:
    """Which tasks are trained on, and when."""

    policy: Policy = "staged"
    """staged: short tasks first (CRAFT-GUI); pass_rate: those that succeed half the time;
    bandit: those with the largest advantages (SEC); uniform: all alike."""
    stages: tuple[int, ...] = (3, 8)
    """Staged: the longest task of every stage but the last, in steps."""
    stage_groups: int = 100
    """Staged: groups drawn in a stage before the next begins."""
    advance_at: float = 0.95
    """Staged: recent pass rate of the stage's own tasks at which the next begins early; above
    1 never."""
    replay: float = 0.2
    """Staged: share of the groups that are of earlier stages."""
    by_pass_rate: bool = True
    """Staged: within a stage, prefer tasks that succeed half the time; off draws all alike, as
    CRAFT-GUI does."""
    bandit_rate: float = 0.5
    """Bandit: weight of the newest group in a task's value."""
    temperature: float = 0.4
    """Bandit: the lower, the more the tasks of the largest value are preferred."""
    memory: float = 0.9
    """How much the rollouts of a task's earlier groups count at each new one, in pass rates."""
    cool_after: int = 3
    """Groups that fail altogether, in a row, after which a task is left alone; 0 never."""
    cool_for: int = 30
    """For so many draws; then it is revived, and judged anew."""
    thin_after: int = 3
    """Groups that succeed altogether, in a row, after which a task is thinned out; 0 never."""
    thin_to: float = 0.1
    """How often it is then drawn, compared with before."""

    def __post_init__(self) -> None:
        if list(self.stages) != sorted(set(self.stages)) or any(n < 1 for n in self.stages):
            raise ConfigError(f"curriculum stages {self.stages}: give rising step numbers, as 3 8")
        for name in ("replay", "bandit_rate", "memory"):
            _refuse_unless(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "0 to 1")
        _refuse_unless("temperature", self.temperature, self.temperature > 0, "more than 0")
        _refuse_unless("thin_to", self.thin_to, 0 < self.thin_to <= 1, "more than 0, at most 1")
        _refuse_unless("stage_groups", self.stage_groups, self.stage_groups >= 1, "1 or more")
        for name in ("cool_after", "cool_for", "thin_after"):
            _refuse_unless(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")


def _refuse_unless(name: str, value: float, fine: bool, valid: str) -> None:
    if not fine:
        raise ConfigError(f"curriculum {name} is {value}; give {valid}")


@dataclass(frozen=True)
class TaskRecord:
    """What is known of one task."""

    steps: int
    """How long it is: the oracle's steps."""
    groups: int = 0
    """Recorded so far."""
    passes: float = 0.0
    """Successful rollouts, old ones counting less."""
    fails: float = 0.0
    all_failed: int = 0
    """Groups in a row without a success."""
    all_passed: int = 0
    """Groups in a row without a failure."""
    cooling_until: int = 0
    """Left alone while fewer groups than this have been drawn."""
    value: float = 1.0
    """Bandit: moving average of |A|; the start invites a first try."""

    @property
    def pass_rate(self) -> float:
        """The mean of its Beta posterior; 1/2 when nothing is known."""
        return (1 + self.passes) / (2 + self.passes + self.fails)

    @property
    def signal(self) -> float:
        """The posterior's mean of 4 p (1 - p): 1 for a pass rate of surely 1/2, 0 for a task
        that surely passes, or fails, every time."""
        a, b = 1 + self.passes, 1 + self.fails
        return 4 * a * b / ((a + b) * (a + b + 1))


@dataclass(frozen=True)
class Curriculum:
    """The state of a curriculum; made by `start` or `restore`."""

    tasks: dict[str, TaskRecord]
    seed: int = 0
    draws: int = 0
    stage: int = 0
    """Staged: counts the stages that have tasks."""
    stage_draws: int = 0
    """Groups drawn since the stage began."""


def start(lengths: Mapping[str, int], seed: int = 0) -> Curriculum:
    """A curriculum that knows nothing yet.

    Args:
        lengths: steps that each task needs, by id (`Task.expected_steps`).
        seed: of the draws.

    Raises:
        ConfigError: there are no tasks, or a length is below 1.
    """
    if not lengths:
        raise ConfigError("a curriculum needs at least one task")
    for task, steps in lengths.items():
        if steps < 1:
            raise ConfigError(f"task {task} has {steps} expected steps; give 1 or more")
    return Curriculum({task: TaskRecord(steps) for task, steps in lengths.items()}, seed)


def save(curriculum: Curriculum) -> dict[str, Any]:
    """As plain values, for JSON."""
    return config_to_mapping(curriculum)


def restore(saved: Mapping[str, Any], lengths: Mapping[str, int]) -> Curriculum:
    """What `save` saved.

    Args:
        saved: as read from JSON.
        lengths: of the run's tasks, as for `start`.

    Raises:
        ConfigError: it is not a curriculum, or one of other tasks.
    """
    found = config_from_mapping(Curriculum, saved, source="the saved curriculum")
    known = {task: record.steps for task, record in found.tasks.items()}
    if known != dict(lengths):
        changed = sorted(dict(known.items() ^ lengths.items()))
        raise ConfigError(
            f"the saved curriculum is of other tasks: {', '.join(changed)} came, went or have "
            "another length; resume with the tasks that the run began with"
        )
    return found


def draw(curriculum: Curriculum, config: CurriculumConfig) -> tuple[str, Curriculum]:
    """The task of the next group, and the curriculum after it."""
    curriculum = _advanced(curriculum, config)
    shares = probabilities(curriculum, config)
    rng = np.random.default_rng([curriculum.seed, curriculum.draws])
    # The last task with a share takes what rounding leaves.
    names = [name for name, share in shares.items() if share > 0]
    edges = np.cumsum([shares[name] for name in names])
    place = min(int(np.searchsorted(edges, rng.random(), side="right")), len(names) - 1)
    task = names[place]
    after = replace(curriculum, draws=curriculum.draws + 1, stage_draws=curriculum.stage_draws + 1)
    return task, after


def record(
    curriculum: Curriculum,
    config: CurriculumConfig,
    task: str,
    successes: Sequence[bool],
    advantages: Sequence[float] = (),
) -> Curriculum:
    """The curriculum after a group's outcome is known.

    Args:
        task: that was drawn.
        successes: of the group's rollouts; those that the infrastructure failed are left out.
        advantages: of the same rollouts, for the bandit.
    """
    if not successes:
        return curriculum
    before = curriculum.tasks[task]
    passes = sum(successes)
    fails = len(successes) - passes
    all_failed = before.all_failed + 1 if passes == 0 else 0
    after = replace(
        before,
        groups=before.groups + 1,
        passes=config.memory * before.passes + passes,
        fails=config.memory * before.fails + fails,
        all_failed=all_failed,
        all_passed=before.all_passed + 1 if fails == 0 else 0,
    )
    if advantages:
        size = sum(abs(a) for a in advantages) / len(advantages)
        value = config.bandit_rate * size + (1 - config.bandit_rate) * before.value
        after = replace(after, value=value)
    if config.cool_after and all_failed >= config.cool_after:
        # Revived, it is judged by what it does then.
        fresh = TaskRecord(after.steps, groups=after.groups)
        after = replace(fresh, cooling_until=curriculum.draws + config.cool_for)
    return replace(curriculum, tasks={**curriculum.tasks, task: after})


def probabilities(curriculum: Curriculum, config: CurriculumConfig) -> dict[str, float]:
    """How likely each task is to be the next; they sum to 1."""
    if config.policy == "uniform":
        shares = _shares(dict.fromkeys(curriculum.tasks, 1.0))
    elif config.policy == "staged":
        shares = _staged(curriculum, config)
    else:
        awake = _awake(curriculum.tasks, curriculum, config)
        awake = awake or dict.fromkeys(curriculum.tasks, 1.0)
        tasks = {name: curriculum.tasks[name] for name in awake}
        weights = _signals(tasks) if config.policy == "pass_rate" else _values(tasks, config)
        shares = _shares({name: weights[name] * awake[name] for name in awake})
    return {name: shares.get(name, 0.0) for name in curriculum.tasks}


def _staged(curriculum: Curriculum, config: CurriculumConfig) -> dict[str, float]:
    """`replay` of the draws from the stages before; all from the one side where the other has
    none."""
    stages = stages_of(curriculum, config)[: curriculum.stage + 1]
    now = _awake(stages[-1], curriculum, config)
    before = _awake([name for stage in stages[:-1] for name in stage], curriculum, config)
    if not now and not before:
        return _shares({name: 1.0 for stage in stages for name in stage})
    if config.by_pass_rate:
        now = {name: share * curriculum.tasks[name].signal for name, share in now.items()}
        before = {name: share * curriculum.tasks[name].signal for name, share in before.items()}
    if not now or not before:
        return _shares(now or before)
    old = {name: config.replay * share for name, share in _shares(before).items()}
    return old | {name: (1 - config.replay) * share for name, share in _shares(now).items()}


def _signals(tasks: Mapping[str, TaskRecord]) -> dict[str, float]:
    return {name: task.signal for name, task in tasks.items()}


def _values(tasks: Mapping[str, TaskRecord], config: CurriculumConfig) -> dict[str, float]:
    largest = max(task.value for task in tasks.values())  # exp of at most 0 does not overflow
    return {
        name: math.exp((task.value - largest) / config.temperature) for name, task in tasks.items()
    }


def stages_of(curriculum: Curriculum, config: CurriculumConfig) -> list[list[str]]:
    """The tasks of each stage; stages that would have none are left out."""
    stages: dict[int, list[str]] = {}
    for name, task in curriculum.tasks.items():
        stages.setdefault(stage_of(task.steps, config), []).append(name)
    return [stages[number] for number in sorted(stages)]


def stage_of(steps: int, config: CurriculumConfig) -> int:
    """The number of the stage of tasks so long, from 1; it counts stages without tasks too."""
    return 1 + sum(steps > longest for longest in config.stages)


def metrics(curriculum: Curriculum, config: CurriculumConfig) -> dict[str, float]:
    """What is worth plotting: the stage, how many tasks cool, between how many tasks the draws
    choose (1 / sum p^2), and by stage its share of the draws and its mean pass rate."""
    shares = probabilities(curriculum, config)
    tasks = curriculum.tasks
    numbers = {
        "curriculum/cooling": float(
            sum(task.cooling_until > curriculum.draws for task in tasks.values())
        ),
        "curriculum/effective_tasks": 1 / sum(share**2 for share in shares.values()),
    }
    stages = stages_of(curriculum, config)
    known = [stage_of(tasks[names[0]].steps, config) for names in stages]
    if config.policy == "staged":
        numbers["curriculum/stage"] = float(known[curriculum.stage])
    for number, names in zip(known, stages, strict=True):
        numbers[f"curriculum/stage_{number}/share"] = sum(shares[name] for name in names)
        rates = [tasks[name].pass_rate for name in names]
        numbers[f"curriculum/stage_{number}/pass_rate"] = sum(rates) / len(rates)
    return numbers


def groups_to_draw(wanted: int, informative: int, drawn: int, most: float) -> int:
    """Dynamic sampling (DAPO, arXiv 2503.14476): how many more groups an update needs, because
    groups whose rewards are all equal teach nothing.

    Args:
        wanted: groups with unequal rewards for an update.
        informative: such groups so far.
        drawn: groups so far, whatever their rewards.
        most: an update draws at most `most` times as many groups as wanted; 1 never resamples.

    Returns:
        0 when the update can, or must, go on with what there is.
    """
    return max(0, min(wanted - informative, int(most * wanted) - drawn))


def _advanced(curriculum: Curriculum, config: CurriculumConfig) -> Curriculum:
    """In the next stage, if it is time."""
    stages = stages_of(curriculum, config)
    if config.policy != "staged" or curriculum.stage + 1 >= len(stages):
        return curriculum
    own = [curriculum.tasks[name] for name in stages[curriculum.stage]]
    # The rates are the posterior's, so that a stage is not left on a first lucky group.
    mastered = sum(task.pass_rate for task in own) / len(own) >= config.advance_at
    if mastered or curriculum.stage_draws >= config.stage_groups:
        return replace(curriculum, stage=curriculum.stage + 1, stage_draws=0)
    return curriculum


def _awake(
    names: Iterable[str], curriculum: Curriculum, config: CurriculumConfig
) -> dict[str, float]:
    """The tasks that are not cooling, with 1, or `thin_to` for those that keep succeeding."""
    awake = {}
    for name in names:
        task = curriculum.tasks[name]
        if task.cooling_until <= curriculum.draws:
            thin = config.thin_after and task.all_passed >= config.thin_after
            awake[name] = config.thin_to if thin else 1.0
    return awake


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
