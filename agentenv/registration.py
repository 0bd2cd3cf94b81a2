"""Registers every task, and any web page, as a Gymnasium environment."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import gymnasium

from agentenv.errors import ConfigError
from agentenv.tasks.android.names import NAMES as ANDROID_NAMES
from agentenv.tasks.miniwob.pages import NAMES
from agentenv.tasks.phone.names import template_names

if TYPE_CHECKING:
    from agentenv.env import DeviceEnv
    from agentenv.tasks.base import Task
    from agentenv.vector import DeviceVectorEnv

BROWSER = "agentenv/Browser-v0"


def register_envs() -> None:
    """Register ``agentenv/Browser-v0``, ``agentenv/Phone-<task>-v0`` for every task of the
    embedded phone, ``agentenv/MiniWob-<page>-v0`` for every page, and
    ``agentenv/Android-<task>-v0`` for every task on an emulator or a handset.

    Calling it again changes nothing.

    ``import agentenv`` does this. Gymnasium 1.0 and later load no plugins by themselves:
    import agentenv first, or let `gymnasium.make` do it by naming the module:
    ``gymnasium.make("agentenv:agentenv/MiniWob-click-test-2-v0")``.
    """
    if BROWSER not in gymnasium.registry:
        gymnasium.register(
            id=BROWSER,
            entry_point="agentenv.registration:make_browser",
            vector_entry_point="agentenv.registration:make_browser_vector",
        )
    suites = {"Phone": template_names(), "MiniWob": NAMES, "Android": ANDROID_NAMES}
    for suite, names in suites.items():
        for name in names:
            environment = f"agentenv/{suite}-{name}-v0"
            if environment not in gymnasium.registry:
                gymnasium.register(
                    id=environment,
                    entry_point="agentenv.registration:make_suite_task",
                    vector_entry_point="agentenv.registration:make_suite_task_vector",
                    kwargs={"task": f"{suite.lower()}/{name}"},
                )


def make_suite_task(task: str, engine: str = "auto", **settings: Any) -> DeviceEnv:
    """A task of a suite on a device of its own, which closes with the environment.

    Args:
        task: its id, e.g. ``"miniwob/click-test-2"`` or ``"phone/notes-write"``.
        engine: which browser engine to use; see `agentenv.devices.browser.open_browser`. Tasks
            of the phone and of Android also take an emulator's or a handset's address; see
            `agentenv.devices.android.attach`.
        settings: for `DeviceEnv`, e.g. `split`, `dialect`, `max_steps`, `render_mode`.
    """
    from agentenv.env import DeviceEnv
    from agentenv.tasks import get_task

    chosen = get_task(task)
    return DeviceEnv(chosen, device_factory=lambda: chosen.open_device(engine), **settings)


def make_suite_task_vector(num_envs: int, task: str, **settings: Any) -> DeviceVectorEnv:
    """A task of a suite on several devices, stepped at once: what `gymnasium.make_vec` gives.

    Args:
        num_envs: how many.
        task: id of the task, e.g. ``"miniwob/click-test-2"``.
        settings: see `agentenv.vector.make_vector`.
    """
    from agentenv.vector import make_vector

    return make_vector(task, num_envs, **settings)


def make_browser(
    task: Task | str | None = None, *, url: str = "", engine: str = "auto", **settings: Any
) -> DeviceEnv:
    """Any page as an environment, in a browser of its own.

    Args:
        task: a task, or its name: ``"my_tasks.yaml#buy"``, ``"miniwob/click-test-2"``.
        url: instead of a task, the page to begin with; free browsing unless `verify` is given.
        engine: which browser engine to use; see `agentenv.devices.browser.open_browser`.
        settings: for `WebTask` beside `url` (`goal`, `verify`, `viewport`, ...), and for
            `DeviceEnv` (`split`, `dialect`, `max_steps`, `render_mode`).

    Raises:
        ConfigError: neither a task nor an address, or both; or one of them is wrong.
    """
    from agentenv.env import DeviceEnv
    from agentenv.tasks import get_task
    from agentenv.tasks.web import WebTask

    if (task is None) == (not url):
        raise ConfigError("give either url='https://...' or task=..., the name of a task")
    if task is None:
        fields = settings.keys() & signature(WebTask).parameters.keys()
        task = WebTask(url, **{name: settings.pop(name) for name in fields})
    chosen = get_task(task) if isinstance(task, str) else task
    return DeviceEnv(chosen, device_factory=lambda: chosen.open_device(engine), **settings)


def make_browser_vector(num_envs: int, **settings: Any) -> DeviceVectorEnv:
    """The same in several browsers, stepped at once: what `gymnasium.make_vec` gives.

    Args:
        num_envs: how many sub-environments.
        settings: as for `make_browser`.
    """
    from agentenv.vector import DeviceVectorEnv

    return DeviceVectorEnv([partial(make_browser, **settings) for _ in range(num_envs)])
