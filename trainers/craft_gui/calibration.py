"""How far a judge can be trusted: its scores against what verifiers say."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agentenv.statistics import SuccessRate, rate_of


@dataclass(frozen=True)
class Calibration:
    """A confusion table of episodes, the judge's word against the verifiers'."""

    both_pass: int
    only_judge: int
    """The judge passes what the verifier fails: rewards for nothing."""
    only_verifier: int
    """The judge fails what the verifier passes."""
    both_fail: int
    score_of_passes: float
    """The judge's mean score of what the verifiers pass; NaN if they pass nothing."""
    score_of_fails: float

    @property
    def n(self) -> int:
        """Episodes."""
        return self.both_pass + self.only_judge + self.only_verifier + self.both_fail

    @property
    def agreement(self) -> SuccessRate:
        """How often both say the same."""
        return SuccessRate(self.both_pass + self.both_fail, self.n)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond chance, 1 at most and 0 for none; NaN where chance
        alone agrees always (one of them says the same of everything, and so does the other)."""
        if not self.n:
            return math.nan
        judge, verifier = self.both_pass + self.only_judge, self.both_pass + self.only_verifier
        n = self.n
        chance = (judge * verifier + (n - judge) * (n - verifier)) / n**2
        return (self.agreement.rate - chance) / (1 - chance) if chance < 1 else math.nan


def calibrate(scored: Iterable[tuple[float, bool]], threshold: float = 0.5) -> Calibration:
    """Compare scores with verdicts.

    Args:
        scored: of each episode, the judge's score in [0, 1] and whether the verifier passed it.
        threshold: scores from this on pass.
    """
    pairs = list(scored)
    counts = {(j, v): 0 for j in (True, False) for v in (True, False)}
    for score, passed in pairs:
        counts[score >= threshold, passed] += 1
    return Calibration(
        both_pass=counts[True, True],
        only_judge=counts[True, False],
        only_verifier=counts[False, True],
        both_fail=counts[False, False],
        score_of_passes=_mean([score for score, passed in pairs if passed]),
        score_of_fails=_mean([score for score, passed in pairs if not passed]),
    )


def as_mapping(found: Calibration) -> dict[str, Any]:
    """As plain values; null where something is undefined."""
    return {
        **{name: _plain(value) for name, value in vars(found).items()},
        "agreement": rate_of(found.agreement),
        "kappa": _plain(found.kappa),
    }


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
