"""Any address as a task."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from agentenv.devices.base import BrowserSetup, Device, NetworkPolicy
from agentenv.devices.browser.viewports import DEFAULT_VIEWPORT, Viewport, get_viewport
from agentenv.errors import ConfigError
from agentenv.tasks.base import Oracle, Split, Task, TaskInstance, Verdict
from agentenv.tasks.web.parameters import draw, fill, parse_parameters
from agentenv.tasks.web.scripted import Step, check_steps, scripted_oracle

Verify = Callable[[Mapping[str, Any], str | None], float]
"""From the page's state and the agent's answer (None: it gave none) to a reward in [0, 1]."""
Ends = Literal["success", "agent"]
"""Who ends an episode: the first full reward, or only the agent."""
DEFAULT_MAX_STEPS = 30
LOADED = "document.readyState === 'complete'"


class WebTask(Task):
    """A page, what to do there, and a function that judges it.

    Without `verify` it is free browsing: no reward, and no end but the agent's or the step
    limit's. In `goal`, `url` and the oracle's texts "{name}" stands for a parameter; the
    scripts read it as `parameters.name`.

    Args:
        url: an address, or a path of an HTML file.
        goal: in words.
        verify: judges the page after each action and at the end.
        state: JavaScript expression, a JSON object: what `verify` is given.
        start: JavaScript that puts the loaded page into its initial state; may await.
        ready: JavaScript expression that is true once the page is usable.
        parameters: name -> list of values, or ``{"train": [...], "test": [...]}``.
        max_steps: step limit of an episode.
        expected_steps: what a person needs; by default the oracle's, or half the limit.
        ends: whether the first full reward ends the episode, or only the agent.
        viewport: the screen, or the name of one (`agentenv.devices.browser.VIEWPORTS`).
        network: what the page may reach, or the address patterns that it may; None: all.
        storage_state: cookies and localStorage to begin with (Playwright's JSON file).
        files: what a file chooser may choose from.
        reload: load the page anew for each episode; without, only `start` runs where the
            page is still open, which is much faster, but then `start` must undo everything.
        oracle: a scripted solution, as actions whose targets are given by label.
        task_id: the task's name, "suite/name"; tasks of one suite run side by side.
        folder: what relative paths start from; by default the current one.

    Raises:
        ConfigError: an argument is wrong; the message names it.
    """

    def __init__(
        self,
        url: str,
        goal: str = "",
        verify: Verify | None = None,
        *,
        state: str = "({})",
        start: str = "",
        ready: str = LOADED,
        parameters: Mapping[str, Any] | None = None,
        max_steps: int = DEFAULT_MAX_STEPS,
        expected_steps: int | None = None,
        ends: Ends = "success",
        viewport: Viewport | str = DEFAULT_VIEWPORT,
        network: NetworkPolicy | Sequence[str] | None = None,
        storage_state: Path | None = None,
        files: Sequence[Path] = (),
        reload: bool = True,
        oracle: Sequence[Step] = (),
        task_id: str = "web/browse",
        folder: Path | None = None,
    ) -> None:
        if max_steps < 1:
            raise ConfigError(f"max_steps must be at least 1, not {max_steps}")
        suite, _, name = task_id.partition("/")
        if not suite or not name:
            raise ConfigError(f"task_id must be 'suite/name', not {task_id!r}")
        self.id = task_id
        self.max_steps = max_steps
        self.expected_steps = expected_steps or len(oracle) or math.ceil(max_steps / 2)
        self.viewport = get_viewport(viewport) if isinstance(viewport, str) else viewport
        self.ends = ends
        self._url, self._goal = url, goal
        self._verify, self._state, self._start, self._ready = verify, state, start, ready
        self._parameters = parse_parameters(parameters or {})
        self._folder = (folder or Path()).resolve()
        if network is not None and not isinstance(network, NetworkPolicy):
            network = NetworkPolicy(allow=tuple(network))
        self._network = network
        self._storage_state = None if storage_state is None else self._existing(storage_state)
        self._files = tuple(map(self._existing, files))
        self._reload = reload
        check_steps(oracle)
        self._oracle = tuple(oracle)

    def instance(self, split: Split, index: int) -> TaskInstance:
        """The instance of that number: the task with parameters drawn from the split's values.

        Raises:
            ConfigError: a template names a parameter that does not exist, or the page is a
                file that does not.
        """
        values = draw(self._parameters, self.id, split, index)
        listed = json.dumps(values)
        setup = BrowserSetup(
            url=self._address(values),
            start=f"const parameters = {listed};\n{self._start}" if self._start else "",
            ready=self._ready,
            state=self.state_expression(values),
            reload=self._reload,
            network=self._network,
            storage_state=self._storage_state,
            files=self._files,
        )
        goal = fill(self._goal, values)
        return TaskInstance(self.id, split, index, setup, goal, values)

    def state_expression(self, values: Mapping[str, Any]) -> str:
        """JavaScript giving what `verify` reads, for an instance with these parameters."""
        return f"((parameters) => ({self._state}\n))({json.dumps(values)})"

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """What the task's function says.

        Raises:
            ConfigError: it gave no number from 0 to 1.
        """
        if self._verify is None:
            return Verdict(reward=0.0, done=False)
        reward = self._verify(state, answer)
        if not isinstance(reward, (int, float)) or not 0 <= reward <= 1:
            raise ConfigError(f"{self.id}: verify gave {reward!r}, not a number from 0 to 1")
        return self.verdict(float(reward))

    def verdict(self, reward: float) -> Verdict:
        """The verdict that goes with a reward."""
        return Verdict(reward, done=reward >= 1 and self.ends == "success", raw_reward=reward)

    def open_device(self, engine: str = "auto") -> Device:
        """A browser with the task's screen."""
        from agentenv.devices.browser import open_browser

        return open_browser(engine=engine, viewport=self.viewport)

    @property
    def has_oracle(self) -> bool:
        """Whether `oracle` works."""
        return bool(self._oracle)

    def oracle(self, instance: TaskInstance) -> Oracle:
        """The scripted solution; see `agentenv.tasks.web.scripted`."""
        return (
            scripted_oracle(self._oracle, instance.parameters)
            if self._oracle
            else (super().oracle(instance))
        )

    def _address(self, values: Mapping[str, Any]) -> str:
        """The page's address; parameters in it are percent-encoded."""
        url = fill(self._url, values, lambda value: quote(value, safe=""))
        if urlsplit(url).scheme:
            return url
        path = url.partition("#")[0].partition("?")[0]
        return self._existing(Path(path), "url").as_uri() + url[len(path) :]

    def _existing(self, path: Path, what: str = "file") -> Path:
        found = self._folder / Path(path).expanduser()
        if not found.is_file():
            hint = " (an address begins with https://)" if what == "url" else ""
            raise ConfigError(f"{what}: {found} is no file{hint}")
        return found
