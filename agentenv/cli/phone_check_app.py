"""`agentenv phone check-app`: try every screen of an app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.progress import console


@dataclass(frozen=True)
class CheckAppConfig:
    """Which app."""

    app: Annotated[str, tyro.conf.Positional]
    """Name of an app in data/apps, or path of a YAML file."""


def run(config: CheckAppConfig) -> int:
    """Print what is wrong with an app; the exit status is 1 if anything is."""
    from agentenv.phone.apps import load_app, read_app
    from agentenv.phone.checking import check_app

    path = Path(config.app)
    app = read_app(path) if path.suffix in (".yaml", ".yml") else load_app(config.app)
    problems = check_app(app)
    for problem in problems:
        console.print(problem, highlight=False, markup=False, soft_wrap=True)
    rows = sum(one.rows + len(one.seed_rows) for one in app.entities.values())
    if not problems:
        console.print(f"{app.id}: {len(app.screens)} screens, {rows} rows; all can be drawn")
    return int(bool(problems))
