"""Tensors that are computed once and kept in a file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What a file holds."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)


def keep(folder: Path, name: str, key: str, compute: Callable[[], Kept]) -> Kept:
    """What `compute` returns, from ``<name>-<key>.safetensors`` if it was computed before.

    Args:
        folder: created if missing.
        name: what it is.
        key: hash of everything it depends on.
        compute: called if the file is not there, or damaged.
    """
    file = folder / f"{name}-{key[:16]}.safetensors"
    try:
        with safe_open(file, framework="pt") as content:
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
            return Kept(tensors, content.metadata() or {})
    except FileNotFoundError:
        pass
    except SafetensorError:
        logger.warning("%s is damaged; computing it again", file)
    result = compute()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    tensors = {name: tensor.contiguous() for name, tensor in result.tensors.items()}
    save_file(tensors, temporary, result.metadata)
    temporary.replace(file)
    return result
