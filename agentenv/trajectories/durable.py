"""Files that are either wholly there or not there at all, whatever crashes when."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write `data` to `path` so that a crash leaves the old file or the new one.

    The bytes go to a temporary name beside it, reach the disk, and are then renamed;
    the directory is synced last, because the rename itself lives there.

    Args:
        path: the file.
        data: all it will hold.
        private: only the file's owner may read it.
    """
    temporary = temporary_name(path)
    if private:
        temporary.unlink(missing_ok=True)  # a left-over may be readable by others
    with open(temporary, "wb", opener=_private if private else None) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def temporary_name(path: Path) -> Path:
    """Where `write_durably` writes before it renames."""
    return path.with_name(f".{path.name}.tmp")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
