"""Registers every task as a Gymnasium environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium

from agentenv.tasks.miniwob.pages import NAMES

if TYPE_CHECKING:
    from agentenv.env import DeviceEnv
    from agentenv.vector import DeviceVectorEnv


def register_envs() -> None:
    """Register ``agentenv/MiniWob-<page>-v0`` for every page; calling it again changes nothing.

    ``import agentenv`` does this. Gymnasium 1.0 and later load no plugins by themselves:
    import agentenv first, or let `gymnasium.make` do it by naming the module:
    ``gymnasium.make("agentenv:agentenv/MiniWob-click-test-2-v0")``.
    """
    for name in NAMES:
        environment = f"agentenv/MiniWob-{name}-v0"
        if environment not in gymnasium.registry:
            gymnasium.register(
                id=environment,
                entry_point="agentenv.registration:make_miniwob",
                vector_entry_point="agentenv.registration:make_miniwob_vector",
                kwargs={"task": f"miniwob/{name}"},
            )


def make_miniwob(task: str, engine: str = "auto", **settings: Any) -> DeviceEnv:
    """A MiniWoB++ task in a browser of its own, which closes with the environment.

    Args:
        task: id of the task, e.g. ``"miniwob/click-test-2"``.
        engine: which browser engine to use; see `agentenv.devices.browser.open_browser`.
        settings: for `DeviceEnv`, e.g. `split`, `dialect`, `max_steps`, `render_mode`.
    """
    from agentenv.env import DeviceEnv
    from agentenv.tasks import get_task

    chosen = get_task(task)
    return DeviceEnv(chosen, device_factory=lambda: chosen.open_device(engine), **settings)


def make_miniwob_vector(num_envs: int, task: str, **settings: Any) -> DeviceVectorEnv:
    """A MiniWoB++ task in several browsers, stepped at once: what `gymnasium.make_vec` gives.

    Args:
        num_envs: how many.
        task: id of the task, e.g. ``"miniwob/click-test-2"``.
        settings: see `agentenv.vector.make_vector`.
    """
    from agentenv.vector import make_vector

    return make_vector(task, num_envs, **settings)
