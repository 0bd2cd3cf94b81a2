"""How fast the embedded phone is, and how much memory one more of it takes.

    python -m benchmarks.phone

`reset` and `restore` (with the first observation after them), `snapshot`, `fork`, and `step`: a
tap, a text or a key of a fixed walk through the apps, with screenshot and elements. Then steps
per second of several phones together, in at most `BROWSERS` browsers: more phones than that take
turns on the screen, after every step.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path

import numpy as np
import psutil

from agentenv.actions import Action, InputText, OpenApp, PressKey, Scroll, Tap
from agentenv.devices.phone import PhoneDevice, open_phone
from agentenv.observations import Screen
from agentenv.phone.phone import Phone
from agentenv.phone.setup import PhoneSetup, first_image
from agentenv.progress import console
from benchmarks.command import run_command
from benchmarks.results_file import RESULTS, Row, write_results

NAME = "phone"
PHONES = (1, 8, 32)
BROWSERS = 8
PARKED = 64
"""Phones whose memory is measured while they are not on a screen."""
WALK: tuple[str | Action, ...] = (
    OpenApp(app="restaurants"),
    "field-search",
    PressKey(key="enter"),
    "tap-clear-search",
    Scroll(direction="down"),
    "tap-open-detail-",
    "tap-button-book",
    "tap-date-date",
    "tap-accept",
    "tap-by-party-1",
    PressKey(key="back"),
    PressKey(key="back"),
    Scroll(direction="up"),
    PressKey(key="home"),
    "tap-app-notes",
    Scroll(direction="down"),
    "tap-open-note-",
    PressKey(key="back"),
    Scroll(direction="up"),
    "tap-open-write",
    "field-title",
    PressKey(key="back"),
    PressKey(key="back"),
    PressKey(key="recents"),
    "tap-app-",
)
"""Actions, and beginnings of the names of elements: fields are typed into, others tapped. Each
changes the screen, and the last one leaves it as the first one found it."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Measure the phone."""

    steps: int = 300
    """Of one phone; several phones make as many together."""
    repeats: int = 60
    """Resets, snapshots, restores and forks."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def next_action(screen: Screen, wanted: str | Action) -> Action:
    """What a word of the walk means on this screen.

    Raises:
        RuntimeError: nothing on it is called that.
    """
    if not isinstance(wanted, str):
        return wanted
    found = [one for one in screen.elements if one.resource_id.startswith(wanted)]
    if not found:
        raise RuntimeError(f"the walk is lost: no {wanted} on {screen.location}")
    if found[0].editable:
        return InputText(element=found[0].index, text="a")
    return Tap(element=found[0].index)


class Walker:
    """Takes the steps of the walk one by one, on the phone that is on the device's screen.

    Args:
        device: its screen is the first one that it sees.
    """

    def __init__(self, device: PhoneDevice) -> None:
        self._way: Iterator[str | Action] = cycle(WALK)
        self._seen = device.observe()

    def step(self, device: PhoneDevice) -> float:
        """Take the next step, as an agent does: by what it saw last; its seconds."""
        action = next_action(self._seen, next(self._way))
        start = time.perf_counter()
        device.act(action)
        self._seen = device.observe()
        return time.perf_counter() - start


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each repetition."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return taken


def measure_one(config: BenchmarkConfig) -> list[Row]:
    """Of one phone."""
    start = time.perf_counter()
    device = open_phone()
    numbers = iter(range(10**9))
    try:
        device.reset(PhoneSetup(seed="first"))
        device.observe()
        rows = [_row("cold_start", "seconds", time.perf_counter() - start, "s", 1)]
        walker = Walker(device)
        for _ in WALK:
            walker.step(device)
        measured = {"step": [walker.step(device) for _ in range(config.steps)]}
        token = device.snapshot()

        def restore() -> None:
            device.restore(token)
            device.observe()

        def reset() -> None:
            device.reset(PhoneSetup(seed=f"{next(numbers)}"))
            device.observe()

        measured |= {
            "snapshot": timed(device.snapshot, config.repeats),
            "restore": timed(restore, config.repeats),
            "fork": timed(lambda: device.phone.fork().close(), config.repeats),
            "reset": timed(reset, config.repeats),
        }
    finally:
        device.close()
    for label, seconds in measured.items():
        for percent in (50, 95):
            value = float(np.percentile(seconds, percent))
            rows.append(_row(label, f"p{percent}", value, "s", len(seconds)))
    return rows


def measure_several(phones: int, steps: int) -> Row:
    """Steps per second of all phones together."""
    browsers = min(phones, BROWSERS)
    done = [0] * browsers
    with ExitStack() as stack:
        devices = [open_phone() for _ in range(browsers)]
        for device in devices:
            stack.callback(device.close)
        walkers: list[list[tuple[Phone, Walker]]] = []
        for at, device in enumerate(devices):
            walkers.append([])
            for seed in range(at, phones, browsers):
                if walkers[-1]:
                    device.park()
                phone = Phone(PhoneSetup(seed=f"{seed}"))
                device.show(phone)
                walkers[-1].append((phone, Walker(device)))
        ready = threading.Barrier(browsers + 1)

        def run(at: int) -> None:
            device, mine = devices[at], walkers[at]
            for _ in WALK:  # as before the steps of one phone are measured
                mine[-1][1].step(device)
            ready.wait()
            while done[at] < steps / browsers:
                mine[-1][1].step(device)
                done[at] += 1
                if len(mine) > 1:  # another phone's turn
                    device.park()
                    mine.insert(0, mine.pop())
                    device.show(mine[-1][0])

        threads = [threading.Thread(target=run, args=(at,)) for at in range(browsers)]
        for thread in threads:
            thread.start()
        ready.wait()
        start = time.perf_counter()
        for thread in threads:
            thread.join()
        rate = sum(done) / (time.perf_counter() - start)
        for phone, _ in chain.from_iterable(walkers):
            phone.close()
    return _row(f"phones_{phones}", "steps_together", rate, "1/s", sum(done))


def measure_memory() -> list[Row]:
    """Memory of one more phone, on the screen of a second browser, and parked."""
    here = psutil.Process()
    first = first_image(PhoneSetup())
    before = here.memory_info().rss
    parked = [Phone(PhoneSetup(seed=f"{number}")) for number in range(PARKED)]
    for phone in parked:
        phone.page()
    each = (here.memory_info().rss - before) / PARKED / 1e6
    for phone in parked:
        phone.close()
    with ExitStack() as stack:
        for _ in range(2):
            others = here.children(recursive=True)
            device = open_phone()
            stack.callback(device.close)
            device.reset(PhoneSetup())
            device.act(OpenApp(app="restaurants"))
        # What the first browser has loaded, the program itself for one, the second one shares.
        further = [one for one in here.children(recursive=True) if one not in others]
        shown = sum(_unshared(one) for one in further) / 1e6
    return [
        _row("shown", "memory", shown, "MB", 1),
        _row("parked", "memory", each, "MB", PARKED),
        _row("image", "memory", len(first) / 1e6, "MB", 1),
    ]


def _unshared(process: psutil.Process) -> int:
    """Bytes that only this process holds."""
    return int(process.memory_full_info().uss)


def _row(label: str, metric: str, value: float, unit: str, n: int) -> Row:
    return Row(label=label, metric=metric, value=value, unit=unit, n=n)


def run(config: BenchmarkConfig) -> None:
    """Measure everything, print it and write the file."""
    rows = measure_one(config) + measure_memory()
    rows += [measure_several(phones, config.steps) for phones in PHONES]
    for row in rows:
        console.print(f"{row.label:12} {row.metric:18} {row.value:10.4f} {row.unit}")
    write_results(NAME, rows, f"python -m benchmarks.{NAME}", folder=config.results)


if __name__ == "__main__":
    sys.exit(run_command(NAME, BenchmarkConfig, run))
