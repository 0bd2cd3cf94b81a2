"""What the image ledger refuses, on a real processor and a real (small, untrained) LLaVA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers.models.siglip import SiglipImageProcessorPil

from agentenv.policies.prompts import Prompt
from tests.small_models import noise_png, untrained_vlm
from trainers.craft_gui.ledger import LedgeredModel, LedgerError, processor_digest

PROMPTS = [
    Prompt('Click "Ok"\n{"label":"Ok","element":3} button', noise_png(0)),
    Prompt('Click "Ok"\n{"label":"Ok","element":3} button\ndid wait', noise_png(1)),
]


@pytest.fixture
def vlm() -> LedgeredModel:
    small = untrained_vlm()
    return LedgeredModel(small.model, small.processor, small.form, "small")


def tampered(vlm: LedgeredModel, change: Callable[[Any], None]) -> None:
    """Let every batch be changed after the processor has made it."""
    processor = vlm.processor

    class Tampering:
        """The same processor, whose batches are changed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(processor, name)

        def __call__(self, **arguments: Any) -> Any:
            batch = processor(**arguments)
            change(batch)
            return batch

    vlm.processor = Tampering()


def test_honest_batches_pass_with_and_without_images(vlm: LedgeredModel) -> None:
    assert len(vlm.encode(PROMPTS).last_logits) == 2
    assert len(vlm.encode([Prompt(p.text, None) for p in PROMPTS]).last_logits) == 2


def test_a_dropped_image_is_refused(vlm: LedgeredModel) -> None:
    def drop(batch: Any) -> None:
        batch["pixel_values"] = batch["pixel_values"][:1]

    tampered(vlm, drop)
    with pytest.raises(LedgerError, match="2 prompts have a screenshot, the batch has 1 images"):
        vlm.encode(PROMPTS)


def test_images_that_are_all_dropped_are_refused(vlm: LedgeredModel) -> None:
    tampered(vlm, lambda batch: batch.pop("pixel_values"))
    with pytest.raises(LedgerError, match="an image was dropped"):
        vlm.encode(PROMPTS)


def test_an_extra_placeholder_is_refused_although_another_row_lacks_one(
    vlm: LedgeredModel,
) -> None:
    """The totals agree, which is all that the model itself would look at."""

    def move(batch: Any) -> None:
        image = vlm.model.config.image_token_id
        ids = batch["input_ids"]
        ids[1, -2] = image
        ids[0, (ids[0] == image).nonzero()[0]] = 5

    tampered(vlm, move)
    with pytest.raises(LedgerError, match="48 image placeholders stand for 49 image features"):
        vlm.encode(PROMPTS)


def test_a_placeholder_that_a_page_writes_stays_text(vlm: LedgeredModel) -> None:
    vlm.encode([Prompt("type <image> and <act>", noise_png(0))])


def test_history_that_is_cut_in_the_middle_of_a_turn_is_refused(vlm: LedgeredModel) -> None:
    def cut(batch: Any) -> None:
        for name in ("input_ids", "attention_mask"):
            batch[name] = batch[name][:, :-3]

    tampered(vlm, cut)
    with pytest.raises(LedgerError, match="cut in the middle of a turn"):
        vlm.encode(PROMPTS)


def test_text_that_is_cut_before_the_image_is_refused_too(vlm: LedgeredModel) -> None:
    template = vlm.processor.chat_template
    vlm.processor.chat_template = "{{ 'You act on screens.' }}" + template

    def cut(batch: Any) -> None:
        for name in ("input_ids", "attention_mask"):
            batch[name] = batch[name][:, -len(batch[name][0]) + 10 :]

    vlm.encode(PROMPTS)
    tampered(vlm, cut)
    with pytest.raises(LedgerError, match="cut in the middle of a turn"):
        vlm.encode(PROMPTS)


def test_a_processor_with_another_placeholder_is_refused(vlm: LedgeredModel) -> None:
    vlm.model.config.image_token_id = 1
    with pytest.raises(LedgerError, match="processor is of another model"):
        vlm.encode(PROMPTS)


def test_a_processor_with_other_image_sizes_is_refused(vlm: LedgeredModel) -> None:
    vlm.processor.image_processor = SiglipImageProcessorPil(size={"height": 448, "width": 448})
    with pytest.raises(LedgerError, match="another model"):
        vlm.encode(PROMPTS)


def test_a_processor_with_another_number_of_placeholders_is_refused(vlm: LedgeredModel) -> None:
    vlm.processor.patch_size = 16
    with pytest.raises(LedgerError, match="196 image placeholders stand for 49 image features"):
        vlm.encode(PROMPTS)


def test_a_processor_with_more_words_than_the_model_is_refused(vlm: LedgeredModel) -> None:
    vlm.tokenizer.add_tokens(["another"])
    with pytest.raises(LedgerError, match="processor is of another model"):
        vlm.encode(PROMPTS)


def test_the_digest_tells_processors_and_templates_apart(vlm: LedgeredModel) -> None:
    digest = processor_digest(vlm)
    assert digest == processor_digest(untrained_vlm(seed=1))
    vlm.processor.chat_template += " "
    assert digest != processor_digest(vlm)


def test_a_checked_batch_is_computed_as_an_unchecked_one(vlm: LedgeredModel) -> None:
    plain = untrained_vlm()
    torch.testing.assert_close(vlm.encode(PROMPTS).last_logits, plain.encode(PROMPTS).last_logits)
