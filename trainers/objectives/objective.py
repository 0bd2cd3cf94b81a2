"""An objective put together: advantage x ratio level x clip x aggregation x regulariser.

objective = build(ObjectiveConfig("grpo", settings={"clip.high": 0.28}))
advantages = objective.advantages(rewards, groups)           # once, over whole groups
loss = objective.loss(Batch(log_probs, old, mask, advantages))  # for each batch
loss.value.backward()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from agentenv.config import closest
from agentenv.errors import ConfigError

# Imported for the parts that they register.
from trainers.objectives import advantages, aggregations, clips, ratios, regularisers  # noqa: F401
from trainers.objectives.batch import Batch
from trainers.objectives.clips import Surrogate
from trainers.objectives.config import ObjectiveConfig
from trainers.objectives.published import CHOICES, PUBLISHED
from trainers.objectives.registry import Kind, find_part
from trainers.objectives.regularisers import k3
from trainers.objectives.step_advantages import Steps

LARGEST_LOG_RATIO = 20.0
"""e^20 is far past every clip, and its square is still a number."""


@dataclass(frozen=True)
class Loss:
    """The loss of a batch, or of a micro-batch."""

    total: Tensor
    """Scalar; carries the gradient."""
    count: Tensor
    """What it is to be divided by: (total_1 + total_2) / (count_1 + count_2) is the loss of
    two micro-batches together."""
    metrics: dict[str, float]
    """Means over the tokens that are learned from."""

    @property
    def value(self) -> Tensor:
        """The loss."""
        return self.total / self.count


@dataclass(frozen=True)
class Objective:
    """What is minimised; made by `build`."""

    name: str
    advantage: Callable[[Tensor, Tensor], Tensor]
    step_advantage: Callable[[Steps, Tensor], Tensor]
    ratio: Callable[[Tensor, Tensor, Tensor], Tensor]
    clip: Callable[[Tensor, Tensor, Tensor, Tensor], Surrogate]
    aggregation: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    regulariser: Callable[[Batch], Tensor]
    needs_reference: bool = False
    """Whether batches must have `reference_log_probs`."""
    needs_proxy: bool = False
    """Whether batches must have `proxy_log_probs`."""

    def advantages(self, rewards: Tensor, groups: Tensor, steps: Steps | None = None) -> Tensor:
        """How good each episode was, or with `steps` each of their steps.

        Args:
            rewards: (E,) of episodes, in whole groups.
            groups: (E,) long, equal numbers for rollouts from one initial state.
            steps: the episodes' S steps.

        Returns:
            (E,), or (S,) with steps; float32.
        """
        whole = self.advantage(rewards, groups)
        return whole if steps is None else whole[steps.episode] + self.step_advantage(steps, groups)

    def loss(self, batch: Batch) -> Loss:
        """Minimise its `value`.

        Raises:
            ValueError: shapes that do not fit, or log-probabilities that the regulariser
                needs are missing.
        """
        batch = batch.tidy()
        logs = self.ratio(batch.log_probs, batch.old_log_probs, batch.mask)
        ratio = logs.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()
        surrogate = self.clip(ratio, batch.log_probs, batch.advantages, batch.mask)
        penalty = self.regulariser(batch)
        total, count = self.aggregation(surrogate.loss + penalty, batch.mask)
        return Loss(total, count, _metrics(batch, ratio, surrogate, penalty))


def build(config: ObjectiveConfig) -> Objective:
    """The objective that a configuration describes.

    Raises:
        ConfigError: a name or setting is unknown, a value out of range, or parts do not fit.
    """
    if config.name not in PUBLISHED:
        raise ConfigError(f"no objective {config.name!r}{closest(config.name, list(PUBLISHED))}")
    published = PUBLISHED[config.name]
    names: dict[Kind, str] = {
        kind: getattr(config, kind) or getattr(published, kind) for kind in CHOICES
    }
    if names["clip"] == "nft" and names["advantage"] != "group_mean":
        raise ConfigError(
            f"clip nft reads the pass rate off advantage group_mean, not {names['advantage']}"
        )
    settings: dict[Kind, dict[str, float]] = {
        # A published setting goes with the published part.
        kind: _settings_of(kind, published.settings)
        if names[kind] == getattr(published, kind)
        else {}
        for kind in CHOICES
    }
    for key in config.settings:
        if not any(key.startswith(f"{kind}.") for kind in CHOICES):
            raise ConfigError(
                f"objective setting {key!r}: name it by its part, one of "
                f"{', '.join(CHOICES)}, as in clip.high"
            )
    parts = {
        kind: find_part(kind, names[kind]).with_settings(
            settings[kind] | _settings_of(kind, config.settings)
        )
        for kind in CHOICES
    }
    kl = names["regulariser"] == "kl" and parts["regulariser"].keywords["coefficient"] > 0
    return Objective(
        config.name,
        **parts,
        needs_reference=kl,
        needs_proxy=names["regulariser"] == "lp_reg",
    )


def _settings_of(kind: Kind, settings: Mapping[str, float]) -> dict[str, float]:
    """Those of one part, without its name."""
    prefix = f"{kind}."
    return {
        key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)
    }


@torch.no_grad()
def _metrics(
    batch: Batch, ratio: Tensor, surrogate: Surrogate, penalty: Tensor
) -> dict[str, float]:
    tokens = batch.mask
    if not tokens.any():
        return {}
    return {
        "clip_share": surrogate.clipped[tokens].float().mean().item(),
        "ratio": ratio[tokens].mean().item(),
        "largest_ratio": ratio[tokens].max().item(),
        "kl_from_old": k3(batch.log_probs, batch.old_log_probs)[tokens].mean().item(),
        "penalty": penalty[tokens].mean().item(),
    }
