"""`agentenv train craft-gui`: GRPO with a curriculum, by acting.

An iteration is:

    draw tasks from the curriculum; act a group of rollouts of each, from one initial state;
        again, while too few groups have unequal rewards
    tell the curriculum how they went
    advantages within groups -> objective -> optimiser steps, earlier groups among them
    now and then: evaluate on the validation split, and keep the best policy
    save all that going on needs

All randomness is seeded with the iteration, so a run that is killed and started again ends as
one that was not.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agentenv.collecting import collect
from agentenv.config import save_config
from agentenv.errors import ConfigError
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.vlm import VLMPolicy
from agentenv.progress import track
from agentenv.statistics import SuccessRate, Summary, summarise
from agentenv.tasks.base import Task
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.store import TrajectoryStore
from trainers.craft_gui import curriculum
from trainers.craft_gui.acting import Acting, Drawn
from trainers.craft_gui.config import CraftGUIConfig
from trainers.craft_gui.groups import Group
from trainers.craft_gui.ledger import LedgeredModel, processor_digest
from trainers.craft_gui.mixing import imitation_of
from trainers.craft_gui.offline import Demonstrations
from trainers.craft_gui.report import write_craft_gui_report
from trainers.craft_gui.rewards import mean_parts
from trainers.craft_gui.updates import Reference, Updater
from trainers.objectives.guidance import shown_steps
from trainers.objectives.objective import build
from trainers.runs import (
    RunDirectory,
    load_training_state,
    save_training_state,
    saved_notes,
)
from trainers.sft import with_adapter

ACTING, REPLAY, ORDER, VALIDATION = range(4)
"""What a number seeds, beside the run's seed and the iteration."""
Load = Callable[[str | Path], VisionLanguageModel]


def train(
    config: CraftGUIConfig,
    tasks: Mapping[str, Task] | None = None,
    load: Load = LedgeredModel.from_pretrained,
) -> dict[str, Summary]:
    """Train, or go on training, evaluate, and write ``report.html``.

    Args:
        config: of the run.
        tasks: id -> task, instead of those that `config.tasks` names.
        load: makes a model from a path.

    Returns:
        Success on the test split by label: "base" and "craft_gui", the policy that was best
        on the validation split. Empty if no test was asked for.

    Raises:
        ConfigError: wrong settings, or a run of other settings in the directory.
        LedgerError: the model is not given what its prompts say.
    """
    trainer = CraftGUI(config, tasks, load)
    try:
        trainer.learn()
    finally:
        trainer.close()
    stores = trainer.test()
    write_craft_gui_report(trainer, stores)
    trainer.run.close()
    return {label: summarise(store.episodes()) for label, store in stores.items()}


class CraftGUI:
    """One run: the policy in training, and everything that changes from one iteration to the
    next. For the arguments see `train`."""

    def __init__(
        self,
        config: CraftGUIConfig,
        tasks: Mapping[str, Task] | None = None,
        load: Load = LedgeredModel.from_pretrained,
    ) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config, self.load = config, load
        self.tasks = select_tasks(config.tasks) if tasks is None else tasks
        self.objective = build(config.objective)
        self.acting = Acting(config, self.tasks)
        self.source = Demonstrations(config) if config.offline.data else self.acting
        self.run = RunDirectory(config.out)
        self.state_file = config.out / "state.safetensors"
        self.iteration = self.env_steps = 0
        torch.manual_seed(config.seed)  # of new adapters' weights
        self.vlm = with_adapter(load(config.base), config.lora)
        if config.freeze_vision:
            self.vlm.freeze_vision()
        self.updater = Updater(
            self.vlm,
            self.objective,
            config.update,
            temperature=config.rollouts.temperature,
            reference=self._reference() if self.objective.needs_reference else None,
            imitation=imitation_of(config, self.policy(1.0, 0)) if config.mixing.data else None,
        )
        self.curriculum = curriculum.start(self.source.lengths, config.seed)
        self.recent: list[Group] = []
        """Of the last iterations, with something to learn from."""
        self.best: float | None = None
        """Success of the best policy on the validation split."""
        self.best_iteration = 0
        self._resume()
        save_config(config, config.out / "config.yaml")

    @property
    def finished(self) -> bool:
        """Whether the run is as long as was asked for."""
        c = self.config
        return self.iteration >= c.iterations or 0 < c.env_steps <= self.env_steps

    @property
    def best_folder(self) -> Path:
        """Where the best policy is saved."""
        return self.config.out / "models" / "best"

    def learn(self) -> None:
        """Iterate until the run is finished."""
        c = self.config
        if self.iteration == 0 and c.evaluation.every:
            self.validate()
        total, done = c.iterations, self.iteration
        if c.env_steps:
            total, done = c.env_steps, self.env_steps
        with track("craft-gui", total, min(done, total)) as bar:
            while not self.finished:
                numbers = self.iterate()
                self.run.log("train", self.iteration, numbers)
                if c.evaluation.every and (
                    self.iteration % c.evaluation.every == 0 or self.finished
                ):
                    self.validate()
                if self.iteration % c.save_every == 0 or self.finished:
                    self.save()
                done = self.env_steps if c.env_steps else self.iteration
                rate = numbers.get("success", float("nan"))
                bar.advance(min(done, total) - bar.done, text=f"success {rate:.0%}")
        if not c.evaluation.every and self.best_iteration < self.iteration:
            self._keep_as_best()
            self.save()

    def iterate(self) -> dict[str, float]:
        """Act and learn once; returns what is worth watching."""
        started, before = time.monotonic(), self.env_steps
        groups = self.gather()
        acted = time.monotonic()
        informative = [group for group in groups if group.informative]
        learned = self._update(informative) if informative else {}
        self.iteration += 1
        oldest = self.iteration - self.config.replay.max_age
        if self.config.replay.groups:
            self.recent = [g for g in [*self.recent, *informative] if g.born >= oldest]
        seconds = time.monotonic() - started
        return {
            **_outcomes(groups, self._stage_of),
            **learned,
            **curriculum.metrics(self.curriculum, self.config.curriculum),
            "dead_groups": 1 - len(informative) / len(groups),
            "env_steps": self.env_steps,
            "steps_per_second": (self.env_steps - before) / seconds,
            "acting_share": (acted - started) / seconds,
        }

    def gather(self) -> list[Group]:
        """Groups of the present policy, until enough of them have unequal rewards."""
        c = self.config
        policy = self.policy(c.rollouts.temperature, ACTING)
        groups: list[Group] = []
        while True:
            useful = sum(group.informative for group in groups)
            missing = curriculum.groups_to_draw(
                c.rollouts.groups, useful, len(groups), c.rollouts.resample
            )
            if not missing:
                return groups
            played, steps = self.source.play(policy, self._plan(missing), self.iteration)
            self.env_steps += steps
            for group in played:
                self._record(group)
            groups += played

    def _plan(self, count: int) -> list[Drawn]:
        """The next groups' tasks, and how far the oracle helps with them."""
        plan = []
        guidance = self.config.guidance
        for _ in range(count):
            number = self.curriculum.draws
            task, self.curriculum = curriculum.draw(self.curriculum, self.config.curriculum)
            known = self.curriculum.tasks[task]
            shown = 0
            if guidance.first and self.tasks[task].has_oracle:
                shown = shown_steps(
                    known.steps,
                    known.all_failed,
                    first=guidance.first,
                    increment=guidance.increment,
                    most=guidance.most,
                )
            plan.append(Drawn(task, number, shown))
        return plan

    def _record(self, group: Group) -> None:
        advantages = [0.0] * len(group.attempts)
        if group.informative:
            alike = torch.zeros(len(group.attempts), dtype=torch.long)
            advantages = self.objective.advantages(group.rewards, alike).tolist()
        successes = [attempt.success for attempt in group.attempts]
        self.curriculum = curriculum.record(
            self.curriculum, self.config.curriculum, group.task, successes, advantages
        )

    def _update(self, groups: Sequence[Group]) -> dict[str, float]:
        replayed: list[Group] = []
        if self.config.replay.groups and self.recent:
            rng = np.random.default_rng(self._seed(REPLAY))
            count = min(self.config.replay.groups, len(self.recent))
            chosen = rng.choice(len(self.recent), count, replace=False)
            replayed = [self.recent[place] for place in sorted(chosen.tolist())]
        return self.updater.learn([*groups, *replayed], self._seed(ORDER))

    def validate(self) -> None:
        """Success on the validation split; the best policy so far is saved."""
        c = self.config.evaluation
        policy = self.policy(c.temperature, VALIDATION)
        episodes = self.acting.evaluate(policy, "validation", c.episodes)
        rates: dict[str, SuccessRate] = {}
        for episode in episodes:
            stage = f"stage_{self._stage_of(episode.task)}/success"
            for name in ("success", stage):
                rates[name] = rates.get(name, SuccessRate()) + SuccessRate.of(episode)
        numbers = {name: rate.rate for name, rate in sorted(rates.items()) if rate.n}
        if c.best == "reward":
            numbers |= mean_parts(self.acting.rewards(episodes))
        self.run.log("validation", self.iteration, numbers)
        found = numbers.get("reward/total" if c.best == "reward" else "success", -math.inf)
        if self.best is None or found >= self.best:
            self.best = found
            self._keep_as_best()

    def policy(self, temperature: float, purpose: int) -> VLMPolicy:
        """The policy in training, sampling with this iteration's seed."""
        seed = np.random.SeedSequence(self._seed(purpose)).generate_state(1)[0]
        return VLMPolicy(
            self.vlm,
            dialect=self.config.dialect,
            temperature=temperature,
            seed=int(seed),
            max_new_tokens=self.config.rollouts.max_new_tokens,
            merge_equal=True,
        )

    def _seed(self, purpose: int) -> list[int]:
        return [self.config.seed, self.iteration, purpose]

    def _stage_of(self, task: str) -> int:
        steps = self.tasks[task].expected_steps if task in self.tasks else 1
        return curriculum.stage_of(steps, self.config.curriculum)

    def _reference(self) -> Reference:
        """The starting policy: the model without its new adapters, or a second copy."""
        new_adapter = (
            self.config.lora.rank and not (Path(self.config.base) / "adapter_config.json").is_file()
        )
        if new_adapter:
            return Reference(self.vlm, self.vlm.model.disable_adapter)
        return Reference(self.load(self.config.base))

    def _keep_as_best(self) -> None:
        self.best_iteration = self.iteration
        fresh = self.best_folder.with_name("best.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.vlm.save(fresh)
        shutil.rmtree(self.best_folder, ignore_errors=True)
        fresh.replace(self.best_folder)

    def save(self) -> None:
        """Everything that going on needs, in one file that is replaced at once."""
        self.source.flush()
        notes = {
            "identity": self.config.identity,
            "processor": processor_digest(self.vlm),
            "curriculum": curriculum.save(self.curriculum),
            "env_steps": self.env_steps,
            "updates": self.updater.steps,
            "best": self.best,
            "best_iteration": self.best_iteration,
            "recent": [[g.task, g.number, g.shown, g.born] for g in self.recent],
        }
        save_training_state(
            self.state_file, self.vlm.model, self.updater.optimizer, self.iteration, notes
        )

    def _resume(self) -> None:
        notes = saved_notes(self.state_file)
        if not notes:
            return
        _refuse_other(self.config, notes["identity"])
        if notes["processor"] != processor_digest(self.vlm):
            raise ConfigError(
                f"the run in {self.config.out} began with another processor, or prompt format, "
                f"than {self.config.base} has now; restore it, or choose another --out"
            )
        self.iteration = load_training_state(
            self.state_file, self.vlm.model, self.updater.optimizer
        )
        self.curriculum = curriculum.restore(notes["curriculum"], self.source.lengths)
        self.env_steps, self.updater.steps = notes["env_steps"], notes["updates"]
        self.best, self.best_iteration = notes["best"], notes["best_iteration"]
        wanted = {Drawn(task, n, shown): born for task, n, shown, born in notes["recent"]}
        self.recent = self.acting.recall(self.policy(1.0, ACTING), wanted)

    def test(self) -> dict[str, TrajectoryStore]:
        """The starting and the best policy on instances that nothing has seen, by label."""
        c = self.config.evaluation
        if not c.test_episodes:
            return {}
        models = {"base": Path(self.config.base), "craft_gui": self.best_folder}
        folders = {"base": "base", "craft_gui": f"craft_gui-{self.best_iteration}"}
        return {
            label: collect(
                VLMPolicy(
                    self.load(model),
                    dialect=self.config.dialect,
                    temperature=c.temperature,
                    seed=self.config.seed,
                    max_new_tokens=self.config.rollouts.max_new_tokens,
                ),
                self.tasks.values(),
                self.config.out / "evaluation" / folders[label],
                split="test",
                episodes=c.test_episodes,
                seed=self.config.seed,
                devices=self.config.devices,
                dialect=self.config.dialect,
                description=f"evaluate ({label})",
            )
            for label, model in models.items()
        }

    def close(self) -> None:
        """Close devices and stores."""
        self.acting.close()
        self.run.close()


def _outcomes(groups: Sequence[Group], stage_of: Callable[[str], int]) -> dict[str, float]:
    """How the rollouts went; those that an oracle began are in no success rate."""
    numbers = mean_parts(a.reward for group in groups for a in group.attempts)
    rates: dict[str, SuccessRate] = {}
    for group in groups:
        own = SuccessRate(sum(a.success for a in group.attempts), len(group.attempts))
        for name in ("success", f"stage_{stage_of(group.task)}/success"):
            rates[name] = rates.get(name, SuccessRate()) + (SuccessRate() if group.shown else own)
    numbers |= {name: rate.rate for name, rate in sorted(rates.items()) if rate.n}
    numbers["guided_groups"] = sum(group.shown > 0 for group in groups) / len(groups)
    numbers["one_start"] = sum(group.one_start for group in groups) / len(groups)
    return numbers


def _refuse_other(config: CraftGUIConfig, began: Mapping[str, Any]) -> None:
    now = config.identity
    changed = sorted(name for name in now.keys() | began.keys() if now.get(name) != began.get(name))
    if changed:
        raise ConfigError(
            f"{config.out} holds a run with other settings ({', '.join(changed)}); go on with "
            "the same ones, or choose another --out"
        )
