"""Groups of rollouts that begin in one state of the real phone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from pathlib import Path

import pytest

from agentenv.data_files import data_file
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.devices.phone import PhoneDevice, open_phone
from agentenv.phone.events import verify_log
from agentenv.phone.server import shared_server
from agentenv.policies.base import Decision, History
from agentenv.policies.scripted import OraclePolicy
from agentenv.rollouts import RolloutStats, rollout
from agentenv.tasks import get_task
from agentenv.trajectories.episode import Episode
from trainers.craft_gui.acting import Drawn
from trainers.craft_gui.config import CraftGUIConfig, EvaluationSettings, RolloutSettings
from trainers.craft_gui.grpo import CraftGUI

pytestmark = pytest.mark.skipif(
    not any(find_browser(kind) for kind in (HEADLESS_SHELL, CHROMIUM)), reason="no Chromium"
)
TASK = get_task("phone/notes-write")


@pytest.fixture(scope="module")
def phones() -> Iterator[list[PhoneDevice]]:
    """Only the first will be reset; the others are not connected before they go on from it."""
    phones = [open_phone() for _ in range(3)]
    yield phones
    for phone in phones:
        phone.close()


class Counting(OraclePolicy):
    """How often it was asked after so many turns."""

    def __init__(self) -> None:
        super().__init__({TASK.id: TASK})
        self.asked: defaultdict[int, int] = defaultdict(int)

    def act(self, histories: Sequence[History]) -> list[Decision]:
        for history in histories:
            self.asked[len(history.turns)] += 1
        return super().act(histories)


def test_four_attempts_go_on_from_the_middle_of_one_episode_and_succeed(
    phones: list[PhoneDevice],
) -> None:
    kept = set(shared_server()._snapshots)
    policy, stats = Counting(), RolloutStats()
    instances = [TASK.instance("train", index) for index in (0, 1)]
    common = {instance.key: 3 for instance in instances}
    groups: defaultdict[int, list[Episode]] = defaultdict(list)
    for episode in rollout(
        policy, ((TASK, one) for one in instances), phones, attempts=4, stats=stats, common=common
    ):
        groups[episode.index].append(episode)
    assert not stats.infra_errors
    assert [policy.asked[turns] for turns in (0, 2, 3)] == [2, 2, 8]
    for episodes in groups.values():
        assert len({episode.steps[3].observation for episode in episodes}) == 1
        assert len({episode.steps[:3] for episode in episodes}) == 1
        assert all(episode.success for episode in episodes)  # the verifier knows the first state
        logs = [episode.events or () for episode in episodes]
        assert all(verify_log(log) == len(log) > 0 for log in logs)
        assert len(set(logs)) == 1  # what was done before the fork is in every log
    assert set(shared_server()._snapshots) == kept  # those of the groups are forgotten


def test_a_guided_group_of_a_run_has_one_start(tmp_path: Path) -> None:
    config = CraftGUIConfig(
        tasks=(TASK.id,),
        base=str(data_file("small_vlm")),
        out=tmp_path / "run",
        devices=2,
        threads=1,
        rollouts=RolloutSettings(size=3, max_new_tokens=12),
        evaluation=EvaluationSettings(every=0, test_episodes=0),
    )
    short = copy(TASK)
    short.max_steps = 5
    trainer = CraftGUI(config, {TASK.id: short})
    try:
        plan = [Drawn(TASK.id, 0, shown=3), Drawn(TASK.id, 1)]
        groups, steps = trainer.acting.play(trainer.policy(1.0, 0), plan, 0)
    finally:
        trainer.close()
    assert steps == 3 + 3 * 2 + 3 * 5  # the oracle's steps were taken once
    assert [len(attempt.turns) for attempt in groups[0].attempts] == [2, 2, 2]
    assert all(group.one_start for group in groups)
    assert len({attempt.turns[0].state for group in groups for attempt in group.attempts}) == 2
