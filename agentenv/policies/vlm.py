"""A vision-language model as a policy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch

from agentenv.actions import BROWSER_ACTIONS
from agentenv.dialects import get_dialect
from agentenv.policies.base import Decision, History
from agentenv.policies.language_model import Completion, VisionLanguageModel
from agentenv.policies.prompts import PROMPT_VERSION, Prompt, render
from agentenv.tasks.targets import does_nothing


class VLMPolicy:
    """Samples one answer per history and parses it.

    Args:
        vlm: the model.
        dialect: name of the text form it answers in.
        temperature: of sampling; 0 is greedy.
        seed: of sampling.
        batch_size: answers sampled at once, about (on a CPU, more wait for memory).
        max_new_tokens: longest answer.
        action_types: what devices can do, for the instructions.
        merge_equal: encode equal prompts of a batch once, as groups of rollouts from one
            state have them; the answers differ from those without it by rounding only.
    """

    def __init__(
        self,
        vlm: VisionLanguageModel,
        *,
        dialect: str = "json",
        temperature: float = 1.0,
        seed: int = 0,
        batch_size: int = 128,
        max_new_tokens: int = 64,
        action_types: tuple[str, ...] = BROWSER_ACTIONS,
        merge_equal: bool = False,
    ) -> None:
        self.vlm = vlm
        self.dialect = get_dialect(dialect)
        self.temperature = temperature
        self.batch_size = batch_size
        self.max_new_tokens = max_new_tokens
        self.action_types = action_types
        self.merge_equal = merge_equal
        self.generator = torch.Generator(vlm.device).manual_seed(seed)
        self.name = Path(vlm.name).name
        self.version = f"{weights_digest(vlm)[:12]}-p{PROMPT_VERSION}-t{temperature:g}"

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path,
        *,
        dialect: str = "json",
        temperature: float = 1.0,
        seed: int = 0,
    ) -> VLMPolicy:
        """Load any `AutoModelForImageTextToText` (see `VisionLanguageModel.from_pretrained`)."""
        vlm = VisionLanguageModel.from_pretrained(name_or_path)
        return cls(vlm, dialect=dialect, temperature=temperature, seed=seed)

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """One sampled decision for each history."""
        return [decisions[0] for decisions in self.propose(histories, 1)]

    @torch.no_grad()
    def propose(
        self,
        histories: Sequence[History],
        n: int,
        *,
        resample_invalid: int = 0,
    ) -> list[list[Decision]]:
        """N sampled decisions for each history.

        Args:
            histories: B of them.
            n: answers for each, 0 or more; the prompt is encoded once for all of them.
            resample_invalid: how often answers that do not parse, or that are aimed at an
                element that is not there, are drawn again.
        """
        result: list[list[Decision]] = []
        together = max(1, self.batch_size // max(1, n))
        for start in range(0, len(histories), together):
            batch = histories[start : start + together]
            screens = [history.observation.elements for history in batch]
            places = [(row, slot) for row in range(len(batch)) for slot in range(n)]
            decisions = dict(zip(places, self._answers(batch, places), strict=True))
            for _ in range(resample_invalid):
                bad = [p for p in places if does_nothing(decisions[p].action, screens[p[0]])]
                decisions |= dict(zip(bad, self._answers(batch, bad), strict=True))
            result += [[decisions[row, slot] for slot in range(n)] for row in range(len(batch))]
        return result

    def _answers(
        self, histories: Sequence[History], places: Sequence[tuple[int, int]]
    ) -> list[Decision]:
        """One answer for each place, whose first number says which history it is to."""
        asked = sorted({row for row, _ in places})
        if not asked:
            return []
        prompts = [self.prompt(histories[row]) for row in asked]
        owners = [asked.index(row) for row, _ in places]
        if self.merge_equal:
            distinct = list(dict.fromkeys(prompts))
            owners = [distinct.index(prompts[owner]) for owner in owners]
            prompts = distinct
        completions = self.vlm.sample(
            self.vlm.encode(prompts),
            owners=owners,
            temperature=self.temperature,
            max_new_tokens=self.max_new_tokens,
            generator=self.generator,
        )
        return [self._decide(completion) for completion in completions]

    def prompt(self, history: History) -> Prompt:
        """What the model is shown of a history."""
        return render(history, self.dialect, self.vlm.form, self.action_types)

    def _decide(self, completion: Completion) -> Decision:
        return Decision(
            text=completion.text,
            action=self.dialect.parse(completion.text),
            token_ids=completion.token_ids,
            log_probs=completion.log_probs,
        )


def weights_digest(vlm: VisionLanguageModel) -> str:
    """SHA-256 over the names and a fingerprint of every weight tensor (hex).

    Each tensor contributes its sum and sum of squares in float64, which any
    update changes; hashing gigabytes of raw bytes would take minutes.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(vlm.model.state_dict().items()):
        values = tensor.detach().double()
        digest.update(f"{name} {values.sum().item():.12e} {values.square().sum():.12e}".encode())
    return digest.hexdigest()
