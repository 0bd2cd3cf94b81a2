"""Use an emulator that is up as an agent does.

python -m emulators.verify adb|appium|tasks|chrome
python -m emulators.verify apps SUITE   (that `agentenv import myphonebench --device android` wrote)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from agentenv.actions import Finish, OpenApp, PressKey, Scroll
from agentenv.devices.adb.driver import AdbDriver
from agentenv.devices.android.appium import AppiumDriver
from agentenv.devices.android.attach import Address, open_android
from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.driver import Driver
from agentenv.devices.android.owned import OwnedAndroid
from agentenv.devices.android.setup import AndroidSetup
from agentenv.devices.base import Device
from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError
from agentenv.tasks import get_task, suite
from agentenv.tasks.myphonebench.android import AndroidBenchTask
from emulators import state

SETTINGS = "com.android.settings"
WIDTH, HEIGHT = 360, 760
IN_CHROME = "phone/notes-write"


def use(device: Device) -> None:
    """Open the settings, scroll, come back; each screen must have a picture and elements."""
    device.reset(AndroidSetup())
    home = device.observe()
    device.act(OpenApp(app=SETTINGS))
    opened = device.observe()
    assert opened.location.startswith(SETTINGS), opened.location
    assert len(opened.elements) > 3, opened.elements
    device.act(Scroll(direction="down"))
    assert device.observe().png != opened.png, "scrolling changed nothing"
    device.act(PressKey(key="home"))
    assert device.observe().location == home.location
    assert isinstance(device, AndroidDevice)
    assert not device.failures, dict(device.failures)


def begin_tasks(device: Device) -> None:
    """Every task on system apps must begin undone: its commands work, and so do those that read."""
    for task in suite("android").values():
        env = DeviceEnv(task, device, split="test")
        env.begin(task.instance("test", 0))
        result = env.advance(Finish())
        assert not result.infra_error, f"{task.id}: {result.infra_message}"
        assert result.reward == 0, f"{task.id} is done before it begins"


def solve_in_chrome(device: Device) -> None:
    """The phone's page in the emulator's Chrome: the oracle must solve its task there."""
    task = get_task(IN_CHROME)
    env = DeviceEnv(task, device, split="test")
    observation = env.begin(task.instance("test", 0))
    oracle = task.oracle(env.instance)
    for _ in range(env.max_steps):
        result = env.advance(oracle(observation))
        observation = result.observation
        if result.terminated or result.infra_error:
            break
    assert result.reward == 1, result.infra_message or observation.last_action_error


def begin_own_apps(device: Device, path: str) -> None:
    """Of each app of an imported suite one task: the app is installed and filled, its task is
    undone, the app opens, and its database can be read."""
    first: dict[str, AndroidBenchTask] = {}
    for task in suite(path).values():
        assert isinstance(task, AndroidBenchTask)
        first.setdefault(task.android.id, task)
    for task in first.values():
        env = DeviceEnv(task, device, split="test")
        env.begin(task.instance("test", 0))
        result = env.advance(OpenApp(app=task.android.id))
        assert not result.infra_error, f"{task.id}: {result.infra_message}"
        assert result.observation.location.startswith(task.android.package), task.id
        result = env.advance(Finish())
        assert not result.infra_error, f"{task.id}: {result.infra_message}"
        assert result.reward == 0, f"{task.id} is done before it begins"


def main(words: Sequence[str]) -> None:
    """Check one way of using the first emulator that is up.

    Raises:
        ConfigError: none is up, or there is no such way.
        AssertionError: something is not as it should be.
    """
    emulators = state.load()
    if emulators and words[:1] == ["apps"] and len(words) == 2:
        phone = OwnedAndroid(open_android(Address(serial=emulators[0].serial).engine))
        try:
            begin_own_apps(phone, words[1])
        finally:
            phone.close()
        return
    if not emulators or len(words) != 1 or words[0] not in WAYS:
        raise ConfigError(f"say one of {', '.join(WAYS)} or apps SUITE, while an emulator is up")
    open_device, check = WAYS[words[0]]
    device = open_device(emulators[0])
    try:
        check(device)
    finally:
        device.close()


def _android(driver: Driver) -> AndroidDevice:
    return AndroidDevice(driver, WIDTH, HEIGHT)


def _chrome(one: state.Emulator) -> Device:
    return get_task(IN_CHROME).open_device(Address(one.appium_url, one.serial).engine)


WAYS: dict[str, tuple[Callable[[state.Emulator], Device], Callable[[Device], None]]] = {
    "adb": (lambda one: _android(AdbDriver(one.serial)), use),
    "appium": (lambda one: _android(AppiumDriver(one.appium_url)), use),
    "tasks": (lambda one: _android(AdbDriver(one.serial)), begin_tasks),
    "chrome": (_chrome, solve_in_chrome),
}


if __name__ == "__main__":
    main(sys.argv[1:])
