"""Many devices stepped at once, from one process."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError, DeviceError
from agentenv.tasks import get_task
from agentenv.worker import Worker, gather

logger = logging.getLogger(__name__)

VectorStep = tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]
"""Observations, rewards (n,) float64, terminated (n,) bool, truncated (n,) bool, infos."""


def browsers_at_once() -> int:
    """How many browsers keep this machine busy: two for each core that may be used.

    One computes while Python deals with the other; more only take turns.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 2 * (usable or 1)


class DeviceVectorEnv(VectorEnv[dict[str, Any], Any, np.ndarray]):
    """Environments on devices of their own, stepped concurrently.

    Behaves like Gymnasium's `SyncVectorEnv` on the same sub-environments: same batches,
    infos and autoreset modes. Each sub-environment has a thread, which mostly waits
    for its browser, and a browser: a page's state cannot be parked elsewhere, so there are
    as many browsers as sub-environments (about 100 MB each). Not more than `at_once` of
    them work at the same time.

    A sub-environment whose infrastructure fails is truncated with ``infra_error``, as
    `DeviceEnv` says, and leaves the others alone. If it cannot even be reset, its
    observation is blank, ``infra_error`` says why, and its next step is truncated (under
    `AutoresetMode.NEXT_STEP`, a failed autoreset is); then it is tried again.

    From asyncio, ``await asyncio.to_thread(envs.step, actions)`` does not block the loop;
    for environments that do not wait for each other see `agentenv.async_env`.

    Args:
        env_fns: each makes a sub-environment: a `DeviceEnv`, which may be wrapped. Their
            tasks may differ, their spaces may not.
        autoreset_mode: what happens where an episode ended; see Gymnasium.
        at_once: how many sub-environments work at the same time; `browsers_at_once()`
            if not given.

    Raises:
        ConfigError: no sub-environments, their spaces differ, or a setting is wrong.
    """

    def __init__(
        self,
        env_fns: Iterable[Callable[[], gymnasium.Env[Any, Any]]],
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        at_once: int | None = None,
    ) -> None:
        self.autoreset_mode = _checked_mode(autoreset_mode)
        at_once = browsers_at_once() if at_once is None else at_once
        if at_once < 1:
            raise ConfigError(f"at_once must be at least 1, not {at_once}")
        self.envs = tuple(make() for make in env_fns)
        if not self.envs:
            raise ConfigError("a vector environment needs at least one sub-environment")
        self.num_envs = len(self.envs)
        first = self.envs[0]
        self.metadata = {**first.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = first.render_mode
        self.single_observation_space = first.observation_space
        self.single_action_space = first.action_space
        self._check_spaces()
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        turns = threading.BoundedSemaphore(at_once)
        self._members = [_Member(env, self.autoreset_mode, turns) for env in self.envs]

    @property
    def infra_errors(self) -> Counter[str]:
        """Cause -> how often a device failed, in all sub-environments together."""
        total: Counter[str] = Counter()
        for member in self._members:
            total += member.infra_errors
        return total

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start episodes.

        Args:
            seed: one for each sub-environment, or the first one's, counted upwards.
            options: for the sub-environments; "reset_mask", a bool array of shape (n,),
                says which to reset, the others' observations are repeated.

        Raises:
            DeviceError: every device that was to be reset failed, twice.
            ConfigError: wrong seeds or options.
        """
        options = dict(options or {})
        chosen = self._chosen(options.pop("reset_mask", None))
        seeds = self._seeds(seed)
        outcomes = gather(
            self._members[i].submit(partial(self._members[i].reset, seeds[i], options))
            for i in chosen
        )
        if all(outcome.failure for outcome in outcomes) and len(chosen) == self.num_envs:
            raise outcomes[0].failure
        infos: dict[str, Any] = {}
        for i, outcome in zip(chosen, outcomes, strict=True):
            infos = self._add_info(infos, outcome.info, i)
        return self._observations(), infos

    def step(self, actions: Any) -> VectorStep:
        """Carry out an action in every sub-environment.

        Args:
            actions: a member of `action_space`, or a list with, for each sub-environment,
                anything that its `step` takes. Where an episode ended before
                (`AutoresetMode.NEXT_STEP`) the action is ignored.

        Returns:
            Like `DeviceEnv.step`, batched; where an episode ended under
            `AutoresetMode.SAME_STEP` the observation is the next one's first, and infos
            have "final_obs" and "final_info".

        Raises:
            ResetNeeded: no episode is running, and none is started by itself.
            ConfigError: not one action for each sub-environment.
        """
        ended = [i for i, member in enumerate(self._members) if member.over]
        if ended and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episodes of sub-environments {ended} are over: reset them with "
                "options={'reset_mask': ...} before the next step"
            )
        outcomes = gather(
            member.submit(partial(member.step, action))
            for member, action in zip(self._members, self._each(actions), strict=True)
        )
        infos: dict[str, Any] = {}
        for i, outcome in enumerate(outcomes):
            if outcome.final is not None:
                infos = self._add_info(infos, outcome.final, i)
            infos = self._add_info(infos, outcome.info, i)
        return (
            self._observations(),
            np.array([outcome.reward for outcome in outcomes], np.float64),
            np.array([outcome.terminated for outcome in outcomes], np.bool_),
            np.array([outcome.truncated for outcome in outcomes], np.bool_),
            infos,
        )

    def render(self) -> tuple[Any, ...]:
        """Each sub-environment's screen; see `DeviceEnv.render`."""
        return self.call("render")

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Each sub-environment's attribute of that name, called if it can be."""
        return tuple(
            gather(
                member.submit(partial(_call, member.env, name, args, kwargs))
                for member in self._members
            )
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Close every sub-environment, also if one of them raises."""
        try:
            gather(member.submit(member.env.close) for member in self._members)
        finally:
            for member in self._members:
                member.worker.stop()

    def _check_spaces(self) -> None:
        for i, env in enumerate(self.envs):
            for name in ("observation_space", "action_space"):
                if getattr(env, name) != getattr(self.envs[0], name):
                    raise ConfigError(
                        f"sub-environment {i} has another {name} than the first: sub-environments "
                        "of one vector need devices of the same size and with the same actions"
                    )

    def _observations(self) -> dict[str, Any]:
        """What each agent sees now, as one batch that shares no memory with the last."""
        space = self.single_observation_space
        empty: Any = create_empty_array(space, self.num_envs, fn=np.zeros)
        batch: Any = concatenate(space, [member.observation for member in self._members], empty)
        return batch

    def _chosen(self, mask: Any) -> list[int]:
        if mask is None:
            return list(range(self.num_envs))
        given = np.asarray(mask)
        if given.shape != (self.num_envs,) or given.dtype != np.bool_ or not given.any():
            raise ConfigError(
                f"reset_mask must be {self.num_envs} booleans, at least one of them true, "
                f"not {mask!r}"
            )
        return [int(i) for i in np.flatnonzero(given)]

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ConfigError(f"{len(seed)} seeds for {self.num_envs} sub-environments")
        return list(seed)

    def _each(self, actions: Any) -> list[Any]:
        """The actions one by one."""
        if isinstance(actions, (list, tuple)):
            each = list(actions)
        else:
            try:
                each = list(iterate(self.action_space, actions))
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise ConfigError(
                    "actions are neither a list nor a member of action_space: "
                    f"{type(error).__name__}: {error}"
                ) from error
        if len(each) != self.num_envs:
            raise ConfigError(f"{len(each)} actions for {self.num_envs} sub-environments")
        return each


@dataclass
class _Outcome:
    """What one sub-environment contributes to a batch, its observation apart."""

    info: dict[str, Any]
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    final: dict[str, Any] | None = None
    """"final_obs" and "final_info", where the next episode began in the same step."""
    failure: DeviceError | None = field(default=None)
    """Why there is no new episode."""


class _Member:
    """A sub-environment and the thread that uses it."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        mode: AutoresetMode,
        turns: threading.BoundedSemaphore,
    ) -> None:
        self.env = env
        self.mode = mode
        self.turns = turns
        self.worker = Worker("agentenv-vector")
        self.blank = _blank(env.observation_space)
        self.observation = self.blank
        self.over = False
        """Whether an episode has ended and no other has begun."""
        self.lost: _Outcome | None = None
        """A reset that failed, until a step has said so."""

    @property
    def infra_errors(self) -> Counter[str]:
        """The environment's own counts."""
        counts: Counter[str] = self.env.get_wrapper_attr("infra_errors")
        return counts

    def submit(self, task: Callable[[], Any]) -> Any:
        """Run a task in this sub-environment's thread when it is its turn; a future."""

        def run() -> Any:
            with self.turns:
                return task()

        return self.worker.submit(run)

    def reset(self, seed: int | None, options: dict[str, Any] | None) -> _Outcome:
        """Start an episode; if the device fails, the next step will be truncated."""
        outcome = self._begin(seed, options)
        self.over = False
        self.lost = outcome if outcome.failure else None
        return outcome

    def step(self, action: Any) -> _Outcome:
        """One step, and what the autoreset mode asks for."""
        if self.over and self.mode is AutoresetMode.NEXT_STEP:
            outcome = self._begin(None, None)
            outcome.truncated = self.over = outcome.failure is not None
            return outcome
        if self.lost is None:
            self.observation, reward, terminated, truncated, info = self.env.step(action)
            outcome = _Outcome(info, float(reward), bool(terminated), bool(truncated))
        else:
            outcome, self.lost = _Outcome(self.lost.info, truncated=True), None
        self.over = outcome.terminated or outcome.truncated
        if self.over and self.mode is AutoresetMode.SAME_STEP:
            outcome.final = {"final_obs": self.observation, "final_info": outcome.info}
            outcome.info = self.reset(None, None).info
        return outcome

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> _Outcome:
        try:
            self.observation, info = self.env.reset(seed=seed, options=options)
        except DeviceError as error:
            logger.warning("a sub-environment cannot be reset: %s", error)
            self.observation = self.blank
            info = {
                "infra_error": error.cause,
                "infra_message": str(error),
                "infra_errors": dict(self.infra_errors),
            }
            return _Outcome(info, failure=error)
        return _Outcome(info)


def make_vector(
    tasks: str | Sequence[str],
    num_envs: int | None = None,
    *,
    engine: str = "auto",
    autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    at_once: int | None = None,
    **settings: Any,
) -> DeviceVectorEnv:
    """A vector of tasks, each on a device that closes with it.

    Args:
        tasks: id of the task; or several, which the sub-environments take in turn.
        num_envs: how many sub-environments; if not given, one for each task, or for a
            single task as many as keep the machine busy.
        engine: which browser engine to use; see `agentenv.devices.browser.open_browser`.
        autoreset_mode, at_once: for `DeviceVectorEnv`.
        settings: for `DeviceEnv`, e.g. `split`, `max_steps`, `step_timeout`.

    Raises:
        ConfigError: no such task, or a setting is wrong.
    """
    names = [tasks] if isinstance(tasks, str) else list(tasks)
    if not names:
        raise ConfigError("name at least one task")
    if num_envs is None:
        num_envs = browsers_at_once() if isinstance(tasks, str) else len(names)

    def make(name: str) -> DeviceEnv:
        task = get_task(name)
        return DeviceEnv(task, device_factory=partial(task.open_device, engine), **settings)

    makers = [partial(make, names[i % len(names)]) for i in range(num_envs)]
    return DeviceVectorEnv(makers, autoreset_mode=autoreset_mode, at_once=at_once)


def _blank(space: gymnasium.Space[Any]) -> Any:
    """A member of a space that shows nothing."""
    empty = create_empty_array(space, 1, fn=np.zeros)
    return next(iter(iterate(batch_space(space, 1), empty)))


def _call(
    env: gymnasium.Env[Any, Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    attribute = env.get_wrapper_attr(name)
    return attribute(*args, **kwargs) if callable(attribute) else attribute


def _checked_mode(mode: str | AutoresetMode) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        choices = ", ".join(repr(one.value) for one in AutoresetMode)
        raise ConfigError(f"autoreset_mode is one of {choices}, not {mode!r}") from error
