"""Our environment, for `benchmarks.stepping`."""

from __future__ import annotations

from dataclasses import replace

from agentenv.actions import Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import open_browser
from agentenv.env import DeviceEnv
from agentenv.tasks import get_task
from agentenv.tasks.base import Split, Task, TaskInstance
from agentenv.tasks.miniwob.suite import MiniWobTask
from benchmarks.stepping import SIZE, Stepper

_NO_LIMIT = 10**6


class OursAtUrl(MiniWobTask):
    """A page of MiniWoB++'s kind that lies elsewhere."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name)
        self._folder = folder

    def instance(self, split: Split, index: int) -> TaskInstance:
        instance = super().instance(split, index)
        assert isinstance(instance.setup, BrowserSetup)
        setup = replace(instance.setup, url=f"{self._folder}{self.name}.html")
        return replace(instance, setup=setup)


class OurStepper:
    """`DeviceEnv` on a browser of its own."""

    def __init__(self, task: Task) -> None:
        self._env = DeviceEnv(task, open_browser(*SIZE), max_steps=_NO_LIMIT)

    def reset(self, seed: int) -> None:
        self._observation, _ = self._env.reset(options={"index": seed})

    def tap(self, x: float, y: float) -> bool:
        action = Tap(point=(x / SIZE[0], y / SIZE[1]))
        self._observation, _, terminated, truncated, _ = self._env.step(action)
        return terminated or truncated

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        red, green, blue = self._observation["screenshot"][y, x].tolist()
        return red, green, blue

    def close(self) -> None:
        self._env.device.close()


def open_page(page: str, folder: str, variant: str) -> Stepper:
    """A page of the package, or of a folder given by its URL."""
    return OurStepper(OursAtUrl(page, folder) if folder else get_task(f"miniwob/{page}"))
