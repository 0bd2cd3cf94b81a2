"""Pictures made on the spot, from a seed: what apps show for a dish, a person or a place."""

from __future__ import annotations

import json
import random
from functools import cache, lru_cache
from html import escape
from importlib.resources import files

_WARM = ("#e76f51", "#f4a261", "#e9c46a", "#bc6c25", "#d62828", "#8ab17d", "#fcbf49", "#6a994e")
_COOL = ("#457b9d", "#2a9d8f", "#6d6875", "#b5838d", "#3d5a80", "#52796f", "#8e7dbe", "#c08497")
_SKIN = ("#f6d2b8", "#e8b796", "#c98d6a", "#a26a48", "#7b4a2f")
_HAIR = ("#2b2118", "#51351f", "#8a5a33", "#c99b5a", "#8d8d92", "#b5482e")
_TABLES = ("#e9e2d8", "#d9c7b1", "#c9d3c4", "#dcd6e4", "#cbd5dc", "#7a5c46")


@lru_cache(maxsize=4096)
def picture(kind: str, seed: str) -> str:
    """An SVG picture that fills its box; screen readers are told nothing of it.

    Args:
        kind: as in `agentenv.phone.schema.Entity.art`.
        seed: the same seed gives the same picture.
    """
    rng = random.Random(f"art/{kind}/{seed}")
    inside = _PAINTERS[kind](rng)
    return (
        '<svg class="art" aria-hidden="true" viewBox="0 0 100 100" '
        f'preserveAspectRatio="xMidYMid slice">{inside}</svg>'
    )


def _dish(rng: random.Random) -> str:
    """A plate seen from above, on a table."""
    table, tilt = rng.choice(_TABLES), rng.randint(0, 359)
    sauce = rng.choice(_WARM)
    parts = [
        f'<rect width="100" height="100" fill="{table}"/>',
        '<circle cx="51" cy="53" r="41" fill="#0002"/>',
        '<circle cx="50" cy="50" r="40" fill="#fbfaf7"/>',
        '<circle cx="50" cy="50" r="31" fill="#efece6"/>',
        f'<ellipse cx="50" cy="50" rx="{rng.randint(20, 27)}" ry="{rng.randint(18, 26)}" '
        f'fill="{sauce}" transform="rotate({tilt} 50 50)"/>',
    ]
    for _ in range(rng.randint(5, 9)):
        x, y, r = rng.randint(34, 66), rng.randint(34, 66), rng.randint(3, 8)
        paint = rng.choice(_WARM)
        if rng.random() < 0.5:
            parts.append(f'<circle cx="{x}" cy="{y}" r="{r}" fill="{paint}"/>')
            parts.append(f'<circle cx="{x - 1}" cy="{y - 1}" r="{r * 0.55:.1f}" fill="#fff3"/>')
        else:
            turn = rng.randint(0, 180)
            parts.append(
                f'<rect x="{x - r}" y="{y - 2}" width="{2 * r}" height="5" rx="2.5" '
                f'fill="{paint}" transform="rotate({turn} {x} {y})"/>'
            )
    for _ in range(rng.randint(3, 6)):
        x, y, turn = rng.randint(36, 64), rng.randint(36, 64), rng.randint(0, 180)
        parts.append(
            f'<ellipse cx="{x}" cy="{y}" rx="4" ry="1.8" fill="#588157" '
            f'transform="rotate({turn} {x} {y})"/>'
        )
    return "".join(parts)


def _person(rng: random.Random) -> str:
    """A head and shoulders, with a friendly face."""
    wall, coat, skin, hair = (
        rng.choice(_COOL), rng.choice(_WARM + _COOL), rng.choice(_SKIN), rng.choice(_HAIR),
    )  # fmt: skip
    long_hair = rng.random() < 0.5
    back = f'<path d="M30 40a20 21 0 0 1 40 0v26H30z" fill="{hair}"/>' if long_hair else ""
    fringe = rng.randint(26, 34)
    return (
        f'<rect width="100" height="100" fill="{wall}"/>'
        '<circle cx="80" cy="18" r="34" fill="#fff1"/>'
        f"{back}"
        f'<path d="M16 100c0-20 14-28 34-28s34 8 34 28z" fill="{coat}"/>'
        f'<rect x="42" y="56" width="16" height="20" rx="8" fill="{skin}"/>'
        f'<ellipse cx="50" cy="43" rx="17" ry="20" fill="{skin}"/>'
        f'<path d="M33 42c-1-18 8-24 17-24s18 6 17 24c-3-7-6-{fringe - 22}-10-13'
        f'-7 4-14 4-19 3-3 3-4 6-5 10z" fill="{hair}"/>{_face(rng, hair)}'
    )


def _face(rng: random.Random, hair: str) -> str:
    """Eyes, brows, nose and mouth; now and then glasses."""
    gap, smile = rng.randint(6, 8), rng.randint(3, 5)
    parts = [
        f'<ellipse cx="{x}" cy="44" rx="1.9" ry="2.3" fill="#2a1c16"/>'
        f'<path d="M{x - 3.5} 38.5q3.5-2.4 7 0" fill="none" stroke="{hair}" stroke-width="1.6"/>'
        for x in (50 - gap, 50 + gap)
    ]
    if rng.random() < 0.3:
        parts.append(
            f'<g fill="none" stroke="#3a2418" stroke-width="1.3"><circle cx="{50 - gap}" cy="44" '
            f'r="5"/><circle cx="{50 + gap}" cy="44" r="5"/>'
            f'<path d="M{55 - gap} 43.5h{2 * gap - 10}"/></g>'
        )
    parts.append(
        '<path d="M49 46q-1.6 4.6 1.4 4.6" fill="none" stroke="#0003" stroke-width="1.4"/>'
        f'<path d="M44.5 54.5q5.5 {smile} 11 0" fill="none" stroke="#8c3b2e" stroke-width="1.7" '
        'stroke-linecap="round"/>'
    )
    return "".join(parts)


def _place(rng: random.Random) -> str:
    """Hills under a sky."""
    sky, sun = rng.choice(("#a8dadc", "#ffd6a5", "#bde0fe", "#cdb4db")), rng.randint(18, 82)
    parts = [
        f'<rect width="100" height="100" fill="{sky}"/>',
        f'<circle cx="{sun}" cy="30" r="10" fill="#fff8"/>',
    ]
    for level, paint in enumerate(rng.sample(_COOL, 3)):
        y = 50 + 14 * level
        a, b = rng.randint(-10, 10), rng.randint(-10, 10)
        parts.append(
            f'<path d="M0 {y + a}C30 {y - 14} 60 {y + 14} 100 {y + b}V100H0z" fill="{paint}"/>'
        )
    return "".join(parts)


def _note(rng: random.Random) -> str:
    paint = rng.choice(("#fff3bf", "#d3f9d8", "#d0ebff", "#ffe3e3", "#e5dbff"))
    return f'<rect width="100" height="100" fill="{paint}"/>'


def _house(rng: random.Random) -> str:
    """A front with windows under a roof."""
    sky, wall, roof = rng.choice(("#bde0fe", "#ffd6a5", "#e9ecef")), rng.choice(_WARM), "#5c4d44"
    columns, floors = rng.randint(2, 4), rng.randint(2, 4)
    width, height = 60 / columns, 56 / floors
    parts = [
        f'<rect width="100" height="100" fill="{sky}"/>',
        f'<rect x="16" y="32" width="68" height="68" fill="{wall}"/>',
        f'<path d="M10 34L50 {rng.randint(8, 20)}L90 34z" fill="{roof}"/>',
    ]
    for column in range(columns):
        for floor in range(floors):
            lit = rng.choice(("#fff3bf", "#3d5a80", "#3d5a80"))
            x, y = 20 + column * width + width * 0.2, 38 + floor * height + height * 0.15
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width * 0.6:.1f}" '
                f'height="{height * 0.6:.1f}" rx="1" fill="{lit}"/>'
            )
    return "".join(parts)


def _box(rng: random.Random) -> str:
    """A package with a label, on a shelf."""
    wall, paint, band = rng.choice(_TABLES), rng.choice(_COOL), rng.choice(_WARM)
    left, top = rng.randint(22, 32), rng.randint(18, 34)
    width = 100 - 2 * left
    return (
        f'<rect width="100" height="100" fill="{wall}"/>'
        '<rect y="84" width="100" height="16" fill="#0002"/>'
        f'<rect x="{left}" y="{top}" width="{width}" height="{84 - top}" rx="4" fill="{paint}"/>'
        f'<rect x="{left}" y="{top + 18}" width="{width}" height="24" fill="{band}"/>'
        f'<circle cx="50" cy="{top + 30}" r="{rng.randint(5, 9)}" fill="#fffc"/>'
        f'<path d="M{left + 6} 74h{rng.randint(12, width - 12)}" stroke="#fff9" stroke-width="4"/>'
    )


def _poster(rng: random.Random) -> str:
    """Shapes that overlap on a coloured ground."""
    parts = [f'<rect width="100" height="100" fill="{rng.choice(_COOL)}"/>']
    for _ in range(rng.randint(3, 6)):
        x, y, size = rng.randint(5, 95), rng.randint(5, 95), rng.randint(10, 34)
        paint, turn = rng.choice(_WARM), rng.randint(0, 90)
        if rng.random() < 0.5:
            parts.append(f'<circle cx="{x}" cy="{y}" r="{size}" fill="{paint}" opacity=".8"/>')
        else:
            parts.append(
                f'<rect x="{x - size}" y="{y - 6}" width="{2 * size}" height="12" fill="{paint}" '
                f'opacity=".85" transform="rotate({turn} {x} {y})"/>'
            )
    return "".join(parts)


_PAINTERS = {
    "dish": _dish,
    "person": _person,
    "place": _place,
    "note": _note,
    "house": _house,
    "box": _box,
    "poster": _poster,
}


@cache
def icons() -> dict[str, str]:
    """Name -> path of a line drawing on a grid of 24 x 24."""
    text = (files("agentenv.phone") / "page" / "icons.json").read_text(encoding="utf-8")
    paths: dict[str, str] = json.loads(text)
    return paths


def icon(name: str) -> str:
    """A line drawing in the colour of the text around it."""
    return (
        '<svg class="icon" aria-hidden="true" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="1.9" stroke-linecap="round" '
        f'stroke-linejoin="round"><path d="{escape(icons()[name])}"/></svg>'
    )
