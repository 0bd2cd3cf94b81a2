"""Frozen features are computed once, whatever run asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from agentenv.dialects import get_dialect
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from tests.small_models import noise_png, untrained_vlm
from trainers.digiq.candidates import Candidates
from trainers.digiq.feature_cache import FeatureCache
from trainers.digiq.features import features_of

TAP, OTHER, ANSWER = (
    '{"type":"tap","label":"Ok","element":3}',
    '{"type":"tap","label":"No","element":4}',
    '{"type":"answer","text":"x"}',
)
PROMPTS = [Prompt("press Ok", noise_png(0)), Prompt("press No", noise_png(1))]
Features = tuple[torch.Tensor, torch.Tensor]


class Counting:
    """The features of some candidates, and how many prompts had to be encoded for them."""

    def __init__(self, vlm: VisionLanguageModel, cache: FeatureCache | None) -> None:
        self.vlm, self.cache, self.encoded = vlm, cache, 0

    def __call__(self, prompts: list[Prompt], *texts: str) -> Features:
        encode = self.vlm.encode

        def counting(prompts: list[Prompt], **settings: Any) -> object:
            self.encoded += len(prompts)
            return encode(prompts, **settings)

        self.vlm.encode = counting  # type: ignore[method-assign,assignment]
        try:
            return features_of(
                self.vlm,
                prompts,
                [Candidates(texts, (0.0,) * len(texts))] * len(prompts),
                get_dialect("json"),
                topics=("change",),
                layer=-2,
                cache=self.cache,
            )
        finally:
            self.vlm.encode = encode  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def vlm() -> VisionLanguageModel:
    return untrained_vlm(seed=3)


def test_cached_features_are_those_that_were_computed(
    vlm: VisionLanguageModel, tmp_path: Path
) -> None:
    plain = Counting(vlm, None)(PROMPTS, TAP, OTHER, TAP)
    first = Counting(vlm, FeatureCache(tmp_path, "model", -2))
    again = Counting(vlm, FeatureCache(tmp_path, "model", -2))
    for found in (first(PROMPTS, TAP, OTHER, TAP), again(PROMPTS, TAP, OTHER, TAP)):
        for one, other in zip(found, plain, strict=True):
            assert one.dtype == torch.float16
            assert torch.equal(one, other)
    assert (first.encoded, again.encoded) == (2, 0)


def test_only_what_is_new_is_computed(vlm: VisionLanguageModel, tmp_path: Path) -> None:
    count = Counting(vlm, FeatureCache(tmp_path, "model", -2))
    count(PROMPTS[:1], TAP, OTHER)
    count(PROMPTS, TAP)
    assert count.encoded == 2
    count(PROMPTS, OTHER)  # known of the first state alone
    assert count.encoded == 3
    count(PROMPTS, OTHER, TAP)
    assert count.encoded == 3


def test_another_image_question_layer_or_model_is_another_feature(
    vlm: VisionLanguageModel, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path, "model", -2)
    cache.write(PROMPTS[0], {"state": torch.zeros(4)})
    assert set(cache.read(PROMPTS[0])) == {"state"}
    for other in (
        cache.read(Prompt("press Ok", noise_png(1))),
        cache.read(Prompt("press Ok", None)),
        FeatureCache(tmp_path, "model", -1).read(PROMPTS[0]),
        FeatureCache(tmp_path, "other", -2).read(PROMPTS[0]),
    ):
        assert other == {}


def test_a_damaged_file_is_computed_again(vlm: VisionLanguageModel, tmp_path: Path) -> None:
    count = Counting(vlm, FeatureCache(tmp_path, "model", -2))
    before = count(PROMPTS[:1], ANSWER)
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:20])
    after = count(PROMPTS[:1], ANSWER)
    assert count.encoded == 2
    assert torch.equal(before[1], after[1])
    assert not list(tmp_path.rglob("*.tmp"))
