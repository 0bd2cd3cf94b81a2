"""What is learned from, what is shown, and what is explored."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.objectives.guidance import failed_groups, shown_steps, without_prefix
from trainers.objectives.search import backup, explore, mixed_value, preferred_pairs
from trainers.objectives.selection import (
    d3s_rollouts,
    d3s_tokens,
    overlong_penalty,
    unequal_groups,
)


def test_groups_that_are_all_equal_are_left_out() -> None:
    rewards = torch.tensor([0.1, 1.0, 0.1, 0.0, 0.1, 0.3])
    groups = torch.tensor([0, 1, 0, 1, 0, 2])
    assert unequal_groups(rewards, groups).tolist() == [False, True, False, True, False, False]


def test_the_overlong_penalty_falls_from_the_buffer_to_the_limit() -> None:
    lengths = torch.tensor([0, 48, 52, 64, 90])
    assert overlong_penalty(lengths, limit=64, buffer=16, weight=0.5).tolist() == pytest.approx(
        [0, 0, -0.125, -0.5, -0.5]
    )


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=7), st.integers(1, 7))
def test_no_other_subset_of_rollouts_has_a_larger_variance(values: list[float], count: int) -> None:
    advantages = torch.tensor(values)
    kept = d3s_rollouts(advantages, count=count)
    assert int(kept.sum()) == min(count, len(values))
    if count < len(values):
        found = float(advantages[kept].double().var(correction=0))
        others = combinations(advantages.double().tolist(), count)
        best = max(float(torch.tensor(some).double().var(correction=0)) for some in others)
        assert found == pytest.approx(best, abs=1e-9)


def test_tokens_are_kept_by_advantage_times_entropy() -> None:
    advantages = torch.tensor([[1.0, 1.0, 1.0], [-3.0, -3.0, 0.0]])
    entropies = torch.tensor([[0.5, 2.0, 9.0], [0.1, 0.9, 5.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    kept = d3s_tokens(advantages, entropies, mask, share=0.4)
    assert kept.tolist() == [[False, True, False], [False, True, False]]
    assert torch.equal(d3s_tokens(advantages, entropies, mask, share=1.0), mask)
    assert not d3s_tokens(advantages, entropies, torch.zeros_like(mask)).any()


def test_only_groups_without_a_success_need_guidance() -> None:
    rewards, groups = torch.tensor([0.9, 0.0, 1.0, 0.0]), torch.tensor([0, 0, 1, 1])
    assert failed_groups(rewards, groups).tolist() == [True, True, False, False]
    assert not failed_groups(rewards, groups, threshold=0.5).any()


def test_more_is_shown_after_every_failure_but_never_everything() -> None:
    assert [shown_steps(8, failures) for failures in range(6)] == [0, 2, 4, 6, 6, 6]
    assert shown_steps(1, 3, most=1.0) == 0
    assert shown_steps(4, 9, most=1.0) == 3


def test_what_was_shown_is_not_learned_from() -> None:
    mask = torch.tensor([[True, True, True], [True, True, False]])
    found = without_prefix(mask, torch.tensor([2, 0]))
    assert found.tolist() == [[False, False, True], [True, True, False]]


def test_the_tree_is_walked_and_updated_as_worked_out_by_hand() -> None:
    assert mixed_value(1.0, 0.2, alpha=0.25) == pytest.approx(0.4)
    assert backup(0.5, 3, 1.0) == pytest.approx((2.5 / 4, 4))
    # 0.6 + c sqrt(log 4 / 4) = 1.19 against 0.3 + c sqrt(log 4 / 2) = 1.13 with c = 1
    assert explore([0.6, 0.3], [3, 1]) == 0
    assert explore([0.6, 0.3], [3, 1], exploration=2.0) == 1
    assert explore([0.3, 0.6], [0, 0]) == 1


def test_pairs_are_explored_siblings_that_differ_by_at_least_theta() -> None:
    assert preferred_pairs([0.9, 0.5, 0.1, 0.0], [1, 1, 1, 0], theta=0.4) == [
        (0, 1),
        (0, 2),
        (1, 2),
    ]
    assert preferred_pairs([0.5, 0.5], [1, 1], theta=0.0) == []
