"""A vision-language model with its processor, and the shared-prefix computation.

Everything that asks something of the model - sampling candidates, scoring them,
frozen features, updates - first encodes image and prompt once per state
(`encode`) and then extends that prefix by one or many short suffixes (`extend`,
`sample`). Gradients flow through the expanded cache, so training uses the same
two calls.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.utils import logging as transformers_logging

from agentenv.errors import ConfigError
from agentenv.policies.prompts import Prompt, PromptFormat
from agentenv.policies.shared_prefix import SharedPrefix, share_prefixes, shares_prefixes

COMPACT_BELOW = 0.75
"""Answers that have ended leave the cache once no more than this share is going on: they
cost nothing more, but moving the others costs as much as several tokens."""

transformers_logging.disable_progress_bar()  # loading a file is not what a person waits for


@dataclass
class Prefix:
    """Prompts that have been encoded."""

    cache: Any
    """Keys and values of every layer, batch B (a `transformers` cache)."""
    attention_mask: Tensor
    """(B, P) int64; prompts are padded on the left."""
    last_logits: Tensor
    """(B, V): scores of the first token after the prompt."""
    hidden: Tensor | None = None
    """(B, H): the chosen layer at each prompt's last token."""
    reading: Tensor | None = None
    """(): mean log-probability of the prompts' own tokens, images left out."""


@dataclass
class Extension:
    """What the model computed over R suffixes, the longest of S tokens."""

    logits: Tensor
    """(R, S, V); position t predicts suffix token t + 1."""
    log_probs: Tensor
    """(R, S): of each suffix token given everything before it; 0 where padded."""
    mask: Tensor
    """(R, S) bool: which tokens are real."""
    hidden: Tensor | None
    """(R, H): the chosen layer at each suffix's last token."""
    first: Tensor | None = None
    """(R, V): predicts suffix token 0."""
    reading: Tensor | None = None
    """The prefix's."""

    @property
    def predictions(self) -> Tensor:
        """(R, S, V): scores, before the temperature, that each suffix token was chosen from."""
        if self.first is None:
            raise ValueError("this extension was made without the prefix's scores")
        return torch.cat([self.first[:, None], self.logits[:, :-1]], dim=1)


@dataclass(frozen=True)
class Completion:
    """One sampled answer."""

    text: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    """Under the distribution sampled from, temperature included."""


class VisionLanguageModel:
    """Any Hugging Face `AutoModelForImageTextToText`, by name or path.

    Args:
        model: the network.
        processor: its processor, with a chat template.
        form: how prompts are written for it.
        name: for logs and stored episodes.
    """

    def __init__(self, model: Any, processor: Any, form: PromptFormat, name: str) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.tokenizer.padding_side = "left"
        self.form = form
        self.name = name
        share_prefixes(model)

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path, *, device: str = "auto") -> Self:
        """Load a model, or a LoRA adapter (a folder with ``adapter_config.json``) and its base.

        Raises:
            ConfigError: nothing loadable is there.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        # A CPU computes faster in float32 weights with bfloat16 autocast than in bfloat16.
        dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
        adapter = Path(name_or_path) / "adapter_config.json"
        base = name_or_path
        if adapter.is_file():
            base = json.loads(adapter.read_text())["base_model_name_or_path"]
        try:
            model = AutoModelForImageTextToText.from_pretrained(base, dtype=dtype)
            processor = AutoProcessor.from_pretrained(base)
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot load a model from '{base}': {error}") from error
        if adapter.is_file():
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, name_or_path, is_trainable=True)
        form = PromptFormat.load(name_or_path)
        return cls(model.to(device).eval(), processor, form, str(name_or_path))

    def save(self, folder: Path) -> None:
        """Weights (safetensors), processor and prompt format."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        self.form.save(folder)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def hidden_size(self) -> int:
        """H, the width of the hidden states of its text part."""
        return int(self.model.config.get_text_config().hidden_size)

    @property
    def eos_ids(self) -> set[int]:
        """Tokens that end an answer."""
        ids = self.model.generation_config.eos_token_id
        ids = ids if isinstance(ids, list) else [ids]
        return {int(i) for i in [*ids, self.tokenizer.eos_token_id] if i is not None}

    def autocast(self) -> AbstractContextManager[Any]:
        """bfloat16 arithmetic, on any device."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def tokenize(self, text: str, *, end: bool = True) -> list[int]:
        """An answer's token ids, with the end token if asked."""
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        return [*ids, self.tokenizer.eos_token_id] if end else ids

    def encode(
        self, prompts: Sequence[Prompt], *, layer: int | None = None, read: bool = False
    ) -> Prefix:
        """Run image and prompt through the model once.

        Args:
            prompts: B of them; all with an image, or none.
            layer: also return this layer's hidden state (see `extend`).
            read: also return how likely the prompts themselves are.
        """
        inputs = self._inputs(prompts)
        with self.autocast():
            out = self.model(
                **inputs,
                use_cache=True,
                logits_to_keep=0 if read else 1,  # 0 keeps all
                output_hidden_states=layer is not None,
            )
        hidden = None if layer is None else out.hidden_states[layer][:, -1].float()
        reading = self._reading(out.logits, inputs) if read else None
        return Prefix(
            out.past_key_values,
            inputs["attention_mask"],
            out.logits[:, -1].float(),
            hidden,
            reading,
        )

    def _reading(self, logits: Tensor, inputs: Any) -> Tensor:
        ids, mask = inputs["input_ids"][:, 1:], inputs["attention_mask"]
        counted = (mask[:, 1:] & mask[:, :-1]).bool() & (ids != self._image_token)
        scores = torch.log_softmax(logits[:, :-1][counted].float(), -1)
        return scores.gather(-1, ids[counted][:, None]).mean()

    @property
    def _image_token(self) -> int:
        """The token that stands for an image; -1 if the model has none."""
        return int(getattr(self.model.config, "image_token_id", None) or -1)

    def _inputs(self, prompts: Sequence[Prompt]) -> Any:
        images = [
            Image.open(io.BytesIO(prompt.png)).convert("RGB")
            for prompt in prompts
            if prompt.png is not None
        ]
        if images and len(images) != len(prompts):
            raise ValueError("a batch mixes prompts with and without an image")
        texts = [self._chat(prompt) for prompt in prompts]
        batch = self.processor(text=texts, images=images or None, return_tensors="pt", padding=True)
        return batch.to(self.device)

    def _chat(self, prompt: Prompt) -> str:
        content: list[dict[str, str]] = [{"type": "text", "text": self._defuse(prompt.text)}]
        if prompt.png is not None:
            content.insert(0, {"type": "image"})
        text: str = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )
        return text

    def _defuse(self, text: str) -> str:
        """Break up control tokens in what a page says, so that it stays text."""
        for token in self.tokenizer.all_special_tokens:
            if len(token) > 1:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def freeze_vision(self) -> None:
        """Leave the image encoder as it is; only what reads its features is trained."""
        for name, parameter in self.model.named_parameters():
            if ".vision_" in name or ".visual." in name:
                parameter.requires_grad_(False)

    def extend(
        self,
        prefix: Prefix,
        suffixes: Sequence[Sequence[int]],
        *,
        owners: Sequence[int] | None = None,
        layer: int | None = None,
        temperature: float = 1.0,
    ) -> Extension:
        """Continue prefixes by suffixes (consumes the prefix's cache).

        Args:
            prefix: of B prompts.
            suffixes: R token lists, none empty.
            owners: which prompt each suffix continues, R numbers in [0, B); without
                them, R must be B * N and the N of the first prompt come first.
            layer: also return this layer's hidden state (index into
                `output_hidden_states`, 0 being the embeddings, -1 the last).
            temperature: of the distribution whose log-probabilities are returned; 0 is
                greedy: every token but the likeliest has minus infinity.
        """
        prompts = len(prefix.attention_mask)
        if owners is None:
            owners = [row * prompts // len(suffixes) for row in range(len(suffixes))]
        index = torch.tensor(owners, device=self.device)
        width = max(len(suffix) for suffix in suffixes)
        lengths = torch.tensor([len(suffix) for suffix in suffixes], device=self.device)
        mask = torch.arange(width, device=self.device) < lengths[:, None]
        ids = torch.tensor(
            [[*suffix, *[0] * (width - len(suffix))] for suffix in suffixes], device=self.device
        )
        first = prefix.last_logits[index]
        logits = first.new_zeros(*ids.shape, first.shape[1])
        hidden = None if layer is None else first.new_zeros(len(ids), self.hidden_size)
        for rows in self._alike_in_length(prefix, lengths):
            longest = int(lengths[rows].max())
            cache, settings = self._continued(prefix, index[rows].tolist())
            seen = torch.cat([prefix.attention_mask[index[rows]], mask[rows, :longest].long()], 1)
            with self.autocast():
                out = self.model(
                    input_ids=ids[rows, :longest],
                    attention_mask=seen,
                    past_key_values=cache,
                    use_cache=True,
                    output_hidden_states=layer is not None,
                    **settings,
                )
            logits[rows, :longest] = out.logits.float()
            if hidden is not None:
                places = torch.arange(len(rows), device=self.device)
                hidden[rows] = out.hidden_states[layer][places, lengths[rows] - 1].float()
        predictions = torch.cat([first[:, None], logits[:, :-1]], dim=1)
        scores = _log_probs_at(predictions, temperature)
        log_probs = scores.gather(-1, ids[..., None])[..., 0].masked_fill(~mask, 0.0)
        return Extension(logits, log_probs, mask, hidden, first, prefix.reading)

    def _alike_in_length(self, prefix: Prefix, lengths: Tensor) -> list[Tensor]:
        """Rows to compute together: in each, none is less than half as long as the longest.

        A prefix that is consumed is continued once only, by all.
        """
        if not shares_prefixes(self.model, prefix.cache):
            return [torch.arange(len(lengths), device=lengths.device)]
        size = lengths.sub(1).float().log2().floor()  # 1 | 2 | 3-4 | 5-8 | 9-16 tokens
        return [(size == one).nonzero()[:, 0] for one in size.unique()]

    def _continued(self, prefix: Prefix, owners: Sequence[int]) -> tuple[Any, dict[str, Any]]:
        """A cache for answers to these prompts, and what the model is to be told of it."""
        if shares_prefixes(self.model, prefix.cache):
            shared = SharedPrefix(prefix.cache, owners)
            return shared, {"shared_prefix": shared}
        if list(owners) != list(range(len(prefix.attention_mask))):
            prefix.cache.batch_select_indices(torch.tensor(list(owners), device=self.device))
        return prefix.cache, {}

    @torch.no_grad()
    def sample(
        self,
        prefix: Prefix,
        *,
        owners: Sequence[int] | None = None,
        temperature: float = 1.0,
        max_new_tokens: int = 64,
        generator: torch.Generator | None = None,
    ) -> list[Completion]:
        """Sample answers to prompts (consumes the prefix's cache).

        Args:
            prefix: of B prompts.
            owners: which prompt each answer is for; one answer each by default.
            temperature: of sampling; 0 is greedy.
            max_new_tokens: longest answer, its end token included.
            generator: source of randomness.

        Returns:
            One answer for each of `owners`, in order.
        """
        prompts = len(prefix.attention_mask)
        owners = range(prompts) if owners is None else owners
        index = torch.tensor(list(owners), device=self.device)
        cache, settings = self._continued(prefix, owners)
        mask, logits = prefix.attention_mask[index], prefix.last_logits[index]
        tokens: list[list[int]] = [[] for _ in owners]
        log_probs: list[list[float]] = [[] for _ in owners]
        rows = list(range(len(tokens)))  # of the cache; an answer that has ended is -1
        placeholder = self._image_token
        with self.autocast():  # one for all tokens: it casts the weights once
            for _ in range(max_new_tokens):
                if placeholder >= 0:  # it would stand for an image that is not there
                    logits[:, placeholder] = -torch.inf
                scores = torch.log_softmax(logits / (temperature or 1.0), -1)
                if temperature:
                    chosen = torch.multinomial(scores.exp(), 1, generator=generator)
                else:
                    chosen = scores.argmax(-1, keepdim=True)
                picked = scores.gather(-1, chosen)[:, 0].tolist()
                for place, (token, score) in enumerate(
                    zip(chosen[:, 0].tolist(), picked, strict=True)
                ):
                    if rows[place] >= 0:
                        tokens[rows[place]].append(token)
                        log_probs[rows[place]].append(score)
                        rows[place] = -1 if token in self.eos_ids else rows[place]
                going = [place for place, row in enumerate(rows) if row >= 0]
                if not going:
                    break
                if len(going) < COMPACT_BELOW * len(rows):
                    keep = torch.tensor(going, device=self.device)
                    _keep(cache, keep)
                    mask, chosen, rows = mask[keep], chosen[keep], [rows[place] for place in going]
                mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
                out = self.model(
                    input_ids=chosen,
                    attention_mask=mask,
                    past_key_values=cache,
                    use_cache=True,
                    **settings,
                )
                logits = out.logits[:, -1].float()
        texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [
            Completion(text, tuple(ids), tuple(scores))
            for text, ids, scores in zip(texts, tokens, log_probs, strict=True)
        ]


def _keep(cache: Any, rows: Tensor) -> None:
    """Forget all answers but these."""
    if isinstance(cache, SharedPrefix):
        cache.keep(rows)
    else:
        cache.batch_select_indices(rows)


def _log_probs_at(logits: Tensor, temperature: float) -> Tensor:
    """Scores (..., V) as log-probabilities of the tempered, or at 0 the greedy, distribution."""
    if temperature:
        return torch.log_softmax(logits / temperature, -1)
    likeliest = logits.argmax(-1, keepdim=True)
    return torch.full_like(logits, -torch.inf).scatter(-1, likeliest, 0.0)
