"""`agentenv audit verify`: prove that event logs are unbroken, or say where they are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from agentenv.errors import ConfigError, StoreError
from agentenv.progress import console

if TYPE_CHECKING:
    from privacy_audit.events import Seal


@dataclass(frozen=True)
class AuditVerifyConfig:
    """Which log, and how it should end."""

    log: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="LOG")]
    """File of JSON lines, or a trajectory store whose episodes carry their logs."""
    records: int | None = None
    """Number of records the log should have; with --head it shows a cut at its end."""
    head: str | None = None
    """Hash of the record the log should end with."""


def run(config: AuditVerifyConfig) -> None:
    """Verify every log and print what it ends with."""
    from privacy_audit.events import Seal, read_log

    if (config.records is None) != (config.head is None):
        raise ConfigError("give --records and --head together, as this command prints them")
    seal: Seal | None = None
    if config.records is not None and config.head is not None:
        seal = Seal(config.records, config.head)
    broken = []
    for name, lines in _logs(config.log):
        log = read_log(lines, seal)
        if not log.whole:
            broken.append(f"{name}: {log.broken or log.cut}")
            continue
        head = lines[-1].rstrip().rpartition('"hash": "')[2][:64] if log.events else "none"
        console.print(f"{name}: {len(log.events)} records, unbroken, head {head}",
                      soft_wrap=True, highlight=False, markup=False)  # fmt: skip
    if broken:
        raise StoreError("; ".join(broken))


def _logs(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(name, lines) of the file, or of each episode that has a log."""
    if path.is_dir():
        from agentenv.trajectories.store import TrajectoryStore

        for number, episode in enumerate(TrajectoryStore(path).episodes()):
            if episode.events is not None:
                yield f"episode {number}", list(episode.events)
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    yield str(path), [line for line in text.split("\n") if line.strip()]
