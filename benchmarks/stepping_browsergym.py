"""BrowserGym's MiniWoB++ environment, for `benchmarks.stepping`, in its own Python."""

from __future__ import annotations

import os
from typing import Any

from browsergym.core.action.highlevel import HighLevelActionSet
from browsergym.core.env import BrowserEnv
from browsergym.miniwob.base import AbstractMiniwobTask

from benchmarks.stepping import Stepper

NO_DELAYS = {"slow_mo": 0, "pre_observation_delay": 0.0}
_PATIENCE_MS = 60_000
"""Not to give up on a busy machine, as its own 5 s do; it makes nothing slower."""
SCALE = 1.5
"""Its screenshots of MiniWoB++ are that much larger than the page, and so are its coordinates."""


class BrowserGymStepper:
    """`BrowserEnv`, which starts a browser for each episode."""

    def __init__(self, page: str, base_url: str, settings: dict[str, Any]) -> None:
        class PageTask(AbstractMiniwobTask):
            subdomain = page

        actions = HighLevelActionSet(subsets=["coord", "bid"])
        self._env = BrowserEnv(
            PageTask,
            task_kwargs={"base_url": base_url},
            action_mapping=actions.to_python_code,
            timeout=_PATIENCE_MS,
            **settings,
        )

    def reset(self, seed: int) -> None:
        self._observation, _ = self._env.reset(seed=seed)

    def tap(self, x: float, y: float) -> bool:
        action = f"mouse_click({x * SCALE}, {y * SCALE})"
        self._observation, _, terminated, truncated, _ = self._env.step(action)
        if self._observation["last_action_error"]:
            raise SystemExit(self._observation["last_action_error"])
        return terminated or truncated

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        red, green, blue = self._observation["screenshot"][int(y * SCALE), int(x * SCALE)].tolist()
        return red, green, blue

    def close(self) -> None:
        self._env.close()


def open_page(page: str, folder: str, variant: str) -> Stepper:
    """A page of the folder that MINIWOB_URL names, or of another one given by its URL."""
    settings = NO_DELAYS if variant == "no_delays" else {}
    return BrowserGymStepper(page, folder or os.environ["MINIWOB_URL"], settings)
