"""MiniWoB++ in a real browser: fair starts, honest ends, and oracles that solve their tasks."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from dataclasses import replace

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from agentenv.actions import Action, Scroll, Tap, Wait
from agentenv.devices.base import Device
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.env import DeviceEnv
from agentenv.errors import ActionError, ConfigError
from agentenv.tasks import get_task, suite
from agentenv.tasks.base import SPLITS, Split, TaskInstance
from agentenv.tasks.miniwob.oracles import ORACLES
from agentenv.tasks.miniwob.pages import NAMES, html_folder
from benchmarks.browser_determinism import finish_tracing, start_tracing, trace_page

SEEDS = 2
"""Instances per oracle: the tests are to stay quick."""

needs_browser = pytest.mark.skipif(
    not any(find_browser(kind) for kind in (HEADLESS_SHELL, CHROMIUM)), reason="no Chromium"
)


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    browser = get_task("miniwob/click-test-2").open_device()
    yield browser
    browser.close()


def environment(name: str, device: Device) -> DeviceEnv:
    return DeviceEnv(get_task(f"miniwob/{name}"), device)


def instance(name: str, split: Split = "train", index: int = 0) -> TaskInstance:
    return get_task(f"miniwob/{name}").instance(split, index)


def test_every_page_of_the_package_is_a_registered_environment() -> None:
    assert {page.stem for page in (html_folder() / "miniwob").glob("*.html")} == set(NAMES)
    for name in NAMES:
        assert f"agentenv/MiniWob-{name}-v0" in gymnasium.registry
        assert f"miniwob/{name}" in suite("miniwob")


def test_unknown_names_are_answered_with_the_closest_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean miniwob/click-test"):
        get_task("miniwob/clik-test")
    with pytest.raises(ConfigError, match=r"did you mean miniwob/click-test-2\?"):
        get_task("click-test-2")
    with pytest.raises(ConfigError, match="miniwob"):
        suite("miniwbo")


def test_without_the_pages_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install"):
        instance("click-test-2")


@needs_browser
def test_gymnasium_finds_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("agentenv/MiniWob-click-test-2-v0", render_mode="rgb_array")
        check_env(env.unwrapped)
        env.close()


@needs_browser
@pytest.mark.parametrize("name", ORACLES)
def test_the_oracle_solves_the_task_from_the_screen_alone(name: str, device: Device) -> None:
    env = environment(name, device)
    for index in range(SEEDS):
        screen = env.begin(instance(name, index=index))
        oracle = env.task.oracle(env.instance)
        result = env.advance(oracle(screen))
        while not (result.terminated or result.truncated):
            result = env.advance(oracle(result.observation))
        assert result.success, f"{env.instance.key}: {screen.goal}"
        assert result.terminated
        assert result.raw_reward
        assert result.raw_reward > 0


@needs_browser
@pytest.mark.parametrize("name", ORACLES)
def test_on_a_strange_screen_the_oracle_acts_or_says_that_it_cannot(
    name: str, device: Device
) -> None:
    env = environment(name, device)
    empty = replace(env.begin(instance(name)), elements=())
    try:
        action: Action | None = env.task.oracle(env.instance)(empty)
    except ActionError:
        action = None
    assert action is None or action.type != "invalid"


@needs_browser
@pytest.mark.parametrize("name", ["click-test-2", "login-user", "click-checkboxes", "click-tab-2"])
def test_doing_nothing_runs_out_of_steps_and_earns_nothing(name: str, device: Device) -> None:
    env = environment(name, device)
    env.begin(instance(name))
    results = [env.advance(Wait(seconds=0.1)) for _ in range(env.max_steps)]
    assert not any(result.terminated or result.reward for result in results)
    assert [result.truncated for result in results] == [False] * (env.max_steps - 1) + [True]


@needs_browser
def test_the_decayed_reward_falls_with_page_time_within_the_pages_own_limit(
    device: Device,
) -> None:
    """An action takes half a second of the page's ten, and a wait what it says."""
    env = environment("click-test", device)
    paid = []
    for waited in (0.0, 2.0, 20.0):
        screen = env.begin(instance("click-test"))
        assert env.advance(Wait(seconds=waited)).info == {"decayed_reward": 0.0}
        result = env.advance(env.task.oracle(env.instance)(screen))
        assert (result.raw_reward, result.reward) == (1.0, 1.0)
        paid.append(result.info["decayed_reward"])
    assert paid == [pytest.approx(0.95, abs=0.03), pytest.approx(0.75, abs=0.03), 0.0]


@needs_browser
def test_a_wrong_click_ends_the_episode_without_reward(device: Device) -> None:
    env = environment("click-test-2", device)
    screen = env.begin(instance("click-test-2"))
    wrong = next(element for element in screen.elements if element.name == "TWO")
    result = env.advance(Tap(element=wrong.index))
    assert result.terminated
    assert not result.truncated
    assert (result.reward, result.raw_reward) == (0.0, -1.0)


@needs_browser
def test_the_page_does_not_run_out_of_time_while_the_agent_waits(device: Device) -> None:
    env = environment("click-test-2", device)
    env.begin(instance("click-test-2"))
    assert not env.advance(Wait(seconds=60)).terminated


@needs_browser
def test_a_box_scrolls_under_the_pointer(device: Device) -> None:
    device.reset(instance("social-media").setup)
    device.observe()
    device.act(Tap(point=(0.5, 0.6)))
    before = device.observe()
    device.act(Scroll(direction="down", point=(0.5, 0.6)))
    assert device.observe().elements != before.elements


@needs_browser
def test_no_cover_and_no_reward_are_on_the_screen(device: Device) -> None:
    env = environment("click-test-2", device)
    before = env.begin(instance("click-test-2"))
    after = env.advance(env.task.oracle(env.instance)(before)).observation
    for screen in (before, after):
        assert screen.screenshot.shape == (210, 160, 3)
        assert screen.screenshot.mean() > 128
        assert not any("START" in element.name for element in screen.elements)


@needs_browser
@pytest.mark.parametrize("name", ["click-test-2", "click-color", "count-shape"])
def test_the_bar_that_words_the_goal_is_drawn_but_not_listed(name: str, device: Device) -> None:
    observation = environment(name, device).begin(instance(name))
    assert observation.goal
    assert observation.elements
    assert not any(element.resource_id.startswith("query") for element in observation.elements)
    assert not any(observation.goal == element.name for element in observation.elements)


@needs_browser
def test_splits_draw_different_instances(device: Device) -> None:
    env = environment("click-checkboxes", device)
    goals = {
        env.begin(instance("click-checkboxes", split, index)).goal
        for split in SPLITS
        for index in range(3)
    }
    assert len(goals) == 9


KINDS = (
    *("click-test-2", "click-dialog-2", "click-tab", "choose-list", "click-color", "click-shape"),
    *("email-inbox", "social-media", "use-slider"),
)
"""`python -m benchmarks.browser_determinism` does the same with every page."""


@needs_browser
def test_the_same_instance_is_the_same_screen_in_another_process(device: Device) -> None:
    theirs = finish_tracing(start_tracing(KINDS))
    for name in KINDS:
        assert trace_page(device, name, before=()) == theirs[name], name
