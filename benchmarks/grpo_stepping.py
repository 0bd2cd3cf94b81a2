"""One process that measures GRPO updates of the small model: ours, or TRL's GRPOTrainer.

    echo 1 | python -m benchmarks.grpo_stepping trl_bf16 --data runs/benchmarks/grpo_step/data

It reads numbers from stdin, one a line: how many updates (see `benchmarks.turns`). An update
samples answers to each prompt, rewards them, and takes one optimiser step on all of them.
`benchmarks.grpo_step` starts it.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from agentenv.data_files import data_file
from agentenv.dialects import get_dialect
from agentenv.policies.prompts import Prompt, PromptFormat, render
from agentenv.trajectories.store import TrajectoryStore
from benchmarks.turns import Job, serve
from trainers.craft_gui.config import UpdateSettings
from trainers.craft_gui.groups import Attempt, Group, Turn
from trainers.craft_gui.ledger import LedgeredModel
from trainers.craft_gui.rewards import Reward
from trainers.craft_gui.updates import Updater
from trainers.objectives.config import ObjectiveConfig
from trainers.objectives.objective import build

LEARNING_RATE = 1e-6


def reward_of(text: str) -> float:
    """Of both alike: it depends on what was said, and costs nothing."""
    return zlib.crc32(text.encode()) % 100 / 100


class ExactModel(LedgeredModel):
    """In float32 throughout."""

    def autocast(self) -> AbstractContextManager[Any]:
        """No bfloat16."""
        return contextlib.nullcontext()


class OurUpdates:
    """What `agentenv train craft-gui` does in an iteration, the environment apart.

    Args:
        prompts: one group each.
        options: of the command line.
        kind: of the model, by its precision.
    """

    def __init__(
        self, prompts: Sequence[Prompt], options: argparse.Namespace, kind: type[LedgeredModel]
    ) -> None:
        self._prompts, self._options = prompts, options
        self._vlm = kind.from_pretrained(data_file("small_vlm"), device="cpu")
        self._generator = torch.Generator().manual_seed(0)
        whole = options.size * len(prompts)
        settings = UpdateSettings(LEARNING_RATE, minibatches=1, turns_at_once=whole, warmup=1)
        objective = build(ObjectiveConfig("grpo", regulariser="none"))
        self._updater = Updater(self._vlm, objective, settings, temperature=1.0)
        self._tokens = self._answers = 0

    def turn(self, size: int) -> None:
        """That many updates."""
        for _ in range(size):
            self._updater.learn(self._groups(), [self._updater.steps])

    @torch.no_grad()
    def _groups(self) -> list[Group]:
        count = self._options.size
        completions = self._vlm.sample(
            self._vlm.encode(self._prompts),
            owners=[row for row in range(len(self._prompts)) for _ in range(count)],
            max_new_tokens=self._options.tokens,
            generator=self._generator,
        )
        self._tokens += sum(len(one.token_ids) for one in completions)
        self._answers += len(completions)
        groups = []
        for row, prompt in enumerate(self._prompts):
            attempts = []
            for one in completions[row * count : (row + 1) * count]:
                earned = reward_of(one.text)
                turn = Turn(prompt, one.token_ids, one.log_probs, earned, b"")
                attempts.append(Attempt((turn,), Reward({}, (earned,)), earned >= 1))
            groups.append(Group("", row, tuple(attempts)))
        return groups

    def facts(self) -> dict[str, float]:
        """Mean tokens of an answer."""
        return {"tokens": self._tokens / max(1, self._answers)}


class TheirUpdates:
    """TRL's trainer, which waits after each optimiser step until the next one is asked for.

    Args:
        prompts: one group each.
        options: of the command line.
        bf16: mixed precision.
    """

    def __init__(self, prompts: Sequence[Prompt], options: argparse.Namespace, bf16: bool) -> None:
        self._go: queue.Queue[bool] = queue.Queue()
        self._done: queue.Queue[BaseException | None] = queue.Queue()
        self._tokens: list[float] = []
        self._trainer = self._made(prompts, options, bf16)
        self._thread = threading.Thread(target=self._train, daemon=True)

    def turn(self, size: int) -> None:
        """That many updates; the first also sets things up."""
        for _ in range(size):
            self._go.put(True)
            if not self._thread.is_alive() and self._thread.ident is None:
                self._thread.start()
            problem = self._done.get()
            if problem is not None:
                raise problem

    def facts(self) -> dict[str, float]:
        """Mean tokens of an answer."""
        found = self._trainer._metrics["train"].get("completions/mean_length", [])
        return {"tokens": sum(found) / len(found)} if found else {}

    def _train(self) -> None:
        try:
            self._go.get()
            self._trainer.train()
        except BaseException as problem:  # noqa: BLE001 - raised where it was asked for
            self._done.put(problem)

    def _made(self, prompts: Sequence[Prompt], options: argparse.Namespace, bf16: bool) -> Any:
        from datasets import Dataset, Features, Image, Value
        from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback
        from trl import GRPOConfig, GRPOTrainer

        done, go = self._done, self._go

        class Waits(TrainerCallback):
            """After each optimiser step."""

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                done.put(None)
                go.get()

        def rewards(completions: Sequence[Any], **columns: Any) -> list[float]:
            return [reward_of(messages[0]["content"]) for messages in completions]

        rows = [
            {
                "prompt": [{"role": "user", "content": prompt.text}],
                "image": {"bytes": prompt.png, "path": None},
            }
            for prompt in prompts
        ]
        message = [{"role": Value("string"), "content": Value("string")}]
        whole = options.size * len(prompts)
        settings = GRPOConfig(
            output_dir=tempfile.mkdtemp(prefix="grpo-step-"),
            use_cpu=True,
            bf16=bf16,
            learning_rate=LEARNING_RATE,
            beta=0.0,
            loss_type="grpo",
            num_generations=options.size,
            per_device_train_batch_size=whole,
            gradient_accumulation_steps=1,
            gradient_checkpointing=False,  # it saves memory for time
            max_completion_length=options.tokens,
            temperature=1.0,
            max_steps=10**6,
            logging_steps=10**6,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        folder = data_file("small_vlm")
        return GRPOTrainer(
            model=AutoModelForImageTextToText.from_pretrained(folder),
            processing_class=AutoProcessor.from_pretrained(folder, padding_side="left"),
            reward_funcs=rewards,
            args=settings,
            train_dataset=Dataset.from_list(
                rows, features=Features({"prompt": message, "image": Image()})
            ),
            callbacks=[Waits()],
        )


def first_screens(data: Path, count: int) -> list[Prompt]:
    """Prompts of the first screens of a store's first episodes."""
    form, dialect = PromptFormat.load(data_file("small_vlm")), get_dialect("json")
    episodes = (episode for episode in TrajectoryStore(data).episodes() if episode.steps)
    return [
        render(episode.history_at(0), dialect, form)
        for episode, _ in zip(episodes, range(count), strict=False)
    ]


JOBS: dict[str, Callable[[Sequence[Prompt], argparse.Namespace], Job]] = {
    "agentenv_fp32": lambda prompts, o: OurUpdates(prompts, o, ExactModel),
    "agentenv_bf16": lambda prompts, o: OurUpdates(prompts, o, LedgeredModel),
    "trl_fp32": lambda prompts, o: TheirUpdates(prompts, o, bf16=False),
    "trl_bf16": lambda prompts, o: TheirUpdates(prompts, o, bf16=True),
}


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    prompts = first_screens(options.data, options.prompts)
    serve(
        lambda: JOBS[options.job](prompts, options), sys.stdin, lambda line: print(line, flush=True)
    )


if __name__ == "__main__":
    main()
