"""Every task of the phone, fairly judged: over several instances of each template.

    python -m benchmarks.phone_oracles --instances 5

It starts failing; finishing at once fails; the oracle, acting on the screen as an agent would,
passes; and the oracle of something else to be done on the same phone fails.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from agentenv.actions import Finish
from agentenv.devices.base import Device
from agentenv.env import DeviceEnv
from agentenv.errors import ActionError, AgentenvError
from agentenv.progress import console, track
from agentenv.tasks.base import Oracle, TaskInstance
from agentenv.tasks.phone.suite import PhoneTask
from agentenv.tasks.selection import select_tasks
from benchmarks.command import run_command
from privacy_audit.reference.device import PagePhone

NAME = "phone_oracles"


@dataclass(frozen=True)
class BenchmarkConfig:
    """Try oracles."""

    tasks: tuple[str, ...] = ("phone",)
    """Ids, or the suite."""
    instances: int = 5
    """Of each template."""
    first: int = 0
    """Number of the first."""
    pixels: bool = True
    """On a browser's screen; without, what the page offers is taken for the screen, which is
    quicker and knows no scrolling."""


def play(env: DeviceEnv, instance: TaskInstance, oracle: Oracle) -> tuple[float, int, str]:
    """Reward, steps, and what went wrong on the way (empty: nothing)."""
    screen = env.begin(instance)
    for steps in range(1, env.max_steps + 1):
        try:
            result = env.advance(oracle(screen))
        except ActionError as error:
            return 0.0, steps, str(error)
        screen = result.observation
        if screen.last_action_error or result.infra_error:
            return 0.0, steps, screen.last_action_error or result.infra_message
        if result.terminated:
            return result.reward, steps, ""
    return 0.0, env.max_steps, "too many steps"


def faults(task: PhoneTask, instance: TaskInstance, env: DeviceEnv) -> Iterator[str]:
    """What is not as it should be with an instance."""
    env.begin(instance)
    if env.advance(Finish()).reward:
        yield "finishing at once is rewarded"
    reward, steps, problem = play(env, instance, task.oracle(instance))
    if not reward:
        yield f"the oracle fails after {steps} steps: {problem or 'no reward'}"
    reward, _, _ = play(env, instance, task.other_errand(instance))
    if reward:
        yield "doing something else is rewarded"


def run(config: BenchmarkConfig) -> None:
    """Try them all.

    Raises:
        AgentenvError: there is a fault; each has been printed.
    """
    chosen = select_tasks(config.tasks)
    count = 0
    first = next(iter(chosen.values()))
    device: Device = first.open_device() if config.pixels else PagePhone()
    with closing(device), track("oracles", len(chosen) * config.instances) as progress:
        for task in chosen.values():
            assert isinstance(task, PhoneTask)
            env = DeviceEnv(task, device)
            for index in range(config.first, config.first + config.instances):
                instance = task.instance("test", index)
                for fault in faults(task, instance, env):
                    count += 1
                    console.print(f"{instance.key}: {fault}", highlight=False, soft_wrap=True)
                progress.advance(text=f"{count} faults")
    console.print(
        f"{len(chosen)} tasks, {config.instances} instances of each: {count} faults",
        highlight=False,
    )
    if count:
        raise AgentenvError(f"{count} faults in the tasks of the phone")


if __name__ == "__main__":
    sys.exit(run_command(NAME, BenchmarkConfig, run))
