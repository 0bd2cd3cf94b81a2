"""Success rates with honest intervals, and paired differences between policies.

An episode whose infrastructure failed says nothing about the policy: it is counted
and shown, and never enters a denominator.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from statistics import NormalDist
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from agentenv.errors import ConfigError
from agentenv.trajectories.episode import Episode

MANY = 3
"""Policies in a printed table beyond which it shows no counts."""
Interval = tuple[float, float]
"""(low, high)."""


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion; (0, 1) if nothing was tried.

    Raises:
        ConfigError: not 0 <= successes <= n, or confidence outside (0, 1).
    """
    if not 0 <= successes <= n:
        raise ConfigError(f"{successes} successes of {n}: give 0 <= successes <= n")
    z = _normal_quantile(confidence)
    if n == 0:
        return (0.0, 1.0)
    rate = successes / n
    scale = 1 + z**2 / n
    middle = (rate + z**2 / (2 * n)) / scale
    half = z * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / scale
    # At 0 and n the formula gives the bounds 0 and 1 exactly, rounding aside.
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == n else middle + half
    return (low, high)


@dataclass(frozen=True)
class SuccessRate:
    """How often a policy succeeded."""

    successes: int = 0
    n: int = 0
    """Episodes that count: those without an infrastructure failure."""
    infra_errors: int = 0
    """Episodes beside `n` that the infrastructure failed."""

    @classmethod
    def of(cls, episode: Episode) -> SuccessRate:
        """One episode's share in a rate."""
        if episode.infra_error:
            return cls(infra_errors=1)
        return cls(successes=int(episode.success), n=1)

    @property
    def rate(self) -> float:
        """successes / n; NaN if nothing counts."""
        return self.successes / self.n if self.n else math.nan

    @property
    def interval(self) -> Interval:
        """Wilson's 95 % interval."""
        return wilson_interval(self.successes, self.n)

    def __add__(self, other: SuccessRate) -> SuccessRate:
        return SuccessRate(
            self.successes + other.successes,
            self.n + other.n,
            self.infra_errors + other.infra_errors,
        )

    def __str__(self) -> str:
        """E.g. ``80.0 % [49.0, 94.3]``."""
        if not self.n:
            return "-"
        low, high = self.interval
        return f"{100 * self.rate:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def rate_of(rate: SuccessRate) -> dict[str, Any]:
    """A success rate as plain values; null where nothing could be measured."""
    return {
        "value": None if math.isnan(rate.rate) else rate.rate,
        "ci95": list(rate.interval),
        "n": rate.n,
        "successes": rate.successes,
        "infra_errors": rate.infra_errors,
    }


@dataclass(frozen=True)
class Summary:
    """The success rates of one set of episodes."""

    overall: SuccessRate
    """Every episode weighs the same."""
    by_task: Mapping[str, SuccessRate]
    """Sorted by task."""
    infra_causes: Mapping[str, int]
    """Infrastructure failures by cause, the most frequent first."""


def summarise(episodes: Iterable[Episode]) -> Summary:
    """Success rates by task and overall. Goes through `episodes` once."""
    by_task: defaultdict[str, SuccessRate] = defaultdict(SuccessRate)
    causes: defaultdict[str, int] = defaultdict(int)
    for episode in episodes:
        if episode.infra_error:
            causes[episode.infra_error] += 1
        by_task[episode.task] += SuccessRate.of(episode)
    return Summary(
        overall=reduce(SuccessRate.__add__, by_task.values(), SuccessRate()),
        by_task=dict(sorted(by_task.items())),
        infra_causes=dict(sorted(causes.items(), key=lambda item: -item[1])),
    )


@dataclass(frozen=True)
class PairedDifference:
    """How much better the second policy is than the first, on the same instances."""

    difference: float
    """Mean over instances of (second - first), in [-1, 1]; NaN without pairs."""
    interval: Interval
    """Percentile interval of the clustered bootstrap; NaN without pairs."""
    tasks: int
    instances: int
    """Instances both policies were scored on."""
    unpaired: int
    """Instances that only one of them was scored on; left out."""

    @property
    def verdict(self) -> str:
        """What the interval allows to say of the second policy, with the numbers."""
        low, high = self.interval
        if math.isnan(self.difference):
            return "not comparable: both were scored on no instance"
        word = "better" if low > 0 else "worse" if high < 0 else "not clearly different"
        return f"{word}: {self} on the same instances"

    def __str__(self) -> str:
        """E.g. ``+12.5 points [3.0, 21.0]``."""
        low, high = self.interval
        return f"{100 * self.difference:+.1f} points [{100 * low:.1f}, {100 * high:.1f}]"


def clustered_bootstrap(
    first: Iterable[Episode],
    second: Iterable[Episode],
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """The difference in success between two policies, with an interval over tasks.

    Episodes are paired by instance (task, split, index); several attempts at one are
    averaged first. Whole tasks are drawn with replacement, because instances of one
    task succeed and fail together: an interval over instances would be too narrow.
    With fewer than about ten tasks even this one is optimistic.
    """
    _normal_quantile(confidence)
    rates_first, rates_second = _rate_by_instance(first), _rate_by_instance(second)
    paired = sorted(rates_first.keys() & rates_second.keys())
    unpaired = len(rates_first.keys() ^ rates_second.keys())
    if not paired:
        return PairedDifference(math.nan, (math.nan, math.nan), 0, 0, unpaired)
    sums: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for key in paired:
        sums[key[0]] += rates_second[key] - rates_first[key]
        counts[key[0]] += 1
    total, number = np.array(list(sums.values())), np.array(list(counts.values()))
    rng = np.random.default_rng(seed)
    # How often each task is drawn: (resamples, tasks).
    drawn = rng.multinomial(len(total), np.full(len(total), 1 / len(total)), size=resamples)
    low, high = np.quantile(
        (drawn @ total) / (drawn @ number), [(1 - confidence) / 2, (1 + confidence) / 2]
    )
    return PairedDifference(
        difference=float(total.sum() / number.sum()),
        interval=(float(low), float(high)),
        tasks=len(total),
        instances=len(paired),
        unpaired=unpaired,
    )


def print_table(
    summaries: Mapping[str, Summary],
    *,
    title: str = "Success",
    console: Console | None = None,
) -> None:
    """Print success by task, one column per label, and the overall line with intervals."""
    (console or Console()).print(success_table(summaries, title=title))


def success_table(summaries: Mapping[str, Summary], *, title: str = "Success") -> Table:
    """The table `print_table` prints. Infrastructure failures appear as ``(+2 infra)``.

    Of many policies it shows whole percents alone, and no frame, so that a task stays one line of
    a terminal and a label's words stay whole.
    """
    few = len(summaries) <= MANY
    table = Table(
        title=title,
        caption="rates with Wilson 95 % intervals",
        show_footer=True,
        box=box.HEAVY_HEAD if few else box.SIMPLE,
        padding=(0, 1) if few else 0,
        pad_edge=few,
        show_edge=few,
    )
    render, total = (_fraction, str) if few else (_percent, _percent_interval)
    table.add_column("task", footer="all tasks", no_wrap=True)
    for label, summary in summaries.items():
        footer = _cell(summary.overall, total)
        table.add_column(
            label if few else label.replace("_", "\n"),
            justify="right",
            overflow="fold",
            footer=footer,
        )
    tasks = sorted({task for summary in summaries.values() for task in summary.by_task})
    for task in tasks:
        rates = [summary.by_task.get(task, SuccessRate()) for summary in summaries.values()]
        table.add_row(task, *(_cell(rate, render) for rate in rates))
    return table


def _rate_by_instance(episodes: Iterable[Episode]) -> dict[tuple[str, str, int], float]:
    attempts: defaultdict[tuple[str, str, int], list[bool]] = defaultdict(list)
    for episode in episodes:
        if not episode.infra_error:
            attempts[episode.task, episode.split, episode.index].append(episode.success)
    return {key: sum(successes) / len(successes) for key, successes in attempts.items()}


def _normal_quantile(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise ConfigError(f"confidence is {confidence}; give a number between 0 and 1, like 0.95")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _fraction(rate: SuccessRate) -> str:
    return f"{100 * rate.rate:.0f} % ({rate.successes}/{rate.n})" if rate.n else "-"


def _percent(rate: SuccessRate) -> str:
    return f"{100 * rate.rate:.0f} %" if rate.n else "-"


def _percent_interval(rate: SuccessRate) -> str:
    low, high = rate.interval
    return f"{_percent(rate)}\n{100 * low:.0f}-{100 * high:.0f}" if rate.n else "-"


def _cell(rate: SuccessRate, render: Callable[[SuccessRate], str]) -> str:
    infra = f" (+{rate.infra_errors} infra)" if rate.infra_errors else ""
    return render(rate) + infra
