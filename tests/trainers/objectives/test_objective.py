"""Objectives put together: how parts combine, and the limits in which two are one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agentenv.config import config_from_mapping, config_to_mapping
from agentenv.errors import ConfigError
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
from trainers.objectives.batch import Batch
from trainers.objectives.config import ObjectiveConfig
from trainers.objectives.objective import Objective, build
from trainers.objectives.published import PUBLISHED
from trainers.objectives.regularisers import k3, min_p_proxy

ON_POLICY = torch.ones_like(RATIOS)
BINARY = torch.tensor([1.0, 0.0, 0.0, 0.0])
ONE_GROUP = torch.zeros(4, dtype=torch.long)


def plain(name: str, settings: dict[str, float] | None = None, **parts: str) -> Objective:
    """Averaged over tokens and unregularised, so that only ratio and clip are compared."""
    return objective(
        name, settings, **{"aggregation": "token_mean", "regulariser": "none", **parts}
    )


def same_gradient(first: Objective, second: Objective, on: Batch) -> None:
    torch.testing.assert_close(gradient(first, on), gradient(second, on), rtol=1e-6, atol=1e-9)


def same_loss(first: Objective, second: Objective, on: Batch) -> None:
    torch.testing.assert_close(first.loss(on).value, second.loss(on).value, rtol=1e-9, atol=1e-12)
    same_gradient(first, second, on)


# The whole, by hand: ratios 1.5, 0.9 with A = 1, and 0.5, 1.1, 1.0 with A = -2.


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("grpo", {}, ((-1.2 - 0.9) / 2 + (1.6 + 2.2 + 2.0) / 3) / 2),
        ("dr_grpo", {"aggregation.length": 4.0}, (-1.2 - 0.9 + 1.6 + 2.2 + 2.0) / 4 / 2),
        ("dapo", {}, (-1.28 - 0.9 + 1.6 + 2.2 + 2.0) / 5),
        ("gspo", {}, (-1.0004 + 2 * 0.9997) / 2),
        ("gspo", {"clip.low": 1.0, "clip.high": 1.0}, (-(1.35**0.5) + 2 * 0.55 ** (1 / 3)) / 2),
    ],
)
def test_losses_are_those_worked_out_by_hand(
    name: str, settings: dict[str, float], expected: float
) -> None:
    of = objective(name, settings, regulariser="none")
    assert of.loss(batch()).value.item() == pytest.approx(expected)


def test_metrics_are_means_over_the_tokens_that_are_learned_from() -> None:
    metrics = objective("dapo").loss(batch()).metrics
    assert metrics["clip_share"] == pytest.approx(2 / 5)
    assert metrics["ratio"] == pytest.approx((1.5 + 0.9 + 0.5 + 1.1 + 1.0) / 5)
    assert metrics["largest_ratio"] == pytest.approx(1.5)


# Limits.


@pytest.mark.parametrize("clip", ["none", "ppo", "cispo", "rec", "sapo", "topr"])
def test_on_policy_every_clip_has_the_gradient_of_reinforce(clip: str) -> None:
    same_gradient(plain("grpo", clip=clip), plain("grpo", clip="reinforce"), batch(ON_POLICY))


@pytest.mark.parametrize("ratio", ["token", "sequence_token"])
def test_on_policy_grpo_at_token_levels_has_the_gradient_of_reinforce(ratio: str) -> None:
    same_gradient(plain("grpo", ratio=ratio), plain("grpo", clip="reinforce"), batch(ON_POLICY))


def test_on_policy_nft_has_the_gradient_of_dr_grpo_and_divided_by_std_that_of_grpo() -> None:
    answers = replace(random_batch(0, ratio=1.0), advantages=BINARY)
    by_mean = plain("dr_grpo").advantages(BINARY, ONE_GROUP)
    nft_batch = replace(answers, advantages=by_mean.double())
    same_gradient(plain("nft"), plain("dr_grpo"), nft_batch)
    by_std = plain("grpo").advantages(BINARY, ONE_GROUP)
    expected = gradient(plain("grpo"), replace(answers, advantages=by_std.double()))
    found = gradient(plain("nft", {"clip.divide_by_std": 1.0}), nft_batch)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_topr_with_only_successes_is_supervised_fine_tuning_weighted_by_the_rewards() -> None:
    answers = replace(random_batch(1, ratio=3.0), advantages=torch.tensor([1.0, 0.5, 2.0, 0.1]))
    weighted = -(answers.log_probs * answers.advantages[:, None]).masked_fill(~answers.mask, 0.0)
    expected = weighted.sum() / 4
    assert objective("topr").loss(answers).value.item() == pytest.approx(expected.item())


def test_dapo_is_grpo_where_answers_are_equally_long_and_bounds_are_equal() -> None:
    bounds = {"clip.low": 0.2, "clip.high": 0.2}
    answers = random_batch(2, ratio=2.0, full=True)
    same_loss(objective("dapo", bounds), objective("grpo", regulariser="none"), answers)


def test_dr_grpo_of_the_true_length_aggregates_like_grpo_where_answers_are_equally_long() -> None:
    answers = random_batch(3, ratio=2.0, full=True)
    fixed = objective("dr_grpo", {"aggregation.length": 5.0})
    same_loss(fixed, objective("grpo", regulariser="none"), answers)


@pytest.mark.parametrize("ratio", ["sequence", "sequence_token", "trajectory"])
def test_ratios_of_all_levels_are_equal_for_answers_of_one_token(ratio: str) -> None:
    answers = random_batch(4, ratio=2.0, tokens=1)
    same_loss(plain("grpo", ratio=ratio), plain("grpo"), answers)


def test_gspo_token_is_gspo_where_a_whole_answer_has_one_advantage() -> None:
    same_loss(objective("gspo_token"), objective("gspo"), random_batch(5, ratio=1.001))
    same_loss(objective("gspo_token"), objective("gspo"), random_batch(5, ratio=2.0))


def test_within_the_bounds_cispo_has_the_gradient_of_unclipped_grpo() -> None:
    answers = random_batch(6, ratio=4.0)
    same_gradient(plain("cispo"), plain("grpo", clip="none"), answers)


def test_within_the_bounds_rec_is_reinforce_and_opmd_without_temperature_always() -> None:
    same_loss(plain("rec"), plain("reinforce"), random_batch(7, ratio=1.2))
    same_loss(plain("opmd", {"clip.tau": 0.0}), plain("reinforce"), random_batch(7, ratio=9.0))


def test_bapo_with_bounds_that_cannot_move_is_ppo() -> None:
    fixed = {"clip.low": 0.8, "clip.low_most": 0.8, "clip.high": 1.2, "clip.high_most": 1.2}
    same_loss(plain("bapo", fixed), plain("grpo"), random_batch(8, ratio=2.0))


def test_sapo_with_a_vanishing_temperature_has_the_gradient_of_unclipped_grpo() -> None:
    # 4 sigmoid'(tau (r - 1)) -> 1
    soft = plain("sapo", {"clip.tau_positive": 1e-5, "clip.tau_negative": 1e-5})
    same_gradient(soft, plain("grpo", clip="none"), random_batch(9, ratio=2.0))


# Regularisers.


def test_the_kl_penalty_is_k3_and_its_gradient_1_minus_the_ratio_to_the_reference() -> None:
    reference = OLD + torch.tensor([[0.5, -0.3, 9.0], [0.0, 0.1, -2.0]])
    with_reference = replace(batch(ON_POLICY, advantages=(0.0, 0.0)), reference_log_probs=reference)
    of = plain("grpo", {"regulariser.coefficient": 0.5}, regulariser="kl")
    d = (reference - OLD)[MASK]
    expected = 0.5 * (d.exp() - d - 1).mean()
    assert of.loss(with_reference).value.item() == pytest.approx(expected.item())
    slopes = gradient(of, with_reference)
    torch.testing.assert_close(slopes[MASK], 0.5 * (1 - d.exp()) / 5)
    assert float(slopes[~MASK]) == 0


def test_at_the_reference_the_kl_penalty_and_its_gradient_vanish() -> None:
    at = batch(ON_POLICY)
    at = replace(at, reference_log_probs=at.log_probs.detach())
    same_loss(plain("grpo", regulariser="kl"), plain("grpo"), at)


def test_lp_reg_spares_only_unlikely_tokens_that_are_pushed_away_from_a_likelier_proxy() -> None:
    # The bad answer's tokens have probabilities 0.2, 0.33 and 0.8; the good one's 0.3 and 0.45.
    proxy = torch.tensor([[0.9, 0.9, 0.9], [0.25, 0.2, 0.9]], dtype=torch.float64).log()
    found = replace(batch(), proxy_log_probs=proxy)
    of = plain("lp_reg", {"regulariser.share": 0.5}, regulariser="lp_reg")
    penalty = of.regulariser(found.tidy())
    spared = torch.tensor([[False, False, False], [True, False, False]])
    assert torch.equal(penalty != 0, spared)
    d = torch.tensor(0.25 / 0.2, dtype=torch.float64).log()
    assert penalty[1, 0].item() == pytest.approx((d.exp() - d - 1).item())


def test_lp_reg_is_not_upset_by_noise_that_the_proxy_rules_out() -> None:
    proxy = torch.full((2, 3), -torch.inf, dtype=torch.float64)
    found = replace(batch(), proxy_log_probs=proxy)
    of = plain("lp_reg", {"regulariser.share": 1.0}, regulariser="lp_reg")
    same_loss(of, plain("lp_reg"), found)
    assert gradient(of, found).isfinite().all()


def test_the_proxy_drops_what_is_far_below_the_likeliest_token_and_sums_to_1() -> None:
    proxy = min_p_proxy(torch.tensor([0.59, 0.4, 0.01]).log(), min_p=0.02)
    assert proxy.exp().tolist() == pytest.approx([0.59 / 0.99, 0.4 / 0.99, 0.0])


def test_k3_is_the_divergence_on_average() -> None:
    p, q = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.2, 0.3])
    expected = (p * (p / q).log()).sum()
    assert float((p * k3(p.log(), q.log())).sum()) == pytest.approx(expected.item(), rel=1e-5)


# What a trainer relies on.


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_padding_does_not_matter_whatever_it_holds(name: str) -> None:
    of = objective(name)
    noise = torch.where(MASK, 0.0, torch.nan)
    clean = replace(batch(advantages=(0.5, -0.5)), reference_log_probs=OLD, proxy_log_probs=OLD)
    dirty = replace(
        clean,
        log_probs=(clean.log_probs.detach() + noise).requires_grad_(),
        old_log_probs=OLD - noise,
        reference_log_probs=OLD + noise,
        proxy_log_probs=OLD + noise,
    )
    torch.testing.assert_close(of.loss(dirty).value, of.loss(clean).value)
    torch.testing.assert_close(gradient(of, dirty), gradient(of, clean))


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_ratios_beyond_all_measure_give_no_infinity(name: str) -> None:
    far = replace(
        batch(torch.tensor([[1e30, 1e-30, 1.0], [1e30, 1e-30, 1.0]], dtype=torch.float64)),
        advantages=torch.tensor([0.5, -0.5]),
        reference_log_probs=OLD,
        proxy_log_probs=OLD,
    )
    of = objective(name)
    assert of.loss(far).value.isfinite()
    assert gradient(of, far).isfinite().all()


def part_of(answers: Batch, rows: slice) -> Batch:
    return Batch(
        answers.log_probs[rows],
        answers.old_log_probs[rows],
        answers.mask[rows],
        answers.advantages[rows],
    )


@pytest.mark.parametrize("aggregation", ["sequence_mean", "token_mean", "sequence_sum"])
def test_micro_batches_add_up_to_the_loss_of_the_whole_batch(aggregation: str) -> None:
    of = plain("grpo", aggregation=aggregation)
    answers = random_batch(10, ratio=2.0)
    whole = of.loss(answers).value
    pieces = [of.loss(part_of(answers, rows)) for rows in (slice(0, 1), slice(1, 4))]
    total = torch.stack([piece.total for piece in pieces]).sum()
    torch.testing.assert_close(total / sum(piece.count for piece in pieces), whole)


def test_advantages_may_differ_from_token_to_token() -> None:
    whole = random_batch(11, ratio=2.0)
    spread = replace(whole, advantages=whole.advantages[:, None].expand(4, 5))
    same_loss(objective("dapo"), objective("dapo"), spread)
    torch.testing.assert_close(
        objective("dapo").loss(spread).value, objective("dapo").loss(whole).value
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask": MASK.float()},
        {"mask": MASK[:1]},
        {"old_log_probs": OLD[:, :2]},
        {"advantages": torch.ones(3)},
        {"advantages": torch.ones(2, 2)},
        {"reference_log_probs": OLD[:1]},
    ],
)
def test_shapes_that_do_not_fit_are_refused_instead_of_broadcast(wrong: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"batch|mask"):
        objective("dapo").loss(replace(batch(), **wrong))


def test_a_missing_reference_is_named() -> None:
    with pytest.raises(ValueError, match="reference"):
        objective("grpo").loss(batch())
    with pytest.raises(ValueError, match="proxy"):
        objective("lp_reg").loss(batch())


# Settings.


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (ObjectiveConfig("grop"), "did you mean grpo"),
        (ObjectiveConfig(clip="pop"), "no clip 'pop'.*did you mean ppo"),
        (ObjectiveConfig(settings={"clip.hihg": 1.0}), "no setting 'hihg'.*did you mean high"),
        (ObjectiveConfig(settings={"clip.high": -1.0}), "clip ppo: high is -1.0.*greater"),
        (ObjectiveConfig(settings={"clip.low": float("nan")}), "low is nan"),
        (ObjectiveConfig(settings={"high": 0.2}), "name it by its part"),
        (ObjectiveConfig("dapo", settings={"regulariser.coefficient": 1.0}), "it has none"),
        (ObjectiveConfig(clip="nft"), "group_mean"),
        (ObjectiveConfig("bapo", settings={"clip.high": 0.5}), "high is 0.5"),
        (ObjectiveConfig("gigpo", settings={"step_advantage.divide_by_std": 0.5}), "bool"),
    ],
)
def test_bad_settings_are_named_with_what_would_do(config: ObjectiveConfig, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build(config)


def test_a_published_setting_goes_with_the_part_it_was_published_for() -> None:
    # DAPO's high = 0.28 is for PPO's clip, and does not fit BAPO's bounds on r itself.
    of = objective("dapo", clip="bapo")
    assert of.loss(batch()).value.isfinite()


def test_a_configuration_survives_yaml() -> None:
    config = ObjectiveConfig("dapo", ratio="sequence", settings={"clip.high": 0.3})
    assert config_from_mapping(ObjectiveConfig, config_to_mapping(config)) == config


def test_learning_with_any_objective_makes_the_better_answer_likelier() -> None:
    rewards, groups = torch.tensor([1.0, 0.0]), torch.zeros(2, dtype=torch.long)
    for name in PUBLISHED:
        of = objective(name)
        logits = torch.zeros(2, requires_grad=True)
        log_probs = torch.log_softmax(logits, 0)[:, None]
        fixed = log_probs.detach()
        mask = torch.ones(2, 1, dtype=torch.bool)
        answers = Batch(log_probs, fixed, mask, of.advantages(rewards, groups), fixed, fixed)
        slopes = torch.autograd.grad(of.loss(answers).value, logits)[0]
        assert slopes[0] < 0 < slopes[1], name


def test_finite_differences_find_a_known_gradient() -> None:
    at = torch.tensor([1.0, 2.0], dtype=torch.float64)
    found = finite_differences(lambda x: (x**3).sum(), at)
    torch.testing.assert_close(found, torch.tensor([3.0, 12.0], dtype=torch.float64))
