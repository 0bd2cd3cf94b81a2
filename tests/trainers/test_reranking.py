"""Q at test time, with the model in ``data/`` and a critic whose taste is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agentenv.actions import Tap
from agentenv.cli.evaluate import EvalConfig, run
from agentenv.data_files import data_file
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.policies.base import Decision, History
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.vlm import VLMPolicy
from tests.trainers.test_candidates import SCREEN
from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.geometry import GEOMETRY_NAMES
from trainers.digiq.reranking import Judge, RerankingPolicy, load_judge

JSON = get_dialect("json")


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Likes the lower element (large y) and nothing else."""
    vlm = VisionLanguageModel.from_pretrained(data_file("small_vlm"))
    size = vlm.model.config.get_text_config().hidden_size
    geometry = len(GEOMETRY_NAMES) + 2
    critic = Critic(CriticShape(size, size, geometry, ensemble=2, layers=0)).eval()
    with torch.no_grad():
        critic.q_heads.weights[0].zero_()
        critic.q_heads.weights[0][:, 2 * size + GEOMETRY_NAMES.index("y")] = 1.0
    return Judge(critic, vlm, vlm, JSON, ("change", "outcome"), -2, "mean")


def history() -> History:
    upper, lower = (
        replace(element, bounds=(0.0, top, 1.0, top + 0.2))
        for element, top in zip(SCREEN.elements, (0.0, 0.8), strict=True)
    )
    return History(replace(SCREEN, elements=(upper, lower)))


def decision(text: str) -> Decision:
    return Decision(text, JSON.parse(text), (1, 2), (-0.5, -0.5))


class Scripted:
    """Proposes what it is given."""

    name, version = "scripted", "1"

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def propose(self, histories: list[History], n: int) -> list[list[Decision]]:
        return [[decision(text) for text in self.texts[:n]] for _ in histories]


TAPS = [JSON.print(Tap(label=name, element=i)) for i, name in enumerate(("Ok", "Cancel"))]


def test_the_sample_with_the_highest_q_is_acted(judge: Judge) -> None:
    policy = RerankingPolicy(Scripted("nonsense", *TAPS, "more"), judge, 4)  # type: ignore[arg-type]
    (found,) = policy.act([history()])
    assert found.action == Tap(label="Cancel", element=1)
    two = RerankingPolicy(Scripted("nonsense", *TAPS), judge, 2)  # type: ignore[arg-type]
    assert two.act([history()])[0].action == Tap(label="Ok", element=0)


def test_a_sample_that_the_base_policy_finds_unlikely_must_be_worth_it(judge: Judge) -> None:
    # The goal names "Ok"; Q of "Cancel" is higher by 0.8.
    cautious = replace(judge, prior=1.0)
    policy = RerankingPolicy(Scripted("nonsense", *TAPS), cautious, 3)  # type: ignore[arg-type]
    assert policy.act([history()])[0].action == Tap(label="Ok", element=0)
    assert policy.version != RerankingPolicy(policy.actor, judge, 3).version


def test_without_a_valid_sample_the_first_is_acted(judge: Judge) -> None:
    policy = RerankingPolicy(Scripted("nonsense", "more"), judge, 2)  # type: ignore[arg-type]
    assert [d.text for d in policy.act([history(), history()])] == ["nonsense", "nonsense"]
    assert policy.act([]) == []


def test_no_log_probability_is_claimed_for_a_choice_among_samples(judge: Judge) -> None:
    policy = RerankingPolicy(Scripted(*TAPS), judge, 2)  # type: ignore[arg-type]
    (found,) = policy.act([history()])
    assert (found.token_ids, found.log_probs) == ((), ())


def test_q_is_that_of_the_features_and_of_each_action_alone(judge: Judge) -> None:
    q = judge.q([history()] * 2, [[decision(t) for t in (*TAPS, "x")]] * 2)
    torch.testing.assert_close(q, torch.tensor([[0.1, 0.9, -torch.inf]] * 2), atol=1e-2, rtol=0)


def test_the_version_tells_policies_apart(judge: Judge) -> None:
    actor = VLMPolicy(judge.base)
    versions = {actor.version, *(RerankingPolicy(actor, judge, n).version for n in (2, 3))}
    other = Critic(judge.critic.shape).eval()
    versions.add(RerankingPolicy(actor, replace(judge, critic=other), 2).version)
    assert len(versions) == 4


def test_a_run_without_a_critic_and_a_policy_without_samples_are_clear_errors(
    tmp_path: Path, judge: Judge
) -> None:
    with pytest.raises(ConfigError, match="holds no critic"):
        load_judge(tmp_path)
    with pytest.raises(ConfigError, match="at least 1 sample"):
        RerankingPolicy(VLMPolicy(judge.base), judge, 0)
    settings = EvalConfig(
        policy="oracle", tasks=("miniwob/click-test-2",), out=tmp_path, critic=tmp_path
    )
    with pytest.raises(ConfigError, match="samples of a model"):
        run(settings)
