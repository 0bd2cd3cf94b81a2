"""A thread that runs one task after another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Worker:
    """Owns what may be used by one thread only.

    Unlike an executor's threads this one does not keep the program from ending where a
    task of it hangs.
    """

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, task: Callable[[], _Result]) -> Future[_Result]:
        """Queue a task; its result, or what it raises, comes with the future."""
        future: Future[_Result] = Future()
        self._tasks.put((task, future))
        return future

    def stop(self) -> None:
        """End the thread after the tasks that are queued."""
        self._tasks.put(None)

    def _work(self) -> None:
        while (queued := self._tasks.get()) is not None:
            task, future = queued
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
                future.set_exception(error)
