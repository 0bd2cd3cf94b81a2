"""Policies by name: scripted ones, or a model's name or path."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agentenv.errors import ConfigError
from agentenv.policies.scripted import OraclePolicy, RandomPolicy

if TYPE_CHECKING:
    from agentenv.policies.base import Policy
    from agentenv.tasks.base import Task


def load_policy(
    spec: str,
    tasks: Mapping[str, Task],
    *,
    dialect: str = "json",
    temperature: float = 1.0,
    seed: int = 0,
) -> Policy:
    """The policy that `spec` names.

    Args:
        spec: ``"oracle"``, ``"random"``, or a vision-language model: the path of a
            checkpoint (or LoRA adapter), or a Hugging Face name.
        tasks: id -> task, of every task it will see; the oracle needs them.
        dialect: how it writes actions.
        temperature: at which a model samples; 0 is greedy.
        seed: of whatever is random in it.

    Raises:
        ConfigError: there is no such policy, a task has no oracle, or PyTorch is missing.
    """
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
