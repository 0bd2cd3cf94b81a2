"""Attempts that begin in one state: who takes the common steps, and what happens where not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentenv.policies.base import Decision, History
from agentenv.policies.scripted import OraclePolicy, RandomPolicy
from agentenv.rollouts import RolloutStats, rollout
from agentenv.tasks.base import Task, TaskInstance
from agentenv.trajectories.episode import Episode
from tests.fakes import FakeDevice, FakeState, PressTask, SavingDevice

TASK = PressTask(presses=3)


def forms(number: int) -> list[SavingDevice]:
    kept: dict[str, FakeState] = {}
    return [SavingDevice(kept) for _ in range(number)]


def items(number: int) -> list[tuple[Task, TaskInstance]]:
    return [(TASK, TASK.instance("train", index)) for index in range(number)]


def steps_in_common(number: int, steps: int) -> dict[str, int]:
    return {instance.key: steps for _, instance in items(number)}


class Helped:
    """The oracle for two steps, then chance."""

    name, version = "helped", "1"

    def __init__(self) -> None:
        self.oracle, self.own = OraclePolicy({TASK.id: TASK}), RandomPolicy(seed=0)
        self.shown = 0

    def act(self, histories: Sequence[History]) -> list[Decision]:
        found = []
        for history in histories:
            helped = len(history.turns) < 2
            self.shown += helped
            found += (self.oracle if helped else self.own).act([history])
        return found


def run(devices: Sequence[FakeDevice], policy: Helped, number: int = 2) -> list[Episode]:
    common = steps_in_common(number, 2)
    return list(rollout(policy, items(number), devices, attempts=4, common=common))


def test_the_common_steps_are_taken_once_and_all_go_on_from_there() -> None:
    devices, policy, stats = forms(3), Helped(), RolloutStats()
    common = steps_in_common(2, 2)
    episodes = list(rollout(policy, items(2), devices, attempts=4, common=common, stats=stats))
    assert sorted((e.index, e.attempt) for e in episodes) == [
        (i, a) for i in (0, 1) for a in range(4)
    ]
    assert policy.shown == 2 * 2
    assert stats.steps == sum(len(device.actions) for device in devices)
    for index in (0, 1):
        group = [episode for episode in episodes if episode.index == index]
        assert len({episode.steps[:2] for episode in group}) == 1
        assert len({episode.steps[2].observation for episode in group}) == 1
        assert len({episode.steps[2].action for episode in group}) > 1
        assert [step.observation.step for step in group[-1].steps[:3]] == [0, 1, 2]
    calls = [call for device in devices for call in device.calls]
    assert (calls.count("reset"), calls.count("snapshot"), calls.count("restore")) == (2, 2, 6)
    assert not devices[0].kept  # forgotten with the last of each group


def test_without_snapshots_every_attempt_takes_them_itself() -> None:
    devices, policy = [FakeDevice(), FakeDevice()], Helped()
    episodes = run(devices, policy)
    assert policy.shown == 2 * 4 * 2
    assert len({episode.steps[2].observation for episode in episodes}) == 2


def test_a_group_that_begins_at_the_start_is_reset_once() -> None:
    devices = forms(4)
    policy = RandomPolicy(seed=3)
    episodes = list(
        rollout(policy, items(1), devices, attempts=8, common=steps_in_common(1, 0), max_steps=2)
    )
    assert len(episodes) == 8
    assert sum(device.calls.count("reset") for device in devices) == 1
    assert len({episode.steps[0].observation for episode in episodes}) == 1


def test_an_attempt_that_fails_goes_on_from_the_same_state_again() -> None:
    devices = forms(2)
    devices[1].fail("restore")
    episodes = run(devices, Helped(), number=1)
    assert len(episodes) == 4
    assert not any(episode.infra_error for episode in episodes)
    assert len({episode.steps[2].observation for episode in episodes}) == 1


@pytest.mark.parametrize("method", ["snapshot", "act"])
def test_where_the_first_fails_for_good_the_next_one_leads(method: str) -> None:
    devices, policy = forms(1), Helped()
    devices[0].fail(method, times=3)
    episodes = run(devices, policy, number=1)
    assert [bool(episode.infra_error) for episode in episodes] == [True, False, False, False]
    assert devices[0].calls.count("restore") == 2


def test_attempts_of_an_episode_that_ends_before_are_run_one_by_one() -> None:
    oracle = OraclePolicy({TASK.id: TASK})
    common = steps_in_common(1, 5)
    episodes = list(rollout(oracle, items(1), forms(2), attempts=3, common=common))
    assert [len(episode.steps) for episode in episodes] == [3, 3, 3]
    assert all(episode.success for episode in episodes)


class Forgetful(SavingDevice):
    """Restores another state than was saved."""

    def restore(self, token: str) -> None:
        super().restore(token)
        self.pressed.append("Ok")


def test_a_state_that_is_not_the_one_that_was_saved_is_a_failure_and_never_scored() -> None:
    kept: dict[str, FakeState] = {}
    stats = RolloutStats()
    episodes = list(
        rollout(
            Helped(),
            items(1),
            [SavingDevice(kept), Forgetful(kept)],
            attempts=2,
            common=steps_in_common(1, 2),
            stats=stats,
        )
    )
    assert sorted(episode.infra_error for episode in episodes) == ["", "not_restored"]
    assert stats.infra_errors == {"not_restored": 3}


def test_an_abandoned_rollout_leaves_no_snapshot() -> None:
    devices = forms(2)
    episodes = rollout(Helped(), items(3), devices, attempts=2, common=steps_in_common(3, 1))
    next(episodes)
    episodes.close()  # type: ignore[attr-defined]
    assert not devices[0].kept
