"""What a policy pack says itself, and what it has from the pack that it extends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from privacy_audit.policy import Pack

_BY_NAME = ("classes", "levels", "severities", "prohibited", "rules", "controls")
"""Parts of a pack that are inherited entry by entry; the rest is inherited or replaced."""
_WHOLE = ("title", "submit_words")


def inherited_table(pack: Pack) -> Table:
    """Part by part, for a pack that extends another."""
    table = Table("part", "its own", "changed", "inherited", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for part in _BY_NAME:
        table.add_row(part, *map(escape, _cells(pack, part)))
    for part in _WHOLE:
        replaced = "replaced" if part in pack.own else ""
        table.add_row(part, "", replaced, "" if replaced else "all of it")
    return table


def _cells(pack: Pack, part: str) -> tuple[str, str, str]:
    assert pack.base is not None
    own, before = pack.own.get(part) or {}, pack.base.content[part]
    new = [name for name in own if name not in before]
    changed = [text for name in own if name in before
               for text in _changes(name, before[name], own[name])]  # fmt: skip
    left = [name for name in before if name not in own]
    return ", ".join(new), "\n".join(changed), ", ".join(left)


def _changes(name: str, before: Any, now: Any) -> Iterator[str]:
    """What an entry had and has: "health.weight 0.9 -> 1.0"."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key, value in now.items():
            yield from _changes(f"{name}.{key}", before.get(key), value)
    elif before == now:
        yield f"{name} as it was"
    elif isinstance(now, int | float) and isinstance(before, int | float):
        yield f"{name} {before:g} -> {now:g}"
    else:
        yield name
