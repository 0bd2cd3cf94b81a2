"""`agentenv train digiq`: the stages of Digi-Q, in order, each skipped once finished.

    collect -> candidates -> representation -> features -> critic -> actors -> evaluation

Nothing after `collect` touches the environment until the evaluation.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file

from agentenv.actions import BROWSER_ACTIONS
from agentenv.collecting import collect
from agentenv.config import save_config
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.policies.base import Policy
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt, PromptFormat, render
from agentenv.policies.vlm import VLMPolicy, weights_digest
from agentenv.progress import track
from agentenv.statistics import Summary, summarise
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from trainers.digiq import methods
from trainers.digiq.candidates import (
    Candidates,
    load_candidates,
    logged_candidates,
    propose_candidates,
    save_candidates,
)
from trainers.digiq.config import DigiQConfig, Method
from trainers.digiq.critic import Critic
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.diagnostics import Diagnostics, diagnose, verdict
from trainers.digiq.extraction import advantages, unlikeliness
from trainers.digiq.feature_cache import FeatureCache
from trainers.digiq.features import (
    extract_features,
    final_features,
    final_history,
    score_candidates,
)
from trainers.digiq.finished import read_features, state_prompts, usable_episodes
from trainers.digiq.inputs import StageInputs, critic_of
from trainers.digiq.methods import Selection, examples_of
from trainers.digiq.report import write_digiq_report
from trainers.digiq.representation import finetune_representation, questions_of
from trainers.digiq.reranking import RerankingPolicy, load_judge
from trainers.digiq.td import split_by_episode, train_critic
from trainers.digiq.transitions import TransitionFeatures
from trainers.imitation import BatchOrder, ImitationSettings, imitate
from trainers.runs import RunDirectory, fingerprint, saved_step
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
        save_config(config, config.out / "config.yaml")
        if config.threads:
            torch.set_num_threads(config.threads)

    @cached_property
    def inputs(self) -> StageInputs:
        """What determines each stage's outcome."""
        return StageInputs(self.config, tuple(self.tasks), weights_digest(self.base()))

    def folder(self, name: str, inputs: Any) -> Path:
        """Where a stage keeps what it may continue: other inputs, another folder."""
        return self.config.out / f"{name}-{fingerprint(inputs)[:8]}"

    def base(self) -> VisionLanguageModel:
        """The base policy's model, loaded anew (stages train their own copy)."""
        return VisionLanguageModel.from_pretrained(self.config.base)

    def trainable(self) -> VisionLanguageModel:
        """A copy of the base policy's model with what the settings let be trained."""
        vlm = with_adapter(self.base(), self.config.lora)
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
    def episodes(self) -> list[Episode]:
        """Stage 1: logged episodes that can be learned from (no infrastructure failures)."""
        c = self.config.collect
        path = c.data or self.folder("data", self.inputs.collect)
        if c.data is None and self.run.finished("collect", self.inputs.collect) is None:
            collect(
                self.policy(self.config.base, c.temperature),
                self.tasks.values(),
                path,
                split="train",
                episodes=c.episodes,
                seed=self.config.seed,
                devices=self.config.devices,
                dialect=self.config.dialect,
                description="1 collect",
            )
            self.run.finish("collect", self.inputs.collect, {"data": str(path)})
        episodes = usable_episodes(TrajectoryStore(path))
        if not episodes:
            raise ConfigError(f"no usable episode in {path}")
        return episodes

    @cached_property
    def prompts(self) -> list[Prompt]:
        """Prompts of all logged states, in order."""
        return state_prompts(self.episodes, self.dialect, PromptFormat.load(self.config.base))

    @cached_property
    def candidates(self) -> list[Candidates]:
        """Stage 2: candidate actions of every logged state."""
        c = self.config.candidates
        file = self.config.out / "candidates.parquet"
        if self.run.finished("candidates", self.inputs.candidates) is None:
            policy = self.policy(self.config.base, c.temperature)
            with track("2 candidates", total=len(self.prompts)) as bar:
                rows = propose_candidates(
                    self.episodes,
                    policy,
                    n=c.n,
                    progress=lambda done: bar.advance(done - bar.done),
                )
            save_candidates(file, rows)
            self.run.finish("candidates", self.inputs.candidates, {"states": len(rows)})
        return load_candidates(file)

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
    def features(self) -> TransitionFeatures:
        """Stage 4: frozen features of all states and candidates, with their outcomes."""
        folder = self.config.out / "features"
        layer = self.config.representation.layer
        if self.run.finished("features", self.inputs.features) is None:
            vlm, root = self.representation, self.config.feature_cache
            cache = FeatureCache(root, weights_digest(vlm), layer) if root else None
            with track("4 features", total=len(self.prompts)) as bar:
                extract_features(
                    vlm,
                    self.prompts,
                    self.candidates,
                    self.dialect,
                    topics=self.config.representation.topics,
                    layer=layer,
                    folder=folder,
                    batch_size=16,
                    progress=lambda done: bar.advance(done - bar.done),
                    cache=cache,
                )
            late = [final_history(e) for e in self.episodes if not e.terminated]
            prompts = [render(h, self.dialect, vlm.form, BROWSER_ACTIONS) for h in late]
            finals = final_features(vlm, prompts, layer=layer, batch_size=16)
            with track("4 log-probs", total=len(self.prompts)) as bar:
                scores = score_candidates(
                    self.base(),
                    self.prompts,
                    self.candidates,
                    batch_size=16,
                    progress=lambda done: bar.advance(done - bar.done),
                )
            save_file({"state": finals, "scores": scores}, folder / "more.safetensors")
            self.run.finish("features", self.inputs.features, {"states": len(self.prompts)})
        return read_features(folder, self.episodes, self.candidates, self.dialect)

    @cached_property
    def critic(self) -> Critic:
        """Stage 5: Q and V on the frozen features."""
        return self._critic("critic", self.config.critic)

    @cached_property
    def digirl_critic(self) -> Critic:
        """DigiRL's V, on the same features."""
        return self._critic("critic_digirl", critic_of("digirl", self.config))

    def _critic(self, name: str, config: CriticConfig) -> Critic:
        file = self.config.out / f"{name}.safetensors"
        inputs = self.inputs.critic(config)
        if self.run.finished(name, inputs) is not None:
            return Critic.load(file)
        with track(f"5 {name.replace('_', ' of ')}", total=config.steps) as bar:

            def log(row: dict[str, float]) -> None:
                step = int(row["step"])
                self.run.log(name, step, {k: v for k, v in row.items() if k != "step"})
                bar.advance(step - bar.done, text=f"loss {row['train_loss']:.3f}")

            critic, _ = train_critic(self.features, config, log)
            bar.advance(bar.total - bar.done)  # it may have stopped early
        critic.save(file)
        features = fingerprint(self.inputs.features)
        self.run.finish(name, inputs, {"base": self.inputs.base_digest, "features": features})
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
            c.actor.aggregation,
            c.actor.threshold,
            c.actor.margin,
            c.actor.observed,
            c.actor.prior,
            held_out if len(held_out) else None,
        )

    def selection(self, method: Method) -> Selection:
        """Stage 6: what a method imitates, and how hard."""
        c = self.config.actor
        if method == "filtered_bc":
            return methods.filtered_bc(torch.tensor([e.success for e in self._episode_of_step]))
        if method == "digirl":
            rise = methods.digirl_advantages(self.digirl_critic, self.features, c.digirl_mixing)
            horizon = torch.tensor([self._step_limit(e) for e in self._episode_of_step])
            return methods.digirl(rise, horizon)
        gamma = self.config.critic.gamma if c.observed else None
        table = advantages(self.critic, self.features, c.aggregation, observed=gamma)
        if method == "reinforce":
            return methods.reinforce(table[:, 0])
        if method == "awr":
            return methods.awr(table[:, 0], c.awr_beta, c.awr_max_weight)
        valid = self.features.candidate_valid
        handicap = unlikeliness(self.features.base_log_probs, valid, c.prior)
        return methods.digiq(table, valid, c.threshold, c.margin, handicap)

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
        folder = self.config.out / "models" / method
        inputs = self.inputs.actor(method)
        if self.run.finished(f"actor_{method}", inputs) is not None:
            return folder
        chosen = self.selection(method)
        logged_only = method == "filtered_bc"  # which needs no candidates
        candidates = (
            logged_candidates(self.episodes, self.dialect) if logged_only else self.candidates
        )
        examples = examples_of(chosen, self.prompts, candidates)
        if not examples:
            raise ConfigError(f"{method} selected no action to imitate; collect more data")
        vlm = self.trainable()
        settings = ImitationSettings(
            steps=c.steps,
            batch_size=c.batch_size,
            learning_rate=c.learning_rate,
            seed=self.config.seed_of_training,
        )
        order = BatchOrder([len(e.prompt.text) for e in examples], c.batch_size, settings.seed)
        state = self.folder(f"actor_{method}", inputs).with_suffix(".safetensors")
        with track(f"6 imitate ({method})", total=c.steps, done=saved_step(state)) as bar:

            def progress(step: int, values: dict[str, float]) -> None:
                if step % 10 == 0:
                    self.run.log(f"actor_{method}", step, values)
                bar.advance(step - bar.done, text=f"loss {values['loss']:.3f}")

            imitate(
                vlm,
                lambda step: [examples[i] for i in order(step)],
                settings,
                progress=progress,
                state_file=state,
            )
        vlm.save(folder)
        result = {"examples": len(examples), "changed": chosen.changed}
        self.run.finish(f"actor_{method}", inputs, result)
        return folder

    def evaluate(self, label: str) -> TrajectoryStore:
        """Stage 8: act on instances no stage has seen; `label` is one of the config's."""
        c = self.config.evaluation
        inputs = self.inputs.evaluation(label)
        return collect(
            self.policy_of(label),
            self.tasks.values(),
            self.folder(f"evaluation/{label}", inputs),
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
        name = label.removesuffix("_rerank")
        model = self.config.base if name == "base" else self.actor(cast(Method, name))
        policy = self.policy(model, c.temperature, self.config.seed_of_training)
        if name == label:
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
