"""Farama's MiniWoB++ environment (Selenium), for `benchmarks.stepping`, in its own Python."""

from __future__ import annotations

from miniwob.action import ActionTypes
from miniwob.environment import MiniWoBEnvironment

from benchmarks.stepping import Stepper

_NO_LIMIT_MS = 1_000_000
"""BrowserGym's."""


def _no_fields(goal: str) -> list[tuple[str, str]]:
    """Our own page has none, and the environment must be told so."""
    return []


class MiniWobStepper:
    """`MiniWoBEnvironment`, whose browser is found through MINIWOB_CHROME_BINARY."""

    def __init__(self, page: str, base_url: str | None) -> None:
        self._env = MiniWoBEnvironment(
            page, base_url=base_url, field_extractor=_no_fields if base_url else None
        )
        # As in the others, no episode ends because the machine is slow.
        self._env.instance.driver.execute_script(f"core.EPISODE_MAX_TIME = {_NO_LIMIT_MS}")

    def reset(self, seed: int) -> None:
        self._observation, _ = self._env.reset(seed=seed)

    def tap(self, x: float, y: float) -> bool:
        action = self._env.unwrapped.create_action(ActionTypes.CLICK_COORDS, coords=[x, y])
        self._observation, _, terminated, truncated, _ = self._env.step(action)
        return terminated or truncated

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        red, green, blue = self._observation["screenshot"][y, x].tolist()
        return red, green, blue

    def close(self) -> None:
        self._env.close()


def open_page(page: str, folder: str, variant: str) -> Stepper:
    """A page of the package, or of a folder given by its URL."""
    return MiniWobStepper(page, folder or None)
