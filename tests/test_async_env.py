"""AsyncEnv: the loop goes on while a device works, and no device is used by two at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from gymnasium.error import ResetNeeded

from agentenv.actions import Action, Wait
from agentenv.async_env import AsyncEnv
from agentenv.env import DeviceEnv
from agentenv.vector import DeviceVectorEnv
from tests.fakes import FakeDevice, PressTask


class Held(FakeDevice):
    """Acts only once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.acting = 0

    def act(self, action: Action) -> Action:
        self.acting += 1
        assert self.acting == 1, "two calls at once"
        assert self.let.wait(30), "the loop is blocked"
        self.acting -= 1
        return super().act(action)


def test_the_loop_goes_on_while_the_device_works() -> None:
    async def main() -> tuple[Any, ...]:
        device = Held()
        async with AsyncEnv(DeviceEnv(PressTask(), device)) as env:
            await env.reset(seed=0)
            step = asyncio.create_task(env.step(Wait()))
            await asyncio.sleep(0)
            device.let.set()  # would never be reached if the step held the loop
            return await step

    observation, reward, terminated, truncated, _ = asyncio.run(main())
    assert observation["step"] == 1
    assert (reward, terminated, truncated) == (0.0, False, False)


def test_more_environments_than_a_default_executor_has_threads_run_at_once() -> None:
    number = 40
    meeting = threading.Barrier(number, timeout=60)

    class Meeting(FakeDevice):
        def act(self, action: Action) -> Action:
            meeting.wait()
            return super().act(action)

    async def agent() -> int:
        async with AsyncEnv(DeviceEnv(PressTask(), Meeting(), max_steps=3)) as env:
            await env.reset()
            observation, *_ = await env.step(Wait())
            return int(observation["step"])

    async def main() -> list[int]:
        return await asyncio.gather(*(agent() for _ in range(number)))

    assert asyncio.run(main()) == [1] * number


def test_after_a_cancelled_step_the_next_call_waits_for_its_end() -> None:
    async def main() -> int:
        device = Held()
        async with AsyncEnv(DeviceEnv(PressTask(), device)) as env:
            await env.reset(seed=0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await env.step(Wait())
            step = asyncio.create_task(env.step(Wait()))
            await asyncio.sleep(0)
            device.let.set()
            observation, *_ = await step
            return int(observation["step"])

    assert asyncio.run(main()) == 2


def test_a_cancelled_call_that_had_not_begun_is_left_out() -> None:
    async def main() -> int:
        device = Held()
        async with AsyncEnv(DeviceEnv(PressTask(), device)) as env:
            await env.reset(seed=0)
            first = asyncio.create_task(env.step(Wait()))
            second = asyncio.create_task(env.step(Wait()))
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            device.let.set()
            await first
            observation, *_ = await env.step(Wait())
            return int(observation["step"])

    assert asyncio.run(main()) == 2


def test_errors_arrive_where_they_are_awaited() -> None:
    async def main() -> None:
        async with AsyncEnv(DeviceEnv(PressTask(), FakeDevice())) as env:
            with pytest.raises(ResetNeeded):
                await env.step(Wait())

    asyncio.run(main())


def test_a_vector_steps_without_blocking_the_loop() -> None:
    async def main() -> list[int]:
        devices = [Held(), Held()]
        envs = DeviceVectorEnv([lambda d=d: DeviceEnv(PressTask(), d) for d in devices])  # type: ignore[misc]
        await asyncio.to_thread(envs.reset, seed=0)
        step = asyncio.create_task(asyncio.to_thread(envs.step, [Wait(), Wait()]))
        await asyncio.sleep(0)
        for device in devices:
            device.let.set()
        observations, *_ = await step
        await asyncio.to_thread(envs.close)
        return list(observations["step"].tolist())

    assert asyncio.run(main()) == [1, 1]
