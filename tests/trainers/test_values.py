"""What a run says of episodes, with the model in ``data/`` and a critic whose taste is known."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agentenv.actions import BROWSER_ACTIONS, Tap
from agentenv.config import save_config
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import render
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter
from agentenv.trajectories.values import EpisodeValues
from tests.trainers.test_candidates import JSON, episode
from tests.trainers.test_reranking import history
from trainers.digiq import features
from trainers.digiq.config import CandidateSettings, DigiQConfig, RepresentationSettings
from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.features import CANDIDATE_NUMBERS
from trainers.digiq.geometry import GEOMETRY_NAMES
from trainers.digiq.values import CriticValues
from trainers.runs import RunDirectory

LOWER = Tap(element=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose critic has two heads, Q = y and Q = 3 y, and V = 0.5 and 0.7."""
    run = tmp_path_factory.mktemp("run")
    vlm = VisionLanguageModel.from_pretrained(data_file("small_vlm"))
    size = vlm.hidden_size
    critic = Critic(CriticShape(size, size, CANDIDATE_NUMBERS, ensemble=2, layers=0))
    with torch.no_grad():
        critic.q_heads.weights[0].zero_()
        critic.q_heads.weights[0][:, 2 * size + GEOMETRY_NAMES.index("y"), 0] = torch.tensor([1, 3])
        critic.v_heads.weights[0].zero_()
        critic.v_heads.biases[0][:, 0, 0] = torch.tensor([0.5, 0.7])
        for parameter in vlm.model.parameters():
            parameter.mul_(1.02)
    critic.save(run / "critic.safetensors")
    vlm.save(run / "models" / "digiq")
    config = DigiQConfig(
        tasks=("miniwob/click-test-2",),
        base=str(data_file("small_vlm")),
        out=run,
        feature_cache=run / "cache",
        candidates=CandidateSettings(n=6),
        representation=RepresentationSettings("off_the_shelf"),
    )
    save_config(config, run / "config.yaml")
    for stage in ("critic", "actor_digiq"):
        RunDirectory(run).finish(stage, {}, {})
    return run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TrajectoryStore:
    """Any episodes, not the run's own: a time-out, and one that the infrastructure ended."""
    folder = tmp_path_factory.mktemp("store")
    screen = history().observation
    logged = episode(LOWER, "nonsense")
    steps = tuple(replace(step, observation=screen) for step in logged.steps)
    steps = (steps[0], replace(steps[1], reward=1.0))
    timeout = replace(logged, steps=steps, final_observation=screen)
    with TrajectoryWriter(folder, policy="p", suite="s", seed=0) as writer:
        writer.append(timeout)
        writer.append(replace(timeout, index=1, infra_error="browser_crashed"))
        writer.append(replace(timeout, index=2, steps=steps[:1], terminated=True, truncated=False))
    return TrajectoryStore(folder)


Found = list[tuple[Episode, EpisodeValues | None]]


@pytest.fixture(scope="module")
def found(made: Path, store: TrajectoryStore) -> Found:
    return list(CriticValues(made, store).read(store.episodes()))


def test_values_are_what_the_critic_says_of_each_action_computed_by_hand(found: Found) -> None:
    values = found[0][1]
    assert values is not None
    state = values.states[0]
    assert (state.v.value, state.v.low, state.v.high) == pytest.approx((0.6, 0.5, 0.7))
    assert state.followed == pytest.approx(0.95)  # the reward comes a step later
    assert sum(judged.count for judged in state.actions) == 6
    wanted = {0: 0.1, 1: 0.9}  # y of the elements' centres
    names = {"Ok": 0, "Cancel": 1}
    valid = [judged for judged in state.actions if judged.q is not None]
    for judged in valid:
        assert isinstance(judged.action, Tap)
        assert judged.action.element == names[judged.action.label]
        y = wanted[judged.action.element]
        assert judged.q is not None
        assert (judged.q.value, judged.q.low, judged.q.high) == pytest.approx((2 * y, y, 3 * y))
    best = state.actions[0]
    assert best.action == Tap(element=1, label="Cancel")
    assert (best.logged, best.imitated) == (True, True)
    assert not any(judged.imitated for judged in state.actions[1:])


def test_log_probabilities_are_those_of_both_policies(found: Found, made: Path) -> None:
    first, values = found[0]
    assert values is not None
    judged = values.states[0].actions[0]
    for folder, known in (
        (data_file("small_vlm"), judged.log_prob),
        (made / "models" / "digiq", judged.log_prob_after),
    ):
        vlm = VisionLanguageModel.from_pretrained(folder)
        prompt = render(first.history_at(0), JSON, vlm.form, BROWSER_ACTIONS)
        with torch.no_grad():
            answer = vlm.extend(vlm.encode([prompt]), [vlm.tokenize(judged.text)])
        # The same numbers up to bfloat16: others are computed in the same batch.
        assert known == pytest.approx(float(answer.log_probs.sum()), rel=0.05, abs=0.05)
    assert judged.log_prob != judged.log_prob_after


def test_an_invalid_logged_action_has_no_value_and_comes_last(found: Found) -> None:
    values = found[0][1]
    assert values is not None
    last = values.states[1].actions[-1]
    assert (last.text, last.q, last.logged, last.imitated) == ("nonsense", None, True, False)


def test_every_episode_comes_back_in_order_and_failed_ones_without_values(found: Found) -> None:
    assert [shown.index for shown, _ in found] == [0, 1, 2]
    timeout, failed, ended = (values for _, values in found)
    assert failed is None
    assert timeout is not None
    assert timeout.final is not None
    assert timeout.final.v.value == pytest.approx(0.6)
    assert ended is not None
    assert ended.final is None


def test_a_second_look_computes_no_features_again(
    found: Found, made: Path, store: TrajectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(vlm: object, prompts: list[object], *_: object) -> list[object]:
        assert not prompts
        return []

    monkeypatch.setattr(features, "_hidden_states", compute)
    again = list(CriticValues(made, store).read(store.episodes()))
    assert again == found


def test_the_number_of_candidates_can_be_chosen(made: Path, store: TrajectoryStore) -> None:
    (_, values), *_ = CriticValues(made, store, n=3).read(store.episodes())
    assert values is not None
    assert sum(judged.count for judged in values.states[0].actions) == 3
    with pytest.raises(ConfigError, match="at least 2"):
        CriticValues(made, store, n=1)


def test_a_run_that_cannot_judge_says_why(
    made: Path, store: TrajectoryStore, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="holds no critic"):
        CriticValues(tmp_path, store)
    with pytest.raises(ConfigError, match=r"no trained policy 'awr'.*digiq"):
        CriticValues(made, store, policy="awr")
    run = tmp_path / "run"
    shutil.copytree(made, run, ignore=shutil.ignore_patterns("models", "cache", "actor_*"))
    good = Critic.load(run / "critic.safetensors").shape
    for shape, message in (
        (replace(good, state_size=8, candidate_size=8), "trained with another model"),
        (replace(good, geometry_size=9), "reads 9 numbers of an action"),
    ):
        Critic(shape).save(run / "critic.safetensors")
        with pytest.raises(ConfigError, match=message):
            CriticValues(run, store)
    diverged = Critic(good)
    torch.nn.init.constant_(diverged.v_heads.biases[0], torch.nan)
    diverged.save(run / "critic.safetensors")
    values = CriticValues(run, store)
    assert values.after == ""  # no policy has been trained: nothing to compare with
    with pytest.raises(ConfigError, match="diverged"):
        list(values.read(store.episodes()))
    (run / "critic.safetensors").write_bytes(b"torn")
    with pytest.raises(ConfigError, match="damaged"):
        CriticValues(run, store)


def test_a_base_policy_that_has_changed_since_is_refused(
    made: Path, store: TrajectoryStore, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(made, run, ignore=shutil.ignore_patterns("models", "cache", "actor_*"))
    RunDirectory(run).finish("critic", {}, {"base": "of another model"})
    with pytest.raises(ConfigError, match=r"another model than .* is now"):
        CriticValues(run, store)
