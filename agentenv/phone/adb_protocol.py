"""Messages between an adb server and a device: the framing alone, without meaning."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

VERSION = 0x01000001
"""From this version on nobody checks checksums."""
LARGEST_PAYLOAD = 256 * 1024
"""Bytes of one message; what adb itself takes at most is more."""
_HEADER = struct.Struct("<6I")
_SHELL = struct.Struct("<BI")


class ProtocolError(Exception):
    """The other side does not speak adb."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    command: str
    """CNXN, OPEN, OKAY, WRTE, CLSE, AUTH, STLS or SYNC."""
    first: int
    """For a stream: the sender's number of it; for CNXN the version."""
    second: int
    """For a stream: the receiver's number of it; for CNXN the largest payload."""
    payload: bytes = b""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        code = _code(self.command)
        checksum = sum(self.payload) & 0xFFFFFFFF
        header = _HEADER.pack(
            code, self.first, self.second, len(self.payload), checksum, code ^ 0xFFFFFFFF
        )
        return header + self.payload


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None at the end of the connection.

    Raises:
        ProtocolError: what came is none, or is too large.
    """
    try:
        code, first, second, length, _, magic = _HEADER.unpack(
            await reader.readexactly(_HEADER.size)
        )
        if magic != code ^ 0xFFFFFFFF or length > LARGEST_PAYLOAD:
            raise ProtocolError("this is no message of adb")
        payload = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Message(code.to_bytes(4, "little").decode("latin-1"), first, second, payload)


def shell_packet(kind: int, content: bytes) -> bytes:
    """A packet of the second shell protocol: 1 is output, 2 errors, 3 the exit status."""
    return _SHELL.pack(kind, len(content)) + content


def _code(command: str) -> int:
    return int.from_bytes(command.encode("ascii"), "little")
