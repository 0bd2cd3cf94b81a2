"""DeviceVectorEnv: what Gymnasium's own vectors do, and a failure that stays where it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TransformReward
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from agentenv.actions import Action, Finish, Tap, Wait
from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError
from agentenv.vector import DeviceVectorEnv, browsers_at_once, make_vector
from tests.fakes import BUTTONS, FakeDevice, PressTask

MODES = tuple(AutoresetMode)


class Fleet:
    """Fake devices, kept to make them fail and to see what was done to them."""

    def __init__(self, number: int, **settings: Any) -> None:
        self.devices = [FakeDevice() for _ in range(number)]
        self.makers: list[Callable[[], DeviceEnv]] = [
            partial(DeviceEnv, PressTask(presses=1 + i % 2), device, **settings)
            for i, device in enumerate(self.devices)
        ]


def press(button: str) -> Tap:
    return Tap(element=BUTTONS.index(button))


def right(goals: Sequence[str]) -> list[Action]:
    """What each goal asks for."""
    return [press(goal.removeprefix("Press ")) for goal in goals]


@pytest.mark.parametrize("mode", MODES)
def test_it_does_what_gymnasiums_vector_does(mode: AutoresetMode) -> None:
    ours = DeviceVectorEnv(Fleet(3).makers, autoreset_mode=mode)
    theirs = SyncVectorEnv(Fleet(3).makers, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.metadata == theirs.metadata
    ours.action_space.seed(3)
    assert data_equivalence(ours.reset(seed=[5, 1, 9]), theirs.reset(seed=[5, 1, 9]), exact=True)
    seen = []
    for _ in range(12):
        actions = ours.action_space.sample()
        mine, other = ours.step(actions), theirs.step(actions)
        assert data_equivalence(mine[:4], other[:4], exact=True)
        assert info_of(mine[4]) == info_of(other[4])
        over = mine[2] | mine[3]
        seen.append(over)
        if mode is AutoresetMode.DISABLED and over.any():
            for envs in (ours, theirs):
                envs.reset(options={"reset_mask": over})
    assert np.any(seen)
    ours.close()


def info_of(info: dict[str, Any]) -> str:
    """An info with arrays, actions and observations, as something that can be compared."""
    with np.printoptions(threshold=10**9):
        return repr(info)


def test_a_seed_counts_upwards_and_a_list_gives_each_its_own() -> None:
    envs = DeviceVectorEnv(Fleet(3).makers)
    counted, _ = envs.reset(seed=4)
    listed, infos = envs.reset(seed=[4, 5, 6])
    assert data_equivalence(counted, listed, exact=True)
    assert counted["screenshot"].shape == (3, 16, 12, 3)
    assert len(set(infos["instance"])) == 3
    assert infos["_instance"].all()
    assert counted in envs.observation_space
    envs.close()


def test_actions_may_be_listed_in_any_form() -> None:
    envs = DeviceVectorEnv(Fleet(2).makers)
    observations, _ = envs.reset(seed=0)
    first, second = right(observations["goal"])
    text = f'{{"type": "tap", "element": {second.element}}}'  # type: ignore[union-attr]
    _, rewards, terminated, _, infos = envs.step([first, text])
    assert rewards.tolist() == [1.0, 0.0]
    assert terminated.tolist() == [True, False], "the second task wants two presses"
    assert infos["sent"][1].point is not None
    for wrong in ([Wait()], {"type": [0, 1]}, 7):
        with pytest.raises(ConfigError, match="actions"):
            envs.step(wrong)
    envs.close()


def test_the_next_step_starts_the_next_episode_and_ignores_the_action() -> None:
    fleet = Fleet(2)
    envs = DeviceVectorEnv(fleet.makers)
    envs.reset(seed=0)
    _, _, terminated, _, _ = envs.step([Finish(), Wait()])
    assert terminated.tolist() == [True, False]
    observations, rewards, terminated, truncated, infos = envs.step([Wait(), Wait()])
    assert observations["step"].tolist() == [0, 2]
    assert not terminated.any()
    assert not truncated.any()
    assert not rewards.any()
    assert infos["_sent"].tolist() == [False, True]
    assert fleet.devices[0].actions == []
    envs.close()


def test_the_same_step_shows_the_end_and_the_next_beginning() -> None:
    envs = DeviceVectorEnv(Fleet(2).makers, autoreset_mode="SameStep")
    before, _ = envs.reset(seed=0)
    observations, _, terminated, _, infos = envs.step([Finish(), Wait()])
    assert terminated.tolist() == [True, False]
    assert observations["step"].tolist() == [0, 1]
    assert infos["_final_obs"].tolist() == [True, False]
    assert infos["final_obs"][0]["step"] == 1
    assert infos["final_obs"][0]["goal"] == before["goal"][0]
    assert infos["final_info"]["sent"][0] == Finish()
    envs.close()


def test_without_autoreset_a_mask_says_whom_to_reset() -> None:
    envs = DeviceVectorEnv(Fleet(3).makers, autoreset_mode=AutoresetMode.DISABLED)
    envs.reset(seed=0)
    stepped, *_ = envs.step([Wait(), Finish(), Wait()])
    with pytest.raises(ResetNeeded, match=r"\[1\]"):
        envs.step([Wait()] * 3)
    options = {"reset_mask": np.array([False, True, False]), "index": 7}
    observations, infos = envs.reset(options=options)
    assert "reset_mask" in options, "the caller's options are left as they are"
    assert infos["_instance"].tolist() == [False, True, False]
    assert infos["instance"][1].endswith("/train/7")
    assert observations["step"].tolist() == [1, 0, 1]
    assert observations["goal"][0] == stepped["goal"][0]
    observations, *_ = envs.step([Wait()] * 3)
    assert observations["step"].tolist() == [2, 1, 2]
    envs.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_failing_device_is_truncated_and_the_others_go_on(mode: AutoresetMode) -> None:
    fleet = Fleet(3)
    envs = DeviceVectorEnv(fleet.makers, autoreset_mode=mode)
    envs.reset(seed=0)
    fleet.devices[1].fail("act", cause="browser_crashed")
    observations, rewards, terminated, truncated, infos = envs.step([Wait()] * 3)
    assert truncated.tolist() == [False, True, False]
    assert not terminated.any()
    assert not rewards.any()
    told = infos["final_info"] if mode is AutoresetMode.SAME_STEP else infos
    assert told["infra_error"].tolist() == [None, "browser_crashed", None]
    assert "failed on demand" in told["infra_message"][1]
    assert told["infra_errors"]["browser_crashed"].tolist() == [0, 1, 0]
    assert observations["step"][[0, 2]].tolist() == [1, 1]
    if mode is AutoresetMode.DISABLED:
        envs.reset(options={"reset_mask": truncated})
    observations, _, _, truncated, infos = envs.step([Wait()] * 3)
    assert not truncated.any()
    assert "infra_error" not in infos
    assert observations["step"].tolist() == [2, 0 if mode is AutoresetMode.NEXT_STEP else 1, 2]
    assert envs.infra_errors == {"browser_crashed": 1}
    assert "close" not in fleet.devices[0].calls
    envs.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_device_that_cannot_be_reset_is_tried_again(mode: AutoresetMode) -> None:
    fleet = Fleet(2)
    envs = DeviceVectorEnv(fleet.makers, autoreset_mode=mode)
    fleet.devices[0].fail("reset", times=2, cause="browser_start")
    observations, infos = envs.reset(seed=0)
    assert observations in envs.observation_space
    assert not observations["screenshot"][0].any()
    assert infos["infra_error"].tolist() == ["browser_start", None]
    assert infos["_instance"].tolist() == [False, True]
    observations, _, _, truncated, infos = envs.step([Wait()] * 2)
    assert truncated.tolist() == [True, False]
    told = infos["final_info"] if mode is AutoresetMode.SAME_STEP else infos
    assert told["infra_error"][0] == "browser_start"
    assert observations["step"][1] == 1
    if mode is AutoresetMode.DISABLED:
        envs.reset(options={"reset_mask": truncated})
    observations, _, _, truncated, _ = envs.step([Wait()] * 2)
    assert not truncated.any()
    assert observations["goal"][0]
    assert envs.infra_errors == {"browser_start": 2}
    envs.close()


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_failed_autoreset_truncates_once_more(mode: AutoresetMode) -> None:
    fleet = Fleet(2)
    envs = DeviceVectorEnv(fleet.makers, autoreset_mode=mode)
    envs.reset(seed=0)
    fleet.devices[0].fail("reset", times=2, cause="browser_start")
    truncations = [envs.step([Finish(), Wait()])[3].tolist() for _ in range(2)]
    assert truncations == [[False, False], [True, False]]
    observations, _, _, truncated, _ = envs.step([Wait(), Wait()])
    assert not truncated.any()
    assert observations["goal"][0]
    envs.close()


def test_when_no_device_can_be_reset_that_is_an_error() -> None:
    fleet = Fleet(2)
    envs = DeviceVectorEnv(fleet.makers)
    for device in fleet.devices:
        device.fail("reset", times=2, cause="disk_full")
    with pytest.raises(Exception, match="on demand") as caught:
        envs.reset()
    assert caught.value.cause == "disk_full"  # type: ignore[attr-defined]
    envs.reset()
    envs.close()


class Meeting(FakeDevice):
    """Acts only once another acts at the same time."""

    barrier = threading.Barrier(2, timeout=30)

    def act(self, action: Action) -> Action:
        self.barrier.wait()
        return super().act(action)


class Alone(FakeDevice):
    """Notices another that acts at the same time."""

    lock = threading.Lock()

    def act(self, action: Action) -> Action:
        assert self.lock.acquire(blocking=False)
        try:
            return super().act(action)
        finally:
            self.lock.release()


def test_devices_act_at_the_same_time_but_not_more_than_wanted() -> None:
    for kind, at_once in ((Meeting, None), (Alone, 1)):
        makers = [partial(DeviceEnv, PressTask(), kind()) for _ in range(2)]
        envs = DeviceVectorEnv(makers, at_once=at_once)
        envs.reset(seed=0)
        for _ in range(4):
            envs.step([Wait(), Wait()])
        envs.close()


def test_an_error_that_is_no_devices_is_raised_after_the_others_are_done() -> None:
    class Buggy(FakeDevice):
        def act(self, action: Action) -> Action:
            raise ZeroDivisionError

    other = FakeDevice()
    envs = DeviceVectorEnv([partial(DeviceEnv, PressTask(), one) for one in (Buggy(), other)])
    envs.reset(seed=0)
    with pytest.raises(ZeroDivisionError):
        envs.step([Wait(), Wait()])
    assert other.actions == [Wait()]
    envs.close()


def test_wrappers_work_inside_and_outside() -> None:
    def make(device: FakeDevice) -> gymnasium.Env[Any, Any]:
        return TransformReward(DeviceEnv(PressTask(), device), lambda reward: 2 * float(reward))

    fleet = Fleet(2)
    envs = RecordEpisodeStatistics(DeviceVectorEnv([partial(make, d) for d in fleet.devices]))
    observations, _ = envs.reset(seed=0)
    _, rewards, _, _, infos = envs.step(right(observations["goal"]))
    assert rewards.tolist() == [2.0, 2.0]
    assert infos["episode"]["r"].tolist() == [2.0, 2.0]
    assert envs.env.infra_errors == {}  # type: ignore[attr-defined]
    envs.close()


def test_rendering_closing_and_calling_reach_every_one() -> None:
    devices: list[FakeDevice] = []

    def make() -> DeviceEnv:
        devices.append(FakeDevice())
        return DeviceEnv(PressTask(), device_factory=lambda: devices[-1], render_mode="rgb_array")

    envs = DeviceVectorEnv([make, make])
    observations, _ = envs.reset(seed=0)
    assert np.array_equal(np.stack(envs.render()), observations["screenshot"])
    assert envs.call("max_steps") == (5, 5)
    envs.close()
    envs.close()
    assert [device.calls[-1] for device in devices] == ["close", "close"]


def test_wrong_arguments_are_refused() -> None:
    fleet = Fleet(2)
    for makers, settings, message in (
        ([], {}, "at least one"),
        (fleet.makers, {"autoreset_mode": "never"}, "NextStep"),
        (fleet.makers, {"at_once": 0}, "at_once"),
        ([fleet.makers[0], lambda: DeviceEnv(PressTask(), FakeDevice(width=9))], {}, "space"),
    ):
        with pytest.raises(ConfigError, match=message):
            DeviceVectorEnv(makers, **settings)
    envs = DeviceVectorEnv(fleet.makers)
    for arguments in (
        {"seed": [1]},
        {"options": {"reset_mask": np.array([True])}},
        {"options": {"reset_mask": np.array([False, False])}},
        {"options": {"reset_mask": np.array([1, 0])}},
        {"options": {"colour": "red"}},
    ):
        with pytest.raises(ConfigError):
            envs.reset(**arguments)
    with pytest.raises(ResetNeeded):
        envs.step([Wait(), Wait()])
    envs.close()


def test_gymnasium_makes_vectors_of_registered_tasks() -> None:
    envs = gymnasium.make_vec(
        "agentenv/MiniWob-click-test-2-v0", num_envs=3, autoreset_mode="Disabled", max_steps=4
    )
    assert isinstance(envs, DeviceVectorEnv)
    assert envs.num_envs == 3
    assert envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    assert envs.envs[2].unwrapped.max_steps == 4  # type: ignore[attr-defined]
    envs.close()


def test_several_tasks_take_turns() -> None:
    envs = make_vector(["miniwob/click-test-2", "miniwob/click-link"], num_envs=3)
    tasks = [env.unwrapped.task.name for env in envs.envs]  # type: ignore[attr-defined]
    assert tasks == ["click-test-2", "click-link", "click-test-2"]
    envs.close()
    assert make_vector("miniwob/click-test").num_envs == browsers_at_once()
    with pytest.raises(ConfigError):
        make_vector([])
