"""Supervised fine-tuning, from demonstrations in a real browser to a policy that acts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agentenv.actions import Finish
from agentenv.collecting import collect
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.policies.base import Decision
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from agentenv.policies.scripted import OraclePolicy
from agentenv.policies.vlm import VLMPolicy
from agentenv.statistics import summarise
from agentenv.tasks.selection import select_tasks
from tests.small_models import untrained_vlm
from trainers import sft
from trainers.configs import SFTConfig
from trainers.imitation import Example, ImitationSettings
from trainers.runs import saved_step
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
    base = None if fresh else VisionLanguageModel.from_pretrained(tmp_path)
    started = starting_model(config, base, training[:2], get_dialect("json"))
    assert started.form.max_told == asked


def test_what_is_learned_from_counts_and_not_where_it_lies(
    demonstrations: Path, tmp_path: Path
) -> None:
    untrained_vlm().save(tmp_path / "base")
    shutil.copytree(demonstrations, tmp_path / "data")
    config = SFTConfig(
        data=(tmp_path / "data",),
        model=str(tmp_path / "base"),
        out=tmp_path / "run",
        steps=1,
        batch_size=2,
        threads=1,
    )
    weights = train(config) / "model.safetensors"

    def trained_again(changed: SFTConfig) -> bool:
        before = weights.stat().st_mtime_ns
        train(changed)
        return weights.stat().st_mtime_ns != before

    (tmp_path / "base").rename(tmp_path / "moved")
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    config = replace(config, data=(tmp_path / "elsewhere",), model=str(tmp_path / "moved"))
    assert not trained_again(config)
    untrained_vlm(seed=1).save(tmp_path / "moved")
    assert trained_again(config)
    collect(OraclePolicy(TASKS), TASKS.values(), tmp_path / "elsewhere", episodes=25, devices=1)
    assert trained_again(config)
    assert not trained_again(config)


def test_an_interrupted_run_is_not_continued_with_other_settings(
    demonstrations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SFTConfig(data=(demonstrations,), out=tmp_path, steps=3, batch_size=2, threads=1)
    begun: list[int] = []

    def begins(state: Path) -> int:
        begun.append(saved_step(state))
        return begun[-1]

    def stops_at_the_last(*_: object) -> Callable[[int], list[Example]]:
        def batch_of(step: int) -> list[Example]:
            if step == 2:
                raise KeyboardInterrupt
            return [Example(Prompt("1 button", None), "1")]

        return batch_of

    monkeypatch.setattr(sft, "saved_step", begins)
    monkeypatch.setattr(sft, "_batches", stops_at_the_last)
    monkeypatch.setattr(sft, "ImitationSettings", partial(ImitationSettings, checkpoint_every=1))
    for learning_rate in (1e-4, 1e-4, 1e-3):
        with pytest.raises(KeyboardInterrupt):
            train(replace(config, learning_rate=learning_rate))
    assert begun == [0, 2, 0]


@pytest.mark.parametrize("name", ["episodes", "steps", "text_steps", "max_told"])
def test_a_negative_number_is_refused_and_not_taken_for_all(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SFTConfig(data=(Path("store"),), **{name: -1})  # type: ignore[arg-type]
