"""How well estimates rank policies, against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainers.ope.agreement import regret_at_1, sharpe_ratio_at_k, spearman

MEASURED = torch.tensor([0.4, 0.6, 0.5, 0.7])


def estimates(*values: float) -> Tensor:
    return torch.tensor(values)


def test_rank_correlation_heeds_the_order_alone() -> None:
    assert spearman(estimates(1, 30, 2, 99), MEASURED) == pytest.approx(1.0)
    assert spearman(estimates(4, 2, 3, 1), MEASURED) == pytest.approx(-1.0)
    # Ranks 0, 2, 1, 3 against 0, 3, 1, 2: 1 - 6 (0 + 1 + 0 + 1) / (4 (16 - 1)).
    assert spearman(estimates(0, 3, 1, 2), MEASURED) == pytest.approx(0.8)


def test_equal_estimates_share_their_rank() -> None:
    # Ranks 0.5, 0.5, 2, 3 against 0, 2, 1, 3.
    expected = (1.0 * 1.5 + 1.0 * -0.5 + 0.5 * -0.5 + 1.5 * 1.5) / math.sqrt(4.5 * 5.0)
    assert spearman(estimates(1, 1, 5, 6), MEASURED) == pytest.approx(expected)


def test_estimates_that_rank_nothing_have_no_rank_correlation() -> None:
    assert math.isnan(spearman(estimates(1, 1, 1, 1), MEASURED))


def test_regret_is_what_the_choice_loses_on_the_best() -> None:
    assert regret_at_1(estimates(0, 0, 9, 1), MEASURED) == pytest.approx(0.2)
    assert regret_at_1(estimates(0, 0, 1, 9), MEASURED) == pytest.approx(0.0)


def test_sharpe_ratio_is_gain_over_spread_of_the_policies_tried() -> None:
    ranked = estimates(0, 3, 2, 1)  # tries 0.6, then 0.5, then 0.7
    assert sharpe_ratio_at_k(ranked, MEASURED, 0.4, 2) == pytest.approx(0.2 / 0.05)
    spread = math.sqrt((0.0 + 0.1**2 + 0.1**2) / 3)
    assert sharpe_ratio_at_k(ranked, MEASURED, 0.4, 3) == pytest.approx(0.3 / spread)
    assert sharpe_ratio_at_k(ranked, MEASURED, 0.65, 2) == pytest.approx(-0.05 / 0.05)


def test_sharpe_ratio_is_undefined_without_risk_or_with_too_few_policies() -> None:
    assert math.isnan(sharpe_ratio_at_k(estimates(0, 3, 2, 1), MEASURED, 0.4, 1))
    assert math.isnan(sharpe_ratio_at_k(estimates(0, 3, 2, 1), MEASURED, 0.4, 5))
    assert math.isnan(sharpe_ratio_at_k(estimates(2, 1), estimates(0.5, 0.5), 0.4, 2))
