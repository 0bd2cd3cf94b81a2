"""One loop that measures any browser environment, the same lines for us and for our peers.

    python -m benchmarks.stepping --env browsergym --pages click-test-2 --seconds 5

It runs in a peer's own Python too, so it imports neither agentenv nor what only agentenv
needs. It opens the first page, writes "ready", waits for a line to begin, and writes one
JSON object: see `Measured`. `benchmarks.browser_steps` starts it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Protocol

ENVIRONMENTS = ("agentenv", "browsergym", "browsergym_no_delays", "miniwob")
SIZE = (160, 210)
"""Width and height of a MiniWoB++ page."""
TAPS: dict[str, tuple[tuple[float, float], ...]] = {
    "click-test-2": ((150.0, 200.0), (10.0, 200.0)),
    "click-checkboxes": ((15.0, 62.0), (15.0, 82.0), (15.0, 102.0)),
    "click-tab-2": ((30.0, 70.0), (75.0, 70.0), (120.0, 70.0)),
    "enter-text": ((60.0, 75.0), (140.0, 190.0)),
    "colour": ((80.0, 130.0),),
}
"""Where to tap on a page, in pixels of it, over and over: things happen, but no episode ends."""
COLOURS = ((255, 0, 0), (0, 0, 255))
"""What the page "colour" shows at `COLOUR_AT`, and what after one tap more."""
COLOUR_AT = (80, 130)


class Stepper(Protocol):
    """An environment on one page, driven by taps.

    Screenshot, elements and reward are had in every call, as NumPy arrays and lists.
    """

    def reset(self, seed: int) -> None:
        """Start an episode."""

    def tap(self, x: float, y: float) -> bool:
        """Tap on the page at a pixel; whether the episode ended."""

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Red, green, blue of the page's pixel in the last screenshot."""

    def close(self) -> None:
        """End the browser."""


@dataclass
class Measured:
    """Of one process; times in seconds."""

    resets: list[float] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)
    """Page -> each step's time."""
    stale: int = 0
    """Screenshots that showed the page as it was before the tap."""
    shown: int = 0
    """Screenshots looked at for that."""


def measure_page(stepper: Stepper, page: str, resets: int, seconds: float, to: Measured) -> None:
    """Reset some times, then step for some seconds; the first step is not counted."""
    for seed in range(1, resets + 1):
        start = time.perf_counter()
        stepper.reset(seed)
        to.resets.append(time.perf_counter() - start)
    tap(stepper, page, 0)
    times = to.steps.setdefault(page, [])
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        tap(stepper, page, len(times) + 1)
        times.append(time.perf_counter() - start)


def tap(stepper: Stepper, page: str, number: int) -> None:
    """One step, which must not end the episode."""
    taps = TAPS[page]
    if stepper.tap(*taps[number % len(taps)]):
        raise SystemExit(f"{page}: the episode ended; the taps of this page are wrong")


def count_stale(stepper: Stepper, taps: int, to: Measured) -> None:
    """Tap on the page "colour", which then changes colour, and look whether it is seen."""
    for number in range(1, taps + 1):
        tap(stepper, "colour", number)
        to.shown += 1
        seen = stepper.pixel(*COLOUR_AT)
        if seen not in COLOURS:
            raise SystemExit(f"the page 'colour' shows {seen}")
        to.stale += seen != COLOURS[number % 2]


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", choices=ENVIRONMENTS, required=True)
    parser.add_argument("--pages", nargs="+", choices=TAPS, required=True)
    parser.add_argument("--colour", default="", help="URL of the folder with the page 'colour'")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--resets", type=int, default=0)
    parser.add_argument("--stale-taps", type=int, default=0)
    options = parser.parse_args()
    name, _, variant = options.env.partition("_")
    adapter = importlib.import_module(f"benchmarks.stepping_{name}")
    measured = Measured()

    def opened(page: str, folder: str = "") -> Stepper:
        stepper: Stepper = adapter.open_page(page, folder, variant)
        stepper.reset(0)
        return stepper

    stepper = opened(options.pages[0])
    print("ready", flush=True)
    sys.stdin.readline()
    for page in options.pages:
        stepper = stepper if page == options.pages[0] else opened(page)
        measure_page(stepper, page, options.resets, options.seconds, measured)
        stepper.close()
    if options.stale_taps:
        stepper = opened("colour", options.colour)
        count_stale(stepper, options.stale_taps, measured)
        stepper.close()
    print(json.dumps(asdict(measured)), flush=True)


if __name__ == "__main__":
    main()
