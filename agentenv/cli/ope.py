"""`agentenv ope`: rank the policies of Digi-Q runs from logged data alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.box import SIMPLE
from rich.table import Table

from agentenv.config import config_to_mapping
from agentenv.progress import console

if TYPE_CHECKING:
    from agentenv.statistics import Interval
    from trainers.ope.comparison import Comparison

EstimatorName = Literal["fqe", "dr", "wdr", "wis", "pdis", "is"]


@dataclass(frozen=True)
class OPEConfig:
    """What is rated, and how."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN ...")]
    """Finished run directories of `agentenv train digiq`. Rated are the base policy and every
    method's actor, by the logged episodes that the run learned from; nothing acts. Several
    runs must have learned from the same data (--collect.data STORE), and are then ranked
    together. Beware: the actors learned from the very episodes that rate them, so estimates
    favour them over the base policy, is, wis and pdis more than fqe. Policies that re-rank
    are left out: how likely they are to do what was logged is not known."""
    estimator: tuple[EstimatorName, ...] = ("fqe", "dr", "wdr", "wis", "pdis", "is")
    """fqe: fitted Q evaluation, critics trained for each policy. is, wis, pdis: importance
    sampling by episode, the same self-normalised, and by decision; they need log-probabilities
    stored with the data. dr, wdr: doubly robust, fqe corrected by importance ratios. The
    effective sample size (ESS) says how many logged episodes resemble what the policy would
    do: if it is small, trust no ratios. fqe (and with it dr and wdr) leaves out answers that
    do not parse or that call an element by another's name, and so flatters policies that
    give many of them, the base policy most."""
    k: tuple[int, ...] = (2, 3)
    """Of SharpeRatio@k: what trying the k policies that an estimator ranks first gains over
    the logged policy, for the spread among them. Undefined where they are equally good,
    as a single one is."""
    gamma: float = 1.0
    """Discount; 1 estimates the mean reward of an episode, which is what is measured."""
    clip: float = 10.0
    """Largest ratio pi(a|s) / pi_logged(a|s) of a step; inf does not clip."""
    out: Path | None = None
    """The results as JSON; by default ope.json in the first run's folder."""


def run(config: OPEConfig) -> None:
    """Estimate, print both tables, write the results."""
    from trainers.ope.comparison import compare

    found = compare(
        config.runs,
        estimators=config.estimator,
        ks=config.k,
        gamma=config.gamma,
        clip=config.clip,
    )
    out = config.out or config.runs[0] / "ope.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results_of(found, config), indent=2) + "\n")
    console.print(estimates_table(found))
    if found.agreement:
        console.print(agreement_table(found))
    else:
        console.print("Fewer than two of these policies have been measured: no ranking to compare.")
    console.print(f"results in {out}", soft_wrap=True, highlight=False)


def estimates_table(found: Comparison) -> Table:
    """Every policy with its estimates, beside what was measured, in per cent."""
    logged = found.behaviour
    table = Table(
        title=f"Estimated from {logged.n} logged episodes (success {logged})",
        caption="% of the full reward; 95 % intervals; ESS: effective sample size, in episodes",
        box=SIMPLE,
    )
    table.add_column("policy", no_wrap=True)
    for name in next(iter(found.ratings.values())).estimates:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ESS", justify="right")
    table.add_column("measured", justify="right", no_wrap=True)
    for policy, rating in found.ratings.items():
        measured, size = rating.measured, rating.effective_sample_size
        table.add_row(
            policy,
            *(_percent(e.value, e.interval) for e in rating.estimates.values()),
            "-" if math.isnan(size) else f"{size:.0f}",
            _percent(measured.rate, measured.interval) if measured else "-",
        )
    return table


def agreement_table(found: Comparison) -> Table:
    """Every estimator with how well it ranks what has been measured."""
    agreement = found.agreement
    table = Table(title="Agreement with the measured ranking", box=SIMPLE)
    ratios = (f"SharpeRatio@{k}" for k in next(iter(agreement.values())).sharpe_ratio)
    for name in ("estimator", "rank correlation", "regret@1", *ratios):
        table.add_column(name, justify="left" if name == "estimator" else "right")
    for name, a in agreement.items():
        numbers = (a.spearman, a.regret_at_1, *a.sharpe_ratio.values())
        table.add_row(name, *("-" if math.isnan(n) else f"{n:.2f}" for n in numbers))
    return table


def results_of(found: Comparison, config: OPEConfig) -> dict[str, Any]:
    """A comparison as plain values; null where something is undefined."""
    from agentenv.statistics import rate_of

    return {
        "config": config_to_mapping(config) | {"clip": _plain(config.clip)},
        "behaviour": rate_of(found.behaviour),
        "policies": {
            policy: {
                "estimates": {
                    name: {
                        "value": _plain(estimate.value),
                        "ci95": [_plain(bound) for bound in estimate.interval],
                    }
                    for name, estimate in rating.estimates.items()
                },
                "effective_sample_size": _plain(rating.effective_sample_size),
                "measured": rate_of(rating.measured) if rating.measured else None,
            }
            for policy, rating in found.ratings.items()
        },
        "agreement": {
            name: {
                "spearman": _plain(a.spearman),
                "regret_at_1": _plain(a.regret_at_1),
                "sharpe_ratio": {str(k): _plain(v) for k, v in a.sharpe_ratio.items()},
            }
            for name, a in found.agreement.items()
        },
    }


def _percent(value: float, interval: Interval) -> str:
    """Two lines."""
    if math.isnan(value):
        return "-"
    low, high = interval
    return f"{100 * value:.1f}\n{100 * low:.0f}–{100 * high:.0f}"


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
