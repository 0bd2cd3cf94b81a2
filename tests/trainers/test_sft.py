"""Supervised fine-tuning, from demonstrations in a real browser to a policy that acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentenv.actions import Finish
from agentenv.collecting import collect
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.policies.base import Decision
from agentenv.policies.scripted import OraclePolicy
from agentenv.policies.vlm import VLMPolicy
from agentenv.statistics import summarise
from agentenv.tasks.selection import select_tasks
from tests.small_models import untrained_vlm
from trainers.configs import SFTConfig
from trainers.sft import load_demonstrations, starting_model, train

TASKS = select_tasks(("miniwob/click-test-2",))


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sft") / "demonstrations"
    collect(OraclePolicy(TASKS), TASKS.values(), path, episodes=24, devices=1)
    return path


def success(policy: VLMPolicy, path: Path) -> float:
    store = collect(policy, TASKS.values(), path, split="test", episodes=10, devices=1)
    return summarise(store.episodes()).overall.rate


def test_a_model_from_scratch_learns_to_act_on_instances_it_has_not_seen(
    demonstrations: Path, tmp_path: Path
) -> None:
    config = SFTConfig(
        data=(demonstrations,),
        out=tmp_path / "run",
        text_steps=60,
        steps=20,
        batch_size=8,
        learning_rate=2e-3,
        threads=1,
    )
    model = train(config)
    assert success(VLMPolicy(untrained_vlm(), temperature=0.0), tmp_path / "before") == 0.0
    after = VLMPolicy.from_pretrained(model, temperature=0.0)
    assert success(after, tmp_path / "after") >= 0.9

    written = (model / "model.safetensors").stat().st_mtime_ns
    assert train(replace(config, threads=2)) == model
    assert (model / "model.safetensors").stat().st_mtime_ns == written


def test_failed_demonstrations_are_not_imitated_and_none_left_is_an_error(tmp_path: Path) -> None:
    policy = OraclePolicy(TASKS, noise=1.0, seed=0)
    store = collect(policy, TASKS.values(), tmp_path / "noise", episodes=12, devices=1)
    failed = [episode for episode in store.episodes() if not episode.success]
    assert failed
    config = SFTConfig(data=(tmp_path / "noise",), validation_share=0.0)
    everything, _ = load_demonstrations(replace(config, successful_only=False))
    good, _ = load_demonstrations(config)
    bad = sum(len(episode.steps) for episode in failed)
    assert len(everything) - len(good) == bad


def test_some_tasks_and_some_episodes_of_each_are_imitated(tmp_path: Path) -> None:
    both = select_tasks(("miniwob/click-test-2", "miniwob/click-dialog"))
    collect(OraclePolicy(both), both.values(), tmp_path, episodes=6, devices=1)
    config = SFTConfig(data=(tmp_path,), validation_share=0.3)

    def instances(config: SFTConfig) -> tuple[set[str], set[str]]:
        training, held_out = load_demonstrations(config)
        return {h.instance for h, _ in training}, {h.instance for h, _ in held_out}

    training, held_out = instances(config)
    some, held_out_of_some = instances(replace(config, tasks=("miniwob/click-dialog",), episodes=3))
    assert len(training | held_out) == 12
    assert len(some | held_out_of_some) == 3
    assert {key.rsplit("/", 2)[0] for key in some | held_out_of_some} == {"miniwob/click-dialog"}
    # What is held out does not depend on what is asked for.
    assert some <= training
    assert held_out_of_some <= held_out
    with pytest.raises(ConfigError, match="of these tasks"):
        load_demonstrations(replace(config, tasks=("miniwob/click-color",)))


def test_a_store_of_failures_alone_is_a_clear_error(tmp_path: Path) -> None:
    class GivesUp(OraclePolicy):
        """Declares every task impossible."""

        def act(self, histories):  # type: ignore[no-untyped-def]
            answer = '{"type":"finish","success":false}'
            return [Decision(answer, Finish(success=False)) for _ in histories]

    collect(GivesUp(TASKS), TASKS.values(), tmp_path / "data", episodes=2, devices=1)
    with pytest.raises(ConfigError, match="collect some with an oracle"):
        load_demonstrations(SFTConfig(data=(tmp_path / "data",)))


@pytest.mark.parametrize("asked", [0, 5])
@pytest.mark.parametrize("fresh", [True, False])
def test_a_model_keeps_as_many_messages_as_was_asked_for_from_scratch_or_not(
    fresh: bool, asked: int, demonstrations: Path, tmp_path: Path
) -> None:
    untrained_vlm().save(tmp_path)
    model = "small" if fresh else str(tmp_path)
    config = SFTConfig(data=(demonstrations,), model=model, max_told=asked)
    training, _ = load_demonstrations(config)
    assert starting_model(config, training[:2], get_dialect("json")).form.max_told == asked


@pytest.mark.parametrize("name", ["episodes", "steps", "text_steps", "max_told"])
def test_a_negative_number_is_refused_and_not_taken_for_all(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SFTConfig(data=(Path("store"),), **{name: -1})  # type: ignore[arg-type]
