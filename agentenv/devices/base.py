"""What a device is. One folder or file per device implements it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from agentenv.actions import Action
from agentenv.errors import ConfigError
from agentenv.observations import Screen


@dataclass(frozen=True)
class DeviceFeatures:
    """What a device can do, readable before it is connected."""

    kind: str
    """"browser", "phone" or "android"."""
    height: int
    """Screen height in pixels."""
    width: int
    """Screen width in pixels."""
    action_types: tuple[str, ...]
    """The `type`s of `agentenv.actions` that `act` carries out."""
    snapshots: bool = False
    """Whether `snapshot` and `restore` work, and a snapshot of one such device brings any other
    one of the same process into its state, also one that is not connected yet."""


@dataclass(frozen=True)
class Setup:
    """The initial state a task asks of a device. Each kind of device has a subclass."""


@dataclass(frozen=True)
class NetworkPolicy:
    """What a page may reach: nothing but what is allowed here.

    Always allowed are `data:`, `blob:` and `about:` addresses and, for a page that is a
    file, the files of its folder.

    Raises:
        ConfigError: the fields contradict each other.
    """

    allow: tuple[str, ...] = ()
    """Addresses, with `*` for any characters: "https://shop.example/*". In the name of a
    host it stands for part of the name only; "*" alone is everything. WebSockets
    ("wss://shop.example") and what a browser loads on speculation are judged by host alone."""
    replay: Path | None = None
    """A HAR file that answers every request; nothing touches the network, whatever
    `allow` says, and what the file does not hold is blocked."""
    record: Path | None = None
    """Write what the page loads to this HAR file when the device is closed."""

    def __post_init__(self) -> None:
        if isinstance(self.allow, str):
            raise ConfigError(f"allow takes several patterns: write ({self.allow!r},)")
        if self.replay is not None and self.record is not None:
            raise ConfigError("a policy either replays a HAR file or records one, not both")
        for pattern in self.allow:
            if pattern != "*" and "://" not in pattern:
                raise ConfigError(f"{pattern!r} allows nothing; begin it with https:// or such")


@dataclass(frozen=True)
class BrowserSetup(Setup):
    """Initial state of a page.

    The page is loaded once; later resets with the same `url` only run `start`
    (resetting without a reload is what makes a reset take milliseconds).
    """

    url: str
    start: str = ""
    """JavaScript that puts the page into the initial state; it may return a promise."""
    ready: str = "document.readyState === 'complete'"
    """JavaScript expression that is true once the page is usable."""
    state: str = "({})"
    """JavaScript expression giving a JSON object: what the verifier reads."""
    reload: bool = False
    """Load the page anew on every reset."""
    network: NetworkPolicy | None = None
    """What the page may reach; None: everything."""
    storage_state: Path | None = None
    """Cookies and localStorage to begin with, in Playwright's JSON format; implies `reload`."""
    files: tuple[Path, ...] = ()
    """What a file chooser may choose from."""
    dialogs: Literal["accept", "dismiss"] = "accept"
    """How confirm, prompt and beforeunload dialogs are answered once the page has started;
    the agent is told of each in `Screen.messages`."""


class Device(Protocol):
    """reset / observe / act / close, and nothing a caller need sleep for.

    A call returns when the device is ready again. Every method may raise
    `DeviceError`; only `act` raises `ActionError`.
    """

    deadline: float | None
    """An instant of `time.monotonic()` after which a running call gives up and raises
    `DeviceError` ("deadline"), whatever it waits for. None: calls have only their own limits."""

    @property
    def features(self) -> DeviceFeatures: ...

    def reset(self, setup: Setup) -> None:
        """Bring the device into `setup`'s state, connecting first if need be."""
        ...

    def observe(self) -> Screen:
        """The screen as it is now; observing changes nothing."""
        ...

    def act(self, action: Action) -> Action:
        """Carry out one action and let the device settle.

        Returns:
            What was really sent: element targets are resolved to the point acted on
            (both fields are kept: `element` cleared, `point` set, `label` kept).

        Raises:
            ActionError: no such element, not editable, unsupported type, ...
        """
        ...

    def state(self) -> Mapping[str, Any]:
        """The device's state as the setup defined it, for the task's verifier."""
        ...

    def snapshot(self) -> str:
        """Save the whole state; returns a token for `restore`."""
        ...

    def restore(self, token: str) -> None:
        """Return to a snapshot, connecting first if need be."""
        ...

    def close(self) -> None:
        """Release everything; may be called twice. A later `reset` connects again."""
        ...
