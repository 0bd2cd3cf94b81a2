"""The same code on another family: Idefics3, which SmolVLM is of, in a tiny random size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
from transformers.models.idefics3 import Idefics3ImageProcessorPil

from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt, PromptFormat
from tests.small_models import TEXTS, noise_png
from trainers.configs import LoraConfig
from trainers.craft_gui.ledger import LedgeredModel, LedgerError
from trainers.imitation import Example, ImitationSettings, imitate
from trainers.sft import with_adapter
from trainers.small_vlm import fit_tokenizer

CHAT = (
    "{% for message in messages %}User:{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


@pytest.fixture
def idefics(tmp_path: Path) -> VisionLanguageModel:
    tokenizer = fit_tokenizer(TEXTS)
    tokens = ["<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
    tokenizer.add_special_tokens({"additional_special_tokens": tokens})
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": 128}, max_image_size={"longest_edge": 64}, do_image_splitting=False
    )
    processor = Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=CHAT)
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2}
    config = Idefics3Config(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "image_size": 64,
            "patch_size": 16,
            **sizes,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_key_value_heads": 2,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": None,
            **sizes,
        },
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    model = Idefics3ForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    VisionLanguageModel(model, processor, PromptFormat(), "idefics").save(tmp_path)
    return VisionLanguageModel.from_pretrained(tmp_path)


def test_candidates_are_sampled_and_their_features_taken(idefics: VisionLanguageModel) -> None:
    prompts = [Prompt("hello", noise_png(0)), Prompt("hello you there", noise_png(1))]
    answers = idefics.sample(idefics.encode(prompts), owners=[0, 0, 1, 1], max_new_tokens=4)
    suffixes = [list(answer.token_ids) for answer in answers]
    extension = idefics.extend(idefics.encode(prompts), suffixes, layer=-2)
    assert extension.hidden is not None
    assert extension.hidden.shape == (4, 64)


def test_an_adapter_is_trained_with_the_image_encoder_frozen(idefics: VisionLanguageModel) -> None:
    adapted = with_adapter(idefics, LoraConfig(rank=4))
    adapted.freeze_vision()
    trained = [name for name, p in adapted.model.named_parameters() if p.requires_grad]
    assert trained
    assert all("lora_" in name and "vision_model" not in name for name in trained)
    losses: list[float] = []
    imitate(
        adapted,
        lambda step: [Example(Prompt("hello", noise_png(0)), "Ok")],
        ImitationSettings(steps=12, learning_rate=2e-2),
        progress=lambda step, values: losses.append(values["loss"]),
    )
    assert losses[-1] < 0.9 * losses[0], losses


def test_the_image_ledger_knows_its_placeholders_too(idefics: VisionLanguageModel) -> None:
    vlm = LedgeredModel(idefics.model, idefics.processor, idefics.form, "idefics")
    prompts = [Prompt("hello", noise_png(0)), Prompt("hello you there", noise_png(1))]
    assert len(vlm.encode(prompts).last_logits) == 2
    vlm.processor.image_seq_len = 5
    with pytest.raises(LedgerError, match="5 image placeholders stand for 4 image features"):
        vlm.encode(prompts)
