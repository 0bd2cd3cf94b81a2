"""What `agentenv watch` and `agentenv record` share: a session, its page and its store."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from agentenv.collecting import files_of, identity_of, refuse_mixture, remark
from agentenv.devices.base import Device
from agentenv.errors import ConfigError
from agentenv.live.board import Offer
from agentenv.live.orders import SECONDS_MOST
from agentenv.live.session import Session
from agentenv.live.view import LiveView
from agentenv.policies.base import Policy
from agentenv.rollouts import RolloutStats
from agentenv.tasks.base import Split, Task
from agentenv.tasks.selection import suite_of
from agentenv.trajectories.card_page import keep_card
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter

logger = logging.getLogger(__name__)


def run_live(
    policy: Policy | None,
    tasks: Mapping[str, Task],
    *,
    out: Path | None = None,
    split: Split = "train",
    first: int = 0,
    episodes: int = 10,
    devices: int = 1,
    make_device: Callable[[], Device] | None = None,
    seconds: float = 1.0,
    person_first: bool = False,
    seed: int = 0,
    dialect: str = "json",
    port: int = 0,
    browser: bool = True,
) -> RolloutStats:
    """Run numbered instances of every task on a live page, once somebody has opened it.

    Args:
        policy: what acts, until the person takes over; None: the person acts, always.
        tasks: id -> task, all of one suite.
        out: trajectory store, created or continued; instances it holds are left out.
        split, first, episodes: which instances of each task.
        devices: side by side.
        make_device: makes them, instead of what fits the suite.
        seconds: how long each action of the policy is shown before it is carried out.
        person_first: the person acts first, and hands over.
        seed: recorded with the store.
        dialect: how actions are written in what is stored.
        port: of 127.0.0.1; 0 takes a free one.
        browser: open the page, where there is a desktop.

    Returns:
        Counts of the episodes that ended (with `policy` None: that were kept).

    Raises:
        ConfigError: an argument is wrong, the port is taken, or the store is of another
            policy, version of it, dialect, suite or seed.
        StoreError: the store is damaged, or being written by another process.
    """
    for name, value in {"episodes": episodes, "devices": devices}.items():
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, not {value}")
    if not 0 <= seconds <= SECONDS_MOST:
        raise ConfigError(f"seconds must be from 0 to {SECONDS_MOST:g}, not {seconds:g}")
    make = make_device or tasks[next(iter(tasks))].open_device
    suite = suite_of(tasks.values())
    stats = RolloutStats()
    offers: tuple[Offer, ...] = (
        ("again", "next") if policy is None else ("take_over", "again", "next")
    )
    with contextlib.ExitStack() as stack:
        view = LiveView(_title(policy, tasks), seconds=seconds, offers=offers, port=port)
        stack.callback(view.close)

        def keep(episode: Episode) -> None:
            stats.count(episode)
            if writer is not None:
                writer.append(episode)
                writer.flush()  # a person's work: nothing of it is kept only in memory
            view.board.remark(f"{stats.episodes} done, {remark(stats)}")

        session = Session(view, policy, keep, dialect=dialect, person_first=person_first)
        writer, present = None, set()
        if out is not None:
            identity = identity_of(session.name, session.version, dialect, tasks.values())
            refuse_mixture(out, identity)
            writer = stack.enter_context(
                TrajectoryWriter(
                    out,
                    policy=session.name,
                    suite=suite,
                    seed=seed,
                    metadata={**identity, **files_of(tasks.values())},
                )
            )
            stack.callback(keep_card, out)
            stored = TrajectoryStore(out).keys()
            present = {(task, split, index) for task, split, index, _ in stored}
        items = [
            (task, task.instance(split, index))
            for task in tasks.values()
            for index in range(first, first + episodes)
            if (task.id, split, index) not in present
        ]
        if not items:
            logger.info("%s holds all of these episodes already", out)
            return stats
        view.announce(browser=browser)
        view.wait_for_viewer()
        session.run(items, make, min(devices, len(items)))
    return stats


def _title(policy: Policy | None, tasks: Mapping[str, Task]) -> str:
    shown = ", ".join(list(tasks)[:3]) + (" …" if len(tasks) > 3 else "")
    return f"Record {shown}" if policy is None else f"{policy.name} on {shown}"
