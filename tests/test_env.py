"""DeviceEnv: whose fault ends what, and where the reward comes from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RenderCollection

from agentenv.actions import Answer, Finish, InputText, Invalid, OpenApp, Tap, Wait
from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError, DeviceError
from agentenv.spaces import encode_action
from tests.fakes import BUTTONS, FakeDevice, PressTask


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def env(device: FakeDevice) -> DeviceEnv:
    return DeviceEnv(PressTask(), device)


@pytest.fixture
def registered() -> Iterator[str]:
    """The fake environment under a Gymnasium id."""
    name = "tests/FakePress-v0"
    gymnasium.register(name, "agentenv.env:DeviceEnv", kwargs={"task": PressTask()})
    yield name
    del gymnasium.registry[name]


def right(env: DeviceEnv) -> Tap:
    return Tap(element=BUTTONS.index(env.instance.parameters["button"]))


def wrong(env: DeviceEnv) -> Tap:
    return Tap(element=(BUTTONS.index(env.instance.parameters["button"]) + 1) % len(BUTTONS))


def test_gymnasiums_checker_finds_nothing(registered: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(registered, render_mode="rgb_array")
        check_env(env.unwrapped)
        env.close()


def test_it_runs_in_a_vector(registered: str) -> None:
    envs = gymnasium.make_vec(registered, num_envs=2, vectorization_mode="sync")
    observations, _ = envs.reset(seed=5)
    assert observations["screenshot"].shape == (2, 16, 12, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        envs.step(envs.action_space.sample())
    envs.close()


def test_the_same_seed_gives_the_same_first_observation(env: DeviceEnv) -> None:
    first, info = env.reset(seed=7)
    env.reset(seed=8)
    again, info_again = env.reset(seed=7)
    assert info == info_again
    assert first["goal"] == again["goal"]
    assert first["screenshot"].tobytes() == again["screenshot"].tobytes()


def test_options_choose_the_instance(env: DeviceEnv) -> None:
    _, info = env.reset(options={"index": 12, "split": "test"})
    assert info == {"instance": "fake/press-1/test/12"}
    assert env.instance == env.task.instance("test", 12)
    env.reset(options={"split": "validation"})
    assert env.instance.split == "validation"
    assert env.reset()[1]["instance"].startswith("fake/press-1/train/")


@pytest.mark.parametrize("options", [{"index": -1}, {"index": 2**31}, {"split": "x"}, {"seed": 1}])
def test_options_that_do_not_exist_are_refused(env: DeviceEnv, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        env.reset(options=options)


def test_the_task_ends_the_episode_and_gives_the_reward(env: DeviceEnv) -> None:
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(right(env))
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info["success"] is True
    assert info["raw_reward"] == 1.0
    assert info["instance"] == env.instance.key
    assert info["sent"].element is None
    assert info["sent"].point is not None
    assert observation["step"] == 1
    assert "infra_error" not in info


def test_info_tells_what_the_network_policy_blocked(env: DeviceEnv, device: FakeDevice) -> None:
    env.reset(seed=0)
    assert "blocked_requests" not in env.step("not an action")[-1]
    device.blocked = ["https://elsewhere.test/"]
    assert env.step("not an action")[-1]["blocked_requests"] == ("https://elsewhere.test/",)


def test_a_wrong_end_is_not_rewarded(env: DeviceEnv) -> None:
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(wrong(env))
    assert (reward, terminated, info["success"], info["raw_reward"]) == (0.0, True, False, -1.0)


@pytest.mark.parametrize("form", ["text", "bytes", "dict", "action"])
def test_actions_come_in_every_form(env: DeviceEnv, device: FakeDevice, form: str) -> None:
    env.reset(seed=0)
    action = right(env)
    text = env.dialect.print(action)
    forms: dict[str, Any] = {
        "text": f"I press it: {text}",
        "bytes": text.encode(),
        "dict": encode_action(action, env.action_types),
        "action": action,
    }
    _, reward, *_ = env.step(forms[form])
    assert reward == 1.0
    assert device.actions == [action]


def test_the_agents_end_is_verified_and_not_sent_to_the_device(device: FakeDevice) -> None:
    env = DeviceEnv(PressTask(page_ends=False), device)
    env.reset(seed=0)
    _, reward, terminated, *_ = env.step(right(env))
    assert (reward, terminated) == (0.0, False), "the reward is paid once, at the end"
    _, reward, terminated, truncated, info = env.step(Finish())
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info["sent"] == Finish()
    assert len(device.actions) == 1


def test_an_answer_reaches_the_verifier(env: DeviceEnv) -> None:
    env.reset(seed=0)
    assert env.step(Answer(text="42"))[1:3] == (1.0, True)
    env.reset(seed=0)
    assert env.step(Answer(text="41"))[1:3] == (0.0, True)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("gibberish", "no JSON object"),
        (b"\xff", "UTF-8"),
        ({}, "action_space"),
        (Invalid(reason="because"), "because"),
        (OpenApp(app="Mail"), "open_app"),
    ],
)
def test_what_is_no_action_leaves_the_device_alone(
    env: DeviceEnv, device: FakeDevice, action: Any, reason: str
) -> None:
    before, _ = env.reset(seed=0)
    device.calls.clear()
    observation, reward, terminated, truncated, info = env.step(action)
    assert device.calls == []
    assert reason in observation["last_action_error"]
    assert observation["step"] == 1
    assert np.array_equal(observation["screenshot"], before["screenshot"])
    assert (reward, terminated, truncated, info["sent"]) == (0.0, False, False, None)
    observation, *_ = env.step(InputText(text="a"))
    assert observation["last_action_error"] == ""


def test_an_action_error_is_an_observation(env: DeviceEnv) -> None:
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(Tap(element=99))
    assert "no button 99" in observation["last_action_error"]
    assert (reward, terminated, truncated, info["sent"]) == (0.0, False, False, None)


def test_the_step_limit_truncates(device: FakeDevice) -> None:
    env = DeviceEnv(PressTask(), device, max_steps=3)
    env.reset(seed=0)
    ends = [env.step(action)[2:4] for action in (Wait(), "nonsense", Wait())]
    assert ends == [(False, False), (False, False), (False, True)]


def test_an_end_in_the_last_step_is_not_a_time_out(device: FakeDevice) -> None:
    env = DeviceEnv(PressTask(), device, max_steps=1)
    env.reset(seed=0)
    assert env.step(right(env))[1:4] == (1.0, True, False)


@pytest.mark.parametrize("method", ["act", "state", "observe"])
def test_a_failing_device_truncates_and_is_never_scored(
    env: DeviceEnv, device: FakeDevice, method: str
) -> None:
    before, _ = env.reset(seed=0)
    device.fail(method, cause="browser_crashed")
    observation, reward, terminated, truncated, info = env.step(right(env))
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["infra_error"] == "browser_crashed"
    assert info["success"] is False
    assert np.array_equal(observation["screenshot"], before["screenshot"])
    assert device.calls[-1] == "close", "the next reset connects anew"
    with pytest.raises(ResetNeeded):
        env.step(Wait())
    env.reset(seed=0)
    assert env.step(right(env))[1] == 1.0


def test_a_failing_reset_is_tried_once_more(env: DeviceEnv, device: FakeDevice) -> None:
    device.fail("reset")
    env.reset(seed=0)
    assert device.calls[:3] == ["reset", "close", "reset"]


def test_a_reset_that_fails_twice_raises(env: DeviceEnv, device: FakeDevice) -> None:
    env.reset(seed=0)
    device.fail("reset", times=2, cause="no_browser")
    with pytest.raises(DeviceError) as failure:
        env.reset(seed=0)
    assert failure.value.cause == "no_browser"
    with pytest.raises(ResetNeeded):
        env.step(Wait())


def test_no_step_before_reset_or_after_the_end(env: DeviceEnv) -> None:
    with pytest.raises(ResetNeeded):
        env.step(Wait())
    with pytest.raises(ResetNeeded):
        _ = env.observation
    with pytest.raises(ResetNeeded):
        _ = env.instance
    env.reset(seed=0)
    env.step(Finish())
    with pytest.raises(ResetNeeded):
        env.step(Wait())


def test_close_closes_only_a_device_of_its_own(env: DeviceEnv, device: FakeDevice) -> None:
    env.close()
    assert "close" not in device.calls
    owner = DeviceEnv(PressTask(), device_factory=lambda: device)
    owner.close()
    assert device.calls == ["close"]


def test_rendering_shows_the_screen(device: FakeDevice) -> None:
    env = DeviceEnv(PressTask(), device, render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert np.array_equal(picture, observation["screenshot"])
    assert picture.dtype == np.uint8
    assert picture.shape == (16, 12, 3)


def test_gymnasiums_wrappers_collect_the_frames_of_an_episode(registered: str) -> None:
    env = RenderCollection(gymnasium.make(registered, render_mode="rgb_array"))
    env.reset(seed=0)
    env.step('{"type": "wait"}')
    frames: Any = env.render()
    assert [frame.shape for frame in frames] == [(16, 12, 3)] * 2
    env.close()


def test_wrong_arguments_are_refused(device: FakeDevice) -> None:
    for arguments in (
        {"split": "dev"},
        {"max_steps": 0},
        {"render_mode": "ascii"},
        {"dialect": "latin"},
    ):
        with pytest.raises(ConfigError):
            DeviceEnv(**{"task": PressTask(), "device": device, **arguments})  # type: ignore[arg-type]
