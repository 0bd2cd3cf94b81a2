"""A vision-language model small enough to train from scratch on two CPU cores.

A standard LLaVA: a SigLIP encoder of 4 layers over 7 x 7 patches, a Qwen2 decoder
of 4 layers, and a byte-level tokenizer of about two thousand entries, fitted to the
task's own words. It loads through `AutoModelForImageTextToText` and
`AutoProcessor` like any other.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForImageTextToText,
    LlavaConfig,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipVisionConfig,
)
from transformers.models.siglip import SiglipImageProcessorPil

from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import PromptFormat
from trainers.copying_heads import write_copying_heads
from trainers.digiq.representation import OTHER_QUESTION, OUTCOME_QUESTION, QUESTIONS

IMAGE_SIZE = 224
PATCH_SIZE = 32
FORM = PromptFormat(instructions=False)
"""Of its prompts: it is trained from scratch, so nothing needs to be explained."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}<act>{% endif %}"
)
# Pieces of every prompt and answer in the json dialect: one token each keeps them short.
SCAFFOLD = (
    '{"label":"',
    '{"element":',
    '{"type":"tap","label":"',
    '{"type":"tap","element":',
    '{"type":"input_text","label":"',
    '{"type":"input_text","element":',
    '{"type":"press_key","key":"',
    '{"type":"open_app","app":"',
    '{"type":"answer","text":"',
    '{"type":"finish"}',
    'did {"type":"tap","label":"',
    'did {"type":"input_text","label":"',
    '","element":',
    *(f'}} {role}\n{{"label":"' for role in ("button", "text", "textbox", "radio", "checkbox")),
    "} button",
    "} text",
    ',"text":"',
    '"}',
    "Yes",
    "No",
    *QUESTIONS.values(),
    OTHER_QUESTION,
    OUTCOME_QUESTION,
)


def fit_tokenizer(texts: Iterable[str], vocab_size: int = 2000) -> PreTrainedTokenizerFast:
    """Byte-level BPE in which letter runs, single digits and every other character
    stand alone, so that a word gets the same tokens with and without quotes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\p{L}\p{N}]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<pad>", "</s>", "<act>", "<image>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in SCAFFOLD])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        additional_special_tokens=["<act>", "<image>"],
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def build_small_vlm(
    texts: Iterable[str], seed: int, *, form: PromptFormat = FORM, max_length: int = 2048
) -> VisionLanguageModel:
    """A freshly initialised model whose tokenizer knows `texts`.

    Args:
        texts: prompts and answers the tokenizer is fitted to.
        seed: of the initial weights.
        form: how its prompts are written.
        max_length: longest sequence in tokens, image included.
    """
    tokenizer = fit_tokenizer(texts)
    vision = SiglipVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=4,
        num_attention_heads=3,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        vision_use_head=False,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=max_length,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_seq_length=(IMAGE_SIZE // PATCH_SIZE) ** 2,
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(config)
    write_copying_heads(model.model.language_model)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    processor = LlavaProcessor(
        image_processor=SiglipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}),
        tokenizer=tokenizer,
        patch_size=PATCH_SIZE,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
        image_token="<image>",
    )
    return VisionLanguageModel(model, processor, form, "small_vlm")
