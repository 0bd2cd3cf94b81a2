"""Any page as a task, in a real browser: free browsing, Python functions, YAML files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import yaml
from gymnasium.utils.env_checker import check_env

from agentenv.actions import Answer, Finish, Navigate, Tap, Wait
from agentenv.cli.main import FAILED, main
from agentenv.collecting import collect
from agentenv.data_files import data_file
from agentenv.devices.base import BrowserSetup, Device
from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError
from agentenv.policies.scripted import OraclePolicy
from agentenv.registration import make_browser
from agentenv.tasks import get_task, suite
from agentenv.tasks.base import SPLITS, Split, Task
from agentenv.tasks.selection import select_tasks
from agentenv.tasks.web import WebTask
from tests.devices.browser_pages import write_page
from tests.devices.conftest import ENGINES, skip_without
from tests.tasks.test_miniwob import needs_browser

FILES = ("shop.yaml", "shop_phone.yaml")
COUNTER = (
    "<script>var count = 0;</script>"
    "<button onclick='count++; this.textContent = `Pressed ${count}`'>Press</button>"
)


def example(name: str) -> dict[str, Task]:
    return suite(str(data_file(f"web_tasks/{name}")))


EXAMPLES = [(file, task_id) for file in FILES for task_id in example(file)]


@pytest.fixture(scope="module")
def devices() -> Iterator[dict[str, Device]]:
    """One browser for each file."""
    opened: dict[str, Device] = {}
    for file in FILES:
        opened[file] = next(iter(example(file).values())).open_device()
    yield opened
    for device in opened.values():
        device.close()


@needs_browser
@pytest.mark.parametrize(("file", "task_id"), EXAMPLES)
def test_an_example_starts_unsolved_and_its_oracle_solves_it(
    file: str, task_id: str, devices: dict[str, Device]
) -> None:
    env = DeviceEnv(example(file)[task_id], devices[file])
    for index in range(5):
        split: Split = "test" if index % 2 else "train"
        screen = env.begin(env.task.instance(split, index))
        state = devices[file].state()
        assert env.task.verify(env.instance, state, None).reward < 1
        oracle = env.task.oracle(env.instance)
        result = env.advance(oracle(screen))
        while not (result.terminated or result.truncated):
            result = env.advance(oracle(result.observation))
        assert result.success, f"{env.instance.key}: {screen.goal}"
        assert result.observation.step <= env.task.expected_steps


@needs_browser
@pytest.mark.parametrize(("file", "task_id"), EXAMPLES)
def test_doing_nothing_solves_no_example(
    file: str, task_id: str, devices: dict[str, Device]
) -> None:
    env = DeviceEnv(example(file)[task_id], devices[file], max_steps=2)
    env.begin(env.task.instance("train", 0))
    assert not env.advance(Wait(seconds=0.1)).terminated
    result = env.advance(Finish())
    assert (result.terminated, result.success) == (True, False)


@needs_browser
def test_a_part_of_the_way_earns_a_part_of_the_reward(devices: dict[str, Device]) -> None:
    env = DeviceEnv(example("shop.yaml")["shop/add-to-cart"], devices["shop.yaml"])
    instance = next(
        one
        for one in (env.task.instance("train", index) for index in range(50))
        if one.parameters["count"] == 2
    )
    screen = env.begin(instance)
    oracle = env.task.oracle(instance)
    first = env.advance(oracle(screen))
    second = env.advance(oracle(first.observation))
    assert [first.raw_reward, second.raw_reward] == [0.2, 0.5]
    assert [first.reward, second.reward] == [0, 0], "the reward is paid once, at the end"
    assert env.advance(Finish()).reward == 0.5


@pytest.mark.parametrize("engine", ENGINES)
def test_any_address_is_an_environment(engine: str, tmp_path: Path) -> None:
    skip_without(engine)
    env: Any = gymnasium.make(
        "agentenv/Browser-v0",
        url=write_page(tmp_path, COUNTER),
        goal="Look.",
        engine=engine,
        viewport="phone-small",
        max_steps=3,
    )
    observation, _ = env.reset(seed=0)
    assert observation["goal"] == "Look."
    assert observation["screenshot"].shape == (640, 360, 3)
    assert env.observation_space.contains(observation)
    observation, reward, terminated, truncated, info = env.step(Tap(element=0))
    assert [element["name"] for element in observation["elements"]] == ["Pressed 1"]
    assert (reward, terminated, truncated, info["success"]) == (0.0, False, False, False)
    assert env.step(Finish())[1:4] == (0.0, True, False)
    env.reset(seed=0)
    assert [env.step(Wait(seconds=0))[3] for _ in range(3)] == [False, False, True]
    env.close()


@needs_browser
def test_a_task_file_is_an_environment_that_gymnasium_finds_no_fault_with() -> None:
    name = f"{data_file('web_tasks/shop.yaml')}#filter"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("agentenv/Browser-v0", task=name, split="test")
        check_env(env.unwrapped, skip_render_check=True)
        env.close()


@needs_browser
def test_a_python_function_judges_the_page_and_the_answer(tmp_path: Path) -> None:
    task = WebTask(
        write_page(tmp_path, COUNTER),
        "Press {times} times, or say 'no'.",
        lambda state, answer: float(answer == "no" or state["count"] == state["wanted"]),
        parameters={"times": {"train": [2], "test": [3]}},
        state="({count, wanted: parameters.times})",
        start="count = 10 * parameters.times - 20;",
        task_id="web/press",
    )
    env = DeviceEnv(task)
    screen = env.begin(task.instance("train", 0))
    assert screen.goal == "Press 2 times, or say 'no'."
    assert not env.advance(Tap(element=0)).terminated
    assert env.advance(Tap(element=0)).success
    env.begin(task.instance("test", 0))
    assert env.advance(Answer(text="no")).success
    env.begin(task.instance("test", 0))
    assert env.advance(Finish()).reward == 0
    env.close()


def test_a_function_that_gives_no_reward_is_named() -> None:
    task = WebTask("about:blank", verify=lambda state, answer: 2.0, task_id="web/odd")
    with pytest.raises(ConfigError, match=r"web/odd: verify gave 2\.0"):
        task.verify(task.instance("train", 0), {}, None)


@needs_browser
def test_a_script_about_another_page_counts_as_not_met(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page, other = write_page(tmp_path, COUNTER), write_page(tmp_path, "Other", name="other")
    (tmp_path / "tasks.yaml").write_text(
        f"tasks: {{go: {{goal: Go, url: '{page}', success: {{script: count > 0}}}}}}"
    )
    env = DeviceEnv(f"{tmp_path / 'tasks.yaml'}#go")
    env.reset(seed=0)
    for _ in range(2):
        result = env.advance(Navigate(url=other))
        assert not result.infra_error
        assert not result.terminated
    assert caplog.text.count("count is not defined") == 1
    env.close()


def test_splits_draw_from_their_own_values_and_seeds_repeat() -> None:
    task = example("shop.yaml")["shop/find-price"]
    drawn = {
        split: {task.instance(split, index).parameters["product"]["name"] for index in range(30)}
        for split in SPLITS
    }
    assert drawn["test"] == {"Wall clock", "Torch"}
    assert drawn["train"] == drawn["validation"] == {"Desk lamp", "Kettle", "Mug", "Rug"}
    assert task.instance("test", 3) == task.instance("test", 3)


def test_parameters_are_encoded_in_addresses_and_plain_in_goals(tmp_path: Path) -> None:
    task = WebTask(
        "https://example.org/?q={word}#{{x}}", "Find {word}", parameters={"word": ["a&b ü"]}
    )
    instance = task.instance("train", 0)
    assert isinstance(instance.setup, BrowserSetup)
    assert instance.setup.url == "https://example.org/?q=a%26b%20%C3%BC#{x}"
    assert instance.goal == "Find a&b ü"


FINE = {"goal": "Go", "url": "https://example.org/", "success": {"text": "x"}}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"gaol": "x"}, r"unknown field 'gaol'; did you mean goal\?"),
        ({"goal": "Buy {cty}", "parameters": {"city": ["a"]}}, r"no parameter 'cty'; did you mean"),
        ({"goal": "Buy {"}, "brace"),
        ({"success": {"txt": "x"}}, r"success: unknown condition 'txt'; did you mean text"),
        ({"success": {"any": [{"url": "x"}, {"not": {"ulr": "y"}}]}}, r"any\[1\]: not: unknown"),
        ({"success": {"answer": True}}, "success: answer: give a text"),
        ({"success": {"answer_matches": "("}}, "answer_matches: "),
        ({"success": {"text": "{nobody}"}}, "text: there is no parameter 'nobody'"),
        ({"success": "x"}, "success: write a condition"),
        ({"partial": [{"when": {"url": "x"}, "rewrd": 1}]}, r"partial\[0\]: unknown field 'rewrd'"),
        ({"partial": [{"when": {"url": "x"}, "reward": 1.5}]}, "between 0 and 1"),
        ({"parameters": {"city": {"train": ["a"], "tset": ["b"]}}}, "city: unknown field 'tset'"),
        ({"parameters": {"city": {"train": ["a"], "test": ["a"]}}}, "must not be training values"),
        ({"parameters": {"city": []}}, "city: it has no values"),
        ({"parameters": {"city": "Rome"}}, "city: give a list"),
        ({"parameters": {"city": [{"a": 1}, {"b": 2}]}}, "city: every value must have the same"),
        ({"oracle": [{"type": "tapp", "label": "x"}]}, r"oracle\[0\]: type: unknown action 'tapp'"),
        ({"viewport": "pixel-9"}, "did you mean pixel-8"),
        ({"url": "missing.html"}, "url: .*missing.html is no file"),
        ({"files": ["missing.txt"]}, "missing.txt is no file"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"max_steps": "many"}, "max_steps: "),
        ({"network": {"alow": ["x"]}}, "network: unknown field 'alow'"),
    ],
)
def test_an_error_in_a_file_names_file_task_and_key(
    fields: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"tasks": {"go": {**FINE, **fields}}}))
    with pytest.raises(ConfigError, match=complaint) as failure:
        suite(str(file))
    assert str(failure.value).startswith(f"{file}#go: ")


def test_tasks_of_a_file_are_named_with_or_without_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"tasks: {{go: {FINE}}}")
    assert list(select_tasks([str(file)])) == ["mine/go"]
    assert get_task(f"{file}#go") is get_task(str(file))
    with pytest.raises(ConfigError, match=r"no task 'gp' \(there are: go\)"):
        get_task(f"{file}#gp")
    with pytest.raises(ConfigError, match="cannot read"):
        get_task(str(tmp_path / "other.yaml"))
    other = tmp_path / "sub" / "mine.yaml"
    other.parent.mkdir()
    other.write_text(file.read_text())
    with pytest.raises(ConfigError, match="another file has a task mine/go"):
        select_tasks([str(file), str(other)])


def test_suites_checks_a_file_and_shows_its_goals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suites", str(data_file("web_tasks/shop.yaml"))]) == 0
    shown = capsys.readouterr().out
    assert "shop/add-to-cart" in shown
    assert "euros" in shown
    assert main(["suites", "nothing.yaml"]) == FAILED
    assert "nothing.yaml" in capsys.readouterr().err


@needs_browser
def test_a_task_runs_in_several_browsers_at_once() -> None:
    name = f"{data_file('web_tasks/shop.yaml')}#filter"
    envs: Any = gymnasium.make_vec("agentenv/Browser-v0", num_envs=2, task=name)
    observations, _ = envs.reset(seed=1)
    assert observations["screenshot"].shape == (2, 720, 1280, 3)
    envs.close()


def test_browser_wants_an_address_or_a_task() -> None:
    for settings in (dict[str, Any](), {"url": "about:blank", "task": "miniwob/click-test-2"}):
        with pytest.raises(ConfigError, match="give either url"):
            make_browser(**settings)


@needs_browser
def test_results_of_an_edited_task_are_not_mixed_with_older_ones(tmp_path: Path) -> None:
    page = write_page(tmp_path, COUNTER)
    file = tmp_path / "mine.yaml"

    def run(goal: str) -> None:
        step = "{type: tap, label: Press}"
        file.write_text(
            f"tasks: {{go: {{goal: {goal}, url: '{page}', oracle: [{step}], "
            "success: {text: Pressed 1}}}"
        )
        tasks = select_tasks([str(file)])
        collect(OraclePolicy(tasks), tasks.values(), tmp_path / "store", episodes=1, devices=1)

    run("Press")
    with pytest.raises(ConfigError, match="version of mine/go"):
        run("Press once")
