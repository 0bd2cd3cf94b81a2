"""adb's file service: `adb pull`, `adb push` and `adb ls` on the phone's few files."""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol

_REQUEST = struct.Struct("<4sI")
_STAT = struct.Struct("<4sIII")
_ENTRY = struct.Struct("<4sIIII")
_PIECE = 64 * 1024
_FILE_MODE, _FOLDER_MODE = 0o100644, 0o040755
MAX_PATH = 1024
MAX_FILE = 64 * 2**20
"""Bytes of a file that is pushed."""


class _Pipe(Protocol):
    async def read(self, size: int) -> bytes: ...

    async def write(self, content: bytes) -> None: ...


async def serve_files(stream: _Pipe, files: dict[str, bytes]) -> None:
    """Answer a client's requests until it quits.

    Args:
        stream: to the client.
        files: content by absolute path; pushed files are added.
    """
    try:
        while True:
            kind, size = _REQUEST.unpack(await stream.read(_REQUEST.size))
            if kind == b"QUIT" or size > MAX_PATH:
                return
            path = real_path((await stream.read(size)).decode("utf-8", "replace"))
            match kind:
                case b"STAT":
                    mode, length = _stat(files, path)
                    await stream.write(_STAT.pack(b"STAT", mode, length, 0))
                case b"LIST":
                    await stream.write(_listing(files, path))
                case b"RECV":
                    await stream.write(_content(files.get(path)))
                case b"SEND":
                    await stream.write(await _receive(stream, files, path))
                case _:
                    await stream.write(_failure("no such request"))
                    return
    except asyncio.IncompleteReadError:
        return  # the client went away


def real_path(path: str) -> str:
    """The one name of a file that has several."""
    for alias in ("/storage/emulated/0/", "/mnt/sdcard/", "/storage/self/primary/"):
        if path.startswith(alias):
            return "/sdcard/" + path.removeprefix(alias)
    return path


def _stat(files: dict[str, bytes], path: str) -> tuple[int, int]:
    """Mode and size; zeros if there is nothing."""
    if path in files:
        return _FILE_MODE, len(files[path])
    folder = path.rstrip("/") + "/"
    return (_FOLDER_MODE, 0) if any(name.startswith(folder) for name in files) else (0, 0)


def _listing(files: dict[str, bytes], path: str) -> bytes:
    folder = path.rstrip("/") + "/"
    entries = b""
    for name, content in sorted(files.items()):
        inside = name.removeprefix(folder)
        if name.startswith(folder) and "/" not in inside:
            written = inside.encode()
            entries += _ENTRY.pack(b"DENT", _FILE_MODE, len(content), 0, len(written)) + written
    return entries + _ENTRY.pack(b"DONE", 0, 0, 0, 0)


def _content(content: bytes | None) -> bytes:
    if content is None:
        return _failure("No such file or directory")
    pieces = [content[begin : begin + _PIECE] for begin in range(0, len(content), _PIECE)]
    sent = b"".join(_REQUEST.pack(b"DATA", len(piece)) + piece for piece in pieces)
    return sent + _REQUEST.pack(b"DONE", 0)


async def _receive(stream: _Pipe, files: dict[str, bytes], target: str) -> bytes:
    """Take a pushed file; all of it, or none."""
    path = target.rpartition(",")[0]
    content = bytearray()
    while True:
        kind, size = _REQUEST.unpack(await stream.read(_REQUEST.size))
        if kind != b"DATA":
            break
        if size > _PIECE or len(content) + size > MAX_FILE:
            return _failure("the file is too large")
        content += await stream.read(size)
    files[path] = bytes(content)
    return _REQUEST.pack(b"OKAY", 0)


def _failure(reason: str) -> bytes:
    return _REQUEST.pack(b"FAIL", len(reason)) + reason.encode()
