"""One iteration's learning, against closed forms on a policy whose scores are free."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from agentenv.policies.prompts import Prompt
from tests.small_models import untrained_vlm
from tests.trainers.craft_gui.tabular import ANSWERS, TabularModel
from trainers.configs import LoraConfig
from trainers.craft_gui.config import UpdateSettings
from trainers.craft_gui.groups import Attempt, Group, Turn, advantages_of
from trainers.craft_gui.ledger import LedgerError
from trainers.craft_gui.rewards import Reward
from trainers.craft_gui.updates import Reference, Updater
from trainers.objectives.config import ObjectiveConfig
from trainers.objectives.losses import sft
from trainers.objectives.objective import build
from trainers.sft import with_adapter

WHOLE = UpdateSettings(minibatches=1, gradient_clip=1e9, warmup=1)
GOALS = ("Ok", "Cancel", "Help")


def turn(goal: int, answer: int, log_prob: float = math.log(1 / 4), reward: float = 0.0) -> Turn:
    prompt = Prompt(f"Press {GOALS[goal]}", None)
    return Turn(prompt, (answer,), (log_prob,), reward, prompt.text.encode())


def attempt(reward: float, *turns: Turn) -> Attempt:
    return Attempt(turns, Reward({}, (reward,)), reward >= 1)


GROUPS = [
    Group("a", 0, (attempt(1.0, turn(0, 0)), attempt(0.0, turn(0, 1)), attempt(0.0, turn(0, 3)))),
    Group("b", 1, (attempt(1.0, turn(1, 1), turn(2, 2)), attempt(0.0, turn(1, 1)))),
]


def updater(
    settings: UpdateSettings = WHOLE, objective: str = "grpo", **arguments: Any
) -> tuple[Updater, TabularModel]:
    model = TabularModel()
    found = build(ObjectiveConfig(objective, regulariser="none"))
    made = Updater(model, found, settings, temperature=1.0, **arguments)  # type: ignore[arg-type]
    return made, model


def gradient(settings: UpdateSettings = WHOLE, **arguments: Any) -> torch.Tensor:
    """After learning from `GROUPS` once."""
    learner, model = updater(settings, **arguments)
    learner.learn(GROUPS, [0])
    found = model.model.scores.grad
    assert found is not None
    return found


def closed_form() -> torch.Tensor:
    """-mean over turns of A (one-hot - p); advantages are normalised within each group."""
    good, bad = math.sqrt(2), -1 / math.sqrt(2)  # of rewards 1, 0, 0
    rows = [(0, 0, good), (0, 1, bad), (0, 3, bad), (1, 1, 1.0), (2, 2, 1.0), (1, 1, -1.0)]
    expected = torch.zeros(3, len(ANSWERS))
    for goal, answer, advantage in rows:
        one_hot = torch.nn.functional.one_hot(torch.tensor(answer), len(ANSWERS))
        expected[goal] -= advantage * (one_hot - 1 / len(ANSWERS)) / len(rows)
    return expected


def test_on_policy_the_gradient_is_the_closed_form_of_the_policy_gradient() -> None:
    torch.testing.assert_close(gradient(), closed_form())


@pytest.mark.parametrize("sample", ["turn", "episode"])
def test_how_many_turns_are_computed_at_once_does_not_change_the_gradient(sample: Any) -> None:
    whole = gradient(replace(WHOLE, sample=sample))
    small = gradient(replace(WHOLE, sample=sample, turns_at_once=1))
    torch.testing.assert_close(small, whole)


def test_an_episode_as_the_sample_weighs_episodes_alike_whatever_their_length() -> None:
    found = gradient(replace(WHOLE, sample="episode"))
    # Of five episodes; the one of two turns is a mean over both.
    one_hot = torch.nn.functional.one_hot(torch.tensor(2), len(ANSWERS))
    torch.testing.assert_close(found[2], -0.5 * (one_hot - 1 / len(ANSWERS)) / 5)


def test_a_stale_turn_is_clipped_by_the_probability_it_was_sampled_with() -> None:
    """It is now 25 times as likely as then: past the clip, nothing is left to gain."""
    stale = [
        replace(
            GROUPS[0],
            attempts=(attempt(1.0, turn(0, 0, math.log(0.01))), attempt(0.0, turn(0, 1))),
            born=0,
        )
    ]
    learner, model = updater(replace(WHOLE, max_gap=10))
    numbers = learner.learn(stale, [0])
    found = model.model.scores.grad
    assert found is not None
    assert numbers["clip_share"] == 0.5
    one_hot = torch.nn.functional.one_hot(torch.tensor(1), len(ANSWERS))
    torch.testing.assert_close(found[0], (one_hot - 1 / len(ANSWERS)) / 2)


def test_of_a_group_the_rollouts_that_differ_most_are_learned_from() -> None:
    attempts = (attempt(1.0, turn(0, 0)), attempt(0.25, turn(0, 1)), attempt(0.0, turn(0, 3)))
    learner, model = updater(replace(WHOLE, kept_rollouts=2))
    learner.learn([replace(GROUPS[0], attempts=attempts)], [0])
    mean, spread = 1.25 / 3, math.sqrt((1 + 0.25**2) / 3 - (1.25 / 3) ** 2)
    expected = torch.zeros(len(ANSWERS))
    for answer, reward in ((0, 1.0), (3, 0.0)):
        one_hot = torch.nn.functional.one_hot(torch.tensor(answer), len(ANSWERS))
        expected -= (reward - mean) / spread * (one_hot - 1 / len(ANSWERS)) / 2
    found = model.model.scores.grad
    assert found is not None
    torch.testing.assert_close(found[0], expected)


def test_of_the_tokens_those_on_which_most_depends_are_learned_from() -> None:
    learner, model = updater(replace(WHOLE, kept_tokens=1 / 3))
    learner.learn([GROUPS[0]], [0])  # advantages: the root of 2, and twice half of minus that
    one_hot = torch.nn.functional.one_hot(torch.tensor(0), len(ANSWERS))
    expected = -math.sqrt(2) * (one_hot - 1 / len(ANSWERS)) / 3
    found = model.model.scores.grad
    assert found is not None
    torch.testing.assert_close(found[0], expected)


def test_log_probs_far_from_those_at_sampling_stop_the_training() -> None:
    wrong = [replace(GROUPS[0], attempts=(attempt(1.0, turn(0, 0, -9.0)), attempt(0, turn(0, 1))))]
    learner, _ = updater()
    with pytest.raises(LedgerError, match="nats a token from those at sampling"):
        learner.learn(wrong, [0])


def test_the_gap_of_an_honest_policy_is_nothing_and_is_measured_once_an_iteration() -> None:
    learner, _ = updater(replace(WHOLE, minibatches=2, epochs=2, learning_rate=0.5))
    numbers = learner.learn(GROUPS, [0])
    assert numbers["gap"] == pytest.approx(0.0, abs=1e-6)
    assert numbers["entropy"] < math.log(4)  # it has learned in between
    assert learner.steps == 4


def test_a_turn_without_its_log_probs_is_refused() -> None:
    with pytest.raises(LedgerError, match="1 tokens and 0"):
        Turn(Prompt("Press Ok", None), (1,), (), 0.0, b"")


def test_demonstrations_are_mixed_in_with_their_weight() -> None:
    model_of_demonstrations: list[TabularModel] = []

    def imitation(step: int) -> tuple[torch.Tensor, float]:
        table = model_of_demonstrations[0].model.scores
        mask = torch.ones(1, 1, dtype=torch.bool)
        return sft(torch.log_softmax(table[2:3], -1)[:, 3:4], mask), 0.25

    learner, model = updater(imitation=imitation)
    model_of_demonstrations.append(model)
    learner.learn(GROUPS, [0])
    expected = 0.75 * closed_form()
    one_hot = torch.nn.functional.one_hot(torch.tensor(3), len(ANSWERS))
    expected[2] -= 0.25 * (one_hot - 1 / len(ANSWERS))
    torch.testing.assert_close(model.model.scores.grad, expected)


def test_a_reference_holds_the_policy_back() -> None:
    model = TabularModel()
    with torch.no_grad():
        model.model.scores[0, 0] = 2.0
    settings = {"regulariser.coefficient": 0.5}
    objective = build(ObjectiveConfig("grpo", settings=settings))
    learner = Updater(
        model,  # type: ignore[arg-type]
        objective,
        replace(WHOLE, max_gap=10),
        temperature=1.0,
        reference=Reference(TabularModel()),  # type: ignore[arg-type]
    )
    assert objective.needs_reference
    assert learner.learn(GROUPS, [0])["kl_from_reference"] > 0.1


def test_lp_reg_has_its_proxy() -> None:
    objective = build(ObjectiveConfig("grpo", regulariser="lp_reg"))
    learner = Updater(TabularModel(), objective, WHOLE, temperature=1.0)  # type: ignore[arg-type]
    assert math.isfinite(learner.learn(GROUPS, [0])["penalty"])


def test_a_fresh_adapter_s_reference_is_the_model_without_it() -> None:
    vlm = with_adapter(untrained_vlm(), LoraConfig(rank=2))
    prompt = Prompt("press A", None)
    answers = vlm.sample(vlm.encode([prompt]), owners=[0, 0], max_new_tokens=2)
    attempts = [
        attempt(float(place), Turn(prompt, one.token_ids, one.log_probs, 0.0, b""))
        for place, one in enumerate(answers)
    ]
    objective = build(ObjectiveConfig("grpo"))
    settings = replace(WHOLE, learning_rate=0.1, max_gap=10)
    active = vlm.model.disable_adapter
    learner = Updater(vlm, objective, settings, temperature=1.0, reference=Reference(vlm, active))
    groups = [Group("a", 0, tuple(attempts))]
    assert learner.learn(groups, [0])["kl_from_reference"] == pytest.approx(0.0, abs=1e-6)
    assert learner.learn(groups, [1])["kl_from_reference"] > 1e-3


def test_steps_in_one_state_are_compared_with_what_followed_them() -> None:
    """GiGPO: the second turns were in the same state, the first ones were not."""
    good = attempt(1.0, turn(0, 0), turn(2, 2, reward=1.0))
    bad = attempt(0.0, turn(1, 0), turn(2, 3))
    objective = build(ObjectiveConfig("grpo", step_advantage="gigpo", regulariser="none"))
    found = advantages_of([Group("a", 0, (good, bad))], objective)
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0, -1.0, -2.0]))
