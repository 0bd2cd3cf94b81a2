"""Where the time of one step goes, part by part.

    python -m benchmarks.browser_latency

A step is a tap that paints an area, half a second of page time, a screenshot, the list of
elements and the task's state. The parts are those of the lockstep engine: `input` (the tap,
until the page has handled it), `clock` (page time, and whether anything moves), `frame`
(drawing), `encode` (its PNG, and the way to us), `elements` (the list and the state, in one
call), `decode` (the PNG as an array), `python` (everything else).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentenv.actions import Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser.device import BrowserDevice
from agentenv.devices.browser.lockstep import LockstepEngine
from agentenv.devices.browser.viewports import Viewport
from agentenv.progress import console
from benchmarks.command import run_command
from benchmarks.results_file import RESULTS, Row, write_results

NAME = "browser_latency"
VIEWPORTS = (Viewport(160, 210), Viewport(412, 915))
"""Of a page of MiniWoB++, and of a phone."""
PARTS = ("input", "clock", "frame", "encode", "elements", "decode", "python")
_PAGE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin: 8px">
<div id="area" style="height: 120px"></div>
<script>
let taps = 0;
onclick = () => { area.style.background = ++taps % 2 ? 'tomato' : 'steelblue'; };
for (let number = 1; number <= 20; number++) {
  document.body.insertAdjacentHTML('beforeend',
    `<p>Item ${number}, <a href="#">more</a> <button>Add</button></p>`);
}
</script></body>"""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Measure the parts of a step."""

    steps: int = 300
    """At each size, after 20 that are not counted."""
    results: Path = RESULTS
    """Folder of the file that is written."""


class TimedEngine(LockstepEngine):
    """Notes how long each part of a step takes, in seconds.

    One after the other, so that each is what it takes by itself: a browser that is not timed lists
    the elements while the picture is still being encoded.
    """

    def __init__(self, viewport: Viewport) -> None:
        super().__init__(viewport)
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._inside = False

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        """Parts that are asked for by another part belong to that one."""
        if self._inside:
            yield
            return
        self._inside = True
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent[part] += time.perf_counter() - start
            self._inside = False

    def send_input(self, events: Any) -> None:
        with self._timed("input"):
            super().send_input(events)

    def advance(self, milliseconds: float) -> None:
        with self._timed("clock"):
            super().advance(milliseconds)

    def evaluate(self, expression: str, *, timeout: float | None = None) -> Any:
        with self._timed("elements" if ".look(" in expression else "clock"):
            return super().evaluate(expression, timeout=timeout)

    def screenshot(self, then: str = "") -> bytes:
        with self._timed("encode"):
            return super().screenshot()

    def draw(self) -> None:
        with self._timed("frame"):
            super().draw()


class BareEngine(TimedEngine):
    """Draws the frame of a screenshot, and takes none: what a frame costs by itself."""

    bare = False

    def screenshot(self, then: str = "") -> bytes:
        if not self.bare:
            return super().screenshot()
        self.draw()
        return b""


def run(config: BenchmarkConfig) -> Path:
    """Measure, print a table and write the results; returns their file."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(_PAGE, encoding="utf-8")
        for viewport in VIEWPORTS:
            times = measure(page.as_uri(), viewport, config.steps)
            rows += result_rows(f"{viewport.width}x{viewport.height}", times)
    for row in rows:
        console.print(f"{row.label} {row.metric}: {row.value:g} {row.unit}", highlight=False)
    path = write_results(NAME, rows, f"python -m benchmarks.{NAME}", folder=config.results)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def measure(url: str, viewport: Viewport, steps: int) -> dict[str, list[float]]:
    """Part (and "step", all of them) -> seconds in each step."""
    engine = BareEngine(viewport)
    device = BrowserDevice(viewport, lambda: engine)
    times: dict[str, list[float]] = {part: [] for part in (*PARTS, "step")}
    try:
        device.reset(BrowserSetup(url, state="({taps})"))
        for number in range(2 * (steps + 20)):
            engine.bare = number % 2 == 1
            engine.spent.clear()
            start = time.perf_counter()
            decode = step(device, not engine.bare)
            whole = time.perf_counter() - start
            if number < 40:
                continue
            spent = engine.spent
            if engine.bare:
                times["frame"].append(spent["frame"])
                continue
            for part in ("input", "clock", "elements", "encode"):
                times[part].append(spent[part])
            times["decode"].append(decode)
            times["python"].append(whole - decode - sum(spent.values()))
            times["step"].append(whole)
    finally:
        device.close()
    frame = float(np.median(times["frame"]))
    times["encode"] = [one - frame for one in times["encode"]]
    return times


def step(device: BrowserDevice, decode: bool) -> float:
    """One step; returns how long decoding its screenshot took."""
    device.act(Tap(point=(0.5, 0.1)))
    device.state()
    screen = device.observe()
    start = time.perf_counter()
    if decode:
        _ = screen.screenshot
    return time.perf_counter() - start


def result_rows(label: str, times: dict[str, list[float]]) -> list[Row]:
    """Medians in milliseconds, and what is left above the frame itself."""
    medians = {part: float(np.median(values)) for part, values in times.items()}
    medians["above_frame"] = medians["step"] - medians["frame"]
    count = len(times["step"])
    return [
        Row(label=label, metric=part, value=round(value * 1000, 2), unit="ms", n=count)
        for part, value in medians.items()
    ]


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
