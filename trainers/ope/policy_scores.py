"""How likely the policies of a run are to act as logged, and as its candidates propose.

Log-probabilities are those of the whole answer at the temperature a policy is evaluated
at. They are computed once and kept in the run's folder ``ope``, under a key of everything
they depend on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agentenv.errors import ConfigError
from agentenv.policies.prompts import PROMPT_VERSION
from agentenv.policies.vlm import VLMPolicy
from agentenv.progress import track
from trainers.digiq.finished import FinishedRun
from trainers.ope.kept import Kept, keep
from trainers.runs import fingerprint
from trainers.scoring import Answer, score_answers

BATCH_SIZE = 16
"""States at once."""


@dataclass(frozen=True)
class PolicyScores:
    """Of one policy, for S logged states."""

    log_probs: Tensor
    """(S, 1 + C) float32: of the logged answer as it was said, then of C proposed ones, in
    the wording of `trainers.digiq.candidates`."""
    version: str
    """The policy's, as evaluation episodes name it."""


def has_proposals(run: FinishedRun) -> bool:
    """Whether a run has features of other actions than the logged ones."""
    return run.config.uses_critic and run.config.candidates.n > 1


def score_policy(run: FinishedRun, label: str, temperature: float) -> PolicyScores:
    """Scores of a policy, computed or read again.

    Args:
        run: whose logged states and candidates are scored.
        label: of the policy, see `FinishedRun.model`.
        temperature: at which it samples; 0 is greedy.
    """

    def compute() -> Kept:
        policy = VLMPolicy.from_pretrained(
            run.model(label), dialect=run.config.dialect, temperature=temperature
        )
        answers = _answers(run, policy)
        description = f"log-probs of {label} at temperature {temperature:g}"
        with track(description, total=len(run.prompts)) as bar:
            scores = score_answers(
                policy.vlm,
                run.prompts,
                answers,
                temperature=temperature,
                batch_size=BATCH_SIZE,
                progress=lambda done: bar.advance(done - bar.done),
            )
        return Kept({"log_probs": scores[..., 0]}, {"version": policy.version})

    key = score_key(run, label, temperature)
    found = keep(run.path / "ope", "log_probs", key, compute)
    return PolicyScores(found.tensors["log_probs"], found.metadata["version"])


def evaluated_scores(run: FinishedRun, label: str) -> PolicyScores:
    """Scores of a policy at the temperature it is evaluated at."""
    return score_policy(run, label, run.config.evaluation.temperature)


def score_key(run: FinishedRun, label: str, temperature: float) -> str:
    """Changes with everything that `score_policy` depends on.

    A stage's marker stands for what the stage is built on: the base policy's weights, and
    for an actor its settings and data.
    """
    actor = run.config.methods[0] if label == "base" else label
    stages = [f"actor_{actor}", *(["candidates"] if has_proposals(run) else [])]
    return fingerprint(
        {
            "label": label,
            "stages": [run.stage(stage)["inputs"] for stage in stages],
            "data": data_key(run),
            "temperature": temperature,
            "prompt": PROMPT_VERSION,
        }
    )


def data_key(run: FinishedRun) -> str:
    """The same for runs that learned from the same logged episodes."""
    return fingerprint([shard.sha256 for shard in run.store.manifest.shards])


def _answers(run: FinishedRun, policy: VLMPolicy) -> list[list[Answer]]:
    """What is scored in each state: tokens as they were said, if that was stored."""
    vlm = policy.vlm
    steps = [step for episode in run.episodes for step in episode.steps]
    logged: list[Answer] = [step.token_ids or vlm.tokenize(step.text) for step in steps]
    if not has_proposals(run):
        return [[answer] for answer in logged]
    return [
        [answer, *(vlm.tokenize(text) for text in row.texts[1:])]
        for answer, row in zip(logged, run.candidates, strict=True)
    ]


def behaviour_log_probs(run: FinishedRun) -> Tensor:
    """(S,) float32: log pi_b(a_t | s_t) of the logged answers, as stored when they were sampled.

    Raises:
        ConfigError: they were not stored, or not sampled.
    """
    episodes = run.episodes
    steps = [step for episode in episodes for step in episode.steps]
    if not all(step.log_probs for step in steps):
        missing = sum(not step.log_probs for step in steps)
        raise ConfigError(
            f"{missing} of {len(steps)} steps that {run.path} learned from carry no "
            "log-probabilities (an oracle or a person acted), so nothing can be weighed by "
            "them: choose --estimator fqe"
        )
    if any(episode.policy_version.endswith("-t0") for episode in episodes):
        raise ConfigError(
            f"{run.path} learned from episodes acted greedily (temperature 0), which say nothing "
            "of what another policy would have done: choose --estimator fqe"
        )
    return torch.tensor([sum(step.log_probs) for step in steps])


def proposal_weights(run: FinishedRun, label: str) -> Tensor:
    """How much each candidate counts in the policy's expectation over actions.

    Self-normalised importance weights w_j prop. to pi_e(a_j | s) / q(a_j | s), where q is
    the base policy at the temperature the candidates were proposed at. The logged action
    (slot 0), which came from another distribution and whose outcome the critic has seen,
    has weight 0, and so have invalid candidates, unless there is nothing else. If the policy
    would never say any of the candidates, they get equal weights.

    Two approximations, both of which leave out mistakes and so flatter a policy that makes
    many: proposals that did not parse were drawn again, so its invalid answers are not in
    its expectation; and candidates are stored, and weighed, in their canonical wording, which
    it may hardly ever say where it names one element and points at another.

    Returns:
        (S, N) float32, for `TransitionFeatures.candidate_weights`.
    """
    policy = evaluated_scores(run, label)
    proposal = score_policy(run, "base", run.config.candidates.temperature)
    valid = run.features.candidate_valid.clone()
    valid[:, 0] = False
    valid[:, 0] = ~valid.any(dim=1)
    weights = policy.log_probs - proposal.log_probs
    never = weights.masked_fill(~valid, -torch.inf).isneginf().all(dim=1, keepdim=True)
    weights = torch.where(never, 0.0, weights).masked_fill(~valid, -torch.inf)
    return torch.softmax(weights, dim=1)
