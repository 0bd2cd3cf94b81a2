"""An environment for asyncio: waiting for the device leaves the loop free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import gymnasium

from agentenv.worker import Worker

_Result = TypeVar("_Result")


class AsyncEnv:
    """Awaits a Gymnasium environment that runs in a thread of its own.

    For agents that call models through asyncio: each has an environment, none waits for
    another's. (Those in step with each other are better off in a `DeviceVectorEnv`.)

    >>> async with AsyncEnv(DeviceEnv("miniwob/click-test-2")) as env:
    ...     observation, info = await env.reset(seed=0)
    ...     observation, reward, *rest = await env.step('{"type": "tap", "element": 1}')

    Cancelling (by `asyncio.timeout`, for example) does not stop an action that has begun;
    the next call waits for its end, so that a device is never used by two at once.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """
        Args:
            env: what to run; `close` closes it.
        """
        self.env = env
        self._worker = Worker("agentenv-async")

    async def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Like the environment's own."""
        return await self._run(lambda: self.env.reset(seed=seed, options=options))

    async def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Like the environment's own."""
        return await self._run(lambda: self.env.step(action))  # type: ignore[arg-type, return-value]

    async def render(self) -> Any:
        """Like the environment's own."""
        return await self._run(self.env.render)

    async def close(self) -> None:
        """Close the environment, after the calls that came before; it is of no use any more."""
        try:
            await self._run(self.env.close)
        finally:
            self._worker.stop()

    async def __aenter__(self) -> AsyncEnv:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, task: Callable[[], _Result]) -> _Result:
        return await asyncio.wrap_future(self._worker.submit(task))
