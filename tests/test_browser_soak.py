"""The soak loses nothing, counts every fault and leaves no process."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.browser_soak import FAULTS, MemoryWatch, SoakConfig, run, soak
from benchmarks.results_file import load_results
from tests.devices.conftest import open_test_browser


def test_every_fault_is_counted_and_no_episode_is_lost() -> None:
    open_test_browser("lockstep").close()
    outcome = soak(SoakConfig(episodes=6, browsers=2, fault_rate=0.1, timeout=3, seed=1))
    assert set(outcome.made) <= set(FAULTS)
    assert sum(outcome.made.values()) > 0
    assert outcome.missing == 0
    assert outcome.stats.successes == 6
    # A machine that is busy may add failures of its own.
    assert outcome.stats.infra_errors >= outcome.expected
    assert outcome.watch.orphans() == []


def test_a_quiet_run_is_published(tmp_path: Path) -> None:
    open_test_browser("lockstep").close()
    path = run(SoakConfig(episodes=2, browsers=1, fault_rate=0.0, results=tmp_path))
    rows = {row.metric: row.value for row in load_results(path).rows}
    assert rows["episodes_lost"] == rows["orphans"] == 0
    assert rows["solved"] == 1
    assert all(rows[f"faults:{fault}"] == 0 for fault in FAULTS)


def test_the_slope_is_of_megabytes_over_a_thousand_episodes() -> None:
    watch = MemoryWatch()
    assert watch.slope(1) == 0
    watch.samples = [(episodes, 100 + 0.01 * episodes, 50.0) for episodes in range(0, 500, 10)]
    assert watch.slope(1) == pytest.approx(10)
    assert watch.slope(2) == pytest.approx(0)
