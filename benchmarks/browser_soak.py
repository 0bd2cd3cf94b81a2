"""Thousands of episodes on browsers that are killed and hung on purpose.

    python -m benchmarks.browser_soak
    python -m benchmarks.browser_soak --episodes 200

The oracle plays MiniWoB++, so an episode that the infrastructure lets it finish is a success
(but for the odd instance that has no solution: two buttons of click-test-2 in the same place,
the wanted one below). Faults come from a seed, at random actions. What must come of it: no
hang, no lost episode, as many failures counted, by cause, as faults were made, flat memory, and
no process left.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import tyro

from agentenv.cli.main import configure_logging, print_error
from agentenv.devices.browser import BrowserDevice
from agentenv.devices.browser.engine import InputEvent
from agentenv.devices.browser.lockstep import LockstepEngine
from agentenv.devices.browser.viewports import Viewport
from agentenv.errors import AgentenvError, ConfigError
from agentenv.policies.scripted import OraclePolicy
from agentenv.progress import console, track
from agentenv.rollouts import RolloutStats, rollout
from agentenv.tasks import get_task
from agentenv.tasks.base import Task, TaskInstance
from agentenv.tasks.miniwob.pages import HEIGHT, WIDTH
from benchmarks.results_file import RESULTS, Row, write_results

NAME = "browser_soak"
LABEL = "agentenv"
TASKS = ("click-test-2", "click-link", "enter-text", "click-checkboxes", "click-tab-2")
FAULTS = {
    "browser_killed": "browser_crashed",
    "page_killed": "browser_crashed",
    "endless_loop": "page_hung",
}
"""What is done -> the cause it has to be counted as."""
RETRIES = 20
"""An episode is given up only after so many faults; at sensible rates never."""
WARM_UP = 0.2
"""Fraction of the samples of memory before the slope is measured."""


@dataclass(frozen=True)
class SoakConfig:
    """Run episodes on browsers that fail, and publish what came of it."""

    episodes: int = 2000
    browsers: int = 4
    fault_rate: float = 0.03
    """Probability of a fault at an action."""
    timeout: float = 5.0
    """Seconds without an answer after which a page counts as hung."""
    seed: int = 0
    results: Path = RESULTS
    """Folder of the file that is written."""


class Saboteur:
    """Decides where there is a fault, and counts them."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self.made: Counter[str] = Counter()

    def next(self) -> str | None:
        """The fault to make now, if any."""
        with self._lock:
            if self._rng.random() >= self._rate:
                return None
            fault = str(self._rng.choice(list(FAULTS)))
            self.made[fault] += 1
            return fault


class FailingEngine(LockstepEngine):
    """Lockstep that meets a saboteur whenever it sends input."""

    def __init__(self, saboteur: Saboteur, timeout: float) -> None:
        super().__init__(Viewport(WIDTH, HEIGHT), timeout)
        self._saboteur = saboteur
        self._doomed = False

    def send_input(self, events: Sequence[InputEvent]) -> None:
        # A browser dies of one fault; a second in the same action could not be counted.
        fault = None if self._doomed else self._saboteur.next()
        self._doomed = self._doomed or fault is not None
        match fault:
            case "browser_killed":
                assert self._process is not None
                psutil.Process(self._process.pid).kill()
            case "page_killed":
                assert self._process is not None
                for child in psutil.Process(self._process.pid).children(recursive=True):
                    if "--type=renderer" in child.cmdline():
                        child.kill()
            case "endless_loop":
                self._send("Runtime.evaluate", {"expression": "while (true) {}"})
        super().send_input(events)


class MemoryWatch:
    """Samples the memory of this process and its children, and remembers all children."""

    def __init__(self, every: float = 1.0) -> None:
        self.samples: list[tuple[int, float, float]] = []
        """Episodes so far, megabytes of the tree, megabytes of this process."""
        self.seen: set[psutil.Process] = set()
        self.episodes = 0
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def slope(self, column: int) -> float:
        """Megabytes per 1000 episodes, by least squares, after the warm-up."""
        kept = self.samples[int(WARM_UP * len(self.samples)) :]
        if len({sample[0] for sample in kept}) < 2:
            return 0.0
        episodes = np.array([sample[0] for sample in kept], float)
        megabytes = np.array([sample[column] for sample in kept])
        return float(1000 * np.polyfit(episodes, megabytes, 1)[0])

    def orphans(self) -> list[psutil.Process]:
        """Children that still run, once all should have ended."""
        _, alive = psutil.wait_procs(self.seen, timeout=10)
        return list(alive)

    def _watch(self) -> None:
        this = psutil.Process()
        while not self._stop.wait(self._every):
            children = this.children(recursive=True)
            self.seen.update(children)
            own = this.memory_info().rss / 1e6
            self.samples.append((self.episodes, own + sum(map(_megabytes, children)), own))


def _megabytes(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss / 1e6)
    except psutil.Error:  # it ended meanwhile
        return 0.0


@dataclass
class Outcome:
    """What a soak found."""

    stats: RolloutStats
    made: Counter[str]
    watch: MemoryWatch
    missing: int
    """Instances without exactly one episode that ended by itself."""
    seconds: float
    longest: float
    """Seconds between two episodes' ends, at most."""

    @property
    def expected(self) -> Counter[str]:
        """The failures that have to be counted, by cause."""
        expected: Counter[str] = Counter()
        for fault, number in self.made.items():
            expected[FAULTS[fault]] += number
        return expected


def soak(config: SoakConfig) -> Outcome:
    """Run the episodes."""
    for name in ("episodes", "browsers"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1")
    saboteur = Saboteur(config.fault_rate, config.seed)
    tasks = {task.id: task for task in (get_task(f"miniwob/{name}") for name in TASKS)}
    stats, watch = RolloutStats(), MemoryWatch()
    finished: Counter[tuple[str, int]] = Counter()
    started = last = time.monotonic()
    longest = 0.0
    with watch, track("soak", config.episodes) as progress:
        for episode in rollout(
            OraclePolicy(tasks),
            _items(list(tasks.values()), config.episodes),
            _device_maker(saboteur, config.timeout),
            count=config.browsers,
            infra_retries=RETRIES,
            stats=stats,
        ):
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            watch.episodes += 1
            if not episode.infra_error:
                finished[episode.task, episode.index] += 1
            progress.advance(text=f"{sum(saboteur.made.values())} faults")
    wanted = [
        (task.id, instance.index)
        for task, instance in _items(list(tasks.values()), config.episodes)
    ]
    missing = sum(finished[key] != 1 for key in wanted)
    return Outcome(stats, saboteur.made, watch, missing, time.monotonic() - started, longest)


def _items(tasks: list[Task], number: int) -> Iterator[tuple[Task, TaskInstance]]:
    """Instances of the tasks in turn."""
    for i in range(number):
        task = tasks[i % len(tasks)]
        yield task, task.instance("train", i)


def _device_maker(saboteur: Saboteur, timeout: float) -> Callable[[], BrowserDevice]:
    return lambda: BrowserDevice(Viewport(WIDTH, HEIGHT), lambda: FailingEngine(saboteur, timeout))


def result_rows(config: SoakConfig, outcome: Outcome, orphans: int) -> list[Row]:
    """What is published."""
    n = outcome.stats.episodes
    seeds = (config.seed,)

    def row(metric: str, value: float, unit: str) -> Row:
        return Row(label=LABEL, metric=metric, value=round(value, 3), unit=unit, n=n, seeds=seeds)

    rows = [
        row("episodes_lost", outcome.missing, "episodes"),
        row("solved", outcome.stats.successes / n, "fraction"),
        row("episodes_per_second", n / outcome.seconds, "1/s"),
        row("longest_wait", outcome.longest, "s"),
        row("memory_slope", outcome.watch.slope(1), "MB/1000 episodes"),
        row("memory_slope:python", outcome.watch.slope(2), "MB/1000 episodes"),
        row("orphans", orphans, "processes"),
    ]
    rows += [row(f"faults:{fault}", outcome.made[fault], "faults") for fault in FAULTS]
    causes = outcome.expected.keys() | outcome.stats.infra_errors.keys()
    for cause in sorted(causes):
        rows.append(row(f"expected:{cause}", outcome.expected[cause], "failures"))
        rows.append(row(f"counted:{cause}", outcome.stats.infra_errors[cause], "failures"))
    return rows


def run(config: SoakConfig) -> Path:
    """Soak, print what came of it, write the results; returns their file.

    Raises:
        ConfigError: a setting is wrong, or no browser is installed.
    """
    outcome = soak(config)
    orphans = outcome.watch.orphans()
    rows = result_rows(config, outcome, len(orphans))
    for row in rows:
        console.print(f"{row.metric:28} {row.value:10g} {row.unit}", highlight=False)
    for orphan in orphans:
        console.print(f"left: {orphan}", highlight=False)
    command = (
        f"python -m benchmarks.browser_soak --episodes {config.episodes} "
        f"--browsers {config.browsers} --fault-rate {config.fault_rate:g} "
        f"--timeout {config.timeout:g} --seed {config.seed}"
    )
    path = write_results(NAME, rows, command, folder=config.results)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    config = tyro.cli(SoakConfig, prog="python -m benchmarks.browser_soak")
    configure_logging(verbose=False)
    # Failures are what this is about; they are counted, and need not be told one by one.
    logging.getLogger("agentenv").setLevel(logging.ERROR)
    try:
        run(config)
    except AgentenvError as error:
        print_error(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
