"""MiniWoB++ pages as tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agentenv.actions import Action
from agentenv.devices.base import BrowserSetup, Device
from agentenv.errors import ActionError, ConfigError
from agentenv.observations import Observation
from agentenv.tasks.base import Oracle, Split, Task, TaskInstance, Verdict
from agentenv.tasks.miniwob.oracles import ORACLES
from agentenv.tasks.miniwob.pages import (
    DEFAULT_STEPS,
    EXPECTED_STEPS,
    HEIGHT,
    NAMES,
    RELOADED,
    WIDTH,
    html_folder,
)

READY = (
    "document.readyState === 'complete' && typeof core === 'object' && core.cover_div !== null"
    " && (typeof WOB_TASK_READY === 'undefined' || WOB_TASK_READY)"
)

# What is not part of the task is hidden: the "START" cover, the reward display, the trace
# of clicks. The page's goal bar stays on the screen but leaves the accessibility tree,
# since an agent is told the goal anyway. Some pages have goals that only data mode "test"
# gives. 2**31 - 1 ms is the longest delay that a timer takes (a longer one fires at once):
# the page's own time limit never ends an episode.
START = """
if (!document.getElementById('agentenv-style')) {
  const style = document.createElement('style');
  style.id = 'agentenv-style';
  style.textContent =
    '#sync-task-cover, #reward-display, #click-canvas { display: none !important; }';
  document.head.appendChild(style);
}
document.getElementById('query').setAttribute('aria-hidden', 'true');
if (window.jQuery) jQuery.fx.off = true;
core.agentenvTimeLimit ??= core.EPISODE_MAX_TIME;
core.EPISODE_MAX_TIME = 2147483647;
core.setDataMode(%s);
Math.seedrandom(%s);
core.startEpisodeReal();
"""

# Where a page pays less the later it is solved, its own reward tells how late that was.
STATE = """
(() => {
  const utterance = core.getUtterance();
  const raw = WOB_RAW_REWARD_GLOBAL;
  const spent = raw ? (1 - WOB_REWARD_GLOBAL / raw) * core.EPISODE_MAX_TIME : 0;
  return {
    goal: typeof utterance === 'string' ? utterance : utterance.utterance,
    done: WOB_DONE_GLOBAL,
    raw_reward: WOB_RAW_REWARD_GLOBAL,
    decayed_reward: raw * Math.max(0, 1 - spent / core.agentenvTimeLimit),
    reason: WOB_REWARD_REASON,
  };
})()
"""


class MiniWobTask(Task):
    """One page of MiniWoB++. Its random numbers are seeded with "<split>/<index>"."""

    def __init__(self, name: str) -> None:
        """`name` is the page's, e.g. ``"click-test-2"``."""
        self.name = name
        self.id = f"miniwob/{name}"
        self.expected_steps = EXPECTED_STEPS.get(name, DEFAULT_STEPS)
        self.max_steps = 2 * self.expected_steps + 2

    def instance(self, split: Split, index: int) -> TaskInstance:
        """The instance of that number.

        Raises:
            ConfigError: the `miniwob` package, which carries the pages, is not installed.
        """
        mode = "test" if split == "test" else "train"
        page = html_folder() / "miniwob" / f"{self.name}.html"
        setup = BrowserSetup(
            url=page.as_uri(),
            start=START % (json.dumps(mode), json.dumps(f"{split}/{index}")),
            ready=READY,
            state=STATE,
            reload=self.name in RELOADED,
        )
        return TaskInstance(task=self.id, split=split, index=index, setup=setup)

    def goal(self, instance: TaskInstance, state: Mapping[str, Any]) -> str:
        """The goal as the page words it."""
        return str(state["goal"])

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """Success is a raw reward above 0; the page says itself when it is over.

        `info` also has the "decayed_reward": what the page pays for this raw reward within
        its own time limit (10 s, on most pages), less the later the episode ended. Page time
        counts, which passes in actions only (about half a second in each): a measure of how
        many steps were taken and how long was waited, not of how fast the agent thinks.
        """
        raw = float(state["raw_reward"] or 0.0)
        info = {"decayed_reward": float(state["decayed_reward"] or 0.0)}
        return Verdict(float(raw > 0), bool(state["done"]), raw_reward=raw, info=info)

    def open_device(self, engine: str = "auto") -> Device:
        """A browser of the pages' size."""
        from agentenv.devices.browser import open_browser

        return open_browser(WIDTH, HEIGHT, engine)

    @property
    def has_oracle(self) -> bool:
        """Whether `oracle` works."""
        return self.name in ORACLES

    def oracle(self, instance: TaskInstance) -> Oracle:
        """A function of the observation alone, so that it also labels others' states.

        It raises `ActionError` on a screen from which it does not know how to go on.
        """
        if self.name not in ORACLES:
            raise ConfigError(f"task {self.id} has no oracle")
        solve = ORACLES[self.name]

        def next_action(now: Observation) -> Action:
            try:
                return solve(now)
            except LookupError as missing:
                raise ActionError("this screen does not show what the oracle needs") from missing

        return next_action


def tasks() -> dict[str, Task]:
    """Every task of the suite by its id."""
    return {task.id: task for task in map(MiniWobTask, NAMES)}
