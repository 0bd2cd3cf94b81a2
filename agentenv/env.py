"""The Gymnasium environment: one task, on one device."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from agentenv.actions import Action, Answer, Finish, Invalid
from agentenv.devices.base import Device
from agentenv.dialects import Dialect, get_dialect
from agentenv.errors import ActionError, ConfigError, DeviceError
from agentenv.observations import Observation, Screen
from agentenv.spaces import action_space, decode_action, encode_observation, observation_space
from agentenv.tasks import get_task
from agentenv.tasks.base import INSTANCES_PER_SPLIT, SPLITS, Split, Task, TaskInstance, Verdict
from agentenv.transition import Transition

if TYPE_CHECKING:
    from agentenv.live import LiveView, Panel

logger = logging.getLogger(__name__)

STEP_TIMEOUT = 60.0
"""Seconds a step may take, if nothing else is said."""

EnvAction = Action | str | bytes | Mapping[str, Any]
"""What `DeviceEnv.step` takes: an action, text in the dialect, or a member of the space."""


class DeviceEnv(gymnasium.Env[dict[str, Any], Any]):
    """A task on a device.

    The agent's mistakes (`Invalid`, `ActionError`) count as a step and are told in
    `last_action_error`; the device's failures end the episode as truncated, with
    ``info["infra_error"]``, and the next `reset` connects anew. `infra_errors` counts
    all of them by their causes, also those that a second try at a reset made good.

    `reset` and `step` are Gymnasium's. `begin` and `advance` are the same with typed
    values, for callers that need no arrays.

    Args:
        task: what to do, or its id.
        device: where; it stays open when the environment is closed.
        dialect: how actions given as text are written.
        split: which instances `reset` draws from.
        max_steps: step limit instead of the task's own.
        render_mode: None, "rgb_array", or "human": a live view in the user's browser, which
            opens with the first episode and shows each action before it is carried out.
        device_factory: makes the device if none is given; by default the task does. Such
            a device is closed with the environment.
        step_timeout: seconds a step may take on the device; a longer one is a failure of
            the infrastructure ("deadline"). None: as long as the device's own limits allow.

    Raises:
        ConfigError: an argument is wrong.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 2}  # noqa: RUF012 (Gymnasium's)

    def __init__(
        self,
        task: Task | str,
        device: Device | None = None,
        dialect: str | Dialect = "json",
        split: Split = "train",
        max_steps: int | None = None,
        render_mode: str | None = None,
        device_factory: Callable[[], Device] | None = None,
        step_timeout: float | None = STEP_TIMEOUT,
    ) -> None:
        self.task = get_task(task) if isinstance(task, str) else task
        self.dialect = get_dialect(dialect)
        self.split = _checked_split(split)
        self.max_steps = self.task.max_steps if max_steps is None else max_steps
        if self.max_steps < 1:
            raise ConfigError(f"max_steps must be at least 1, not {self.max_steps}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ConfigError(
                f"render_mode must be None, 'human' or 'rgb_array', not {render_mode!r}"
            )
        self.render_mode = render_mode
        if step_timeout is not None and step_timeout <= 0:
            raise ConfigError(f"step_timeout must be more than 0 seconds, not {step_timeout}")
        self.step_timeout = step_timeout
        self.infra_errors: Counter[str] = Counter()
        self._view: LiveView | None = None
        self._panel: Panel | None = None
        self._owns_device = device is None
        self.device = (device_factory or self.task.open_device)() if device is None else device
        types = (*self.device.features.action_types, "answer", "finish")
        self.action_types = tuple(dict.fromkeys(types))
        self._instance: TaskInstance | None = None
        self._observation: Observation | None = None
        self._over = True

    # Made when asked for: rollouts make an environment for each episode and need no spaces.
    @cached_property
    def action_space(self) -> spaces.Dict:  # type: ignore[override]
        """Actions as Gymnasium samples them; see `agentenv.spaces.action_space`."""
        return action_space(self.action_types)

    @cached_property
    def observation_space(self) -> spaces.Dict:  # type: ignore[override]
        """See `agentenv.spaces.observation_space`."""
        return observation_space(self.device.features)

    @property
    def instance(self) -> TaskInstance:
        """The current (or last) episode's.

        Raises:
            ResetNeeded: there was none yet.
        """
        if self._instance is None:
            raise ResetNeeded("Cannot read env.instance before calling env.reset()")
        return self._instance

    @property
    def observation(self) -> Observation:
        """What the agent sees now, typed.

        Raises:
            ResetNeeded: nothing yet.
        """
        if self._observation is None:
            raise ResetNeeded("Cannot read env.observation before calling env.reset()")
        return self._observation

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; the same seed gives the same instance.

        Args:
            seed: seeds `np_random`, from which the instance is drawn.
            options: "index" chooses the instance, "split" the split (both optional).

        Returns:
            A member of `observation_space`, and info with the instance's key.

        Raises:
            DeviceError: the device failed twice.
            ConfigError: options that do not exist.
        """
        super().reset(seed=seed)
        observation = self.begin(self._choose_instance(options or {}))
        return encode_observation(observation), {"instance": self.instance.key}

    def step(self, action: EnvAction) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carry out one action.

        Returns:
            Observation, reward, terminated (the agent ended the episode, or the task
            is over), truncated (step limit or infrastructure) and info: "instance",
            "sent" (the action as the device did it, None if refused), "raw_reward",
            "success"; and after a failure of the infrastructure "infra_error" (its
            cause), "infra_message" and "infra_errors" (this environment's counts so far), and
            once the network policy has blocked any, "blocked_requests" (addresses).

        Raises:
            ResetNeeded: no episode is running.
        """
        if isinstance(action, (str, bytes)):
            action = self.dialect.parse(action)
        elif isinstance(action, Mapping):
            action = decode_action(action, self.action_types)
        result = self.advance(action)
        info: dict[str, Any] = {
            **result.info,
            "instance": self.instance.key,
            "sent": result.sent,
            "raw_reward": result.raw_reward,
            "success": result.success,
        }
        if result.infra_error:
            info["infra_error"] = result.infra_error
            info["infra_message"] = result.infra_message
            info["infra_errors"] = dict(self.infra_errors)
        if result.blocked_requests:
            info["blocked_requests"] = result.blocked_requests
        observation = encode_observation(result.observation)
        return observation, result.reward, result.terminated, result.truncated, info

    def begin(self, instance: TaskInstance) -> Observation:
        """Start an episode of this instance: `reset`, typed.

        Raises:
            DeviceError: the device failed twice.
        """
        self._over = True
        try:
            observation = self._open(instance)
        except DeviceError as error:
            logger.warning("%s: reset failed, connecting anew: %s", instance.key, error)
            self._fail(error)
            try:
                observation = self._open(instance)
            except DeviceError as again:
                self._fail(again)
                raise
        self._instance, self._observation, self._over = instance, observation, False
        if self.render_mode == "human":
            self._watched().began(self)
        return observation

    def save(self) -> str:
        """Keep the device's state as it is between two steps; the token, for `resume`.

        Raises:
            DeviceError: the device failed, or has no snapshots.
        """
        try:
            return self.device.snapshot()
        except DeviceError as error:
            self._fail(error)
            raise

    def resume(self, instance: TaskInstance, token: str, seen: Observation) -> None:
        """Go on with an episode where it was saved, by this or another environment.

        Args:
            instance: the episode's.
            token: of `save`.
            seen: what the agent saw then, and sees now.

        Raises:
            DeviceError: the device failed, or shows another screen than then ("not_restored").
        """
        self._over = True
        try:
            self.device.restore(token)  # which may have to connect first, as a reset does
            screen = self.device.observe()
            if _shown(screen) != _shown(seen):
                raise DeviceError("the restored screen is not the one it was", "not_restored")
        except DeviceError as error:
            self._fail(error)
            raise
        self._instance, self._observation, self._over = instance, seen, False
        if self.render_mode == "human":
            self._watched().began(self)

    def advance(self, action: Action) -> Transition:
        """Carry out one action: `step`, typed.

        Raises:
            ResetNeeded: no episode is running.
        """
        if self._over:
            raise ResetNeeded("Cannot call env.step() before calling env.reset(), or after the end")
        if self._panel is not None:
            self._panel.acting(action)
        result = self._advance(action)
        # Only browsers have a network policy.
        result = replace(result, blocked_requests=tuple(getattr(self.device, "blocked", ())))
        self._observation = result.observation
        self._over = result.terminated or result.truncated
        if self._panel is not None:
            self._panel.advanced(result, action)
            if self._over:
                self._panel.linger()
        return result

    def render(self) -> np.ndarray | None:
        """The screen as (height, width, 3) uint8, in render mode "rgb_array".

        In render mode "human" there is nothing to call: every step shows itself.
        """
        if self.render_mode is None:
            gymnasium.logger.warn('render() needs render_mode="rgb_array" or "human"')
        if self.render_mode != "rgb_array":
            return None
        return self.observation.screenshot.copy()

    def close(self) -> None:
        """End the episode and the live view; close the device if the environment made it."""
        self._over = True
        if self._view is not None:
            self._view.close()
            self._view = self._panel = None
        if self._owns_device:
            self.device.close()

    def _watched(self) -> Panel:
        """The live view's panel, which opens when it is first needed."""
        if self._panel is None:
            from agentenv.live import LiveView

            self._view = LiveView(self.task.id, seconds=1 / self.metadata["render_fps"])
            self._panel = self._view.panel()
            self._view.announce()
        return self._panel

    def _choose_instance(self, options: dict[str, Any]) -> TaskInstance:
        unknown = sorted(options.keys() - {"index", "split"})
        if unknown:
            raise ConfigError(f"reset has no options {unknown}; there are 'index' and 'split'")
        split = _checked_split(options.get("split", self.split))
        index = options.get("index")
        if index is None:
            return self.task.sample(self.np_random, split)
        if not 0 <= int(index) < INSTANCES_PER_SPLIT:
            raise ConfigError(f"index must be from 0 to {INSTANCES_PER_SPLIT - 1}, not {index}")
        return self.task.instance(split, int(index))

    def _open(self, instance: TaskInstance) -> Observation:
        self.device.reset(instance.setup)
        goal = self.task.goal(instance, self.device.state())
        screen = self.device.observe()
        return _observation(screen, goal)

    def _advance(self, action: Action) -> Transition:
        before = self.observation
        if isinstance(action, Invalid):
            return self._refused(before, action.reason)
        if action.type not in self.action_types:
            choices = ", ".join(self.action_types)
            reason = f"type: {action.type!r} is not possible here; one of {choices}"
            return self._refused(before, reason)
        sent: Action | None = action
        error = ""
        ended = isinstance(action, (Answer, Finish))
        try:
            with self._limited():
                if not ended:
                    try:
                        sent = self.device.act(action)
                    except ActionError as refusal:
                        sent, error = None, str(refusal)
                verdict = self._verify(action)
                # The device may have changed even if it refused the action.
                screen = self.device.observe()
        except DeviceError as failure:
            logger.warning("%s: the device failed: %s", self.instance.key, failure)
            self._fail(failure)
            return Transition(
                before,
                sent,
                reward=0.0,
                terminated=False,
                truncated=True,
                infra_error=failure.cause,
                infra_message=str(failure),
            )
        after = _observation(screen, before.goal, before.step + 1, error)
        terminated = ended or verdict.done
        return Transition(
            after,
            sent,
            reward=float(verdict.reward) if terminated else 0.0,
            terminated=terminated,
            truncated=not terminated and after.step >= self.max_steps,
            raw_reward=verdict.raw_reward,
            info=verdict.info,
        )

    def _refused(self, before: Observation, reason: str) -> Transition:
        """A step in which the device was not touched."""
        step = before.step + 1
        after = replace(before, step=step, last_action_error=reason, messages=())
        truncated = after.step >= self.max_steps
        return Transition(after, sent=None, reward=0.0, terminated=False, truncated=truncated)

    def _verify(self, action: Action) -> Verdict:
        answer = action.text if isinstance(action, Answer) else None
        return self.task.verify(self.instance, self.device.state(), answer)

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        """The device gives up once the step has taken too long."""
        if self.step_timeout is not None:
            self.device.deadline = time.monotonic() + self.step_timeout
        try:
            yield
        finally:
            self.device.deadline = None

    def _fail(self, error: DeviceError) -> None:
        """Count a failure, and let the next reset connect anew: half a connection helps nobody."""
        self.infra_errors[error.cause] += 1
        with contextlib.suppress(DeviceError):
            self.device.close()


def _observation(screen: Screen, goal: str, step: int = 0, error: str = "") -> Observation:
    return Observation(
        screen.png,
        screen.elements,
        screen.location,
        goal,
        step,
        error,
        messages=screen.messages,
    )


def _shown(screen: Screen) -> tuple[object, ...]:
    """The screen itself, without what was said beside it."""
    return screen.png, screen.elements, screen.location


def _checked_split(split: str) -> Split:
    for known in SPLITS:
        if split == known:
            return known
    raise ConfigError(f"no split {split!r}; choose one of {', '.join(SPLITS)}")
