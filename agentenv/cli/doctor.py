"""`agentenv doctor`: one screen on what this machine has, and what to do about the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import psutil
from rich.table import Table

from agentenv.cli.main import FAILED
from agentenv.devices.base import BrowserSetup
from agentenv.errors import AgentenvError
from agentenv.progress import console

FONTS = ("Roboto", "Noto Sans", "Noto Color Emoji", "WenQuanYi Zen Hei")
"""Without one of them pages look, and wrap, differently here than where others run."""
ENOUGH_MEMORY_GIB = 6
ENOUGH_DISK_GIB = 10

CheckName = Literal[
    "python", "chromium", "fonts", "miniwob", "torch", "gpu", "cores", "memory", "disk"
]


@dataclass(frozen=True)
class DoctorConfig:
    """What to check."""

    only: tuple[CheckName, ...] = ()
    """Some of the checks; none: all."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    found: str
    advice: str = ""
    """What to do; empty if nothing."""
    required: bool = False
    """Nothing works before the advice is followed."""


def run(config: DoctorConfig) -> int:
    """Print the checks; returns 1 if something required is missing."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "check", "found", "what to do"):
        table.add_column(heading)
    failed = False
    for name, check in CHECKS.items():
        if config.only and name not in config.only:
            continue
        finding = check()
        failed = failed or finding.required
        mark = "[green]ok[/]"
        if finding.advice:
            mark = "[red]missing[/]" if finding.required else "[yellow]note[/]"
        table.add_row(mark, name, finding.found, finding.advice)
    console.print(table)
    return FAILED if failed else 0


def _python() -> Finding:
    return Finding(f"{sys.version.split()[0]}, agentenv {version('agentenv')}")


def _chromium() -> Finding:
    from agentenv.devices.browser import open_browser
    from agentenv.devices.browser.launch import HEADLESS_SHELL, find_browser

    started = time.monotonic()
    try:
        device = open_browser(160, 210)
        try:
            device.reset(BrowserSetup(url="about:blank"))
            device.observe()
        finally:
            device.close()
    except AgentenvError as error:
        return Finding("does not run", str(error), required=True)
    seconds = time.monotonic() - started
    shell = find_browser(HEADLESS_SHELL)
    found = f"first screenshot in {seconds:.1f} s"
    if shell is None:
        return Finding(found, "several times faster: apt-get install chromium-headless-shell")
    return Finding(f"{shell.name}, {found}")


def _fonts() -> Finding:
    program = shutil.which("fc-list")
    if program is None:
        return Finding("unknown", "install fontconfig to have the fonts checked")
    listed = subprocess.run(
        [program, ":", "family"], capture_output=True, text=True, check=False
    ).stdout
    missing = [font for font in FONTS if font not in listed]
    if not missing:
        return Finding(f"all {len(FONTS)}")
    return Finding(f"without {', '.join(missing)}", "pages wrap differently; as root: make test")


def _miniwob() -> Finding:
    if find_spec("miniwob") is None:
        return Finding("none", "pip install --no-deps miniwob==1.1.0", required=True)
    return Finding(version("miniwob"))


def _torch() -> Finding:
    try:
        return Finding(f"{version('torch')}, transformers {version('transformers')}")
    except PackageNotFoundError:
        return Finding("none", "to train or run models: pip install 'agentenv[train]'")


def _gpu() -> Finding:
    if find_spec("torch") is None:
        return Finding("unknown without torch")
    import torch

    if not torch.cuda.is_available():
        return Finding("none; small models train on the CPU")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Finding(", ".join(names))


def _cores() -> Finding:
    # What this process may use, which in a container is less than what the machine has.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding(f"{usable}; as many browsers side by side, at most twice as many")


def _memory() -> Finding:
    free = psutil.virtual_memory().available / 2**30
    advice = "" if free >= ENOUGH_MEMORY_GIB else f"training needs about {ENOUGH_MEMORY_GIB} GiB"
    return Finding(f"{free:.0f} GiB free", advice)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    advice = "" if free >= ENOUGH_DISK_GIB else f"a run takes up to {ENOUGH_DISK_GIB} GiB"
    return Finding(f"{free:.0f} GiB free here", advice)


CHECKS: dict[CheckName, Callable[[], Finding]] = {
    "python": _python,
    "chromium": _chromium,
    "fonts": _fonts,
    "miniwob": _miniwob,
    "torch": _torch,
    "gpu": _gpu,
    "cores": _cores,
    "memory": _memory,
    "disk": _disk,
}
