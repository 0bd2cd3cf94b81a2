"""The whole loop, on a form with three buttons and a policy whose scores are free."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from agentenv.actions import Finish, Tap
from agentenv.collecting import collect
from agentenv.errors import ConfigError
from agentenv.observations import Observation
from agentenv.policies.scripted import OraclePolicy
from agentenv.tasks.base import Task
from agentenv.trajectories.episode import Episode, Step
from agentenv.trajectories.store import TrajectoryStore
from tests.fakes import FakeState, PressTask, SavingDevice
from tests.trainers.craft_gui.tabular import load, scores_of
from trainers.craft_gui.acting import Drawn
from trainers.craft_gui.config import (
    CraftGUIConfig,
    EvaluationSettings,
    GuidanceSettings,
    MixingSettings,
    OfflineSettings,
    ReplaySettings,
    RolloutSettings,
    UpdateSettings,
)
from trainers.craft_gui.curriculum import CurriculumConfig
from trainers.craft_gui.grpo import CraftGUI, train
from trainers.craft_gui.judge import JudgeConfig
from trainers.craft_gui.rewards import EpisodeRewardConfig
from trainers.objectives.config import ObjectiveConfig

TASKS = {task.id: task for task in (PressTask(), PressTask(presses=2))}
TIMES = ("time", "steps_per_second", "acting_share")


def config(out: Path, **changes: Any) -> CraftGUIConfig:
    """Eight small iterations."""
    start = CraftGUIConfig(
        tasks=tuple(TASKS),
        base="tabular",
        out=out,
        iterations=8,
        devices=4,
        rollouts=RolloutSettings(groups=3, size=6),
        curriculum=CurriculumConfig(stages=(1,), stage_groups=8),
        update=UpdateSettings(learning_rate=0.3, warmup=1),
        evaluation=EvaluationSettings(every=4, episodes=8, test_episodes=0),
    )
    return replace(start, **changes)


def metrics(trained: CraftGUI) -> list[dict[str, Any]]:
    """All that was logged, times aside."""
    rows = [*trained.run.metrics("train"), *trained.run.metrics("validation")]
    return [{name: row[name] for name in row if name not in TIMES} for row in rows]


def learned(made: CraftGUIConfig, tasks: Mapping[str, Task] = TASKS) -> CraftGUI:
    trainer = CraftGUI(made, tasks, load)
    try:
        trainer.learn()
    finally:
        trainer.close()
    return trainer


def test_it_learns_what_the_goals_ask_for(tmp_path: Path) -> None:
    trainer = learned(config(tmp_path / "run", iterations=24))
    rows = {row["step"]: row["success"] for row in trainer.run.metrics("validation")}
    assert rows[0] < 0.5  # one tap of four is right, and one pair of sixteen
    assert rows[24] > 0.9
    assert trainer.best == max(rows.values())
    best = load(trainer.best_folder)
    assert (torch.softmax(scores_of(best), -1).diagonal() > 0.8).all()


def test_what_is_worth_watching_is_logged(tmp_path: Path) -> None:
    trainer = learned(config(tmp_path / "run", iterations=2))
    row = trainer.run.metrics("train")[0]
    watched = {"loss", "entropy", "clip_share", "kl_from_old", "gap", "dead_groups"}
    watched |= {"success", "stage_1/success", "reward/success", "reward/invalid_actions"}
    watched |= {"steps_per_second", "env_steps", "curriculum/stage", "gradient_norm", "one_start"}
    assert watched <= row.keys()
    assert row["one_start"] == 1
    assert row["gap"] < 1e-5
    assert row["env_steps"] == trainer.run.metrics("train")[1]["env_steps"] - sum(
        len(episode.steps)
        for episode in TrajectoryStore(trainer.acting.path).episodes()
        if episode.index >= 3
    )


def test_rollouts_are_kept_with_the_log_probs_they_were_sampled_with(tmp_path: Path) -> None:
    trainer = learned(config(tmp_path / "run", iterations=1))
    episodes = list(TrajectoryStore(trainer.acting.path).episodes())
    assert len(episodes) == trainer.curriculum.draws * 6
    sampled = torch.tensor([step.log_probs for e in episodes for step in e.steps])
    torch.testing.assert_close(sampled, torch.full_like(sampled, math.log(1 / 4)))
    groups = {(e.index, e.steps[0].observation.png) for e in episodes}
    assert len(groups) == trainer.curriculum.draws  # one initial state each


EVERYTHING = {
    "replay": ReplaySettings(groups=2, max_age=2),
    "guidance": GuidanceSettings(first=0.5),
    "objective": ObjectiveConfig("craft_gui", step_advantage="gigpo"),
    "rollouts": RolloutSettings(groups=3, size=4, resample=1.5),
    "update": UpdateSettings(learning_rate=0.3, warmup=1, epochs=2),
}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> CraftGUI:
    return learned(config(tmp_path_factory.mktemp("whole") / "run", **EVERYTHING))


@pytest.mark.parametrize(
    ("name", "call"), [("_update", 1), ("gather", 4), ("validate", 2), ("save", 5)]
)
def test_killed_anywhere_it_ends_with_the_same_metrics_and_weights(
    name: str, call: int, tmp_path: Path, uninterrupted: CraftGUI
) -> None:
    made = config(tmp_path / "run", **EVERYTHING)
    child = multiprocessing.get_context("fork").Process(target=killed, args=(made, name, call))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    resumed = learned(made)
    assert metrics(resumed) == metrics(uninterrupted)
    assert torch.equal(scores_of(resumed.vlm), scores_of(uninterrupted.vlm))
    assert resumed.best_iteration == uninterrupted.best_iteration
    stores = [TrajectoryStore(run.acting.path) for run in (resumed, uninterrupted)]
    assert len(stores[0].keys()) == len(stores[0]) == len(stores[1])


def killed(made: CraftGUIConfig, name: str, call: int) -> None:
    """Train until a method is called for that time."""
    trainer = CraftGUI(made, TASKS, load)
    whole: Callable[..., Any] = getattr(trainer, name)
    calls = 0

    def mortal(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*arguments)

    setattr(trainer, name, mortal)
    trainer.learn()


def test_a_finished_run_goes_on_when_more_is_asked_for(
    tmp_path: Path, uninterrupted: CraftGUI
) -> None:
    shorter = config(tmp_path / "run", iterations=4, **EVERYTHING)
    learned(shorter)
    assert metrics(learned(replace(shorter, iterations=8))) == metrics(uninterrupted)


class SavedTask(PressTask):
    """On devices that share their snapshots."""

    kept: ClassVar[dict[str, FakeState]] = {}

    def open_device(self, engine: str = "auto") -> SavingDevice:
        return SavingDevice(self.kept)


def test_groups_that_were_forked_are_the_same_when_resumed(tmp_path: Path) -> None:
    tasks = {task.id: task for task in (SavedTask(), SavedTask(presses=3))}
    changes = {**EVERYTHING, "curriculum": CurriculumConfig("uniform")}
    whole = learned(config(tmp_path / "whole", **changes), tasks)
    rows = whole.run.metrics("train")
    assert max(row["guided_groups"] for row in rows) > 0
    assert all(row["one_start"] == 1 for row in rows)
    shorter = config(tmp_path / "run", iterations=4, **changes)
    learned(shorter, tasks)
    assert metrics(learned(replace(shorter, iterations=8), tasks)) == metrics(whole)
    assert not SavedTask.kept


def test_other_settings_are_refused_in_a_directory_that_is_taken(tmp_path: Path) -> None:
    made = config(tmp_path / "run", iterations=1)
    learned(made)
    with pytest.raises(ConfigError, match=r"other settings \(seed\)"):
        CraftGUI(replace(made, seed=1), TASKS, load)


def test_it_stops_after_so_many_environment_steps(tmp_path: Path) -> None:
    trainer = learned(config(tmp_path / "run", iterations=99, env_steps=60))
    before = trainer.run.metrics("train")[-2]["env_steps"] if trainer.iteration > 1 else 0
    assert before < 60 <= trainer.env_steps


def test_stale_groups_are_not_learned_from_again(tmp_path: Path) -> None:
    trainer = learned(config(tmp_path / "run", replay=ReplaySettings(groups=4, max_age=2)))
    assert trainer.recent
    assert {group.born for group in trainer.recent} <= {6, 7}
    assert trainer.updater.steps == 16  # the same number of optimiser steps, on larger batches


def test_an_oracle_s_beginning_is_acted_and_not_learned_from(tmp_path: Path) -> None:
    trainer = CraftGUI(config(tmp_path / "run"), TASKS, load)
    drawn = Drawn("fake/press-2", 0, shown=1)
    (group,), steps = trainer.acting.play(trainer.policy(1.0, 0), [drawn], 0)
    trainer.close()
    episodes = list(TrajectoryStore(trainer.acting.path).episodes())
    lengths = [len(episode.steps) for episode in episodes]
    assert steps == sum(lengths) >= 12
    assert [len(attempt.turns) for attempt in group.attempts] == [n - 1 for n in lengths]
    for episode in episodes:
        assert episode.steps[0].token_ids == ()
        assert episode.steps[0].action.type == "tap"


def test_a_task_that_failed_as_a_group_is_begun_by_the_oracle(tmp_path: Path) -> None:
    trainer = CraftGUI(
        config(
            tmp_path / "run",
            guidance=GuidanceSettings(first=0.5),
            curriculum=CurriculumConfig("uniform", cool_after=0),
        ),
        TASKS,
        load,
    )
    lost = replace(trainer.curriculum.tasks["fake/press-2"], all_failed=1)
    trainer.curriculum = replace(
        trainer.curriculum, tasks={**trainer.curriculum.tasks, "fake/press-2": lost}
    )
    shown = {drawn.task: drawn.shown for drawn in trainer._plan(8)}
    trainer.close()
    assert shown == {"fake/press-1": 0, "fake/press-2": 1}


def test_a_reward_part_changes_what_is_learned(tmp_path: Path) -> None:
    """Nonsense costs more than a wrong tap does: it is unlearned although nothing succeeds."""
    hopeless = {"fake/press-3": PressTask(presses=3)}
    made = config(
        tmp_path / "run",
        iterations=10,
        reward=EpisodeRewardConfig(invalid_action=0.5),
        curriculum=CurriculumConfig("uniform"),
        evaluation=EvaluationSettings(every=0, test_episodes=0),
    )
    trainer = CraftGUI(made, hopeless, load)
    trainer.learn()
    trainer.close()
    assert (torch.softmax(scores_of(trainer.vlm), -1)[:, 3] < 0.1).all()
    assert trainer.best_folder.is_dir()  # the last one


def test_the_best_policy_may_be_that_of_the_highest_reward(tmp_path: Path) -> None:
    made = config(
        tmp_path / "run",
        iterations=4,
        reward=EpisodeRewardConfig(invalid_action=0.5),
        curriculum=CurriculumConfig("uniform"),
        evaluation=EvaluationSettings(every=1, episodes=8, test_episodes=0, best="reward"),
    )
    trainer = learned(made, {"fake/press-3": PressTask(presses=3)})
    rewards = {row["step"]: row["reward/total"] for row in trainer.run.metrics("validation")}
    assert trainer.best == rewards[trainer.best_iteration] == max(rewards.values())
    assert rewards[0] < trainer.best


def test_an_episode_that_the_judge_fails_at_is_left_out(tmp_path: Path) -> None:
    nobody = JudgeConfig("http://127.0.0.1:9/v1", "none", retries=0, timeout=1)
    trainer = CraftGUI(config(tmp_path / "run", judge=nobody), TASKS, load)
    trainer.close()
    tap = Step(Observation(b"", (), ""), "tap", Tap(element=0), Tap(point=(0, 0)), 0.0)
    episode = Episode("fake/press-1", "train", 0, "p", "1", (tap,), None, True, False)
    assert trainer.acting._reward(episode) is not None  # rules say all there is to say
    stop = replace(tap, action=Finish(success=True), sent=Finish(success=True))
    assert trainer.acting._reward(replace(episode, steps=(stop,))) is None


def test_a_privacy_cost_needs_tasks_that_say_what_is_private(tmp_path: Path) -> None:
    made = config(tmp_path / "run", reward=EpisodeRewardConfig(privacy=1.0))
    with pytest.raises(ConfigError, match="fake/press-1 has none"):
        CraftGUI(made, TASKS, load)


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("craft") / "demonstrations"
    collect(OraclePolicy(TASKS), TASKS.values(), path, episodes=6, devices=1)
    return path


def test_offline_it_learns_from_graded_answers_to_logged_screens(
    demonstrations: Path, tmp_path: Path
) -> None:
    made = config(tmp_path / "run", iterations=24, offline=OfflineSettings((demonstrations,)))
    trainer = learned(made)
    rows = {row["step"]: row for row in trainer.run.metrics("validation")}
    assert rows[0]["success"] < 0.5
    assert rows[24]["success"] > 0.9
    assert trainer.env_steps == 0
    assert "reward/arguments" in trainer.run.metrics("train")[0]


def test_demonstrations_help_where_acting_alone_finds_nothing(
    demonstrations: Path, tmp_path: Path
) -> None:
    mixing = MixingSettings((demonstrations,), batch=8, peak=0.5, valley=0.1, decay=8)
    trainer = learned(config(tmp_path / "run", mixing=mixing))
    weights = [row["imitation_weight"] for row in trainer.run.metrics("train")]
    assert weights[0] > weights[-1]
    assert trainer.best is not None
    assert trainer.best > 0.9


def test_the_report_and_the_tested_policies(tmp_path: Path) -> None:
    made = config(
        tmp_path / "run",
        iterations=8,
        evaluation=EvaluationSettings(every=4, episodes=4, test_episodes=10),
    )
    summaries = train(made, TASKS, load)
    assert list(summaries) == ["base", "craft_gui"]
    assert summaries["craft_gui"].overall.n == 20
    page = (made.out / "report.html").read_text()
    curves = ("Success on the validation split", "State of the curriculum", "Clipped tokens")
    for text in (*curves, "stage_2/success", "curriculum/cooling", "gap"):
        assert text in page
    assert "No judge was configured" in page
    assert train(made, TASKS, load) == summaries  # finds everything done


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iterations": 0}, "iterations is 0"),
        ({"rollouts": RolloutSettings(size=1)}, "2 or more"),
        ({"rollouts": RolloutSettings(temperature=0.0)}, "greedy"),
        ({"offline": OfflineSettings((Path("x"),)), "env_steps": 9}, "offline"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        config(tmp_path, **changes)
