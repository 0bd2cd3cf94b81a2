"""Find Chromium, start it in a process group of its own, and make sure it ends."""

from __future__ import annotations

import atexit
import errno
import fcntl
import logging
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from agentenv.errors import ConfigError, DeviceError

logger = logging.getLogger(__name__)

HEADLESS_SHELL = "chromium-headless-shell"
CHROMIUM = "chromium"
_SHELL_NAMES = ("chromium-headless-shell", "chrome-headless-shell", "headless_shell")
_CHROMIUM_NAMES = ("chromium", "chrome", "google-chrome", "chromium-browser")
_SYSTEM_FOLDERS = ("/usr/lib/chromium", "/usr/lib64/chromium-browser", "/opt/google/chrome")
_INSTALL_HINT = (
    "Install it ('apt install chromium-headless-shell', or 'playwright install chromium'), "
    "or set AGENTENV_CHROMIUM to its path."
)

_PREFIX = "agentenv-chromium-"
_LOG = "agentenv-stderr.log"
_LOCK = "agentenv-owner.lock"
_OUT_OF_MEMORY = re.compile(r"\bOOM\b|[Oo]ut of memory")
_PIPE_BYTES = 1 << 17
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORK_SECONDS = 0.02
"""A process being forked has its parent's old limits already and is not listed yet."""

HEAP_MB = 1024
"""What a page's JavaScript may hold on to; a page that wants more crashes."""
MEMORY_MB = 2048
"""Writable memory of each of a browser's processes. An allocation beyond it fails, so that a
page that takes without end breaks itself and not the machine."""

COMMON_FLAGS: tuple[str, ...] = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-quic",
    "--disable-smooth-scrolling",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-site-isolation-trials",  # a page and its frames are one process and one session
    # After a scroll under the pointer, RasterInducingScroll never finishes a frame in lockstep.
    "--disable-features=BackForwardCache,DeferRendererTasksAfterInput,MediaRouter,PaintHolding,"
    "RasterInducingScroll,Translate",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    f"--js-flags=--max-old-space-size={HEAP_MB}",
    "--lang=en-US",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
)


def scale_flags(scale: float) -> list[str]:
    """For so many pixels of a screenshot for each CSS pixel, whatever the machine's screen has."""
    return [f"--force-device-scale-factor={scale:g}"]


def find_browser(kind: str) -> Path | None:
    """The real binary of a kind of Chromium, or None where it is not installed.

    Args:
        kind: `HEADLESS_SHELL` (can draw in lockstep) or `CHROMIUM` (the ordinary one).

    Raises:
        ConfigError: AGENTENV_CHROMIUM is set to something that is not a program.
    """
    names = _SHELL_NAMES if kind == HEADLESS_SHELL else _CHROMIUM_NAMES
    chosen = os.environ.get("AGENTENV_CHROMIUM")
    if chosen:
        path = Path(chosen).expanduser()
        if not _is_program(path):
            raise ConfigError(f"AGENTENV_CHROMIUM={chosen} is not a program. {_INSTALL_HINT}")
        path = _behind_wrapper(path, names)
        is_shell = path.name in _SHELL_NAMES
        return path if is_shell == (kind == HEADLESS_SHELL) else None
    return next((path for path in _candidates(names) if _is_program(path)), None)


def require_browser(kind: str) -> Path:
    """Like `find_browser`.

    Raises:
        ConfigError: not installed; the message says how to install it.
    """
    path = find_browser(kind)
    if path is None:
        raise ConfigError(f"{kind} was not found. {_INSTALL_HINT}")
    return path


def _candidates(names: Sequence[str]) -> Iterator[Path]:
    for folder in _SYSTEM_FOLDERS:
        for name in names:
            yield Path(folder) / name
    for root in _playwright_folders():
        for name in names:
            yield from sorted(root.glob(f"chromium*/*/{name}"), reverse=True)
    for name in names:
        found = shutil.which(name)
        if found:
            yield _behind_wrapper(Path(found), names)


def _playwright_folders() -> list[Path]:
    chosen = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    folders = [Path(chosen)] if chosen and chosen != "0" else []
    cache = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return [*folders, Path.home() / cache / "ms-playwright"]


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _behind_wrapper(path: Path, names: Sequence[str]) -> Path:
    """Debian's /usr/bin/chromium* are shell scripts; killing those leaks the browser."""
    path = path.resolve()
    with path.open("rb") as file:
        if file.read(2) != b"#!":
            return path
    beside = [Path(folder) / path.name for folder in _SYSTEM_FOLDERS]
    beside += [Path(folder) / name for folder in _SYSTEM_FOLDERS for name in names]
    return next((candidate for candidate in beside if _is_program(candidate)), path)


def sandbox_flags() -> list[str]:
    """Chromium's sandbox refuses to start as root; everyone else keeps it."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


class BrowserProcess:
    """A Chromium driven over a pipe (`--remote-debugging-pipe`).

    Nothing listens on the network. Chromium ends by itself when the pipe closes, so it
    does not outlive this process even where that is killed with SIGKILL.
    """

    def __init__(self, binary: Path, flags: Sequence[str]) -> None:
        """Start the browser.

        Raises:
            DeviceError: it could not be started ("browser_start"), or there is no room for
                its files ("disk_full").
        """
        self._owner = os.getpid()
        try:
            self._profile, self._lock = _make_profile()
        except OSError as error:
            raise _not_started(binary, error) from error
        arguments = [
            str(binary),
            *flags,
            *COMMON_FLAGS,
            *sandbox_flags(),
            "--remote-debugging-pipe",
            f"--user-data-dir={self._profile}",
        ]
        try:
            self.pid, self.reader, self.writer = _spawn(arguments, self._profile / _LOG)
        except OSError as error:
            self._discard_profile()
            raise _not_started(binary, error) from error
        limit_memory(self.pid)
        self._exited = False
        _running.add(self)
        logger.debug("started %s, pid %d", binary, self.pid)

    @property
    def folder(self) -> Path:
        """A folder that is removed with the browser."""
        return self._profile

    @property
    def alive(self) -> bool:
        """Whether the browser's main process still runs."""
        if not self._exited:
            with suppress(ChildProcessError):
                pid, _ = os.waitpid(self.pid, os.WNOHANG)
                self._exited = pid != 0
        return not self._exited

    def wait(self, seconds: float) -> bool:
        """Whether the browser's main process has ended within that time."""
        give_up = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.005)
        return True

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the log says that a page or the browser could get no more memory."""
        return bool(_OUT_OF_MEMORY.search(self._log()))

    def last_words(self) -> str:
        """The end of what it wrote to its log: why it did not start, for example."""
        return self._log()[-500:].strip()

    def _log(self) -> str:
        log = self._profile / _LOG
        return log.read_text(errors="replace") if log.exists() else ""

    def kill(self) -> None:
        """End the browser and all its children now; may be called twice."""
        if self not in _running or self._owner != os.getpid():  # a fork owns no browser
            return
        _running.discard(self)
        os.close(self.writer)
        os.close(self.reader)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if not self._exited:
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self._exited = True
        self._discard_profile()

    def _discard_profile(self) -> None:
        _remove(self._profile)
        os.close(self._lock)


def limit_memory(pid: int) -> None:
    """Let a process, its children and those it will have take `MEMORY_MB` each at most."""
    if not hasattr(resource, "prlimit"):  # Linux only
        return
    limit = MEMORY_MB << 20
    limited: set[int] = set()
    new, quiet = {pid}, 0
    # A process may start another between being listed and being limited: look again.
    while quiet < 2:
        for one in new:
            with suppress(ProcessLookupError, PermissionError):
                resource.prlimit(one, resource.RLIMIT_DATA, (limit, limit))
        limited |= new
        try:
            children = psutil.Process(pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        new = {child.pid for child in children} - limited
        quiet = 0 if new else quiet + 1
        if children and quiet == 1:
            time.sleep(_FORK_SECONDS)


def _not_started(binary: Path, error: OSError) -> DeviceError:
    if error.errno not in _DISK_FULL:
        return DeviceError(f"{binary} did not start: {error}", "browser_start")
    return DeviceError(
        f"no room for a browser's profile in {tempfile.gettempdir()} ({error.strerror}); make "
        "some, or name another folder in TMPDIR",
        "disk_full",
    )


_running: weakref.WeakSet[BrowserProcess] = weakref.WeakSet()


@atexit.register
def _kill_all() -> None:
    for process in list(_running):
        process.kill()


def _make_profile() -> tuple[Path, int]:
    """A folder of a browser's own, and the descriptor that marks it as in use."""
    _sweep()
    profile = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        return profile, _lock(profile)
    except OSError:
        _remove(profile)
        raise


def _lock(profile: Path) -> int:
    """Mark a profile as in use for as long as this process lives; returns a descriptor."""
    unnamed = profile / f"{_LOCK}.new"
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    unnamed.rename(profile / _LOCK)  # only now may `_sweep` look at it
    return descriptor


def _sweep() -> None:
    """Remove the profiles of processes that were killed before they could."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Delete a folder into which a dying child may still write for a moment."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.01)
    logger.warning("could not remove %s", folder)


def _spawn(arguments: Sequence[str], log: Path) -> tuple[int, int, int]:
    """Start a program with our pipe on its descriptors 3 (in) and 4 (out).

    posix_spawn and not a preexec function: those may deadlock in a program with threads.

    Returns:
        pid, the descriptor to read its messages from, the one to write ours to.
    """
    child_in, writer = _high_pipe()
    reader, child_out = _high_pipe()
    null = os.open(os.devnull, os.O_RDWR)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    streams = (null, null, written, child_in, child_out)
    actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in enumerate(streams)]
    try:
        pid = os.posix_spawn(
            arguments[0], list(arguments), os.environ, file_actions=actions, setpgroup=0
        )
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    finally:
        for descriptor in (child_in, child_out, null, written):
            os.close(descriptor)
    return pid, reader, writer


def _high_pipe() -> tuple[int, int]:
    """A pipe on descriptors above 4, so that arranging the child's overwrites neither end.

    A picture goes through it in one piece, where the system lets a pipe hold as much.
    """
    ends = os.pipe()
    with suppress(AttributeError, OSError):
        fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
