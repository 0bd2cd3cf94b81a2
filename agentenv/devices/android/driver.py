"""What moves an Android device: adb alone, or Appium. `AndroidDevice` needs no more of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

Pixel = tuple[int, int]
"""(x, y) on the screen."""


class Driver(Protocol):
    """Every call is bounded in time; every one but `close` may raise `DeviceError`."""

    deadline: float | None
    """See `agentenv.devices.base.Device`."""

    def connect(self) -> None:
        """Connect, anew if need be; afterwards the device answers."""
        ...

    def screenshot(self) -> bytes:
        """The screen as PNG."""
        ...

    def source(self) -> bytes:
        """The UI tree as XML, taken once the screen stands still where the driver can tell."""
        ...

    def focus(self) -> str:
        """What has the focus: "package/activity", or the title of a system's window."""
        ...

    def touch(self, path: Sequence[Pixel], milliseconds: int) -> None:
        """Put a finger down at the first pixel, move it to the last, lift it."""
        ...

    def double_tap(self, at: Pixel) -> None: ...

    def type_text(self, text: str) -> None:
        """Type any text into the focused field, after what it holds.

        Raises:
            ActionError: this device cannot type it.
        """
        ...

    def erase(self, characters: int) -> None:
        """Empty the focused field, which holds so many characters."""
        ...

    def press(self, codes: Sequence[int]) -> None:
        """Press keys together, by Android's codes."""
        ...

    def packages(self) -> list[str]:
        """Installed apps."""
        ...

    def start_app(self, package: str) -> None:
        """Bring an app to the front, as its icon does."""
        ...

    def stop_app(self, package: str) -> None: ...

    def clear_app(self, package: str) -> None:
        """Erase an app's data."""
        ...

    def install(self, apk: Path) -> None: ...

    def grant(self, package: str, permissions: Sequence[str]) -> None:
        """Give an app permissions, as ``android.permission.CAMERA``."""
        ...

    def set_clipboard(self, text: str) -> None:
        """Let the clipboard hold a text.

        Raises:
            ConfigError: this driver cannot.
        """
        ...

    def open_url(self, url: str) -> None:
        """Open an address or a deep link with the app that is meant for it."""
        ...

    def shell(self, *words: str) -> str:
        """Run a command on the device; what it prints."""
        ...

    def load_snapshot(self, name: str) -> None:
        """Bring an emulator into a saved state."""
        ...

    def close(self) -> None:
        """Let go of the device; it keeps running."""
        ...
