"""`agentenv import myphonebench`: a checkout of the public benchmark as a suite, of the phone or
for Android."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.markup import escape
from rich.table import Table

from agentenv.progress import console

if TYPE_CHECKING:
    from agentenv.tasks.myphonebench.checkout import AppFiles
    from agentenv.tasks.myphonebench.sessions import ImportedApp


@dataclass(frozen=True)
class ImportMyPhoneBenchConfig:
    """What to import, and where to."""

    checkout: Annotated[Path, tyro.conf.Positional]
    """A checkout of the repository of MyPhoneBench."""
    out: Path = Path("imported")
    """Folder for the apps and the suite."""
    device: Literal["phone", "android"] = "phone"
    """phone: on the embedded phone, with apps made of its data. android: on an emulator or a
    handset, in the benchmark's own apps."""
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
    from agentenv.tasks.myphonebench.sessions import import_app

    owner = read_profile(config.checkout)
    found: list[tuple[AppFiles, ImportedApp]] = []
    problems: dict[str, str] = {}
    for files in read_apps(config.checkout):
        if isinstance(files, str):
            problems[files.partition(":")[0]] = files.partition(":")[2].strip()
            continue
        try:
            found.append((files, import_app(files, owner)))
        except (ConfigError, ValidationError) as error:
            problems[files.name] = f"the app cannot be imported: {describe(error)}"
    write = _write_for_android if config.device == "android" else _write_for_phone
    path, apps = write(config, found, problems)
    good = _print_apps(apps)
    problems |= {
        outcome.id: outcome.problem
        for app in apps for outcome in app.outcomes if outcome.problem
    }  # fmt: skip
    if not owner:
        console.print("The checkout has no data of an owner; all of it is invented.")
    _print_problems(problems, config.report)
    to = " --serial SERIAL" if config.device == "android" else ""
    console.print(f"\nagentenv suites {path}\nagentenv eval --tasks {path}{to}",
                  highlight=False, markup=False, soft_wrap=True)  # fmt: skip
    return int(good == 0)


def _write_for_phone(
    config: ImportMyPhoneBenchConfig,
    found: list[tuple[AppFiles, ImportedApp]],
    problems: dict[str, str],
) -> tuple[Path, list[ImportedApp]]:
    """The suite's file, and the apps that are in it."""
    from agentenv.tasks.myphonebench.suite import write_suite

    apps = [app for _, app in found]
    return write_suite(apps, config.out), apps


def _write_for_android(
    config: ImportMyPhoneBenchConfig,
    found: list[tuple[AppFiles, ImportedApp]],
    problems: dict[str, str],
) -> tuple[Path, list[ImportedApp]]:
    """The same; what an app lacks for Android is a problem."""
    from agentenv.tasks.myphonebench.android import for_android, write_android_suite

    apps = []
    for one in for_android(config.checkout, found):
        if isinstance(one, str):
            problems[one.partition(":")[0]] = one.partition(":")[2].strip()
        else:
            apps.append(one)
    path = write_android_suite(config.checkout, apps, config.out)
    missing = [app.apk for app, _ in apps if not (config.checkout / app.apk).exists()]
    if missing:
        console.print(f"The checkout lacks APKs, without which no task begins: {missing[0]}"
                      + (f" and {len(missing) - 1} more" if missing[1:] else ""))  # fmt: skip
    return path, [app for _, app in apps]


def _print_apps(apps: list[ImportedApp]) -> int:
    """A line for each app; the number of all tasks that were imported."""
    table = Table(box=None, pad_edge=False)
    for name in ("app", "tasks", "imported", "share"):
        table.add_column(name, justify="left" if name == "app" else "right")
    for one in apps:
        good = sum(outcome.entry is not None for outcome in one.outcomes)
        table.add_row(one.app.id, *_share(good, len(one.outcomes)))
    total = sum(len(one.outcomes) for one in apps)
    good = sum(outcome.entry is not None for one in apps for outcome in one.outcomes)
    table.add_row("all", *_share(good, total))
    console.print(table)
    return good


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
