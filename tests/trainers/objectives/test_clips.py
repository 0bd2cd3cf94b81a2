"""Each token's loss and gradient, against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.trainers.objectives.batches import (
    MASK,
    OLD,
    RATIOS,
    batch,
    finite_differences,
    gradient,
    objective,
    random_batch,
)
from trainers.objectives.objective import Objective
from trainers.objectives.registry import find_part

LOG = (OLD + RATIOS.log()).tolist()


def token_losses(clip: str, advantages: Tensor | None = None, **settings: float) -> list[float]:
    """Of the five real tokens."""
    signs = torch.tensor([[1.0], [-2.0]], dtype=torch.float64) if advantages is None else advantages
    function = find_part("clip", clip).with_settings(settings)
    surrogate = function(RATIOS, OLD + RATIOS.log(), signs.expand(2, 3), MASK)
    return [float(x) for x in surrogate.loss[MASK]]


def clipped(clip: str, **settings: float) -> list[bool]:
    function = find_part("clip", clip).with_settings(settings)
    advantages = torch.tensor([[1.0], [-2.0]], dtype=torch.float64).expand(2, 3)
    surrogate = function(RATIOS, OLD + RATIOS.log(), advantages, MASK)
    assert not surrogate.clipped[~MASK].any()
    return [bool(x) for x in surrogate.clipped[MASK]]


# Ratios 1.5, 0.9 with A = 1, and 0.5, 1.1, 1.0 with A = -2.
BY_HAND = [
    ("none", {}, [-1.5, -0.9, 1.0, 2.2, 2.0]),
    ("ppo", {}, [-1.2, -0.9, 1.6, 2.2, 2.0]),
    ("ppo", {"low": 0.4, "high": 0.6}, [-1.5, -0.9, 1.2, 2.2, 2.0]),
    ("reinforce", {}, [-LOG[0][0], -LOG[0][1], 2 * LOG[1][0], 2 * LOG[1][1], 2 * LOG[1][2]]),
    ("opmd", {"tau": 3.0}, [-LOG[0][0] / 4, -LOG[0][1] / 4, *(LOG[1][i] / 2 for i in range(3))]),
    (
        "cispo",
        {"low": 0.2, "high": 0.2},
        [-1.2 * LOG[0][0], -0.9 * LOG[0][1], 1.6 * LOG[1][0], 2.2 * LOG[1][1], 2 * LOG[1][2]],
    ),
    ("rec", {}, [0.0, -LOG[0][1], 0.0, 2 * LOG[1][1], 2 * LOG[1][2]]),
    ("topr", {}, [-LOG[0][0], -LOG[0][1], LOG[1][0], 2 * LOG[1][1], 2 * LOG[1][2]]),
    (
        "sapo",
        {},
        [
            -4 / (1 + math.exp(-0.5)),
            -4 / (1 + math.exp(0.1)),
            2 * 4 / 1.05 / (1 + math.exp(1.05 * 0.5)),
            2 * 4 / 1.05 / (1 + math.exp(-1.05 * 0.1)),
            2 * 4 / 1.05 / 2,
        ],
    ),
]


@pytest.mark.parametrize(("clip", "settings", "expected"), BY_HAND)
def test_token_losses_are_those_worked_out_by_hand(
    clip: str, settings: dict[str, float], expected: list[float]
) -> None:
    assert token_losses(clip, None, **settings) == pytest.approx(expected)


def test_nft_learns_from_right_and_wrong_answers_as_worked_out_by_hand() -> None:
    # A pass rate of 1/4: the right answer's advantage is 3/4, the wrong one's -1/4.
    advantages = torch.tensor([[0.75], [-0.25]], dtype=torch.float64)
    implied = [(1 - 0.25 * r) / 0.75 for r in (0.5, 1.1, 1.0)]
    expected = [
        -0.75 * math.log(1.5),
        -0.75 * math.log(0.9),
        *(-0.75 * math.log(i) for i in implied),
    ]
    assert token_losses("nft", advantages, floor=1e-3) == pytest.approx(expected)
    expected[3] = 0.0  # 1.1 implies less than the floor 1, where only the gradient is left
    assert token_losses("nft", advantages) == pytest.approx(expected)


def test_nft_learns_nothing_from_groups_that_are_all_right_or_all_wrong() -> None:
    of = objective("nft")
    equal = batch(advantages=(0.0, 0.0))
    assert gradient(of, equal).abs().max() == 0


@pytest.mark.parametrize(
    ("clip", "settings", "expected"),
    [
        ("none", {}, [False] * 5),
        ("ppo", {}, [True, False, True, False, False]),
        ("rec", {}, [True, False, True, False, False]),
        ("cispo", {"low": 0.2, "high": 0.2}, [True, False, True, False, False]),
        ("topr", {}, [False, False, False, True, False]),
    ],
)
def test_clipped_tokens_are_counted(
    clip: str, settings: dict[str, float], expected: list[bool]
) -> None:
    assert clipped(clip, **settings) == expected


def test_bapo_cuts_off_what_went_badly_before_it_lets_in_more_of_what_went_well() -> None:
    # With bounds 0.4 and 1.2: kept are 0.9 (A = 1) and 0.5, 1.1, 1.0 (A = -2), a share of
    # 0.9 / (0.9 + 5.2). Above 0.5, the lower bound cuts off the first bad token (0.9 / 5.1);
    # above 1.5, the upper bound lets in the first good one (2.4 / 6.6 = 0.36).
    bounds = {"low": 0.4, "low_most": 0.6, "low_step": 0.1, "high_most": 3.0, "high_step": 0.1}
    assert clipped("bapo", share=0.1, **bounds) == [True, False, False, False, False]
    assert clipped("bapo", share=0.17, **bounds) == [True, False, True, False, False]
    assert clipped("bapo", share=0.36, **bounds) == [False, False, True, False, False]
    # Where the share is out of reach, both bounds end at their most.
    assert clipped("bapo", share=1.0, **bounds) == [False, False, True, False, False]


def test_bapo_stops_as_soon_as_the_share_is_reached() -> None:
    losses = token_losses("bapo", share=0.36, low=0.6, low_most=0.6, high=1.2, high_step=0.1)
    assert losses[0] == pytest.approx(-1.5)
    assert token_losses("bapo", share=0.0, low=0.6, high=1.2)[0] == pytest.approx(-1.2)


SMOOTH = ["grpo", "dr_grpo", "dapo", "gspo", "sapo", "bapo", "nft"]
"""Whose loss has the gradient that is used: no stop-gradient."""


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(name: str, seed: int) -> None:
    of = objective(name, {"clip.floor": 1e-3} if name == "nft" else None, regulariser="none")
    found = random_batch(seed, ratio=1.4)

    def loss(log_probs: Tensor) -> Tensor:
        return of.loss(replace(found, log_probs=log_probs)).value

    expected = finite_differences(loss, found.log_probs)
    torch.testing.assert_close(gradient(of, found), expected, rtol=1e-5, atol=1e-8)


def weights(of: Objective) -> list[float]:
    """What each real token's log-probability is multiplied by: -gradient, one token at a time."""
    summed = replace(of, aggregation=find_part("aggregation", "sequence_sum").with_settings({}))
    return [float(x) for x in -2 * gradient(summed, batch())[MASK]]


@pytest.mark.parametrize(
    ("clip", "settings", "expected"),
    [
        ("reinforce", {}, [1.0, 1.0, -2.0, -2.0, -2.0]),
        ("none", {}, [1.5, 0.9, -1.0, -2.2, -2.0]),
        ("ppo", {}, [0.0, 0.9, 0.0, -2.2, -2.0]),
        ("cispo", {"clip.low": 0.2, "clip.high": 0.2}, [1.2, 0.9, -1.6, -2.2, -2.0]),
        ("rec", {}, [0.0, 1.0, 0.0, -2.0, -2.0]),
        ("topr", {}, [1.0, 1.0, -1.0, -2.0, -2.0]),
        ("opmd", {"clip.tau": 1.0}, [0.5, 0.5, -1.0, -1.0, -1.0]),
    ],
)
def test_gradients_weigh_each_token_as_the_closed_form_says(
    clip: str, settings: dict[str, float], expected: list[float]
) -> None:
    assert weights(objective("reinforce", settings, clip=clip)) == pytest.approx(expected)


def test_nft_passes_on_the_gradient_of_a_wrong_token_below_the_floor() -> None:
    # d/d log pi of -w log((1 - q r) / (1 - q)), held at the floor: w q r / (1 - q) / floor.
    found = batch(advantages=(0.75, -0.25))
    of = objective("nft", {"clip.floor": 1.0}, aggregation="sequence_sum")
    assert float(gradient(of, found)[1, 1]) == pytest.approx(0.75 * 0.25 * 1.1 / 0.75 / 2)
