"""The methods that are compared: what each imitates in which states, and how hard.

All feed the one imitation loop, whose loss of a state is -weight * log pi(action | s):

    filtered_bc   logged actions of successful episodes
    digirl        logged actions with a step advantage above 1 / H (arXiv 2406.11896)
    digiq         the best of N candidates (arXiv 2502.15760)
    reinforce     every logged action, weight A(s, a)
    awr           every logged action, weight exp(A(s, a) / beta) (arXiv 1910.00177)

A negative weight would drive the loss to minus infinity: REINFORCE's examples carry the
log-probability at which their action was sampled, and the loop weighs what is pushed away
by min(1, pi / pi_behaviour), which fades as the action becomes unlikely (see
`trainers.imitation.Example`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agentenv.policies.prompts import Prompt
from trainers.digiq.candidates import Candidates
from trainers.digiq.config import DigiQConfig, Method
from trainers.digiq.critic import Critic, evaluate
from trainers.digiq.extraction import BestOfN, share_changed
from trainers.digiq.transitions import TransitionFeatures
from trainers.imitation import Example


@dataclass(frozen=True)
class Selection:
    """What to imitate."""

    slots: Tensor
    """(S,) long: a candidate of each state, 0 the logged action."""
    keep: Tensor
    """(S,) bool: the states in which it is imitated."""
    weights: Tensor
    """(S,) float32: how hard; below 0 the action is made less likely."""

    @property
    def changed(self) -> float:
        """Share of the kept states in which another action than the logged one is imitated."""
        return share_changed(self.slots, self.keep)


def select(
    method: Method, critic: Critic, features: TransitionFeatures, config: DigiQConfig
) -> Selection:
    """What a method that asks Q (digiq, reinforce, awr) imitates."""
    rule, settings = best_of_n_rule(config), config.actor
    q, v = evaluate(critic, features)
    if method == "digiq":
        return digiq(*rule.choose(q, v, features))
    table = rule.advantages(q, v, features)[:, 0]
    if method == "reinforce":
        return reinforce(table)
    return awr(table, settings.awr_beta, settings.awr_max_weight)


def best_of_n_rule(config: DigiQConfig) -> BestOfN:
    """How a run ranks candidates."""
    settings = config.actor
    return BestOfN(
        settings.aggregation,
        settings.threshold,
        settings.margin,
        settings.prior,
        config.critic.gamma if settings.observed else None,
        settings.n,
        config.privacy.candidates,
    )


def filtered_bc(succeeded: Tensor) -> Selection:
    """Imitate the logged actions of successful episodes.

    Args:
        succeeded: (S,) bool.
    """
    return _logged(succeeded, torch.ones(len(succeeded)))


def digiq(slots: Tensor, keep: Tensor) -> Selection:
    """Imitate the best candidate; arguments as `BestOfN.choose` returns them."""
    return Selection(slots, keep, torch.ones(len(slots)))


def digirl(step_advantages: Tensor, horizon: Tensor) -> Selection:
    """Imitate the logged actions with A > 1 / H.

    Args:
        step_advantages: (S,), of `digirl_advantages`.
        horizon: (S,) H, the step limit of each state's task.
    """
    return _logged(step_advantages > 1 / horizon, torch.ones(len(horizon)))


def reinforce(advantages: Tensor) -> Selection:
    """Weigh the logged actions by their advantage.

    Args:
        advantages: (S,) of the logged actions; minus infinity (invalid) is left out.
    """
    return _logged(advantages.isfinite(), advantages)


def awr(advantages: Tensor, beta: float, max_weight: float) -> Selection:
    """Weigh the logged actions by the exponential of their advantage.

    Args:
        advantages: (S,) of the logged actions; minus infinity (invalid) is left out.
        beta: temperature; the smaller, the more the best count.
        max_weight: no weight is larger.
    """
    return _logged(advantages.isfinite(), (advantages / beta).exp().clamp(max=max_weight))


def digirl_advantages(critic: Critic, features: TransitionFeatures, mixing: float) -> Tensor:
    """DigiRL's step-level advantage of the logged actions (arXiv 2406.11896, doubly robust).

        A(s, a) = w R + (1 - w) (r + V(s') - V(s)),   w = mixing^(steps to the end)

    where R is the episode's outcome and V the smallest of the critic's heads ("double
    critic"). The outcome counts for the last steps, the value's rise for the early ones.

    Args:
        critic: trained on Monte-Carlo returns.
        features: logged transitions.
        mixing: in [0, 1]; 0 trusts the critic alone (and the outcome at the last step).

    Returns:
        (S,) float32.
    """
    here, last = torch.arange(len(features)), _last_step(features)
    step = features.backup(1, 1.0)
    following = step.discount * _smallest_v(critic, features, step.index)
    advantage = step.rewards + following - _smallest_v(critic, features, here)
    weight = torch.tensor(mixing) ** (last - here)
    return weight * features.rewards[last].to(torch.float32) + (1 - weight) * advantage


@torch.no_grad()
def _smallest_v(critic: Critic, features: TransitionFeatures, states: Tensor) -> Tensor:
    """(B,): V of states numbered as in `TransitionFeatures.next_index`."""
    values = [critic.v(features.states_at(part)) for part in states.split(512)]
    return torch.cat(values, dim=1).amin(dim=0)


def _last_step(features: TransitionFeatures) -> Tensor:
    """(S,) long: the row of each step's episode's last step."""
    _, lengths = features.episode.unique_consecutive(return_counts=True)
    return (lengths.cumsum(0) - 1).repeat_interleave(lengths)


def examples_of(
    chosen: Selection, prompts: Sequence[Prompt], candidates: Sequence[Candidates]
) -> list[Example]:
    """A selection as answers to prompts; those of the states that are not kept are left out."""
    examples = []
    for row in chosen.keep.nonzero().flatten().tolist():
        slot = int(chosen.slots[row])
        text, behaviour = candidates[row].texts[slot], candidates[row].log_probs[slot]
        examples.append(
            Example(prompts[row], text, float(chosen.weights[row]), behaviour=behaviour)
        )
    return examples


def _logged(keep: Tensor, weights: Tensor) -> Selection:
    weights = weights.to(torch.float32).masked_fill(~keep, 0.0)
    return Selection(torch.zeros(len(keep), dtype=torch.long), keep, weights)
