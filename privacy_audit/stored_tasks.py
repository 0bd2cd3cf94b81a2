"""Which tasks a store's episodes are of: those of agentenv, or of a suite that was imported."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agentenv.collecting import TASK_FILES
from agentenv.errors import ConfigError
from agentenv.tasks import suite
from agentenv.tasks.base import Task
from agentenv.tasks.selection import FindTask, find_among
from agentenv.trajectories.manifest import Manifest
from agentenv.trajectories.store import TrajectoryStore
from privacy_audit.imports import Run


def find_tasks(run: Run, files: Iterable[Path] = ()) -> FindTask:
    """What gives the tasks that a run's episodes name.

    Args:
        run: whose manifest says from which files its tasks came.
        files: where they are, instead of what the manifest says.

    Raises:
        ConfigError: a file is gone, is no suite, or holds a task that is not as it was.
    """
    manifest = run.manifest if isinstance(run, TrajectoryStore) else None
    recorded = [] if manifest is None else manifest.metadata.get(TASK_FILES, [])
    tasks: dict[str, Task] = {}
    for file in [*files] or [Path(one) for one in recorded]:
        if not file.exists():
            raise ConfigError(
                f"the tasks come from {file}, which is gone; import them there again, or say with "
                "--tasks where they are"
            )
        tasks |= suite(str(file))
    if manifest is not None:
        _refuse_changed(manifest, tasks)
    return find_among(tasks)


def _refuse_changed(manifest: Manifest, tasks: dict[str, Task]) -> None:
    """A contract that was changed later is not what the agent was held to."""
    for name in manifest.by_task:
        recorded = manifest.metadata.get(f"version of {name}")
        if name in tasks and recorded not in (None, tasks[name].version):
            raise ConfigError(
                f"{tasks[name].source}: task {name} is not as it was when the episodes were "
                "collected; collect again, or say with --tasks where the old suite is"
            )
