"""The screen on which a finding happened: its field boxed, the owner's values painted over."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from agentenv.actions import InputText
from agentenv.observations import Bounds, Observation, UIElement
from agentenv.trajectories.episode import Episode
from privacy_audit.canaries import Canaries
from privacy_audit.contract import Contract, Place
from privacy_audit.findings import Finding
from privacy_audit.ocr import Reader, lines_on

_SMALLEST = 32
"""Pixels; a smaller picture shows no screen."""
_BOX = "#d1242f"
_COVER = "#1f2328"


def picture_of(
    episode: Episode,
    finding: Finding,
    contract: Contract,
    *,
    show_values: bool = False,
    read: Reader | None = None,
) -> bytes | None:
    """A PNG, or None where no screenshot shows the place.

    Args:
        episode: in which it happened.
        finding: whose field is boxed.
        contract: of the episode's task.
        show_values: leave the picture as it was. By default every element that shows a value
            of the owner is painted over, and so is the field itself; an observation without
            elements, where nobody knows what is shown, gives no picture.
        read: reads what the screens show that come without elements.
    """
    shown = _read_on(episode, finding, contract, read) if finding.flow.box else _seen_in(
        episode, finding, contract
    )  # fmt: skip
    if shown is None:
        return None
    png, box, covers = shown
    try:
        with Image.open(io.BytesIO(png)) as opened:
            image = opened.convert("RGB")
    except OSError:  # a torn picture shows nothing
        return None
    if min(image.size) < _SMALLEST:
        return None
    draw = ImageDraw.Draw(image)
    for bounds in () if show_values else covers:
        draw.rectangle(_pixels(bounds, image.size), fill=_COVER)
    draw.rectangle(_pixels(box, image.size), outline=_BOX, width=3)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


_Shown = tuple[bytes, Bounds, list[Bounds]]
"""(screenshot, what to box, what shows values of the owner)."""


def _seen_in(episode: Episode, finding: Finding, contract: Contract) -> _Shown | None:
    """By what the UI elements of the screen say."""
    seen, field = _moment(episode, finding)
    if seen is None or field is None or not seen.png:
        return None
    showing = _showing(seen.elements, contract.canaries, field)
    return seen.png, field.bounds, [one.bounds for one in showing]


def _read_on(
    episode: Episode, finding: Finding, contract: Contract, read: Reader | None
) -> _Shown | None:
    """By what was found on the screen, or read from it."""
    flow = finding.flow
    seen = episode.screens[flow.boxed]
    if seen is None or flow.box is None or not (seen.elements or read):
        return None
    lines = lines_on(seen, read)
    sighted = [one.bounds for one in contract.lookout.find(lines, tolerant=not seen.elements)]
    parts = [one.bounds for one in lines if contract.canaries.find(one.text)]
    return seen.png, flow.box, sighted + parts


def _moment(episode: Episode, finding: Finding) -> tuple[Observation | None, UIElement | None]:
    """The screen after the field was filled, or before if it is not on the screen then."""
    place = finding.flow.place
    number = finding.flow.events[0]
    for at, (step, after) in enumerate(zip(episode.steps, episode.screens[1:], strict=True)):
        exact = finding.flow.evidence == "trajectory"
        if at != number if exact else not isinstance(step.sent, InputText):
            continue
        for seen in (after, step.observation):
            field = None if seen is None else _named(seen.elements, place)
            if field is not None and (exact or field.value or seen is not step.observation):
                return seen, field
    return None, None


def _named(elements: Sequence[UIElement], place: Place) -> UIElement | None:
    """A field by its own name, or else, on screens that do not know it, by its label."""
    for one in elements:
        if place.name in (one.resource_id.removeprefix("field-"), one.name):
            return one
    return next((one for one in elements if one.editable and place.is_meant_by(one.name)), None)


def _showing(
    elements: Iterable[UIElement], canaries: Canaries, field: UIElement
) -> Iterable[UIElement]:
    """Elements that show a value of the owner, and the field itself."""
    for one in elements:
        texts = (one.name, one.value, one.description)
        if one == field or any(canaries.find(text) for text in texts):
            yield one


def _pixels(bounds: Bounds, size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    left, top, right, bottom = bounds
    across, down = sorted((left * width, right * width)), sorted((top * height, bottom * height))
    return (across[0], down[0], across[1], down[1])
