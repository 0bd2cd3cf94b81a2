"""Pictures made on the spot, from a seed: what apps show for a dish, a person or a place."""

from __future__ import annotations

import random
from functools import lru_cache
from html import escape

_WARM = ("#e76f51", "#f4a261", "#e9c46a", "#bc6c25", "#d62828", "#8ab17d", "#fcbf49", "#6a994e")
_COOL = ("#457b9d", "#2a9d8f", "#6d6875", "#b5838d", "#3d5a80", "#52796f", "#8e7dbe", "#c08497")
_SKIN = ("#f6d2b8", "#e8b796", "#c98d6a", "#a26a48", "#7b4a2f")
_HAIR = ("#2b2118", "#51351f", "#8a5a33", "#c99b5a", "#8d8d92", "#b5482e")
_TABLES = ("#e9e2d8", "#d9c7b1", "#c9d3c4", "#dcd6e4", "#cbd5dc", "#7a5c46")


@lru_cache(maxsize=4096)
def picture(kind: str, seed: str) -> str:
    """An SVG picture that fills its box; screen readers are told nothing of it.

    Args:
        kind: "dish", "person", "place" or "note".
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
    """A head and shoulders."""
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
        f'-7 4-14 4-19 3-3 3-4 6-5 10z" fill="{hair}"/>'
    )


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
        parts.append(f'<path d="M0 {y + a}C30 {y - 14} 60 {y + 14} 100 {y + b}V100H0z" fill="{paint}"/>')
    return "".join(parts)


def _note(rng: random.Random) -> str:
    paint = rng.choice(("#fff3bf", "#d3f9d8", "#d0ebff", "#ffe3e3", "#e5dbff"))
    return f'<rect width="100" height="100" fill="{paint}"/>'


_PAINTERS = {"dish": _dish, "person": _person, "place": _place, "note": _note}

# Drawn on a 24 x 24 grid, as lines.
ICONS: dict[str, str] = {
    "back": "M15 5l-7 7 7 7",
    "arrow": "M19 12H5m6-6-6 6 6 6",
    "bell": "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zm4 5h4",
    "bolt": "M13 3 6 13h5l-1 8 7-11h-5z",
    "calendar": "M5 6h14v14H5zM5 10h14M9 3v4m6-4v4",
    "chat": "M4 5h16v11H10l-5 4v-4H4z",
    "check": "M5 12l5 5 9-10",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 4v5l4 2",
    "close": "M6 6l12 12M18 6 6 18",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "cross": "M9 3h6v6h6v6h-6v6H9v-6H3V9h6z",
    "down": "M6 9l6 6 6-6",
    "edit": "M4 20l1-5L16 4l4 4L9 19z",
    "eye": "M2 12c3-5 6.500-7 10-7s7 2 10 7c-3 5-6.500 7-10 7s-7-2-10-7zm10-3a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
    "file": "M6 3h8l4 4v14H6zM9 12h6m-6 4h6",
    "filter": "M4 6h16M7 12h10m-7 6h4",
    "fork": "M7 3v7m-3-7v5a3 3 0 0 0 6 0V3M7 11v10M17 3c-2 2-3 5-3 9h3v9",
    "gear": "M12 8.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM12 2v3m0 14v3M2 12h3m14 0h3M5 5l2 2m10 10 2 2M19 5l-2 2M7 17l-2 2",
    "house": "M4 11l8-7 8 7v9h-5v-6H9v6H4z",
    "heart": "M12 20S4 15 4 9a4 4 0 0 1 8-1 4 4 0 0 1 8 1c0 6-8 11-8 11z",
    "left": "M15 6l-6 6 6 6",
    "list": "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
    "lock": "M6 11h12v10H6zm2 0V8a4 4 0 0 1 8 0v3",
    "minus": "M5 12h14",
    "paste": "M8 5H5v16h14V5h-3M8 3h8v4H8z",
    "person": "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-4 3-6 8-6s8 2 8 6",
    "pin": "M12 21s-7-6-7-12a7 7 0 0 1 14 0c0 6-7 12-7 12zm0-14a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
    "plus": "M12 5v14M5 12h14",
    "right": "M9 6l6 6-6 6",
    "search": "M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM15.500 15.500 21 21",
    "send": "M4 12 20 4l-5 16-4-7z",
    "share": "M7 12l10-6M7 12l10 6M6 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM18 3.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zm0 12a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
    "shield": "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z",
    "star": "M12 4l2.500 5 5.500.800-4 3.900.900 5.500L12 16.600 7.100 19.200 8 13.700 4 9.800 9.500 9z",
    "trash": "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
    "wallet": "M3 7h15a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3h11M16 13.500h.01",
}  # fmt: skip


def icon(name: str) -> str:
    """A line drawing in the colour of the text around it."""
    return (
        '<svg class="icon" aria-hidden="true" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="1.9" stroke-linecap="round" '
        f'stroke-linejoin="round"><path d="{escape(ICONS[name])}"/></svg>'
    )
