"""The imitation loop every trainer of a vision-language model shares."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from agentenv.policies.language_model import Extension, VisionLanguageModel
from agentenv.policies.prompts import Prompt
from tests.small_models import noise_png, untrained_vlm
from trainers.configs import LoraConfig
from trainers.imitation import BatchOrder, Example, ImitationSettings, imitate, imitation_loss
from trainers.sft import with_adapter

EXAMPLES = [
    Example(Prompt("press A", noise_png(0)), '{"type":"tap","label":"A","element":1}'),
    Example(Prompt("say hi", noise_png(0)), '{"type":"answer","text":"hi"}'),
]


class TwoTokenModel:
    """Says one of V tokens at each of two places, from free logits (a stand-in for
    arithmetic only; the real model is tested below)."""

    device = torch.device("cpu")

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits

    def tokenize(self, text: str) -> list[int]:
        return [int(token) for token in text.split()]

    def encode(self, prompts: Any, *, read: bool) -> None:
        return None

    def extend(self, prefix: None, suffixes: list[list[int]], *, owners: list[int]) -> Extension:
        ids = torch.tensor(suffixes)
        log_probs = self.logits.log_softmax(-1).gather(-1, ids[..., None])[..., 0]
        return Extension(self.logits, log_probs, torch.ones_like(ids, dtype=torch.bool), None)


def test_the_gradient_is_the_closed_form_of_weighted_cross_entropy() -> None:
    logits = torch.randn(2, 2, 5, requires_grad=True)
    batch = [
        Example(Prompt("", None), "3 1", weight=1.0),
        Example(Prompt("", None), "0 4", weight=0.5),
    ]
    imitation_loss(TwoTokenModel(logits), batch).backward()  # type: ignore[arg-type]
    one_hot = torch.nn.functional.one_hot(torch.tensor([[3, 1], [0, 4]]), 5)
    weights = torch.tensor([1.0, 0.5])[:, None, None]
    expected = (logits.softmax(-1) - one_hot) * weights / 4  # four tokens in the batch
    torch.testing.assert_close(logits.grad, expected.detach())


def test_a_negative_weight_pushes_with_the_truncated_importance_ratio() -> None:
    logits = torch.randn(3, 2, 5, requires_grad=True)
    log_prob = logits.detach().log_softmax(-1)[0, [0, 1], [3, 1]].sum().item()
    batch = [
        Example(Prompt("", None), "3 1", weight=-0.5, behaviour=log_prob + 0.7),  # now less likely
        Example(Prompt("", None), "0 4", weight=-0.5, behaviour=-99.0),  # now more likely
        Example(Prompt("", None), "2 2", weight=0.5, behaviour=0.0),  # not concerned
    ]
    imitation_loss(TwoTokenModel(logits), batch).backward()  # type: ignore[arg-type]
    one_hot = torch.nn.functional.one_hot(torch.tensor([[3, 1], [0, 4], [2, 2]]), 5)
    weights = torch.tensor([-0.5 * math.exp(-0.7), -0.5, 0.5])[:, None, None]
    expected = (logits.softmax(-1) - one_hot) * weights / 6
    torch.testing.assert_close(logits.grad, expected.detach())


def test_pushing_away_for_long_takes_an_answer_s_probability_and_nothing_else() -> None:
    """Without the ratio the scores would run off: the loss has no lower bound."""
    logits = torch.zeros(1, 1, 5, requires_grad=True)
    batch = [Example(Prompt("", None), "2", weight=-1.0, behaviour=math.log(0.2))]
    optimizer = torch.optim.SGD([logits], lr=1.0)
    for _ in range(300):
        loss = imitation_loss(TwoTokenModel(logits), batch)  # type: ignore[arg-type]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    probabilities = logits.detach().softmax(-1)[0, 0]
    assert 1e-4 < probabilities[2] < 0.02
    torch.testing.assert_close(probabilities[[0, 1, 3]], probabilities[4].expand(3))


def test_given_tokens_are_read_but_not_learned() -> None:
    logits = torch.randn(1, 2, 5, requires_grad=True)
    batch = [Example(Prompt("", None), "4", given=(3,))]
    imitation_loss(TwoTokenModel(logits), batch).backward()  # type: ignore[arg-type]
    one_hot = torch.nn.functional.one_hot(torch.tensor([[3, 4]]), 5)
    expected = (logits.softmax(-1) - one_hot) * torch.tensor([0.0, 1.0])[:, None]
    torch.testing.assert_close(logits.grad, expected.detach())


def test_a_prompt_that_two_examples_share_gives_the_same_loss_as_two_prompts() -> None:
    vlm = untrained_vlm()
    pair = [EXAMPLES[0], Example(EXAMPLES[0].prompt, EXAMPLES[1].answer)]
    shared = imitation_loss(vlm, pair)
    halves = [imitation_loss(vlm, [example]) for example in pair]
    tokens = [len(vlm.tokenize(example.answer)) for example in pair]
    expected = (halves[0] * tokens[0] + halves[1] * tokens[1]) / sum(tokens)
    torch.testing.assert_close(shared, expected, rtol=1e-4, atol=1e-5)


def test_reading_adds_the_likelihood_of_the_prompts_own_words() -> None:
    vlm = untrained_vlm()
    batch = [EXAMPLES[0], Example(Prompt(EXAMPLES[0].prompt.text, EXAMPLES[0].prompt.png), "no")]
    ids = vlm.processor(
        text=[vlm._chat(EXAMPLES[0].prompt)],
        images=[Image.open(io.BytesIO(EXAMPLES[0].prompt.png or b"")).convert("RGB")],
        return_tensors="pt",
    )
    labels = ids["input_ids"].masked_fill(ids["input_ids"] == vlm.model.config.image_token_id, -100)
    with torch.no_grad():
        own = vlm.model(**ids, labels=labels).loss  # of transformers; equal prompts count once
        plain, read = (imitation_loss(vlm, batch, weight) for weight in (0.0, 0.3))
    torch.testing.assert_close(read - plain, 0.3 * own, rtol=2e-2, atol=2e-2)


def test_a_model_learns_to_say_what_it_is_shown() -> None:
    vlm = untrained_vlm()
    settings = ImitationSettings(steps=60, learning_rate=2e-3)
    imitate(vlm, lambda step: EXAMPLES, settings, progress=lambda step, values: None)
    said = vlm.sample(vlm.encode([e.prompt for e in EXAMPLES]), temperature=0.0)
    assert [answer.text for answer in said] == [example.answer for example in EXAMPLES]


def test_an_adapter_learns_while_the_weights_below_it_stay_frozen() -> None:
    vlm = with_adapter(untrained_vlm(), LoraConfig(rank=8))
    before = {n: p.clone() for n, p in vlm.model.named_parameters() if "lora_" not in n}
    losses: list[float] = []
    imitate(
        vlm,
        lambda step: EXAMPLES,
        ImitationSettings(steps=40, learning_rate=3e-3),
        progress=lambda step, values: losses.append(values["loss"]),
    )
    assert losses[-1] < 0.7 * losses[0]
    for name, parameter in vlm.model.named_parameters():
        if name in before:
            assert torch.equal(parameter, before[name]), name


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    settings = ImitationSettings(steps=6, checkpoint_every=3, learning_rate=1e-3)
    order = BatchOrder([1, 2], 1, seed=0)

    def run(file: Path, crash_at: int | None) -> VisionLanguageModel:
        vlm = untrained_vlm()

        def progress(step: int, values: dict[str, float]) -> None:
            if step == crash_at:
                raise KeyboardInterrupt

        def batch_of(step: int) -> list[Example]:
            return [EXAMPLES[i] for i in order(step)]

        imitate(vlm, batch_of, settings, progress=progress, state_file=file)
        return vlm

    whole = run(tmp_path / "whole.safetensors", None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.safetensors", crash_at=5)
    resumed = run(tmp_path / "cut.safetensors", None)
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert not list(tmp_path.iterdir())


def test_only_the_adapter_is_saved_and_it_loads_with_its_base(tmp_path: Path) -> None:
    untrained_vlm().save(tmp_path / "base")
    base = VisionLanguageModel.from_pretrained(tmp_path / "base")
    adapted = with_adapter(base, LoraConfig(rank=4))
    settings = ImitationSettings(steps=3, learning_rate=1e-2)
    imitate(adapted, lambda step: EXAMPLES, settings, progress=lambda step, values: None)
    adapted.save(tmp_path / "adapter")
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    loaded = VisionLanguageModel.from_pretrained(tmp_path / "adapter")
    prompts = [EXAMPLES[0].prompt]
    torch.testing.assert_close(
        loaded.encode(prompts).last_logits, adapted.encode(prompts).last_logits
    )


def test_a_loaded_adapter_can_be_trained_on_and_saved_again(tmp_path: Path) -> None:
    untrained_vlm().save(tmp_path / "base")
    first = with_adapter(VisionLanguageModel.from_pretrained(tmp_path / "base"), LoraConfig(rank=4))
    settings = ImitationSettings(steps=2, learning_rate=1e-2)
    imitate(first, lambda step: EXAMPLES, settings, progress=lambda step, values: None)
    first.save(tmp_path / "first")
    second = VisionLanguageModel.from_pretrained(tmp_path / "first")
    second = with_adapter(second, LoraConfig(rank=4))
    prompts = [EXAMPLES[0].prompt]
    before = second.encode(prompts).last_logits
    imitate(second, lambda step: EXAMPLES, settings, progress=lambda step, values: None)
    after = second.encode(prompts).last_logits
    assert not torch.allclose(before, after)
    second.save(tmp_path / "second")
    loaded = VisionLanguageModel.from_pretrained(tmp_path / "second")
    torch.testing.assert_close(loaded.encode(prompts).last_logits, after)


def test_every_example_is_seen_once_an_epoch_and_a_step_always_has_the_same_batch() -> None:
    order = BatchOrder([5, 1, 4, 2, 3], 2, seed=1)
    epoch = [index for step in range(3) for index in order(step)]
    assert sorted(epoch) == [0, 1, 2, 3, 4]
    late = order(7)
    assert order(0) == BatchOrder([5, 1, 4, 2, 3], 2, seed=1)(0)
    assert order(7) == late


def test_a_heavier_example_pulls_harder() -> None:
    batch = [replace(EXAMPLES[0], weight=3.0), replace(EXAMPLES[1], weight=0.0)]
    vlm = untrained_vlm()
    with torch.no_grad():
        weighted = imitation_loss(vlm, batch)
        first = imitation_loss(vlm, EXAMPLES[:1])
    lengths = [len(vlm.tokenize(example.answer)) for example in EXAMPLES]
    torch.testing.assert_close(
        weighted, 3 * first * lengths[0] / sum(lengths), rtol=2e-2, atol=1e-2
    )
