"""Supervised fine-tuning on demonstrations: the cold start of every agent here."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agentenv.actions import BROWSER_ACTIONS, Action, Invalid
from agentenv.dialects import get_dialect
from agentenv.dialects.base import Dialect
from agentenv.errors import ConfigError
from agentenv.policies.base import History
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt, PromptFormat, render
from agentenv.policies.vlm import weights_digest
from agentenv.progress import track
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.store import TrajectoryStore
from trainers.augmentation import substitute
from trainers.configs import LoraConfig, SFTConfig
from trainers.digiq.representation import ask
from trainers.exercises import Exercise, make_exercise
from trainers.imitation import (
    BatchOrder,
    Example,
    ImitationSettings,
    imitate,
    imitation_loss,
)
from trainers.runs import RunDirectory, place, saved_step

logger = logging.getLogger(__name__)
Demonstration = tuple[History, Action]
HELD_OUT = 256
"""Steps that the validation loss is of at most, evenly from all stores."""
LAST_EXERCISES = 0.2
"""What remains of their share at the end of the first phase."""
QUESTIONS_PER_EXERCISE = 2
QUESTION_WEIGHT = 3.0
"""Of a Yes or No, two tokens, beside the answers of twenty and more."""

_FREE = ("out", "threads", "data", "model")
"""Settings that say how fast, and where something is, but not what is learned."""


def train(config: SFTConfig) -> Path:
    """Train, and return the folder of the model.

    Resumes an interrupted run of the same settings, demonstrations and starting weights to the
    exact step, and does nothing if it had finished.

    Raises:
        ConfigError: there is nothing to learn from, or the model cannot be loaded.
        StoreError: a store is unreadable.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    run = RunDirectory(config.out)
    folder = config.out / ("model" if config.steps else "text_model")
    stores = [TrajectoryStore(path) for path in config.data]  # refused before a large model loads
    base = None if config.model == "small" else VisionLanguageModel.from_pretrained(config.model)
    inputs = _inputs(config, stores, base)
    if run.finished("sft", inputs) is not None:
        logger.info("already trained: %s", folder)
        return folder
    training, validation = load_demonstrations(config)
    phases = [("text", config.text_steps, False), ("image", config.steps, True)]
    for name, steps, image in phases:
        if steps == 0 or run.finished(f"sft_{name}", inputs) is not None:
            continue
        if name == "image" and config.text_steps:
            base = None  # two models need twice the memory
            vlm = VisionLanguageModel.from_pretrained(config.out / "text_model")
        else:
            vlm = starting_model(config, base, training, get_dialect(config.dialect))
        state = place(config.out, f"sft_{name}", inputs).with_suffix(".safetensors")
        _train_phase(vlm, config, run, name, steps, image, training, validation, state)
        target = folder if name == "image" else config.out / "text_model"
        vlm.save(target)
        run.finish(f"sft_{name}", inputs, {"model": str(target)})
    run.finish("sft", inputs, {"model": str(folder)})
    run.close()
    return folder


def load_demonstrations(
    config: SFTConfig,
) -> tuple[list[Demonstration], list[Demonstration]]:
    """(training, validation) pairs of history and action, split by episode.

    Raises:
        ConfigError: no usable step in any store.
    """
    parts: tuple[list[Demonstration], list[Demonstration]] = ([], [])
    rng = np.random.default_rng(config.seed)
    wanted = frozenset(select_tasks(config.tasks)) if config.tasks else None
    taken: Counter[str] = Counter()
    for path in config.data:
        for episode in TrajectoryStore(path).episodes():
            if config.successful_only and not episode.success:
                continue
            # Drawn for all: what is held out does not depend on what is asked for.
            part = parts[int(rng.random() < config.validation_share)]
            if wanted is not None and episode.task not in wanted:
                continue
            if 0 < config.episodes <= taken[episode.task]:
                continue
            taken[episode.task] += 1
            part += [
                (episode.history_at(number), step.action)
                for number, step in enumerate(episode.steps)
                if not isinstance(step.action, Invalid)
            ]
    if not parts[0]:
        names = ", ".join(map(str, config.data))
        which = "no successful demonstration" + (" of these tasks" if config.tasks else "")
        raise ConfigError(f"{which} in {names}: collect some with an oracle")
    return parts


def _inputs(
    config: SFTConfig, stores: Sequence[TrajectoryStore], base: VisionLanguageModel | None
) -> dict[str, Any]:
    """What determines the outcome; a store and a model are known by what they hold, not by
    where they lie."""
    inputs = {name: value for name, value in asdict(config).items() if name not in _FREE}
    inputs["data"] = [[shard.sha256 for shard in store.manifest.shards] for store in stores]
    inputs["base"] = [weights_digest(base), asdict(base.form)] if base else None
    return inputs


def starting_model(
    config: SFTConfig,
    base: VisionLanguageModel | None,
    training: Sequence[Demonstration],
    dialect: Dialect,
) -> VisionLanguageModel:
    """The model training starts from, with adapters if asked for: `base`, or a fresh small one."""
    if base is None:
        from trainers.small_vlm import FORM, build_small_vlm

        form = _form(config, FORM)
        rng = np.random.default_rng(config.seed)
        return build_small_vlm(_corpus(training, dialect, form, rng), config.seed, form=form)
    base.form = _form(config, base.form)
    return with_adapter(base, config.lora)


def _form(config: SFTConfig, form: PromptFormat) -> PromptFormat:
    return form if config.max_told is None else replace(form, max_told=config.max_told)


def with_adapter(vlm: VisionLanguageModel, lora: LoraConfig) -> VisionLanguageModel:
    """Wrap the model in LoRA adapters, so that only those are trained; rank 0 changes nothing.

    A model that already has adapters goes on with these: adapters on adapters could not
    be saved apart from their base.
    """
    if lora.rank and not hasattr(vlm.model, "peft_config"):
        from peft import LoraConfig as PeftLora
        from peft import get_peft_model

        vlm.model = get_peft_model(
            vlm.model,
            PeftLora(
                r=lora.rank,
                lora_alpha=lora.alpha,
                lora_dropout=lora.dropout,
                target_modules=lora.targets,
            ),
        )
    return vlm


def _corpus(
    training: Sequence[Demonstration],
    dialect: Dialect,
    form: PromptFormat,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Prompts and answers for the tokenizer, a third of them with made-up words."""
    for history, action in training:
        if rng.random() < 0.33:
            history, action = substitute(history, action, rng, 1.0, max_told=form.max_told)
        yield render(history, dialect, form).text
        yield dialect.print(action)


def _train_phase(
    vlm: VisionLanguageModel,
    config: SFTConfig,
    run: RunDirectory,
    name: str,
    steps: int,
    image: bool,
    training: Sequence[Demonstration],
    validation: Sequence[Demonstration],
    state: Path,
) -> None:
    settings = ImitationSettings(
        steps=steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        reading=config.reading,
        seed=config.seed,
    )
    batch_of = _batches(vlm, config, image, training)
    stage = f"sft_{name}"
    every = max(1, math.ceil(len(validation) / HELD_OUT))
    held_out = [
        _example(vlm, config, image, history, [action]) for history, action in validation[::every]
    ]
    with track(f"train ({name})", total=steps, done=saved_step(state)) as bar:

        def progress(step: int, values: dict[str, float]) -> None:
            if step % 50 == 0 or step == steps:
                if held_out and (step % 500 == 0 or step == steps):
                    values["validation_loss"] = validation_loss(vlm, held_out)
                run.log(stage, step, values)
            bar.advance(step - bar.done, text=f"loss {values['loss']:.3f}")

        imitate(vlm, batch_of, settings, progress=progress, state_file=state)


def _batches(
    vlm: VisionLanguageModel, config: SFTConfig, image: bool, training: Sequence[Demonstration]
) -> Callable[[int], list[Example]]:
    lengths = [len(history.observation.elements) for history, _ in training]
    order = BatchOrder(lengths, config.batch_size, config.seed)
    dialect = get_dialect(config.dialect)

    def batch_of(step: int) -> list[Example]:
        rng = np.random.default_rng([config.seed, step, int(image)])
        examples = []
        for index in order(step):
            history, action = training[index]
            if rng.random() < _exercise_share(config, image, step):
                exercise = make_exercise(history.observation, rng, dialect.print)
                examples += _exercise_examples(vlm, config, image, exercise, rng)
                continue
            if config.substitute and rng.random() < 0.5:
                history, action = substitute(
                    history, action, rng, config.substitute, max_told=vlm.form.max_told
                )
            examples.append(_example(vlm, config, image, history, [action]))
        return examples

    return batch_of


def _exercise_share(config: SFTConfig, image: bool, step: int) -> float:
    """Of the examples of a step. It fades: copying is learned first, and is all they teach."""
    if image and config.text_steps:
        return config.exercises * LAST_EXERCISES
    steps = config.steps if image else config.text_steps
    return config.exercises * max(LAST_EXERCISES, 1 - step / steps)


def _example(
    vlm: VisionLanguageModel,
    config: SFTConfig,
    image: bool,
    history: History,
    actions: Sequence[Action],
) -> Example:
    dialect = get_dialect(config.dialect)
    prompt = render(history, dialect, vlm.form, BROWSER_ACTIONS)
    answer = "\n".join(dialect.print(action) for action in actions)
    return Example(prompt if image else Prompt(prompt.text, None), answer)


def _exercise_examples(
    vlm: VisionLanguageModel,
    config: SFTConfig,
    image: bool,
    exercise: Exercise,
    rng: np.random.Generator,
) -> list[Example]:
    """All right answers in one, and some actions to be judged."""
    answers = _example(vlm, config, image, exercise.history, exercise.right)
    examples = [answers]
    for _ in range(QUESTIONS_PER_EXERCISE):
        fits = bool(rng.random() < 0.5) or not exercise.wrong
        choices = exercise.right if fits else exercise.wrong
        action = choices[int(rng.integers(len(choices)))]
        text = get_dialect(config.dialect).print(action)
        question, _ = ask(vlm, text, action, ("change", "outcome"))
        answer = "Yes" if fits else "No"
        examples.append(Example(answers.prompt, answer, QUESTION_WEIGHT, tuple(question)))
    return examples


@torch.no_grad()
def validation_loss(vlm: VisionLanguageModel, examples: Sequence[Example]) -> float:
    """Mean negative log-likelihood per answer token."""
    vlm.model.eval()
    losses = [imitation_loss(vlm, examples[i : i + 32]).item() for i in range(0, len(examples), 32)]
    vlm.model.train()
    return sum(losses) / len(losses)
