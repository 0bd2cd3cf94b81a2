"""Rollouts: every item once, in a fixed order, and no failure is ever scored."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agentenv.actions import Action, Invalid, Tap
from agentenv.devices.base import Setup
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError, DeviceError
from agentenv.observations import Screen
from agentenv.policies.base import Decision, History
from agentenv.policies.scripted import OraclePolicy, RandomPolicy
from agentenv.rollouts import RolloutStats, rollout
from agentenv.tasks.base import Task, TaskInstance
from agentenv.trajectories.episode import Episode
from tests.fakes import FakeDevice, PressTask

ONE, THREE = PressTask(presses=1), PressTask(presses=3)
TASKS: dict[str, Task] = {ONE.id: ONE, THREE.id: THREE}


def items(number: int) -> list[tuple[Task, TaskInstance]]:
    """Instances of both tasks in turn, so that episodes differ in length."""
    tasks: list[Task] = [ONE, THREE]
    return [(tasks[i % 2], tasks[i % 2].instance("test", i)) for i in range(number)]


def names(episodes: Sequence[Episode]) -> list[tuple[int, int]]:
    return [(episode.index, episode.attempt) for episode in episodes]


class Recorder:
    """Another policy, and the size of every batch it was asked for."""

    def __init__(self, policy: OraclePolicy | RandomPolicy) -> None:
        self.policy = policy
        self.name = policy.name
        self.version = policy.version
        self.batches: list[int] = []
        self.histories: list[History] = []

    def act(self, histories: Sequence[History]) -> list[Decision]:
        self.batches.append(len(histories))
        self.histories.extend(histories)
        return [
            replace(decision, token_ids=(1, 2), log_probs=(-0.5, -0.25))
            for decision in self.policy.act(histories)
        ]


def oracle() -> Recorder:
    return Recorder(OraclePolicy(TASKS))


def test_every_item_is_run_by_all_devices_in_one_batch_per_step() -> None:
    policy, devices, stats = oracle(), [FakeDevice(), FakeDevice(), FakeDevice()], RolloutStats()
    episodes = list(rollout(policy, items(10), devices, stats=stats))
    assert sorted(names(episodes)) == [(i, 0) for i in range(10)]
    assert all(episode.success and episode.terminated for episode in episodes)
    assert max(policy.batches) == 3
    assert sum(policy.batches) == sum(len(e.steps) for e in episodes) == 5 * 1 + 5 * 3
    assert (stats.episodes, stats.steps, stats.successes, stats.failed) == (10, 20, 10, 0)
    assert all(device.actions and "close" not in device.calls for device in devices)


def test_episodes_hold_what_training_needs() -> None:
    policy = oracle()
    (episode,) = rollout(policy, items(2)[1:], [FakeDevice()])
    assert (episode.task, episode.split, episode.index) == (THREE.id, "test", 1)
    assert (episode.policy, episode.policy_version) == (policy.name, policy.version)
    assert [step.reward for step in episode.steps] == [0.0, 0.0, 1.0]
    assert [step.observation.step for step in episode.steps] == [0, 1, 2]
    assert episode.raw_reward == 1.0
    assert episode.final_observation is not None
    assert episode.final_observation.step == 3
    for step in episode.steps:
        assert step.token_ids == (1, 2)
        assert step.log_probs == (-0.5, -0.25)
        assert get_dialect("json").parse(step.text) == step.action
        assert isinstance(step.sent, Tap)
        assert step.sent.point is not None
    assert [len(history.turns) for history in policy.histories] == [0, 1, 2]
    assert policy.histories[2].turns[0].text == episode.steps[0].text
    assert policy.histories[0].instance == f"{THREE.id}/test/1"


class SlowDevice(FakeDevice):
    """Takes its time, differently every time."""

    def __init__(self, delays: list[float]) -> None:
        super().__init__()
        self.delays = delays

    def act(self, action: Action) -> Action:
        self.delays.append(self.delays.pop(0))
        time.sleep(self.delays[-1])
        return super().act(action)


def test_the_order_does_not_depend_on_how_fast_devices_are() -> None:
    runs = []
    for delays in ([0.0], [0.004, 0.0], [0.0, 0.002, 0.006]):
        devices = [SlowDevice(list(delays)), FakeDevice(), SlowDevice(list(reversed(delays)))]
        policy = RandomPolicy(seed=1)
        runs.append(list(rollout(policy, items(9), devices, attempts=2)))
    assert runs[0] == runs[1] == runs[2]


def test_attempts_repeat_each_item() -> None:
    episodes = list(rollout(oracle(), items(2), [FakeDevice()], attempts=3))
    assert names(episodes) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_work_is_read_only_as_devices_become_free() -> None:
    taken = []

    def endless() -> object:
        number = 0
        while True:
            taken.append(number)
            yield ONE, ONE.instance("train", number)
            number += 1

    episodes = rollout(oracle(), endless(), [FakeDevice(), FakeDevice()])  # type: ignore[arg-type]
    for _ in range(4):
        next(episodes)
    episodes.close()  # type: ignore[attr-defined]
    assert len(taken) <= 6


def test_the_step_limit_truncates() -> None:
    (episode,) = rollout(oracle(), items(2)[1:], [FakeDevice()], max_steps=2)
    assert (episode.truncated, episode.terminated, len(episode.steps)) == (True, False, 2)
    assert not episode.success
    assert episode.infra_error == ""


class Mumbler:
    name, version = "mumbler", "1"

    def act(self, histories: Sequence[History]) -> list[Decision]:
        return [Decision("half \ud83d", Invalid(reason="no JSON object")) for _ in histories]


def test_what_is_no_action_is_kept_and_told() -> None:
    (episode,) = rollout(Mumbler(), items(1), [FakeDevice()], max_steps=2)
    assert episode.steps[1].observation.last_action_error == "no JSON object"
    assert episode.steps[0].sent is None
    episode.steps[0].text.encode("utf-8")


def test_a_failure_is_run_again_and_only_the_last_try_is_yielded() -> None:
    device, stats = FakeDevice(), RolloutStats()
    device.fail("act", times=2, cause="browser_crashed")
    episodes = list(rollout(oracle(), items(2), [device], stats=stats))
    assert names(episodes) == [(0, 0), (1, 0)]
    assert all(episode.success for episode in episodes)
    assert stats.infra_errors == {"browser_crashed": 2}
    assert (stats.retries, stats.failed, stats.episodes) == (2, 0, 2)


def test_a_lasting_failure_is_yielded_and_never_scored() -> None:
    broken, stats = FakeDevice(), RolloutStats()
    broken.fail("act", times=3, cause="browser_crashed")
    first, second = rollout(oracle(), items(2), [broken], stats=stats)
    assert first.infra_error == "browser_crashed"
    assert (first.truncated, first.terminated, first.success) == (True, False, False)
    assert first.final_observation is None
    assert first.reward == 0.0
    assert second.success
    assert (stats.retries, stats.failed, stats.successes) == (2, 1, 1)


def test_a_device_that_cannot_be_reset_yields_an_empty_failed_episode() -> None:
    device, stats = FakeDevice(), RolloutStats()
    device.fail("reset", times=2, cause="no_browser")
    (episode,) = rollout(oracle(), items(1), [device], infra_retries=0, stats=stats)
    assert (episode.steps, episode.infra_error) == ((), "no_browser")
    assert stats.infra_errors == {"no_browser": 2}, "every reset is tried twice"


def test_made_devices_are_closed_at_the_end() -> None:
    made: list[FakeDevice] = []

    def make() -> FakeDevice:
        made.append(FakeDevice())
        return made[-1]

    assert len(list(rollout(oracle(), items(4), make, count=2))) == 4
    assert [device.calls[-1] for device in made] == ["close", "close"]


class Broken:
    name, version = "broken", "1"

    def act(self, histories: Sequence[History]) -> list[Decision]:
        raise RuntimeError("out of memory")


def test_a_policys_exception_closes_the_devices_and_propagates() -> None:
    devices = [FakeDevice(), FakeDevice()]
    with pytest.raises(RuntimeError, match="out of memory"):
        list(rollout(Broken(), items(3), devices))
    assert [device.calls[-1] for device in devices] == ["close", "close"]


class Silent(Broken):
    def act(self, histories: Sequence[History]) -> list[Decision]:
        return []


def test_a_policy_must_decide_for_every_history() -> None:
    with pytest.raises(ConfigError, match="0 decisions for 2"):
        list(rollout(Silent(), items(3), [FakeDevice(), FakeDevice()]))


class ThreadBound(FakeDevice):
    """Like Playwright's synchronous API: belongs to the thread that started it."""

    thread: int | None = None

    def reset(self, setup: Setup) -> None:
        self._check()
        super().reset(setup)

    def act(self, action: Action) -> Action:
        self._check()
        return super().act(action)

    def observe(self) -> Screen:
        self._check()
        return super().observe()

    def close(self) -> None:
        self._check()
        super().close()

    def _check(self) -> None:
        self.thread = self.thread or threading.get_ident()
        if self.thread != threading.get_ident():
            raise DeviceError("used by another thread", "wrong_thread")


def test_each_device_is_used_by_one_thread() -> None:
    stats = RolloutStats()
    episodes = list(rollout(oracle(), items(8), ThreadBound, count=3, stats=stats))
    assert all(episode.success for episode in episodes)
    assert not stats.infra_errors


def test_episodes_are_reported_as_they_end() -> None:
    seen: list[Episode] = []
    episodes = list(rollout(oracle(), items(4), [FakeDevice()], on_episode=seen.append))
    assert seen == episodes


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="device"):
        list(rollout(oracle(), items(1), []))
    with pytest.raises(ConfigError, match="count"):
        list(rollout(oracle(), items(1), FakeDevice))
    with pytest.raises(ConfigError, match="attempts"):
        list(rollout(oracle(), items(1), [FakeDevice()], attempts=0))
