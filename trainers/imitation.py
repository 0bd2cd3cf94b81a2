"""The one way a vision-language model is trained here: to say given answers.

Supervised fine-tuning, Digi-Q's Best-of-N extraction and the methods it is compared with
differ only in which (history, answer) pairs they imitate, and how hard; this is the loop
they share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from trainers.runs import load_training_state, save_training_state
from trainers.scoring import extend_prompts


@dataclass(frozen=True)
class Example:
    """What to say, and when."""

    prompt: Prompt
    answer: str
    weight: float = 1.0
    """Negative: say it less often. Then it counts min(1, pi / pi_behaviour) times, without
    which the less likely an answer became, the harder it would still be pushed."""
    given: tuple[int, ...] = ()
    """Tokens between prompt and answer that are not to be learned."""
    behaviour: float = 0.0
    """log pi_behaviour(answer | prompt) of the policy that gave the answer, for a negative
    weight; 0 is safe where it is not known."""


@dataclass(frozen=True)
class ImitationSettings:
    """Of the optimiser."""

    steps: int = 1000
    batch_size: int = 16
    learning_rate: float = 1e-4
    warmup_share: float = 0.05
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    reading: float = 0.0
    """Weight of the prompts' own likelihood, see `imitation_loss`."""
    seed: int = 0
    checkpoint_every: int = 500
    """Steps between saved training states, for resuming."""


Progress = Callable[[int, dict[str, float]], None]
"""Called after each step with the number of finished steps and its numbers."""


def imitation_loss(
    vlm: VisionLanguageModel, batch: Sequence[Example], reading: float = 0.0
) -> Tensor:
    """-mean over examples of weight * log pi(answer | prompt), summed over its tokens.

    This is the actor's loss of Digi-Q (arXiv 2502.15760, Best-of-N extraction);
    divided by the mean answer length, so that a learning rate means the same
    whatever the answers' length. Equal prompts are encoded once.

    Args:
        vlm: the model.
        batch: what to say.
        reading: weight of the prompts' own likelihood, added to it (mean over their tokens).
    """
    suffixes = [[*example.given, *vlm.tokenize(example.answer)] for example in batch]
    prompts = [example.prompt for example in batch]
    extension = extend_prompts(vlm, prompts, suffixes, read=reading > 0)
    given = torch.tensor([len(example.given) for example in batch], device=vlm.device)
    learned = torch.arange(extension.mask.shape[1], device=vlm.device) >= given[:, None]
    log_probs = (extension.log_probs * learned).sum(1)
    weights = torch.tensor([example.weight for example in batch], device=vlm.device)
    behaviour = torch.tensor([example.behaviour for example in batch], device=vlm.device)
    ratio = (log_probs.detach() - behaviour).exp().clamp(max=1.0)
    weights = torch.where(weights < 0, weights * ratio, weights)
    loss = -(log_probs * weights).sum() / (extension.mask & learned).sum()
    return loss if extension.reading is None else loss - reading * extension.reading


def imitate(
    vlm: VisionLanguageModel,
    batch_of: Callable[[int], Sequence[Example]],
    settings: ImitationSettings,
    *,
    progress: Progress,
    state_file: Path | None = None,
) -> None:
    """Train in place.

    Args:
        vlm: whose trainable parameters are updated.
        batch_of: the batch of a step; the same step must give the same batch, which
            is what makes an interrupted run resume to the same result.
        settings: of the optimiser.
        progress: told of every step.
        state_file: where the training state is kept; None does not save it.
    """
    parameters = [p for p in vlm.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    start = load_training_state(state_file, vlm.model, optimizer) if state_file else 0
    vlm.model.train()
    for step in range(start, settings.steps):
        rate = settings.learning_rate * cosine(step, settings.steps, settings.warmup_share)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = imitation_loss(vlm, batch_of(step), settings.reading)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings.gradient_clip)
        optimizer.step()
        done = step + 1
        progress(done, {"loss": loss.item(), "learning_rate": rate, "gradient_norm": norm.item()})
        if state_file and done % settings.checkpoint_every == 0 and done < settings.steps:
            save_training_state(state_file, vlm.model, optimizer, done)
    vlm.model.eval()
    if state_file:
        state_file.unlink(missing_ok=True)


def cosine(step: int, steps: int, warmup_share: float) -> float:
    """Linear warm-up, then half a cosine down to a tenth."""
    warmup = max(1, int(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * share))


class BatchOrder:
    """Which examples are in the batch of a step: the same step, the same batch.

    Batches hold examples of similar lengths, because padding costs time.

    Args:
        lengths: of the examples, in any unit.
        batch_size: examples a batch; the last of an epoch may be smaller.
        seed: of the order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self._epoch = -1
        self._batches: list[list[int]] = []
        self._per_epoch = len(self._shuffle(0))

    def __call__(self, step: int) -> list[int]:
        """Indices of the examples of a step (0 being the first)."""
        epoch, number = divmod(step, self._per_epoch)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._shuffle(epoch)
        return self._batches[number]

    def _shuffle(self, epoch: int) -> list[list[int]]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))
        pool = self.batch_size * 16
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            chunk = sorted(order[start : start + pool].tolist(), key=lambda i: self.lengths[i])
            batches += [
                chunk[i : i + self.batch_size] for i in range(0, len(chunk), self.batch_size)
            ]
        return [batches[int(number)] for number in rng.permutation(len(batches))]
