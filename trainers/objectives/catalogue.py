"""Every part there is, and every published objective: for listings."""

from __future__ import annotations

# Imported for the parts that they register.
from trainers.objectives import guidance, losses, objective, search, selection  # noqa: F401
from trainers.objectives.published import CHOICES, PUBLISHED, Published
from trainers.objectives.registry import PARTS, Part

__all__ = ["CHOICES", "PARTS", "PUBLISHED", "Part", "Published", "choices_of", "named"]


def named(name: str) -> tuple[Published | None, list[Part]]:
    """The published objective and the parts of that name; there may be both, or neither."""
    parts = [kind[name] for kind in PARTS.values() if name in kind]
    return PUBLISHED.get(name), parts


def choices_of(published: Published) -> list[tuple[Part, dict[str, object]]]:
    """An objective's parts, in the order in which they are computed, with their settings."""
    chosen = []
    for kind in CHOICES:
        found = PARTS[kind][getattr(published, kind)]
        settings = {
            name: published.settings.get(f"{kind}.{name}", default)
            for name, default in found.settings.items()
        }
        chosen.append((found, settings))
    return chosen
