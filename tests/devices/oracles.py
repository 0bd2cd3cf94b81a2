"""A task done by its scripted solution, whatever the device is."""

from __future__ import annotations

from agentenv.env import DeviceEnv
from agentenv.tasks import get_task
from agentenv.transition import Transition


def solve(env: DeviceEnv, name: str) -> Transition:
    """The last transition of an instance; no action may be refused."""
    task = get_task(name)
    observation = env.begin(task.instance("test", 3))
    oracle = task.oracle(env.instance)
    for _ in range(task.max_steps):
        result = env.advance(oracle(observation))
        observation = result.observation
        assert not observation.last_action_error
        if result.terminated:
            break
    assert not env.infra_errors
    return result
