"""The image ledger: nothing enters the model unless its images, placeholders and text agree.

Image tokens, placeholders and pixel tensors come from one processor call, but truncation, a
dropped picture or another model's processor can bring them out of step; a model then trains on
images that are not there, without an error. So every batch - of rollouts, updates and
evaluations alike - is checked against the prompts it was made of before it is computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from agentenv.errors import AgentenvError
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt


class LedgerError(AgentenvError):
    """What the model would be given, or was given, is not what the prompts say."""


class LedgeredModel(VisionLanguageModel):
    """A vision-language model that checks every batch of prompts before it reads it."""

    _tokens_by_shape: dict[Any, int]

    def _inputs(self, prompts: Sequence[Prompt]) -> Any:
        batch = super()._inputs(prompts)
        self.check(prompts, batch)
        return batch

    def check(self, prompts: Sequence[Prompt], batch: Mapping[str, Tensor]) -> None:
        """Compare what the processor made with the prompts.

        Args:
            prompts: B of them.
            batch: "input_ids" and "attention_mask" (B, P), and the pixel tensors.

        Raises:
            LedgerError: an image is missing, placeholders and image features differ in
                number, text was cut, or the processor is another model's.
        """
        placeholder = self._placeholder()
        pictures = [prompt.png is not None for prompt in prompts]
        found = _images(batch)
        if found != sum(pictures):
            raise LedgerError(
                f"{sum(pictures)} prompts have a screenshot, the batch has {found} images: "
                "an image was dropped, or added"
            )
        rows = _rows(batch)
        expected = iter(self._tokens_of_images(batch) if found else ())
        for prompt, ids, picture in zip(prompts, rows, pictures, strict=True):
            wanted = next(expected) if picture else 0
            given = ids.count(placeholder)
            if given != wanted:
                raise LedgerError(
                    f"{given} image placeholders stand for {wanted} image features: the "
                    "processor is of another model, or text with a placeholder got in"
                )
            self._refuse_cut(prompt, ids, placeholder)

    def _refuse_cut(self, prompt: Prompt, ids: list[int], placeholder: int) -> None:
        """The row must begin with what comes before the image, and end with what comes after."""
        whole = self.tokenizer(self._chat(prompt))["input_ids"]
        before, after = whole, whole
        if prompt.png is not None:
            places = [i for i, token in enumerate(whole) if token == placeholder]
            before, after = whole[: places[0]], whole[places[-1] + 1 :]
        ends = ids[len(ids) - len(after) :] if len(after) <= len(ids) else None
        if ids[: len(before)] != before or ends != after:
            raise LedgerError(
                f"a prompt of {len(whole)} tokens is not whole in the batch ({len(ids)} tokens "
                "with its image): history was cut in the middle of a turn. History is cut "
                "between turns only: show fewer turns or elements (agentenv_prompt.json), or "
                "take the truncation out of the tokenizer"
            )

    def _placeholder(self) -> int:
        """The token that stands for a piece of the image, on which all must agree."""
        token = self.processor.image_token
        id_of_processor = self.tokenizer.convert_tokens_to_ids(token)
        id_of_model = self.model.config.image_token_id
        size = self.model.get_input_embeddings().num_embeddings
        if id_of_processor != id_of_model or len(self.tokenizer) > size:
            raise LedgerError(
                f"the processor is of another model: its placeholder {token!r} is token "
                f"{id_of_processor} of {len(self.tokenizer)}, the model's is {id_of_model} of "
                f"{size}; take both from one checkpoint"
            )
        return int(id_of_model)

    @torch.no_grad()
    def _tokens_of_images(self, batch: Mapping[str, Tensor]) -> list[int]:
        """How many features the image encoder makes of each image."""
        if "image_grid_thw" in batch:  # pictures of any size (Qwen-VL)
            merged = self.model.config.vision_config.spatial_merge_size**2
            return [int(grid.prod()) // merged for grid in batch["image_grid_thw"]]
        first = {name: tensor[:1] for name, tensor in batch.items() if _is_of_images(name)}
        shape = tuple((name, tuple(tensor.shape)) for name, tensor in first.items())
        known = self.__dict__.setdefault("_tokens_by_shape", {})
        if shape not in known:
            known[shape] = self._measure(first)
        return [known[shape]] * _images(batch)

    def _measure(self, image: Mapping[str, Tensor]) -> int:
        """By encoding one image; it is the same for all of its shape."""
        try:
            with self.autocast():
                features = self.model.get_image_features(**image).pooler_output
        except (RuntimeError, ValueError) as error:
            raise LedgerError(
                f"the model cannot read the processor's images, which is another model's: {error}"
            ) from error
        return sum(part.shape[:-1].numel() for part in features)


def processor_digest(vlm: VisionLanguageModel) -> str:
    """Changes when the processor, its chat template or the prompt format does (hex)."""
    processor = vlm.processor
    parts = [
        json.dumps(sorted(processor.tokenizer.get_vocab().items())),
        json.dumps(processor.image_processor.to_dict(), sort_keys=True, default=str),
        str(processor.chat_template),
        repr(vlm.form),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _is_of_images(name: str) -> bool:
    return name.startswith(("pixel_", "image_"))


def _images(batch: Mapping[str, Tensor]) -> int:
    """How many images' pixels the batch holds."""
    if "image_grid_thw" in batch:
        return len(batch["image_grid_thw"])
    return len(batch["pixel_values"]) if "pixel_values" in batch else 0


def _rows(batch: Mapping[str, Tensor]) -> list[list[int]]:
    """The token ids of each prompt, without padding."""
    rows = zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True)
    return [ids[mask].tolist() for ids, mask in rows]
