"""Whether the same seed gives the same bytes: every page of MiniWoB++, in two processes.

    python -m benchmarks.browser_determinism

Each process opens every page, first for another instance and then for the one compared, and
acts on it. One goes through the pages in the opposite order, so that neither the browser's
age nor what it did before is the same. Screenshots, elements and the goal must be.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import tyro

from agentenv.actions import Scroll, Tap
from agentenv.cli.main import configure_logging, print_error
from agentenv.devices.base import Device
from agentenv.devices.browser import open_browser
from agentenv.errors import ActionError, AgentenvError, ConfigError, DeviceError
from agentenv.observations import Screen
from agentenv.progress import console
from agentenv.tasks import get_task
from agentenv.tasks.miniwob.pages import HEIGHT, NAMES, WIDTH
from benchmarks.results_file import RESULTS, Row, write_results

NAME = "browser_determinism"
ACTIONS = 3
_PATIENCE = 60.0
"""Seconds: on a busy machine a slow answer is no news."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Compare what two processes are shown."""

    pages: tuple[str, ...] = NAMES
    """Names of MiniWoB++ pages. Only the result of all of them is published."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> list[str]:
    """Compare, and write the results if it was about every page.

    Returns:
        the pages that differ.

    Raises:
        ConfigError: one of the processes failed.
    """
    first = start_tracing(config.pages)
    second = start_tracing(config.pages[::-1])
    different = differing(finish_tracing(first), finish_tracing(second))
    for line in different:
        console.print(line, highlight=False)
    screens = len(config.pages) * (ACTIONS + 1)
    same = 1 - len(different) / len(config.pages)
    console.print(f"{same:.1%} of {len(config.pages)} pages are the same, byte for byte")
    if config.pages == NAMES:
        row = Row(label="agentenv", metric="identical", value=same, unit="fraction", n=screens)
        write_results(NAME, [row], f"python -m benchmarks.{NAME}", folder=config.results)
    return different


def start_tracing(pages: Sequence[str]) -> subprocess.Popen[str]:
    """Begin to trace pages in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{NAME}", "--trace", *pages]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish_tracing(process: subprocess.Popen[str]) -> dict[str, list[str]]:
    """What `start_tracing`'s process saw.

    Raises:
        ConfigError: it failed.
    """
    out, _ = process.communicate()
    if process.returncode:
        raise ConfigError("the process that looks at the pages failed; see its message above")
    traces: dict[str, list[str]] = json.loads(out)
    return traces


def differing(one: dict[str, list[str]], other: dict[str, list[str]]) -> list[str]:
    """Pages that were not shown alike or not to their end, and when first."""
    lines = []
    for page, screens in one.items():
        pairs = enumerate(zip_longest(screens, other[page], fillvalue="nothing"))
        first = next((f"after {at} actions, {a} | {b}" for at, (a, b) in pairs if a != b), "")
        if first or len(screens) <= ACTIONS:
            lines.append(f"{page}: {first or screens[-1]}")
    return lines


def trace_pages(pages: Iterable[str]) -> dict[str, list[str]]:
    """Page -> fingerprints of its screens, before and after each action.

    Where the browser failed twice, there is one line instead that says why.
    """
    device = open_browser(WIDTH, HEIGHT, timeout=_PATIENCE)
    traces = {}
    try:
        for page in pages:
            try:
                traces[page] = trace_page(device, page)
            except DeviceError:  # as an environment does, once more with a new browser
                try:
                    traces[page] = trace_page(device, page)
                except DeviceError as error:
                    traces[page] = [f"{error.cause}: {error}"]
    finally:
        device.close()
    return traces


def trace_page(device: Device, page: str, before: Sequence[int] = (1,)) -> list[str]:
    """Fingerprints of a page's screens, of instance 0 after others in the same browser."""
    task = get_task(f"miniwob/{page}")
    trace: list[str] = []
    for index in (*before, 0):
        device.reset(task.instance("train", index).setup)
        trace = [fingerprint(device)]
        for number in range(ACTIONS):
            trace.append(act(device, number) + fingerprint(device))
    return trace


def act(device: Device, number: int) -> str:
    """Tap on one element after the other, then scroll; returns why it was impossible."""
    elements = device.observe().elements
    clickable = [element.index for element in elements if element.clickable] or [0]
    try:
        if number < ACTIONS - 1:
            device.act(Tap(element=clickable[number % len(clickable)]))
        else:
            device.act(Scroll(direction="down", point=(0.5, 0.6)))
    except ActionError as error:
        return f"{error} "
    return ""


def fingerprint(device: Device) -> str:
    """Of everything that an agent is shown, the goal included: "elements, screenshot"."""
    screen: Screen = device.observe()
    parts = repr((screen.elements, device.state()["goal"])).encode(), screen.png
    return " ".join(hashlib.sha256(part).hexdigest()[:16] for part in parts)


def main() -> int:
    """Parse the command line and run; returns the exit status: 1 if a page differs."""
    configure_logging(verbose=False)
    try:
        if sys.argv[1:2] == ["--trace"]:
            print(json.dumps(trace_pages(sys.argv[2:])))
            return 0
        config = tyro.cli(BenchmarkConfig, prog=f"python -m benchmarks.{NAME}")
        return 1 if run(config) else 0
    except AgentenvError as error:
        print_error(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
