"""Pairs and demonstrations."""

from __future__ import annotations

import math

import pytest
import torch

from agentenv.errors import ConfigError
from tests.trainers.objectives.batches import finite_differences, objective, random_batch
from trainers.objectives.losses import chord, chord_mu, copg, dpo, sft
from trainers.objectives.registry import find_part

P = torch.tensor([[0.5, 0.2], [0.9, 0.1]], dtype=torch.float64)
MASK = torch.tensor([[True, True], [True, False]])


def test_sft_is_the_mean_negative_log_likelihood_of_the_demonstrations_tokens() -> None:
    expected = -(math.log(0.5) + math.log(0.2) + math.log(0.9)) / 3
    assert sft(P.log(), MASK).item() == pytest.approx(expected)


def test_chord_phi_weighs_a_token_by_p_times_1_minus_p_without_learning_the_weight() -> None:
    log_probs = P.log().requires_grad_()
    loss = sft(log_probs, MASK, phi=True)
    weights = [0.25, 0.16, 0.09]
    logs = [math.log(p) for p in (0.5, 0.2, 0.9)]
    assert loss.item() == pytest.approx(-sum(w * x for w, x in zip(weights, logs, strict=True)) / 3)
    slopes = torch.autograd.grad(loss, log_probs)[0]
    assert slopes[MASK].tolist() == pytest.approx([-w / 3 for w in weights])


def test_chord_is_grpo_at_mu_0_and_supervised_fine_tuning_at_mu_1() -> None:
    rl, demonstrations = torch.tensor(2.0), torch.tensor(3.0)
    assert chord(rl, demonstrations, mu=0.0) == rl
    assert chord(rl, demonstrations, mu=1.0) == demonstrations
    assert chord(rl, demonstrations, mu=0.25).item() == pytest.approx(2.25)
    with pytest.raises(ConfigError, match="mu is 2"):
        find_part("loss", "chord").with_settings({"mu": 2.0})


def test_chord_mu_warms_up_then_falls_along_a_cosine_and_stays() -> None:
    weights = [chord_mu(s, warmup=4, decay=4, peak=0.8, valley=0.2) for s in range(12)]
    assert weights[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert weights[4] == pytest.approx(0.8)
    assert weights[6] == pytest.approx(0.5)
    assert weights[8:] == pytest.approx([0.2] * 4)


def test_copg_is_the_one_worked_out_by_hand() -> None:
    # R_b = 1 - 0.5 * 0.2 = 0.9 and 0 - 0.5 * -0.4 = 0.2: 2 * 0.49 over 4 pairs and 4 beta = 2.
    log_probs = torch.tensor([-1.0, -2.0]) + torch.tensor([0.2, -0.4])
    loss = copg(
        log_probs, torch.tensor([-1.0, -2.0]), torch.tensor([1.0, 0.0]), torch.zeros(2), beta=0.5
    )
    assert loss.item() == pytest.approx(2 * 0.49 / 4 / 2)


def test_copg_at_the_reference_has_the_gradient_of_reinforce_with_the_groups_mean() -> None:
    rewards = torch.tensor([1.0, 0.0, 0.5, 0.2], dtype=torch.float64)
    groups = torch.zeros(4, dtype=torch.long)
    answers = random_batch(0, ratio=1.0)
    whole = answers.log_probs.detach().sum(1).requires_grad_()
    loss = copg(whole, whole.detach(), rewards, groups, beta=0.3)
    advantages = objective("reinforce").advantages(rewards, groups)
    expected = -advantages.double() / 4
    torch.testing.assert_close(torch.autograd.grad(loss, whole)[0], expected)


def test_copg_compares_within_groups_only() -> None:
    log_probs, rewards = torch.zeros(2), torch.tensor([1.0, 0.0])
    assert copg(log_probs, log_probs, rewards, torch.tensor([0, 1])) == 0


def test_copg_has_the_gradient_of_finite_differences() -> None:
    at = torch.tensor([-1.0, -0.5, -2.0], dtype=torch.float64, requires_grad=True)
    reference, rewards = torch.full((3,), -1.0), torch.tensor([1.0, 0.0, 1.0])
    groups = torch.tensor([0, 0, 0])
    found = torch.autograd.grad(copg(at, reference, rewards, groups), at)[0]
    expected = finite_differences(lambda x: copg(x, reference, rewards, groups), at)
    torch.testing.assert_close(found, expected)


def test_dpo_at_the_reference_is_log_2_and_pulls_the_pair_apart_by_half_beta() -> None:
    chosen = torch.tensor([-1.0, -3.0], requires_grad=True)
    rejected = torch.tensor([-2.0, -1.0], requires_grad=True)
    loss = dpo(chosen, rejected, chosen.detach(), rejected.detach(), beta=0.4)
    assert loss.item() == pytest.approx(math.log(2))
    up, down = torch.autograd.grad(loss, [chosen, rejected])
    assert up.tolist() == pytest.approx([-0.1, -0.1])
    assert down.tolist() == pytest.approx([0.1, 0.1])


def test_dpo_is_the_one_worked_out_by_hand() -> None:
    one = torch.ones(1)
    loss = dpo(-1 * one, -3 * one, -2 * one, -2.5 * one, beta=2.0)  # margin 1 + 0.5
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-3.0)))
