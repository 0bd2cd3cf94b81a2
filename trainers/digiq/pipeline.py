"""`agentenv train digiq`: the stages of Digi-Q, in order, each skipped once finished.

    collect -> candidates -> representation -> features -> critic -> actors
        (-> rounds with fresh episodes, see `online.py`) -> evaluation

Nothing after `collect` touches the environment until the rounds or the evaluation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch

from agentenv.collecting import collect
from agentenv.config import save_config
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.policies.base import Policy
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from agentenv.policies.vlm import VLMPolicy, weights_digest
from agentenv.progress import track
from agentenv.statistics import Summary, summarise
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from trainers.digiq import methods
from trainers.digiq.candidates import Candidates, logged_candidates
from trainers.digiq.config import DigiQConfig, Evaluated, Method
from trainers.digiq.critic import Critic
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.diagnostics import Diagnostics, diagnose, verdict
from trainers.digiq.experience import Experience
from trainers.digiq.features import FrozenStates
from trainers.digiq.inputs import StageInputs, critic_of
from trainers.digiq.methods import Selection, examples_of
from trainers.digiq.online import Rounds
from trainers.digiq.privacy import auditor_of, costed_transitions
from trainers.digiq.replay import Replay
from trainers.digiq.report import write_digiq_report
from trainers.digiq.representation import finetune_representation, questions_of
from trainers.digiq.reranking import RerankingPolicy, load_judge
from trainers.digiq.td import split_by_episode, train_critic
from trainers.digiq.transitions import TransitionFeatures
from trainers.imitation import BatchOrder, Example, ImitationSettings, imitate
from trainers.runs import RunDirectory, fingerprint, place, saved_step
from trainers.sft import with_adapter

logger = logging.getLogger(__name__)


class DigiQ:
    """One run: its configuration, its directory, and what the stages made.

    Each `cached_property` is a stage's product, computed on first use or read from disk
    if the stage has finished with the same inputs.
    """

    def __init__(self, config: DigiQConfig) -> None:
        critic = replace(config.critic, seed=config.critic.seed + config.seed_of_training)
        self.config = replace(config, critic=critic)
        self.run = RunDirectory(config.out)
        self.dialect = get_dialect(config.dialect)
        self.tasks = select_tasks(config.tasks)
        self.auditor = auditor_of(config)  # at once: it may refuse the tasks
        save_config(config, config.out / "config.yaml")
        if config.threads:
            torch.set_num_threads(config.threads)

    @cached_property
    def inputs(self) -> StageInputs:
        """What determines each stage's outcome."""
        return StageInputs(self.config, tuple(self.tasks), weights_digest(self.base()))

    def base(self) -> VisionLanguageModel:
        """The base policy's model, loaded anew (stages train their own copy)."""
        return VisionLanguageModel.from_pretrained(self.config.base)

    def trainable(self, model: str | Path | None = None) -> VisionLanguageModel:
        """A copy of a model, by default the base policy's, with what the settings let be
        trained."""
        vlm = VisionLanguageModel.from_pretrained(self.config.base if model is None else model)
        vlm = with_adapter(vlm, self.config.lora)
        if self.config.freeze_vision:
            vlm.freeze_vision()  # its adapters too
        return vlm

    def policy(self, model: str | Path, temperature: float, seed: int | None = None) -> VLMPolicy:
        """A model as a policy that samples with the seed of the run's data, or another."""
        return VLMPolicy.from_pretrained(
            model,
            dialect=self.config.dialect,
            temperature=temperature,
            seed=self.config.seed if seed is None else seed,
        )

    @cached_property
    def logged(self) -> Experience:
        """Stages 1, 2 and 4 of the logged episodes."""
        return Experience(
            self.config,
            self.run,
            self.tasks,
            self.inputs,
            self.config.collect,
            policy=lambda temperature: self.policy(self.config.base, temperature),
            representation=lambda: self.representation,
        )

    @property
    def episodes(self) -> list[Episode]:
        """Logged episodes that can be learned from."""
        return self.logged.episodes

    @property
    def prompts(self) -> list[Prompt]:
        """Prompts of all logged states, in order."""
        return self.logged.prompts

    @property
    def candidates(self) -> list[Candidates]:
        """Candidate actions of every logged state."""
        return self.logged.candidates

    @cached_property
    def features(self) -> TransitionFeatures:
        """Frozen features of all logged states and candidates, with their outcomes."""
        return self.transitions(self.episodes, self.logged.frozen)

    def transitions(self, episodes: Sequence[Episode], frozen: FrozenStates) -> TransitionFeatures:
        """What the critic learns from of some episodes, priced as the settings ask for it."""
        privacy = self.config.privacy
        return costed_transitions(episodes, frozen, self.dialect, privacy, self.auditor)

    @cached_property
    def rounds(self) -> Rounds:
        """What comes after the offline stages."""
        return Rounds(self)

    @cached_property
    def representation(self) -> VisionLanguageModel:
        """Stage 3: the model whose frozen hidden states the critic sees."""
        c = self.config.representation
        if c.kind == "off_the_shelf":
            return self.base()
        folder = self.config.out / "representation"
        if self.run.finished("representation", self.inputs.features) is None:
            vlm = self.trainable()
            texts = [row.texts[0] for row in self.candidates]
            questions = questions_of(self.episodes, self.prompts, texts, vlm, c.topics)
            with track("3 representation", total=c.steps) as bar:

                def progress(step: int, values: dict[str, float]) -> None:
                    if step % 10 == 0:
                        self.run.log("representation", step, values)
                    bar.advance(text=f"loss {values['loss']:.3f}")

                finetune_representation(
                    vlm,
                    questions,
                    steps=c.steps,
                    batch_size=c.batch_size,
                    learning_rate=c.learning_rate,
                    seed=self.config.seed_of_training,
                    progress=progress,
                )
            vlm.save(folder)
            self.run.finish("representation", self.inputs.features, {"questions": len(questions)})
        return VisionLanguageModel.from_pretrained(folder)

    @cached_property
    def critic(self) -> Critic:
        """Stage 5: Q and V on the frozen features."""
        return self._critic("critic", self.config.critic)

    @cached_property
    def digirl_critic(self) -> Critic:
        """DigiRL's V, on the same features."""
        return self._critic("critic_digirl", critic_of("digirl", self.config))

    def _critic(self, name: str, config: CriticConfig) -> Critic:
        return self.fit_critic(name, self.inputs.critic(config), config, lambda: self.features)

    def fit_critic(
        self,
        name: str,
        inputs: Any,
        config: CriticConfig,
        features: Callable[[], TransitionFeatures],
        replay: Callable[[], Replay] | None = None,
    ) -> Critic:
        """A critic from these features, or from disk if its stage has finished.

        Args:
            name: of the stage and of the file.
            inputs: of the stage.
            config: how it learns.
            features: asked for only if it must be trained.
            replay: likewise; what it goes on from.
        """
        file = self.config.out / f"{name}.safetensors"
        if self.run.finished(name, inputs) is not None:
            return Critic.load(file)
        with track(f"5 {name.replace('_', ' of ')}", total=config.steps) as bar:

            def log(row: dict[str, float]) -> None:
                step = int(row["step"])
                self.run.log(name, step, {k: v for k, v in row.items() if k != "step"})
                bar.advance(step - bar.done, text=f"loss {row['train_loss']:.3f}")

            critic, _ = train_critic(
                features(), config, log, replay=replay() if replay is not None else None
            )
            bar.advance(bar.total - bar.done)  # it may have stopped early
        critic.save(file)
        digest = fingerprint(self.inputs.features)
        self.run.finish(name, inputs, {"base": self.inputs.base_digest, "features": digest})
        return critic

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """How good the critic is, on the episodes it was not trained on."""
        c = self.config
        generator = torch.Generator().manual_seed(c.critic.seed)
        _, held_out = split_by_episode(self.features, c.critic.validation_share, generator)
        return diagnose(
            self.critic,
            self.features,
            c.critic.gamma,
            methods.best_of_n_rule(c),
            held_out if len(held_out) else None,
        )

    def selection(self, method: Method) -> Selection:
        """Stage 6: what a method imitates, and how hard."""
        if method == "filtered_bc":
            return methods.filtered_bc(torch.tensor([e.success for e in self._episode_of_step]))
        if method == "digirl":
            mixing = self.config.actor.digirl_mixing
            rise = methods.digirl_advantages(self.digirl_critic, self.features, mixing)
            horizon = torch.tensor([self._step_limit(e) for e in self._episode_of_step])
            return methods.digirl(rise, horizon)
        return methods.select(method, self.critic, self.features, self.config)

    @property
    def _episode_of_step(self) -> list[Episode]:
        return [episode for episode in self.episodes for _ in episode.steps]

    def _step_limit(self, episode: Episode) -> int:
        """Existing data may hold tasks that are not evaluated: their limit is not known."""
        task = self.tasks.get(episode.task)
        return task.max_steps if task else len(episode.steps)

    def actor(self, method: Method) -> Path:
        """Stage 7: the policy that imitates what a method selected; its folder."""
        c = self.config.actor
        inputs = self.inputs.actor(method)
        if self.run.finished(f"actor_{method}", inputs) is not None:
            return self.folder_of(method)
        chosen = self.selection(method)
        logged_only = method == "filtered_bc"  # which needs no candidates
        candidates = (
            logged_candidates(self.episodes, self.dialect) if logged_only else self.candidates
        )
        examples = examples_of(chosen, self.prompts, candidates)
        if not examples:
            raise ConfigError(f"{method} selected no action to imitate; collect more data")
        lengths = [len(example.prompt.text) for example in examples]
        order = BatchOrder(lengths, c.batch_size, self.config.seed_of_training)
        return self.imitate(
            method,
            inputs,
            self.trainable(),
            lambda step: [examples[i] for i in order(step)],
            steps=c.steps,
            result={"examples": len(examples), "changed": chosen.changed},
        )

    def folder_of(self, name: str) -> Path:
        """Where a trained policy is."""
        return self.config.out / "models" / name

    def imitate(
        self,
        name: str,
        inputs: Any,
        vlm: VisionLanguageModel,
        batch_of: Callable[[int], Sequence[Example]],
        *,
        steps: int,
        result: Mapping[str, Any],
    ) -> Path:
        """Train a policy, interrupted or not, and finish its stage; returns its folder.

        Args:
            name: of the policy.
            inputs: of the stage.
            vlm: changed in place.
            batch_of: the examples of a step.
            steps: of the optimiser.
            result: kept with the finished stage.
        """
        c, stage = self.config.actor, f"actor_{name}"
        settings = ImitationSettings(
            steps=steps,
            batch_size=c.batch_size,
            learning_rate=c.learning_rate,
            seed=self.config.seed_of_training,
        )
        state = place(self.config.out, stage, inputs).with_suffix(".safetensors")
        with track(f"6 imitate ({name})", total=steps, done=saved_step(state)) as bar:

            def progress(step: int, values: dict[str, float]) -> None:
                if step % 10 == 0:
                    self.run.log(stage, step, values)
                bar.advance(step - bar.done, text=f"loss {values['loss']:.3f}")

            imitate(vlm, batch_of, settings, progress=progress, state_file=state)
        vlm.save(self.folder_of(name))
        self.run.finish(stage, inputs, result)
        return self.folder_of(name)

    def evaluate(self, label: str) -> TrajectoryStore:
        """Stage 8: act on instances no stage has seen; `label` is one of the config's."""
        c = self.config.evaluation
        number = self.config.rounds_by_label.get(label)
        made = self.rounds.inputs(number).actor if number else None
        inputs = self.inputs.evaluation(label, made)
        return collect(
            self.policy_of(label),
            self.tasks.values(),
            place(self.config.out, f"evaluation/{label}", inputs),
            split="test",
            episodes=c.episodes,
            attempts=c.attempts,
            seed=self.config.seed_of_training,
            devices=self.config.devices,
            dialect=self.config.dialect,
            description=f"7 evaluate ({label})",
        )

    def policy_of(self, label: str) -> Policy:
        """The policy that a label names, as it is evaluated."""
        c = self.config.evaluation
        evaluated = Evaluated.of(label)
        name = evaluated.method
        number = self.config.rounds_by_label.get(label)
        if number:
            model: str | Path = self.rounds.actor(number)
        else:
            model = self.config.base if name == "base" else self.actor(cast(Method, name))
        temperature = evaluated.temperature(c)
        policy = self.policy(model, temperature, self.config.seed_of_training)
        if evaluated.way != "rerank":
            return policy
        _ = self.critic  # is now in the run directory
        return RerankingPolicy(policy, load_judge(self.config.out), c.rerank)


def train(config: DigiQConfig) -> dict[str, Summary]:
    """Run every stage that has not finished, evaluate, and write ``report.html``.

    Returns:
        Success by label (see `DigiQConfig.labels`).

    Raises:
        ConfigError: wrong settings, or data nothing can be learned from.
    """
    digiq = DigiQ(config)
    if config.uses_critic:
        for sentence in verdict(digiq.diagnostics):
            logger.info("critic: %s", sentence)
    stores = {label: digiq.evaluate(label) for label in config.labels}
    write_digiq_report(digiq, stores)
    digiq.run.close()
    return {label: summarise(store.episodes()) for label, store in stores.items()}
