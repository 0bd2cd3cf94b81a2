"""A thread that runs one task after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Worker:
    """Owns what may be used by one thread only, or by one at a time.

    Unlike an executor's threads this one does not keep the program from ending where a
    task of it hangs.
    """

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, task: Callable[[], _Result]) -> Future[_Result]:
        """Queue a task; its result, or what it raises, comes with the future."""
        future: Future[_Result] = Future()
        self._tasks.put((task, future))
        return future

    def stop(self, *, wait: bool = False) -> None:
        """End the thread after the tasks that are queued; wait for that if asked to."""
        self._tasks.put(None)
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while (queued := self._tasks.get()) is not None:
            task, future = queued
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
                future.set_exception(error)
            del task, future, queued  # what they hold is not to live until the next task


def gather(futures: Iterable[Future[_Result]]) -> list[_Result]:
    """Wait for all of them, then give their results or raise what the first failed one did."""
    futures = list(futures)
    wait(futures)
    return [future.result() for future in futures]
