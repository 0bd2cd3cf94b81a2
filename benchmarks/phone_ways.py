"""One policy on the same tasks of the phone, seen and touched in three ways: on its own browser's
page, through the real adb, and in another browser through Appium.

    npx appium &                              # with its Chromium driver
    python -m benchmarks.phone_ways --appium-url http://127.0.0.1:4723

Appium's Chromium driver on this machine stands for Chrome on Android: the same requests, answered
by the same ChromeDriver. Three policies are tried: the oracle, one that carries out another errand
on every third task, so that also failing is the same in all ways, and a trained model, which has to
read what each way shows it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Literal

from agentenv.actions import Action
from agentenv.data_files import data_file
from agentenv.devices.android.appium import URL, AppiumDriver
from agentenv.devices.android.chrome import desktop_chromium
from agentenv.devices.base import Device
from agentenv.devices.phone import open_phone_through
from agentenv.env import DeviceEnv
from agentenv.errors import ActionError, ConfigError
from agentenv.observations import Observation
from agentenv.policies.base import History, Policy, Turn
from agentenv.progress import console, track
from agentenv.statistics import wilson_interval
from agentenv.tasks import get_task
from agentenv.tasks.base import TaskInstance
from agentenv.tasks.phone.suite import PhoneTask
from benchmarks.command import command_of, run_command
from benchmarks.results_file import RESULTS, Row, three_digits, write_results

NAME = "phone_ways"
TASKS = (
    "phone/calendar-where",
    "phone/contacts-favourite",
    "phone/contacts-find-email",
    "phone/food-find-calories",
    "phone/messages-star",
    "phone/notes-pin",
    "phone/notes-write",
    "phone/restaurants-find-telephone",
    "phone/settings-rename",
    "phone/settings-theme",
)
"""Ten that the small model was taught; the instances are of the test split."""
STEP_TIMEOUT = 600.0
"""Seconds: a machine that others use too is no failure of the device."""
EVERY = 3
Way = Literal["page", "adb", "chrome"]
PolicyName = Literal["oracle", "wavering", "model"]
Acts = Callable[[Observation], Action]
"""Answers one screen after another of an episode."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Compare the ways to a phone."""

    tasks: tuple[str, ...] = TASKS
    """Ids."""
    instances: int = 3
    """Of each task."""
    policies: tuple[PolicyName, ...] = ("oracle", "wavering", "model")
    """Which act."""
    model: Path | None = None
    """Checkpoint of the policy "model", which says what is likeliest; else the small model's."""
    ways: tuple[Way, ...] = ("page", "adb", "chrome")
    """page: the phone's own browser; adb: the real adb; chrome: Appium's Chromium driver."""
    appium_url: str = URL
    """Of the Appium server."""
    results: Path = RESULTS
    """Folder for the results file."""


@dataclass
class Measured:
    """What one way has shown."""

    solved: dict[str, list[bool]] = field(default_factory=dict)
    """By policy, in the order of the tasks."""
    resets: list[float] = field(default_factory=list)
    """Seconds of each, with the first observation."""
    steps: list[float] = field(default_factory=list)
    """Seconds of each, with the next observation."""


def run(config: BenchmarkConfig) -> None:
    """Measure, print, write the results file.

    Raises:
        ConfigError: a name is not one of the phone's tasks, or something is not installed.
        DeviceError: a way failed.
    """
    tasks = [_phone_task(name) for name in config.tasks]
    model = _load(config.model) if "model" in config.policies else None
    command = command_of(NAME, config)
    total = len(config.ways) * len(config.policies) * len(tasks) * config.instances
    measured: dict[str, Measured] = {}
    with track("ways to a phone", total) as progress:
        for way in config.ways:
            measured[way] = Measured()
            with _device(way, config.appium_url) as device:
                _measure(config, tasks, device, measured[way], progress.advance, model)
    rows = [row for way in measured for row in rows_of(way, measured)]
    for row in rows:
        console.print(f"{row.label:8} {row.metric:16} {row.value:g} {row.unit}", highlight=False)
    write_results(NAME, rows, command, folder=config.results)


def _phone_task(name: str) -> PhoneTask:
    task = get_task(name)
    if not isinstance(task, PhoneTask):
        raise ConfigError(f"{name} is no task of the phone")
    return task


@contextmanager
def _device(way: Way, appium_url: str) -> Iterator[Device]:
    if way == "chrome":
        device: Device = open_phone_through(AppiumDriver(appium_url, desktop_chromium()))
    else:
        device = get_task(TASKS[0]).open_device("adb" if way == "adb" else "auto")
    try:
        yield device
    finally:
        device.close()


def _measure(
    config: BenchmarkConfig,
    tasks: Sequence[PhoneTask],
    device: Device,
    measured: Measured,
    done: Callable[[], None],
    model: Policy | None,
) -> None:
    for policy in config.policies:
        solved = measured.solved[policy] = []
        for number, task in enumerate(tasks):
            env = DeviceEnv(task, device, step_timeout=STEP_TIMEOUT)
            for index in range(config.instances):
                instance = task.instance("test", index)
                wavers = policy == "wavering" and (number + index) % EVERY == 0
                acts: Acts = task.other_errand(instance) if wavers else task.oracle(instance)
                if policy == "model":
                    assert model is not None
                    acts = one_episode(model)
                solved.append(_play(env, instance, acts, measured))
                done()


def _load(path: Path | None) -> Policy:
    from agentenv.policies.vlm import VLMPolicy  # imports torch, which takes seconds

    return VLMPolicy.from_pretrained(path or data_file("small_vlm"), temperature=0.0)


def one_episode(policy: Policy) -> Acts:
    """The policy, which is told what it has said so far."""
    turns: list[Turn] = []

    def acts(observation: Observation) -> Action:
        [decision] = policy.act([History(observation, tuple(turns))])
        turns.append(Turn(observation, decision.text))
        return decision.action

    return acts


def _play(env: DeviceEnv, instance: TaskInstance, acts: Acts, measured: Measured) -> bool:
    """Whether it succeeds; times are added to what is measured."""
    began = time.perf_counter()
    observation = env.begin(instance)
    measured.resets.append(time.perf_counter() - began)
    for _ in range(env.max_steps):
        try:
            action = acts(observation)
        except ActionError:  # another errand may lead nowhere on this phone
            return False
        began = time.perf_counter()
        result = env.advance(action)
        if result.infra_error:
            raise ConfigError(f"{instance.key}: {result.infra_message}; nothing is measured so")
        if result.terminated:  # ends the episode, and asks nothing of the device
            return result.reward == 1
        measured.steps.append(time.perf_counter() - began)
        observation = result.observation
    return False


def rows_of(way: str, measured: dict[str, Measured]) -> Iterator[Row]:
    """Success of each policy, and latencies, which are compared with the first way's."""
    first = next(iter(measured))
    one = measured[way]
    for policy, solved in one.solved.items():
        interval = wilson_interval(sum(solved), len(solved))
        value = sum(solved) / len(solved)
        yield Row(
            label=way, metric=f"solved_{policy}", value=value, unit="fraction", ci95=interval,
            n=len(solved),
        )  # fmt: skip
    latencies: dict[str, tuple[Callable[[Measured], list[float]], Callable[..., float]]] = {
        "step_p50": (lambda those: those.steps, median),
        "step_p95": (lambda those: those.steps, _p95),
        "reset_p50": (lambda those: those.resets, median),
    }
    for metric, (times, summary) in latencies.items():
        seconds, reference = summary(times(one)), summary(times(measured[first]))
        yield Row(
            label=way, metric=metric, value=three_digits(1000 * seconds), unit="ms",
            n=len(times(one)),
            vs={} if way == first else {first: three_digits(seconds / reference)},
        )  # fmt: skip


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    sys.exit(run_command(NAME, BenchmarkConfig, run))
