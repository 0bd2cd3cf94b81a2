"""Static pictures of actions on screenshots, for reports and documents."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from agentenv.actions import Action, Point
from agentenv.observations import UIElement
from agentenv.trajectories.marks import Mark, mark_of

ACCENT = (230, 30, 90)
"""Colour of the action that was taken."""
LOW_TO_HIGH = ((120, 125, 140), (66, 110, 200), (20, 160, 110))
"""Colours of candidates from the lowest value to the highest."""

_WIDTH = 420
"""Smaller screenshots are enlarged by a whole factor, up to about this many pixels."""
_SMOOTH = 2
"""Drawn this many times larger and scaled down, because Pillow does not anti-alias."""
_LONGEST = 28
_FAR = 10.0
"""In pictures; what lies further away is drawn there."""

Pixels = tuple[float, float]
Colour = tuple[int, int, int]
"""RGB, 0 to 255."""


@dataclass(frozen=True)
class Candidate:
    """An action that was considered, with what it was thought to be worth."""

    action: Action
    value: float
    number: int
    """What its marker says."""


def annotate(
    png: bytes,
    action: Action | None,
    *,
    candidates: Sequence[Candidate] = (),
    elements: Sequence[UIElement] = (),
    sent: Action | None = None,
    marker_scale: float = 1.0,
) -> bytes:
    """A screenshot with an action drawn on it, or with candidate actions.

    A tap is a ring, a swipe or scroll an arrow, typing a bubble, anything without a
    place a caption. Candidates are numbered discs coloured by value; those at the same
    place share one marker, and those without a place are not drawn.

    Args:
        png: the screenshot.
        action: the one to draw; None draws candidates only.
        candidates: drawn on top of `action`.
        elements: of the observation, to find what an action targets.
        sent: what the device did of `action`.
        marker_scale: enlarges the markers, for pictures that will be shown small.

    Returns:
        PNG bytes; small screenshots come back enlarged by a whole factor.
    """
    buffer = io.BytesIO()
    picture = draw_action(png, action, candidates, elements, sent, marker_scale)
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def draw_action(
    png: bytes,
    action: Action | None,
    candidates: Sequence[Candidate] = (),
    elements: Sequence[UIElement] = (),
    sent: Action | None = None,
    marker_scale: float = 1.0,
) -> Image.Image:
    """`annotate` as a picture (RGB) that is not encoded yet."""
    with Image.open(io.BytesIO(png)) as source:
        scale = max(1, round(_WIDTH / source.width))
        size = (source.width * scale, source.height * scale)
        picture = source.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    canvas = _Canvas(size, marker_scale)
    if action is not None:
        canvas.draw_mark(mark_of(action, elements, sent))
    canvas.draw_candidates(candidates, elements)
    layer = canvas.finished()
    picture.paste(layer, (0, 0), layer)
    return picture


def value_colours(values: Sequence[float]) -> list[Colour]:
    """A colour for each value, from the lowest to the highest of them."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    spread = high - low
    return [_colour((value - low) / spread if spread > 0 else 1.0) for value in values]


class _Canvas:
    """A transparent layer of the picture's size, drawn enlarged."""

    def __init__(self, size: tuple[int, int], marker_scale: float) -> None:
        self._layer = Image.new("RGBA", (size[0] * _SMOOTH, size[1] * _SMOOTH), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._layer)
        self._unit = _SMOOTH * max(size[0] / _WIDTH, 1.0) * marker_scale

    def finished(self) -> Image.Image:
        return self._layer.reduce(_SMOOTH)

    def draw_mark(self, mark: Mark) -> None:
        self._outline(mark, ACCENT)
        if mark.kind == "arrow" and mark.start and mark.end:
            self._arrow(self._at(mark.start), self._at(mark.end))
        elif mark.start is not None:
            self._ring(self._at(mark.start))
        if mark.text:
            self._bubble(shorten(mark.text, _LONGEST), self._at(mark.start) if mark.start else None)

    def draw_candidates(
        self, candidates: Sequence[Candidate], elements: Sequence[UIElement]
    ) -> None:
        colours = value_colours([candidate.value for candidate in candidates])
        best_first = sorted(
            zip(candidates, colours, strict=True), key=lambda pair: pair[0].value, reverse=True
        )
        places: dict[Point, tuple[Colour, list[int]]] = {}
        for candidate, colour in best_first:
            mark = mark_of(candidate.action, elements)
            place = _marker_place(mark)
            if place is None:
                continue
            if place not in places:
                self._outline(mark, colour)
            # The best candidate of a place gives its marker the colour.
            places.setdefault(place, (colour, []))[1].append(candidate.number)
            if mark.kind == "arrow" and mark.start and mark.end:
                self._arrow(self._at(mark.start), self._at(mark.end), colour)
        # Drawn last, the best lie on top.
        for place, (colour, numbers) in reversed(places.items()):
            self._disc(self._at(place), _numbers(numbers), colour)

    def _outline(self, mark: Mark, colour: Colour) -> None:
        if mark.bounds is None:
            return
        left, top, right, bottom = mark.bounds
        if left <= right and top <= bottom:
            box = (*self._at((left, top)), *self._at((right, bottom)))
            self._draw.rounded_rectangle(box, 4 * self._unit, outline=colour, width=self._px(2))

    def _ring(self, centre: Pixels) -> None:
        for radius, colour, width in ((15, "white", 6), (14, ACCENT, 4)):
            self._circle(centre, radius, outline=colour, width=self._px(width))
        self._circle(centre, 4, fill=ACCENT, outline="white", width=self._px(1))

    def _disc(self, centre: Pixels, text: str, colour: Colour) -> None:
        font = self._font(15)
        width = max(self._draw.textlength(text, font) / 2 + 7 * self._unit, 12 * self._unit)
        height = 12 * self._unit
        x, y = self._keep_on_screen(centre, width, height)
        box = (x - width, y - height, x + width, y + height)
        self._draw.rounded_rectangle(box, height, colour, "white", self._px(2))
        self._draw.text((x, y), text, "white", font, anchor="mm")

    def _arrow(self, start: Pixels, end: Pixels, colour: Colour = ACCENT) -> None:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        head = 14 * self._unit
        neck = (end[0] - head * math.cos(angle), end[1] - head * math.sin(angle))
        sides = [
            (
                neck[0] + side * head * 0.6 * math.sin(angle),
                neck[1] - side * head * 0.6 * math.cos(angle),
            )
            for side in (1, -1)
        ]
        for paint, extra in (("white", 3), (colour, 0)):
            self._draw.line((start, neck), paint, self._px(5 + extra))
            self._circle(start, 5 + extra / 2, fill=paint)
            self._draw.polygon([end, *sides], paint, paint, self._px(max(extra, 1)))

    def _bubble(self, text: str, anchor: Pixels | None) -> None:
        """A speech bubble above `anchor`, or a caption at the bottom."""
        font, unit = self._font(17), self._unit
        width = self._draw.textlength(text, font) / 2 + 9 * unit
        height = 15 * unit
        wanted = (
            (anchor[0], anchor[1] - 36 * unit)
            if anchor
            else (self._layer.width / 2, self._layer.height - 22 * unit)
        )
        if wanted[1] - height < 0 and anchor:
            wanted = (anchor[0], anchor[1] + 36 * unit)
        x, y = self._keep_on_screen(wanted, width, height)
        box = (x - width, y - height, x + width, y + height)
        self._draw.rounded_rectangle(box, 8 * unit, ACCENT, "white", self._px(2))
        self._draw.text((x, y), text, "white", font, anchor="mm")

    def _circle(self, centre: Pixels, radius: float, **style: object) -> None:
        x, y, r = *centre, radius * self._unit
        self._draw.ellipse((x - r, y - r, x + r, y + r), **style)  # type: ignore[arg-type]

    def _keep_on_screen(self, centre: Pixels, width: float, height: float) -> Pixels:
        margin = 2 * self._unit
        return (
            _clamp(centre[0], width + margin, self._layer.width - width - margin),
            _clamp(centre[1], height + margin, self._layer.height - height - margin),
        )

    def _at(self, point: Point) -> Pixels:
        # An element may lie any distance off the screen; Pillow cannot draw just anywhere.
        x, y = (min(max(part, -_FAR), _FAR) for part in point)
        return (x * self._layer.width, y * self._layer.height)

    def _px(self, width: float) -> int:
        return max(1, round(width * self._unit))

    def _font(self, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size * self._unit)


def _colour(fraction: float) -> Colour:
    position = fraction * (len(LOW_TO_HIGH) - 1)
    below = min(int(position), len(LOW_TO_HIGH) - 2)
    low, high, part = LOW_TO_HIGH[below], LOW_TO_HIGH[below + 1], position - below
    red, green, blue = (round(a + part * (b - a)) for a, b in zip(low, high, strict=True))
    return (red, green, blue)


def _numbers(numbers: Sequence[int]) -> str:
    shown = " ".join(str(number) for number in numbers[:3])
    return shown + (" …" if len(numbers) > 3 else "")


def _marker_place(mark: Mark) -> Point | None:
    """Where a candidate's number goes: at an element's right edge, to leave its text legible."""
    if mark.start is None:
        return None
    x, y = mark.start
    if mark.bounds is not None and mark.kind != "arrow":
        x, y = mark.bounds[2], (mark.bounds[1] + mark.bounds[3]) / 2
    return (round(x, 2), round(y, 2))


def shorten(text: str, length: int) -> str:
    """The text on one line of at most that many characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), max(low, high))
