"""`agentenv import myphonebench`: a checkout of the public benchmark as a suite of the phone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape
from rich.table import Table

from agentenv.progress import console


@dataclass(frozen=True)
class ImportMyPhoneBenchConfig:
    """What to import, and where to."""

    checkout: Annotated[Path, tyro.conf.Positional]
    """A checkout of the repository of MyPhoneBench."""
    out: Path = Path("imported")
    """Folder for the apps and the suite."""
    report: bool = False
    """Say of each task that could not be imported why."""


def run(config: ImportMyPhoneBenchConfig) -> int:
    """Import, and print how many tasks of each app could be; the exit status is 1 if none could.

    Raises:
        ConfigError: it is no checkout, or nothing can be written.
    """
    from pydantic import ValidationError

    from agentenv.errors import ConfigError
    from agentenv.tasks.myphonebench.checkout import describe, read_apps, read_profile
    from agentenv.tasks.myphonebench.sessions import ImportedApp, import_app
    from agentenv.tasks.myphonebench.suite import write_suite

    owner = read_profile(config.checkout)
    apps: list[ImportedApp] = []
    problems: dict[str, str] = {}
    table = Table(box=None, pad_edge=False)
    for name in ("app", "tasks", "imported", "share"):
        table.add_column(name, justify="left" if name == "app" else "right")
    for files in read_apps(config.checkout):
        if isinstance(files, str):
            problems[files.partition(":")[0]] = files.partition(":")[2].strip()
            continue
        try:
            apps.append(import_app(files, owner))
        except (ConfigError, ValidationError) as error:
            problems[files.name] = f"the app cannot be imported: {describe(error)}"
    for one in apps:
        good = sum(outcome.entry is not None for outcome in one.outcomes)
        table.add_row(one.app.id, *_share(good, len(one.outcomes)))
        problems |= {outcome.id: outcome.problem for outcome in one.outcomes if outcome.problem}
    total = sum(len(one.outcomes) for one in apps)
    good = sum(outcome.entry is not None for one in apps for outcome in one.outcomes)
    table.add_row("all", *_share(good, total))
    path = write_suite(apps, config.out)
    console.print(table)
    if not owner:
        console.print("The checkout has no data of an owner; all of it is invented.")
    _print_problems(problems, config.report)
    console.print(f"\nagentenv suites {path}\nagentenv eval --tasks {path}",
                  highlight=False, markup=False, soft_wrap=True)  # fmt: skip
    return int(good == 0)


def _share(good: int, total: int) -> tuple[str, str, str]:
    return str(total), str(good), f"{100 * good / total:.0f} %" if total else "-"


def _print_problems(problems: dict[str, str], each: bool) -> None:
    """Reasons, task by task or counted."""
    if not problems:
        return
    console.print(f"\nNot imported: {len(problems)}")
    if each:
        for name, problem in problems.items():
            console.print(f"{name}: {escape(problem)}", highlight=False, soft_wrap=True)
        return
    for problem, number in Counter(problems.values()).most_common():
        console.print(f"{number} x {escape(problem)}", highlight=False, soft_wrap=True)
    console.print("--report names the tasks.")
