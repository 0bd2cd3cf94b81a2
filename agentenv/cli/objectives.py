"""`agentenv objectives`: what an agent can be trained to minimise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.markup import escape
from rich.table import Table

from agentenv.config import closest
from agentenv.errors import ConfigError
from agentenv.progress import console

if TYPE_CHECKING:
    from trainers.objectives.catalogue import Part, Published


@dataclass(frozen=True)
class ObjectivesConfig:
    """What to list."""

    names: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")
    ] = ()
    """Objectives, or parts of them, to explain; none: every one in one line."""


def run(config: ObjectivesConfig) -> None:
    """Print every objective, or explain some.

    Raises:
        ConfigError: a name is unknown.
    """
    from trainers.objectives.catalogue import PARTS, PUBLISHED, named

    if not config.names:
        _print_overview()
        return
    for name in config.names:
        published, parts = named(name)
        if published is None and not parts:
            every = sorted({*PUBLISHED, *(part for kind in PARTS.values() for part in kind)})
            raise ConfigError(
                f"there is no objective, or part of one, {name!r}{closest(name, every)}"
            )
        if published is not None:
            _explain_published(name, published)
        for part in parts:
            _explain_part(part)


def _print_overview() -> None:
    from trainers.objectives.catalogue import CHOICES, PARTS, PUBLISHED

    table = _table("objective", "paper", "advantage", "ratio", "clip", "aggregation", "regulariser")
    for name, one in PUBLISHED.items():
        step = "" if one.step_advantage == "none" else f" + {one.step_advantage}"
        parts = (one.advantage + step, one.ratio, one.clip, one.aggregation, one.regulariser)
        table.add_row(name, one.paper.arxiv, *parts)
    console.print(table)
    for kind in [*CHOICES, *(kind for kind in PARTS if kind not in CHOICES)]:
        table = _table(kind.replace("_", " "), "paper", "formula")
        for part in PARTS[kind].values():
            table.add_row(part.name, part.paper.arxiv, escape(part.formula))
        console.print()
        console.print(table)
    console.print(
        "\nPapers are numbers at arxiv.org. One of these in full: agentenv objectives NAME",
        highlight=False,
    )


def _explain_published(name: str, published: Published) -> None:
    from trainers.objectives.catalogue import choices_of

    _title(name, "objective")
    console.print(f"{published.summary}\n{published.paper}\n", markup=False, highlight=False)
    table = _table("choice", "part", "formula", "settings")
    for part, settings in choices_of(published):
        kind = part.kind.replace("_", " ")
        table.add_row(kind, part.name, escape(part.formula), _settings(settings))
    console.print(table)
    console.print()


def _explain_part(part: Part) -> None:
    _title(part.name, part.kind.replace("_", " "))
    settings = f"\n\nsettings: {_settings(part.settings)}" if part.settings else ""
    console.print(
        f"{part.formula}\n{part.paper}\n\n{part.explanation}{settings}\n",
        markup=False,
        highlight=False,
    )


def _title(name: str, kind: str) -> None:
    console.print(f"[bold]{escape(name)}[/bold] ({kind})", highlight=False)


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=number == 0, style="bold" if number == 0 else "")
    return table
