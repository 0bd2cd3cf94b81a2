"""Untrained small models and pictures for tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from agentenv.policies.language_model import VisionLanguageModel
from trainers.small_vlm import build_small_vlm

TEXTS = [
    'Click on the "Ok" button.\n"Ok" 3 button\n"Cancel" 4 button',
    '{"type":"tap","label":"Ok","element":3}',
    '{"type":"input_text","label":"Name","element":1,"text":"Jess"}',
]


def untrained_vlm(seed: int = 0) -> VisionLanguageModel:
    """The architecture of the model in ``data/``, freshly initialised."""
    vlm = build_small_vlm(TEXTS, seed)
    vlm.model.eval()
    return vlm


def noise_png(seed: int) -> bytes:
    """A 160 x 210 picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (210, 160, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
