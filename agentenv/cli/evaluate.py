"""`agentenv eval`: measure a policy on instances it has not seen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from agentenv.cli.devices import DeviceSettings, attached
from agentenv.config import save_config
from agentenv.errors import ConfigError
from agentenv.progress import console
from agentenv.tasks.base import Split

if TYPE_CHECKING:
    from agentenv.policies.base import Policy
    from agentenv.statistics import Summary


@dataclass(frozen=True)
class EvalConfig:
    """What is measured, on what."""

    policy: str
    """oracle, random, or a model: path of a checkpoint, Hugging Face name, or endpoint with
    the model's name there (http://127.0.0.1:8000/v1#my-model)."""
    tasks: tuple[str, ...]
    """Ids such as miniwob/click-button, a suite's name (see `agentenv suites`), or a YAML file
    of tasks (my_tasks.yaml, or my_tasks.yaml#buy for one of them)."""
    out: Path = Path("runs/eval")
    """Run directory: config.yaml, data (the trajectory store), results.json. The same
    command resumes, and does nothing where it has finished."""
    episodes: int = 10
    """Instances of each task."""
    split: Split = "test"
    """No instance is in two splits."""
    first: int = 0
    """Number of the first instance within the split."""
    seed: int = 0
    """Of the policy's sampling."""
    devices: int = 2
    """Devices side by side; two or three saturate two cores."""
    device: tyro.conf.OmitArgPrefixes[DeviceSettings] = field(default_factory=DeviceSettings)
    """In a file: `device: {serial: [emulator-5554]}`."""
    temperature: float = 0.8
    """At which a model samples; 0 is greedy."""
    dialect: str = "json"
    """How the policy writes actions: json or qwen_mobile_use."""
    redact: bool = False
    """Paint the owner's data over in every screen before it leaves for an endpoint."""
    chain: bool = False
    """Let a task that follows an earlier session (in phone:pairs, using a liking follows saving
    it) begin where the policy itself ended that one, which is run before it."""
    critic: Path | None = None
    """Run directory of `agentenv train digiq`: its critic chooses among samples of a model."""
    rerank: int = 16
    """How many samples the critic chooses among."""


def run(config: EvalConfig) -> None:
    """Evaluate, print the table, write results.json."""
    from agentenv.cli.acting import acting_policy
    from agentenv.collecting import collect
    from agentenv.statistics import print_table, summarise
    from agentenv.tasks.selection import select_tasks, with_earlier_sessions

    tasks = select_tasks(config.tasks)
    if config.chain:
        tasks = with_earlier_sessions(tasks)
    policy = acting_policy(config, tasks)
    if config.critic is not None:
        policy = _reranked(policy, config.critic, config.rerank)
    make_device, devices = attached(config.device, tasks.values(), config.devices)
    store = collect(
        policy,
        tasks.values(),
        config.out / "data",
        split=config.split,
        episodes=config.episodes,
        first=config.first,
        seed=config.seed,
        devices=devices,
        make_device=make_device,
        dialect=config.dialect,
        chain=config.chain,
        description="eval",
    )
    save_config(config, config.out / "config.yaml")
    wanted = range(config.first, config.first + config.episodes)
    # A store that was collected with other tasks or numbers holds more than was asked for.
    summary = summarise(
        episode
        for episode in store.episodes()
        if episode.task in tasks and episode.split == config.split and episode.index in wanted
    )
    results = config.out / "results.json"
    results.write_text(json.dumps(results_of(policy.name, config, summary), indent=2) + "\n")
    print_table({policy.name: summary}, title=f"Success on {config.split}", console=console)
    console.print(f"results in {results}", soft_wrap=True, highlight=False)


def _reranked(policy: Policy, critic: Path, n: int) -> Policy:
    """The policy with a critic that chooses among its samples."""
    from agentenv.policies.vlm import VLMPolicy
    from trainers.digiq.reranking import RerankingPolicy, load_judge

    if not isinstance(policy, VLMPolicy):
        raise ConfigError(f"a critic chooses among samples of a model; {policy.name} is none")
    return RerankingPolicy(policy, load_judge(critic), n)


def results_of(policy: str, config: EvalConfig, summary: Summary) -> dict[str, Any]:
    """An evaluation as plain values; what infrastructure failed is in no rate."""
    from agentenv.statistics import rate_of

    return {
        "policy": policy,
        "split": config.split,
        "seed": config.seed,
        "success": rate_of(summary.overall),
        "by_task": {task: rate_of(rate) for task, rate in summary.by_task.items()},
        "infra_errors": dict(summary.infra_causes),
    }
