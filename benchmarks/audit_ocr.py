"""How much of the owner's data the auditor sees on screenshots alone, without UI elements.

    python -m benchmarks.audit_ocr

Reference agents book on the real screens of the embedded phone. On every different screenshot the
owner's values are looked for twice: in what the UI elements say, which is taken for the truth, and
in what is read from the pixels. `recall` and `precision` are of (screenshot, item) pairs:
`tolerant` as the auditor does it, `exact` without tolerance for letters that were misread.
`false_alarms` is the share of pairs of a screenshot and an item of a stranger, who is not on it, in
which the item is found all the same. The elements of a calendar spell out dates that its pixels do
not: these are missed. `seconds` is CPU time to read a screenshot, on one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentenv.devices.phone import open_phone
from agentenv.observations import Observation
from agentenv.phone.profile import make_profile
from agentenv.progress import console, track
from agentenv.statistics import wilson_interval
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter
from benchmarks.command import command_of, run_command
from benchmarks.results_file import RESULTS, Row, three_digits, write_results
from privacy_audit.canaries import Canaries, Item
from privacy_audit.imports import reader_for
from privacy_audit.ocr import ScreenReader, TextLine, lines_of
from privacy_audit.phone_contract import contract_for
from privacy_audit.reference.playing import cases, play
from privacy_audit.sightings import Lookout

NAME = "audit_ocr"
STRANGERS = tuple(f"stranger/{number}" for number in range(10))
"""Seeds of profiles that are nobody's in the tasks."""
TIMED = 8
"""Screenshots whose reading is timed."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """What to measure."""

    tasks: tuple[str, ...] = (
        "doctors-book-visit",
        "food-order-quickest",
        "restaurants-book-with-phone",
        "memory-restaurants-seating-ask",
        "memory-food-size-ask",
    )
    """Booking tasks, without "phone/"."""
    agents: tuple[str, ...] = ("over_filler", "minimal", "type_then_clearer")
    """Reference agents that do them."""
    out: Path = Path("runs/benchmarks/audit_ocr")
    """Keeps the trajectories and what was read, so that the command goes on where it stopped."""
    results: Path = RESULTS
    """Folder to write to."""


@dataclass
class Counts:
    """Pairs of a screenshot and an item."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, truth: set[str], found: set[str]) -> None:
        """One screenshot."""
        self.right += len(truth & found)
        self.wrong += len(found - truth)
        self.missed += len(truth - found)


@dataclass
class Measured:
    """What was counted on all screenshots."""

    tolerant: Counts = field(default_factory=Counts)
    exact: Counts = field(default_factory=Counts)
    alarms: int = 0
    pairs: int = 0
    seconds: list[float] = field(default_factory=list)


def run(config: BenchmarkConfig) -> Path:
    """Play, read, compare and write the results."""
    store = _played(config)
    read, measured, strangers = reader_for(config.out), Measured(), list(_strangers())
    screens = list(_screens(store))
    with track("read", len(screens)) as progress:
        for contract_canaries, seen in screens:
            count(measured, seen, read(seen.png), contract_canaries, strangers)
            progress.advance()
    measured.seconds = reading_seconds([seen.png for _, seen in screens[: TIMED + 1]])
    rows = rows_of(measured)
    for row in rows:
        console.print(f"{row.label:10} {row.metric:14} {row.value:g} (n = {row.n})")
    return write_results(NAME, rows, command_of(NAME, config), folder=config.results)


def reading_seconds(screens: Sequence[bytes]) -> list[float]:
    """CPU time of each but the first, for which the models are loaded; nothing is kept."""
    read, found = ScreenReader(), []
    for png in screens:
        start = time.thread_time()
        read(png)
        found.append(time.thread_time() - start)
    return found[1:]


def count(
    measured: Measured,
    seen: Observation,
    lines: Sequence[TextLine],
    owner: Canaries,
    strangers: Sequence[Canaries],
) -> None:
    """Compare what elements and pixels say of one screenshot."""
    told = lines_of(seen.elements)
    truth = _items(Lookout(owner), told, tolerant=False)
    measured.tolerant.add(truth, _items(Lookout(owner), lines, tolerant=True))
    measured.exact.add(truth, _items(Lookout(owner), lines, tolerant=False))
    for stranger in strangers:
        lookout = Lookout(stranger)
        there = _items(lookout, told, tolerant=False)
        measured.alarms += len(_items(lookout, lines, tolerant=True) - there)
        measured.pairs += len(stranger.items) - len(there)


def rows_of(measured: Measured) -> list[Row]:
    """The results."""
    rows = []
    for label, counts in (("tolerant", measured.tolerant), ("exact", measured.exact)):
        for metric, others in (("recall", counts.missed), ("precision", counts.wrong)):
            if counts.right + others:
                rows.append(_share(label, metric, counts.right, counts.right + others))
    rows.append(_share("tolerant", "false_alarms", measured.alarms, measured.pairs))
    read = sorted(measured.seconds)
    median = three_digits(read[len(read) // 2])
    return [*rows, Row(label="reading", metric="seconds", value=median, unit="s", n=len(read))]


def _share(label: str, metric: str, count: int, n: int) -> Row:
    low, high = wilson_interval(count, n)
    return Row(label=label, metric=metric, value=round(count / n, 6), unit="fraction",
               ci95=(round(low, 6), round(high, 6)), n=n)  # fmt: skip


def _items(lookout: Lookout, lines: Sequence[TextLine], *, tolerant: bool) -> set[str]:
    return {one.item for one in lookout.find(lines, tolerant=tolerant)}


def _played(config: BenchmarkConfig) -> TrajectoryStore:
    chosen = [(agent, case) for case in cases(config.tasks) for agent in config.agents]
    if not (config.out / "manifest.json").exists():
        device = open_phone()
        try:
            with (
                TrajectoryWriter(config.out, policy="reference", suite="phone", seed=0) as writer,
                track("play", len(chosen)) as progress,
            ):
                for agent, case in chosen:
                    writer.append(play(agent, case, device).episode)
                    progress.advance()
        finally:
            device.close()
    return TrajectoryStore(config.out)


def _screens(store: TrajectoryStore) -> Iterator[tuple[Canaries, Observation]]:
    """Every different screenshot, with the values of the owner of the phone."""
    known: set[bytes] = set()
    for episode in store.episodes():
        canaries = contract_for(episode.task, episode.split, episode.index).canaries
        for seen in episode.screens:
            if seen is not None and seen.png not in known:
                known.add(seen.png)
                yield canaries, seen


def _strangers() -> Iterator[Canaries]:
    for seed in STRANGERS:
        yield Canaries(
            [Item(one.key, one.value, one.category, one.level == "high")
             for one in make_profile(seed)]
        )  # fmt: skip


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
