"""Policies by name: scripted ones, or a model's name or path."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agentenv.actions import BROWSER_ACTIONS
from agentenv.errors import ConfigError
from agentenv.policies.endpoint import EndpointPolicy, is_endpoint
from agentenv.policies.scripted import OraclePolicy, RandomPolicy

if TYPE_CHECKING:
    from agentenv.policies.base import Policy
    from agentenv.policies.endpoint import Redact
    from agentenv.tasks.base import Task


def load_policy(
    spec: str,
    tasks: Mapping[str, Task],
    *,
    dialect: str = "json",
    temperature: float = 1.0,
    seed: int = 0,
    redact: Redact | None = None,
) -> Policy:
    """The policy that `spec` names.

    Args:
        spec: ``"oracle"``, ``"random"``, or a vision-language model: the path of a
            checkpoint (or LoRA adapter), or a Hugging Face name, or an OpenAI-compatible
            endpoint with the model's name there, ``"http://127.0.0.1:8000/v1#my-model"``.
        tasks: id -> task, of every task it will see; the oracle needs them.
        dialect: how it writes actions.
        temperature: at which a model samples; 0 is greedy.
        seed: of whatever is random in it.
        redact: takes what is sensitive from the screens that leave for an endpoint.

    Raises:
        ConfigError: there is no such policy, a task has no oracle, PyTorch is missing, or
            there is nothing to redact because no screen leaves this machine.
    """
    if is_endpoint(spec):
        return EndpointPolicy(
            spec,
            dialect=dialect,
            temperature=temperature,
            seed=seed,
            action_types=_action_types(tasks),
            redact=redact,
        )
    if redact is not None:
        raise ConfigError(f"nothing to redact: policy {spec!r} acts on this machine")
    if spec == "oracle":
        return OraclePolicy(tasks, dialect)
    if spec == "random":
        return RandomPolicy(seed, dialect)
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise ConfigError(
            f"policy {spec!r} is a model, which needs PyTorch: pip install 'agentenv[train]'"
        )
    from agentenv.policies.vlm import VLMPolicy

    return VLMPolicy.from_pretrained(spec, dialect=dialect, temperature=temperature, seed=seed)


def _action_types(tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """What the tasks' devices carry out, and the two that end an episode; without tasks, as a
    model on this machine is told."""
    if not tasks:
        return BROWSER_ACTIONS
    found: dict[str, None] = {}
    for kind in {type(task): task for task in tasks.values()}.values():
        device = kind.open_device()
        found |= dict.fromkeys(device.features.action_types)
        device.close()
    return tuple(found | dict.fromkeys(("answer", "finish")))
