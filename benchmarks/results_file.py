"""Published figures on disk: what was measured, by which command, when and on what.

The README's tables are generated from these files (`make tables`).
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import psutil
from pydantic import FiniteFloat, NonNegativeInt, PositiveFloat, PositiveInt, StringConstraints

from agentenv.config import config_from_mapping, config_to_mapping
from agentenv.errors import ConfigError
from agentenv.trajectories.durable import write_durably

RESULTS = Path(__file__).resolve().parent / "results"
"""Where the committed results lie."""
PACKAGES = ("agentenv", "gymnasium", "miniwob", "numpy", "playwright", "torch", "transformers")
"""Their versions are recorded with every result."""

# A path from the root or from a home says where someone works and helps nobody else.
_PRIVATE_PATH = re.compile(r"(?:^|[\s=:'\"])(?:/|~|[A-Za-z]:\\)")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
Text = Annotated[str, StringConstraints(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number."""

    label: Name
    """What was measured: ``base``, ``filtered_bc``, ``digiq``, ..."""
    metric: Text
    """``success``, ``success:<task>``, ``steps_per_second``, ..."""
    value: FiniteFloat
    unit: str
    """``fraction`` (in [0, 1]), ``1/s``, ``s``, ..."""
    ci95: tuple[FiniteFloat, FiniteFloat] | None = None
    """(low, high) around `value`."""
    n: PositiveInt
    """Measurements behind the number: episodes, steps, repetitions."""
    seeds: tuple[NonNegativeInt, ...] = ()
    vs: dict[str, FiniteFloat] = field(default_factory=dict)
    """Label of a peer -> `value` / the peer's value."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What it ran on, without naming it."""

    cpu: Text
    cores: PositiveInt
    """Those the process may use."""
    memory_gb: PositiveFloat
    os: Text
    python: Text


@dataclass(frozen=True, kw_only=True)
class Results:
    """One file in ``benchmarks/results/``."""

    name: Name
    command: Text
    """Makes these numbers, in a checkout's root."""
    date: date
    machine: Machine
    versions: dict[str, str]
    rows: tuple[Row, ...]


def three_digits(value: float) -> float:
    """Rounded: more digits of a measured time or rate would be noise."""
    return float(f"{value:.3g}")


def write_results(
    name: str,
    rows: Iterable[Row],
    command: str,
    *,
    versions: Mapping[str, str] | None = None,
    day: date | None = None,
    folder: Path = RESULTS,
) -> Path:
    """Publish numbers measured on this machine as ``<folder>/<name>.json``.

    Args:
        name: of the benchmark: small letters, digits and underscores.
        rows: at least one.
        command: what someone else types in a checkout's root to measure them.
        versions: of what else was measured: the peers', a browser's.
        day: when they were measured, if not today.
        folder: where to.

    Returns:
        The file.

    Raises:
        ConfigError: a value is wrong (not finite, outside its interval, given twice),
            or the command names a path of this machine.
    """
    results = Results(
        name=name,
        command=command,
        date=day or date.today(),
        machine=describe_machine(),
        versions=installed_versions() | dict(versions or {}),
        rows=tuple(rows),
    )
    plain = config_to_mapping(results)
    _check(config_from_mapping(Results, plain, source=f"results {name}"), name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    write_durably(path, (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode())
    return path


def load_results(path: Path) -> Results:
    """Read what `write_results` wrote.

    Raises:
        ConfigError: the file is missing, or not as `Results` says.
    """
    try:
        plain = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise ConfigError(f"{path} must hold one object with the fields of `Results`")
    results = config_from_mapping(Results, plain, source=str(path))
    _check(results, path.stem)
    return results


def check_command(command: str) -> None:
    """Refuse a command that works on this machine only.

    Raises:
        ConfigError: it holds an absolute path or one in a home directory.
    """
    if _PRIVATE_PATH.search(command):
        raise ConfigError(f"{command!r} names a path of this machine; give it from the checkout")


def describe_machine() -> Machine:
    """This machine's kind; no host name, no paths, no user."""
    system = f"{platform.system()} {platform.release()}"
    if hasattr(platform, "freedesktop_os_release"):
        with suppress(OSError, KeyError):  # no such file: what the kernel says will do
            system = platform.freedesktop_os_release()["PRETTY_NAME"]
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Machine(
        cpu=_cpu_model(),
        cores=usable or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        os=system,
        python=platform.python_version(),
    )


def installed_versions() -> dict[str, str]:
    """Versions of those of `PACKAGES` that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        model = re.search(r"^model name\s*:\s*(.+)$", facts.read_text(), re.MULTILINE)
        if model:
            return model[1].strip()
    return platform.processor() or platform.machine()


def _check(results: Results, name: str) -> None:
    """What the fields' types do not say.

    Raises:
        ConfigError: a rule is broken; names the row.
    """
    if results.name != name:
        raise ConfigError(f"{name}.json holds the results {results.name!r}; rename one of them")
    if not results.rows:
        raise ConfigError(f"results {name}: there are no rows")
    check_command(results.command)
    seen: set[tuple[str, str]] = set()
    for row in results.rows:
        where = f"results {name}: {row.metric} of {row.label}"
        if (row.label, row.metric) in seen:
            raise ConfigError(f"{where} is given twice")
        seen.add((row.label, row.metric))
        if row.ci95 is not None and not row.ci95[0] <= row.value <= row.ci95[1]:
            raise ConfigError(f"{where} is {row.value}, outside its interval {list(row.ci95)}")
