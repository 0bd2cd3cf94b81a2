"""Stage 3: make the features cover what is actionable (arXiv 2502.15760).

The model is asked of a state and its logged action whether the action changes the
screen, and learns to say Yes or No. The features of stage 4 are hidden states of the
very same prompt, the frozen model's answer left unsaid.

Ours differs from the authors' in two points. The tap is named in the prompt (label and
index of the element, or the point) and not painted onto the screenshot, so that all
candidates of a state share one encoding of image and prompt. And a second question can
follow the first: did the episode go on to succeed? A model of billions of parameters
knows how an action relates to a goal; a small one has to be asked before its hidden
states tell the critic anything of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from agentenv.actions import Action
from agentenv.observations import Screen
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from agentenv.trajectories.episode import Episode
from trainers.imitation import BatchOrder, cosine

CHANGE_THRESHOLD = 30.0
"""Mean squared difference of quarter-scale screenshots, on 0-255 (the authors' value)."""
QUESTIONS = {
    "tap": "Does this tap change the screen?",
    "input_text": "Does this typing change the screen?",
    "swipe": "Does this swipe change the screen?",
    "scroll": "Does this scroll change the screen?",
    "press_key": "Does this key change the screen?",
}
OTHER_QUESTION = "Does this action change the screen?"
OUTCOME_QUESTION = "Does it lead to the goal?"
Topic = Literal["change", "outcome"]
"""What a question asks of an action: whether the screen changes (the authors' question),
or whether the episode succeeded."""


def screen_changed(before: Screen, after: Screen, threshold: float = CHANGE_THRESHOLD) -> bool:
    """Whether two screenshots differ, by mean squared pixel difference at quarter scale."""
    first, second = (_quarter(screen) for screen in (before, after))
    if first.shape != second.shape:
        return True
    return float(np.mean((first - second) ** 2)) > threshold


def _quarter(screen: Screen) -> np.ndarray:
    image = Image.fromarray(screen.screenshot)
    size = (max(1, image.width // 4), max(1, image.height // 4))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def ask(
    vlm: VisionLanguageModel, text: str, action: Action, topics: Sequence[Topic]
) -> tuple[list[int], list[int]]:
    """An action and the questions about it, the last answer left open.

    Returns:
        Token ids, and the position in them of each question's last token.
    """
    words = {"change": QUESTIONS.get(action.type, OTHER_QUESTION), "outcome": OUTCOME_QUESTION}
    ids, ends = vlm.tokenize(f"{text}\n", end=False), []
    for topic in topics:
        ids += vlm.tokenize(f"{words[topic]}\n", end=False)
        ends.append(len(ids) - 1)
    return ids, ends


@dataclass(frozen=True)
class Question:
    """One training example: a state, an action, and the right answers."""

    prompt: Prompt
    suffix: tuple[int, ...]
    ends: tuple[int, ...]
    """Position in `suffix` of each question's last token."""
    answers: tuple[bool, ...]
    """To each question."""


def questions_of(
    episodes: Sequence[Episode],
    prompts: Sequence[Prompt],
    texts: Sequence[str],
    vlm: VisionLanguageModel,
    topics: Sequence[Topic],
) -> list[Question]:
    """Questions about every logged action whose consequence was seen.

    Args:
        episodes: logged ones.
        prompts: of all their steps, in order.
        texts: canonical wording of each step's logged action.
        vlm: whose tokenizer writes the questions.
        topics: what is asked, in order.
    """
    result: list[Question] = []
    steps = [step for episode in episodes for step in episode.steps]
    right = [answers for episode in episodes for answers in right_answers(episode)]
    for step, prompt, text, answers in zip(steps, prompts, texts, right, strict=True):
        if answers is not None:
            suffix, ends = ask(vlm, text, step.action, topics)
            in_order = tuple(answers[topic] for topic in topics)
            result.append(Question(prompt, tuple(suffix), tuple(ends), in_order))
    return result


def right_answers(episode: Episode) -> list[dict[Topic, bool] | None]:
    """To the questions about each logged action; None if nobody saw what it led to."""
    return [
        None
        if after is None
        else {"change": screen_changed(step.observation, after), "outcome": episode.success}
        for step, after in zip(episode.steps, episode.screens[1:], strict=True)
    ]


def finetune_representation(
    vlm: VisionLanguageModel,
    questions: Sequence[Question],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    progress: Callable[[int, dict[str, float]], None],
) -> None:
    """Binary cross-entropy on Yes against No, both answers weighted alike; in place.

    Args:
        vlm: its trainable parameters are updated.
        questions: what to learn from.
        steps: of the optimiser.
        batch_size: examples a step.
        learning_rate: peak, with warm-up and cosine decay.
        seed: of the order.
        progress: told of each step's loss and accuracy.
    """
    yes, no = (vlm.tokenize(word, end=False)[0] for word in ("Yes", "No"))
    answers = torch.tensor([question.answers for question in questions], dtype=torch.float32)
    share = answers.mean(0).clamp(0.05, 0.95)  # (topics,)
    parameters = [p for p in vlm.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.01)
    order = BatchOrder([len(q.prompt.text) for q in questions], batch_size, seed)
    vlm.model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * cosine(step, steps, 0.05)
        rows = order(step)
        batch = [questions[row] for row in rows]
        prefix = vlm.encode([question.prompt for question in batch])
        extension = vlm.extend(prefix, [question.suffix for question in batch])
        ends = torch.tensor([question.ends for question in batch], device=vlm.device)
        scores = extension.logits[torch.arange(len(batch))[:, None], ends]
        margin = scores[..., yes] - scores[..., no]
        labels = answers[rows].to(vlm.device)
        weights = torch.where(labels > 0.5, 0.5 / share, 0.5 / (1 - share))
        loss = functional.binary_cross_entropy_with_logits(margin, labels, weight=weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        accuracy = ((margin > 0) == (labels > 0.5)).float().mean().item()
        progress(step + 1, {"loss": loss.item(), "accuracy": accuracy})
    vlm.model.eval()
