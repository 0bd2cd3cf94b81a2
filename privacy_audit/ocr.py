"""What stands on a screenshot, read from its pixels (extra `ocr`)."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from agentenv.errors import ConfigError
from agentenv.observations import Bounds, Screen, UIElement

logger = logging.getLogger(__name__)

CACHE = "ocr_cache.ndjson"
"""Beside the trajectories, whose screenshots say the same."""
_SMALLEST = 32
"""Pixels; a smaller picture shows no screen."""
_MODELS = {"Det.model_path": "*_det_*.onnx", "Rec.model_path": "*_rec_*.onnx"}


@dataclass(frozen=True, slots=True)
class TextLine:
    """Text in one place of a screen."""

    text: str
    bounds: Bounds


Reader = Callable[[bytes], tuple[TextLine, ...]]
"""A screenshot (PNG) -> what stands there, from top to bottom."""


class ScreenReader:
    """Reads screenshots, each once: what was read is kept by the hash of the image.

    The models come with the packages and work on the processor; nothing is downloaded.

    Args:
        cache: file that keeps what was read, for the next time; it holds all that the
            screenshots show, and belongs where they are.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self, cache: Path | None = None) -> None:
        if find_spec("rapidocr") is None or find_spec("onnxruntime") is None:
            raise ConfigError(
                "screenshots are read with the extra `ocr`: pip install 'agentenv[ocr]'"
            )
        self._cache = cache
        self._known = {} if cache is None else _kept(cache)
        self._engine: Any = None

    def __call__(self, png: bytes) -> tuple[TextLine, ...]:
        """The lines of text; none in what is no picture of a screen."""
        digest = hashlib.sha256(png).hexdigest()
        if digest not in self._known:
            self._known[digest] = self._read(png)
            self._keep(digest)
        return self._known[digest]

    def _read(self, png: bytes) -> tuple[TextLine, ...]:
        try:
            with Image.open(io.BytesIO(png)) as opened:
                image = opened.convert("RGB")
        except OSError:  # a torn picture shows nothing
            return ()
        if min(image.size) < _SMALLEST:
            return ()
        if self._engine is None:
            self._engine = _engine()
        found = self._engine(image)
        if found.boxes is None:
            return ()
        (width, height), lines = image.size, []
        for corners, text in zip(found.boxes, found.txts, strict=True):
            (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
            sides = (left / width, top / height, right / width, bottom / height)
            lines.append(TextLine(text, tuple(round(float(side), 4) for side in sides)))  # type: ignore[arg-type]
        return tuple(lines)

    def _keep(self, digest: str) -> None:
        if self._cache is None:
            return
        lines = [[one.text, one.bounds] for one in self._known[digest]]
        with self._cache.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"image": digest, "lines": lines}) + "\n")


def lines_of(elements: Iterable[UIElement]) -> tuple[TextLine, ...]:
    """What UI elements say stands on a screen."""
    return tuple(
        TextLine(text, one.bounds)
        for one in elements
        for text in (one.name, one.value, one.description)
        if text
    )


def lines_on(seen: Screen, read: Reader | None) -> tuple[TextLine, ...]:
    """What stands on a screen: by its UI elements, or if it has none, as it was read."""
    if seen.elements:
        return lines_of(seen.elements)
    return read(seen.png) if read is not None and seen.png else ()


def _engine() -> Any:
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    # Given by path, a model that is not there is an error and no download.
    paths = {name: str(next(models.glob(pattern), "")) for name, pattern in _MODELS.items()}
    if not all(paths.values()):
        raise ConfigError(
            "this version of rapidocr comes without its models; install the one in constraints.txt"
        )
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    quiet = {"Global.log_level": "error", "Global.use_cls": False}  # no text is upside down
    return rapidocr.RapidOCR(params={**paths, **threads, **quiet})


def _kept(cache: Path) -> dict[str, tuple[TextLine, ...]]:
    """What was read before; a line that a crash cut is read anew."""
    found: dict[str, tuple[TextLine, ...]] = {}
    if not cache.exists():
        return found
    for number, line in enumerate(cache.read_text("utf-8", "replace").splitlines(), start=1):
        try:
            entry = json.loads(line)
            found[str(entry["image"])] = tuple(
                TextLine(str(text), (float(a), float(b), float(c), float(d)))
                for text, (a, b, c, d) in entry["lines"]
            )
        except (ValueError, KeyError, TypeError):
            logger.warning("%s: line %d is damaged; its screen is read again", cache, number)
    return found
