"""An episode as an animated image, which any browser, chat or README shows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from agentenv.errors import ConfigError
from agentenv.trajectories.drawing import draw_action, shorten
from agentenv.trajectories.durable import write_durably
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.marks import describe

FORMATS = {".webp": "WEBP", ".gif": "GIF", ".png": "PNG", ".apng": "PNG"}
"""File name's ending -> Pillow's name of the format."""
_END_HELD = 2
"""The last frame stays this many times longer."""
_BAR = 58
"""Height in pixels of the caption under the picture."""
_GROUND, _TEXT, _MUTED = (25, 28, 34), (240, 241, 244), (160, 167, 178)
_GOOD, _BAD = (88, 211, 162), (255, 147, 139)


def write_video(episode: Episode, path: Path | str, *, seconds: float = 1.0) -> int:
    """Write an episode as an animated WebP, GIF or PNG, by the file name's ending.

    A frame for every step, with the action drawn on what the agent saw, and one for the
    screen at the end. Under each: the goal, and the action or the outcome in words.
    (Neighbouring frames that are the same become one, shown as long as both.)

    Args:
        episode: with at least one observation.
        path: replaced if it exists, its directory made if it does not.
        seconds: how long each step is shown.

    Returns:
        How many frames were drawn.

    Raises:
        ConfigError: another file name ending, no observation, or `seconds` is not from
            0.02 (what browsers can show) to 60.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ConfigError(f"a video's name ends in {', '.join(FORMATS)}, unlike {path.name}")
    if not 0.02 <= seconds <= 60:
        raise ConfigError(f"seconds per step must be from 0.02 to 60, not {seconds:g}")
    frames = _same_size(list(_frames(episode)))
    if not frames:
        raise ConfigError(f"episode {episode.key} saw no screen ({episode.infra_error}): no video")
    durations = [round(1000 * seconds)] * len(frames)
    durations[-1] *= _END_HELD
    buffer = io.BytesIO()
    # `quality` and `method` are WebP's; text stays crisp at a third of the others' size.
    frames[0].save(
        buffer,
        kind,
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        quality=90,
        method=6,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, buffer.getvalue())
    return len(frames)


def _frames(episode: Episode) -> Iterator[Image.Image]:
    for number, step in enumerate(episode.steps, start=1):
        seen = step.observation
        picture = draw_action(seen.png, step.action, elements=seen.elements, sent=step.sent)
        words = f"{number}/{len(episode.steps)}  {describe(step.action)}"
        if step.actor:
            words += f"  ({step.actor})"
        yield _captioned(picture, episode.goal, words, _TEXT)
    if episode.final_observation is not None:
        picture = draw_action(episode.final_observation.png, None)
        words, colour = ("success", _GOOD) if episode.success else ("no success", _BAD)
        yield _captioned(picture, episode.goal, words, colour)


def _captioned(
    picture: Image.Image, goal: str, words: str, colour: tuple[int, int, int]
) -> Image.Image:
    framed = Image.new("RGB", (picture.width, picture.height + _BAR), _GROUND)
    framed.paste(picture)
    draw = ImageDraw.Draw(framed)
    font = ImageFont.load_default(16)
    fitting = max(1, int((picture.width - 24) / draw.textlength("n", font)))
    for line, paint, top in ((goal, _MUTED, 8), (words, colour, 31)):
        text = shorten(line, fitting)
        draw.text((12, picture.height + top), text, paint, font)
    return framed


def _same_size(pictures: list[Image.Image]) -> list[Image.Image]:
    """All on the ground of the largest: an animation has one size."""
    size = (
        max((picture.width for picture in pictures), default=0),
        max((picture.height for picture in pictures), default=0),
    )
    framed = []
    for picture in pictures:
        if picture.size != size:
            ground = Image.new("RGB", size, _GROUND)
            ground.paste(picture, ((size[0] - picture.width) // 2, 0))
            picture = ground
        framed.append(picture)
    return framed
