"""Demonstrations imitated beside rollouts (CHORD)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from agentenv.actions import Invalid
from agentenv.policies.vlm import VLMPolicy
from trainers.craft_gui.config import CraftGUIConfig
from trainers.craft_gui.offline import successful
from trainers.imitation import BatchOrder
from trainers.objectives.losses import chord_mu, sft
from trainers.scoring import extend_prompts


def imitation_of(
    config: CraftGUIConfig, policy: VLMPolicy
) -> Callable[[int], tuple[Tensor, float]]:
    """The demonstrations' loss at each optimiser step, and its weight.

    Args:
        config: of the run.
        policy: whose model learns; prompts and answers are written as it writes them.

    Raises:
        ConfigError: there is no successful demonstration.
    """
    c, vlm = config.mixing, policy.vlm
    examples = [
        (policy.prompt(episode.history_at(number)), policy.dialect.print(step.action))
        for episode in successful(c.data)
        for number, step in enumerate(episode.steps)
        if not isinstance(step.action, Invalid)
    ]
    order = BatchOrder([len(prompt.text) for prompt, _ in examples], c.batch, config.seed)

    def at(step: int) -> tuple[Tensor, float]:
        batch = [examples[place] for place in order(step)]
        answers = [vlm.tokenize(answer) for _, answer in batch]
        found = extend_prompts(vlm, [prompt for prompt, _ in batch], answers)
        weight = chord_mu(
            step, warmup=c.warmup, decay=c.decay, peak=c.peak, valley=min(c.valley, c.peak)
        )
        return sft(found.log_probs, found.mask, phi=c.phi), weight

    return at
