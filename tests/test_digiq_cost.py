"""The cost benchmark: both ways do the same work, and its peer has the authors' size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agentenv.errors import ConfigError
from agentenv.trajectories.store import TrajectoryWriter
from benchmarks import digiq_cost
from benchmarks.authors_critic import (
    AuthorsShape,
    AuthorsTraining,
    tokens,
    trainable_parameters,
)
from benchmarks.command import command_of
from benchmarks.costing import OurCritic, OurStage, TheirCritic, their_data
from benchmarks.digiq_cost import BenchmarkConfig, Differences
from benchmarks.plain_prefill import ExactModel, Features, PlainModel
from benchmarks.results_file import load_results, write_results
from benchmarks.turns import Measured, serve, take_turns
from scripts.tables import markdown
from tests.trajectories.factories import make_episode
from trainers.digiq.finished import FinishedRun

TINY = AuthorsShape(text=16, layers=1, vocabulary=99, image=300, action=400)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkConfig:
    """Of logged episodes that no browser was needed for."""
    folder = tmp_path_factory.mktemp("cost")
    with TrajectoryWriter(folder / "data", policy="oracle", suite="miniwob", seed=0) as writer:
        for index in range(4):
            writer.append(make_episode(index, reward=float(index % 2), goal="Click on ONE."))
    task = "miniwob/click-test-2"
    return BenchmarkConfig(data=folder / "data", tasks=(task,), states=3, out=folder / "run")


@pytest.fixture(scope="module")
def differences(config: BenchmarkConfig) -> Differences:
    return digiq_cost.prepare(config)


@pytest.fixture(scope="module")
def run(config: BenchmarkConfig, differences: Differences) -> FinishedRun:
    del differences  # which are found when all is prepared
    found = FinishedRun(config.out)
    found.config = replace(found.config, critic=replace(found.config.critic, steps=20))
    return found


def test_the_features_are_the_same_however_they_are_computed(
    run: FinishedRun, differences: Differences
) -> None:
    assert differences.float32 < 2e-3  # of float16, in which they are kept
    assert differences.bfloat16 < 0.1
    vlm = ExactModel.from_pretrained(run.config.base, device="cpu")
    found = {
        way: Features(run, vlm, 3, way, batch=2).turn(4)
        for way in ("shared", "plain", "plain_distinct")
    }
    assert found["shared"].shape == (3, 4, vlm.hidden_size)
    scale = float(found["plain"].abs().max())
    for way in ("shared", "plain_distinct"):
        assert float((found[way] - found["plain"]).abs().max()) < 2e-3 * scale


def test_features_that_differ_are_not_measured(
    config: BenchmarkConfig, run: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefill = PlainModel.prefill
    monkeypatch.setattr(PlainModel, "prefill", lambda *args: 1.1 * prefill(*args))
    with pytest.raises(ConfigError, match="different features"):
        digiq_cost.prepare(config)


def test_the_peer_has_the_size_that_the_authors_critic_has() -> None:
    assert trainable_parameters(AuthorsShape()) == pytest.approx(790e6, rel=0.1)


def test_the_peer_learns_with_its_encoders(run: FinishedRun) -> None:
    training = AuthorsTraining(TINY, their_data(run, TINY))
    for group in training.optimizer.param_groups:
        group["lr"] = 1e-3
    before = {name: p.detach().clone() for name, p in training.critic.named_parameters()}
    losses = [training.step(8, micro_batch=3) for _ in range(30)]
    assert sum(losses[-5:]) < sum(losses[:5])
    moved = {name for name, p in training.critic.named_parameters() if not p.equal(before[name])}
    for part in ("goal.", "kind.", "words.", "q_heads.", "v_heads."):
        assert any(name.startswith(part) for name in moved)
    slow = dict(training.target.named_parameters())["v_heads.0.0.weight"]
    assert not slow.equal(before["v_heads.0.0.weight"])
    assert not slow.requires_grad


def test_a_batch_in_parts_gives_the_gradient_of_the_whole(run: FinishedRun) -> None:
    losses = []
    for micro_batch in (8, 3):
        torch.manual_seed(0)
        training = AuthorsTraining(TINY, their_data(run, TINY))
        losses.append([training.step(8, micro_batch) for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_equal_words_are_equal_tokens_and_marks_count() -> None:
    assert tokens("") == [0, 2]
    first, second = tokens('Click "OK".'), tokens("Click")
    assert len(first) == 2 + 5
    assert first[:2] == second[:2]
    assert all(2 < token < 99 for token in tokens("any words at all", 99)[1:-1])


def test_everything_is_measured_and_published(
    run: FinishedRun, differences: Differences, tmp_path: Path
) -> None:
    vlm = PlainModel.from_pretrained(run.config.base, device="cpu")
    measured = Measured()
    jobs = {
        **{way: Features(run, vlm, 2, way) for way in ("shared", "plain", "plain_distinct")},
        "critic": OurCritic(run, batch=4),
        "critic_wide": OurCritic(run, batch=4, width=512),
        "stage": OurStage(run),
        "authors": TheirCritic(run, TINY, batch=4),
    }
    sizes: dict[str, tuple[int, ...]] = dict.fromkeys(jobs, digiq_cost.COUNTS)
    sizes |= {"critic": (50,), "critic_wide": (50,), "stage": (1,), "authors": (1,)}
    for name, job in jobs.items():
        said: list[str] = []
        serve(lambda job=job: job, [f"{size}\n" for size in sizes[name]], said.append)  # type: ignore[misc]
        for size, seconds in zip(sizes[name], said[:-1], strict=True):
            measured.times[name, size] = [float(seconds)]
        measured.facts[name] = json.loads(said[-1])
        measured.facts[name]["memory"] = 5e6  # only a process of its own could tell
    rows = digiq_cost.result_rows(measured, differences)
    assert all(row.value > 0 for row in rows if "difference" not in row.metric)
    found = {(row.label, row.metric): row for row in rows}
    their_step = found["authors_critic", "critic_step"].value
    extrapolated = found["authors_critic", "critic_stage_extrapolated"].value
    assert extrapolated == pytest.approx(800 * their_step / 60, rel=0.02)
    wide = found["digiq", "critic_trainable_wide"].value
    assert wide > found["digiq", "critic_trainable"].value
    path = write_results("digiq_cost", rows, "python -m benchmarks.digiq_cost", folder=tmp_path)
    table = markdown(load_results(path))
    assert "|  | Digi-Q | a prefill for each candidate | critic of the authors' size |" in table
    assert "| features of a state with 16 candidates (s/state) |" in table
    assert "In brackets: how many times ours that is." in table


def test_the_command_repeats_what_is_not_the_default() -> None:
    assert command_of(digiq_cost.NAME, BenchmarkConfig()) == "python -m benchmarks.digiq_cost"
    changed = BenchmarkConfig(data=Path("runs/data"), batch=32, out=Path("/elsewhere"))
    words = "python -m benchmarks.digiq_cost --data runs/data --batch 32"
    assert command_of(digiq_cost.NAME, changed) == words
    with pytest.raises(ConfigError, match="path of this machine"):
        command_of(digiq_cost.NAME, BenchmarkConfig(data=Path("/elsewhere")))


def test_jobs_take_turns_and_their_memory_is_told_apart() -> None:
    measured = Measured()
    take_turns("tests.fake_job", {"much": (1, 90), "little": (1,)}, [], 2, measured)
    assert {name: len(seconds) for name, seconds in measured.times.items()} == {
        ("much", 1): 2,
        ("much", 90): 2,
        ("little", 1): 2,
    }
    assert [measured.facts[job]["turns"] for job in ("much", "little")] == [6, 3]
    much, little = (measured.facts[job]["memory"] for job in ("much", "little"))
    assert 80e6 < much - little < 100e6


def test_a_job_that_fails_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="'failing' ended early: its error is above"):
        take_turns("tests.fake_job", {"little": (1,), "failing": (1,)}, [], 1, Measured())
    assert "this job always fails" in capfd.readouterr().err
