"""One look for everything a person waits for: a bar, a count, the time left.

Where nobody watches (a pipe, a log file) it becomes a log line every now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

logger = logging.getLogger(__name__)

console = Console()
"""For results: what a command was asked for."""
error_console = Console(stderr=True)
"""For everything else: progress, logs, errors."""

SECONDS_BETWEEN_LINES = 15.0


class Tracker:
    """Handle on one running piece of work; made by `track`."""

    def __init__(self, description: str, total: int, done: int, bar: Progress | None) -> None:
        self.description = description
        self.total = total
        self.done = self._before = done
        self._bar = bar
        self._task: TaskID | None = None
        if bar is not None:
            self._task = bar.add_task(description, total=total, completed=done, text="")
        self._started = self._last_line = time.monotonic()

    def advance(self, count: int = 1, text: str | None = None) -> None:
        """`count` more of `total` are done; `text` replaces the remark beside the bar."""
        self.done += count
        if self._bar is not None and self._task is not None:
            if text is None:
                self._bar.update(self._task, advance=count)
            else:
                self._bar.update(self._task, advance=count, text=text)
            return
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES or self.done == self.total:
            self._last_line = now
            elapsed = now - self._started
            left = elapsed / max(self.done - self._before, 1) * (self.total - self.done)
            logger.info(
                "%s: %d/%d, %.0f s, about %.0f s left%s",
                self.description,
                self.done,
                self.total,
                elapsed,
                left,
                f", {text}" if text else "",
            )


@contextmanager
def track(description: str, total: int, done: int = 0) -> Iterator[Tracker]:
    """Show progress on `total` things while the block runs; `done` were there before.

    >>> with track("collect", total=100) as progress:
    ...     progress.advance(text="success 82 %")
    """
    if not error_console.is_terminal:
        yield Tracker(description, total, done, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=error_console) as bar:
        yield Tracker(description, total, done, bar)
