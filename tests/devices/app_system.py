"""An emulator with apps that can be installed, and their private folders on this machine's disk.

What is in an app's folder is real: its SQLite database is opened and written to as the app does.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import sqlite3
import tarfile
from collections import Counter
from pathlib import Path

from agentenv.phone.adb_server import Result
from tests.devices.android_system import AndroidSystem

UPLOADS = "/data/local/tmp/"
_APP_UID = "10123"


class AppSystem(AndroidSystem):
    """See `AndroidSystem`.

    Args:
        root: a folder that stands for /data/data.
        knows: what APKs hold -> the package and version that Android reads in them.
    """

    def __init__(self, root: Path, knows: dict[bytes, tuple[str, int]]) -> None:
        super().__init__()
        self.root = root
        self.knows = knows
        self.apks: dict[str, bytes] = {}
        """Package -> the APK that is installed."""
        self.is_debuggable = True
        self.is_root = False
        """Whether adb's daemon is."""
        self.can_be_root = False
        self.is_rooted = False
        self.is_full = False
        self.installs = 0
        self.torn: Counter[str] = Counter()
        """How many more copies of an app's folder are of a moment in which it changes ("moving"),
        or have no end ("cut")."""
        self.opened: list[sqlite3.Connection] = []

    def database(self, package: str, name: str) -> sqlite3.Connection:
        """The app's own connection, which goes on being open."""
        folder = self.root / package / "databases"
        folder.mkdir(parents=True, exist_ok=True)
        self.opened.append(sqlite3.connect(folder / name, isolation_level=None))
        return self.opened[-1]

    def close(self) -> None:
        for one in self.opened:
            one.close()

    def install(self, content: bytes) -> Result:
        """As ``pm install`` answers."""
        package, version = self.knows.get(content, ("", 0))
        there = self.knows.get(self.apks.get(package, b""), ("", 0))
        reason = ""
        if not package:
            reason = "INSTALL_PARSE_FAILED_NOT_APK"
        elif self.is_full:
            reason = "INSTALL_FAILED_INSUFFICIENT_STORAGE: Failed to free"
        elif version < there[1]:
            reason = f"INSTALL_FAILED_VERSION_DOWNGRADE: Update version code {version} is older"
        if reason:
            return Result(f"Failure [{reason}]\n".encode(), status=1)
        self.apks[package] = content
        self.installs += 1
        (self.root / package).mkdir(parents=True, exist_ok=True)
        return Result(b"Success\n")

    def _answer(self, words: list[str]) -> Result | None:
        match words:
            case ["run-as", package, *rest]:
                if package not in self.apks:
                    return _refusal(f"run-as: unknown package: {package}")
                if not self.is_debuggable:
                    return _refusal(f"run-as: package not debuggable: {package}")
                return self._as(_APP_UID, rest)
            case ["su", "0", *rest] if rest[:1] != ["date"]:
                if not self.is_rooted:
                    return _refusal("/system/bin/sh: su: inaccessible or not found")
                return self._as("0", rest)
            case ["cmd", "package", "install", *_] | ["pm", "install", *_]:
                streamed = self.files.pop("/dev/stdin", b"")
                return self.install(streamed or self.files[words[-1]])
            case ["pm", "path", package]:
                if package not in self.apks:
                    return Result(status=1)
                return Result(f"package:/data/app/~~x==/{package}-y==/base.apk\n".encode())
            case ["sha256sum", path]:
                package = path.split("/")[-2].partition("-")[0]
                told = hashlib.sha256(self.apks[package]).hexdigest()
                return Result(f"{told}  {path}\n".encode())
            case ["pm", "clear", package] if package in self.apks:
                shutil.rmtree(self.root / package)
                (self.root / package).mkdir()
                self.cleared.append(package)
                return Result(b"Success\n")
            case ["monkey", "-p", package, *_] if package in self.apks:
                self.android.started.append(package)
                return Result(b"Events injected: 1\n")
            case ["rm", "-f", path] if path.startswith(UPLOADS):
                self.files.pop(path, None)
                return Result()
        uid = "0" if self.is_root else "2000"
        return self._as(uid, words) or super()._answer(words)

    def _as(self, uid: str, words: list[str]) -> Result | None:
        """A command in an app's folder; None if it is none."""
        match words:
            case ["id", "-u"]:
                return Result(f"{uid}\n".encode())
            case ["tar", "-cf", "-", "-C", folder, name]:
                return self._tar(uid, self._here(folder), name)
            case ["ls", path] if path.startswith("/data/data/"):
                return Result(status=int(not self._here(path).exists() or uid == "2000"))
            case ["mkdir", "-p", path] if path.startswith("/data/data/"):
                self._here(path).mkdir(parents=True, exist_ok=True)
                return Result()
            case ["cp", source, path]:
                self._here(path).write_bytes(self.files[source])
                return Result()
            case ["stat", "-c", "%u:%g", _]:
                return Result(f"{_APP_UID}:{_APP_UID}\n".encode())
            case ["chown" | "restorecon", "-R", *_]:
                return Result()
        return None

    def _tar(self, uid: str, folder: Path, name: str) -> Result:
        if uid == "2000":
            return _refusal(f"tar: {name}: Permission denied")
        if not (folder / name).exists():
            return _refusal(f"tar: {name}: No such file or directory")
        if self.torn["moving"] > 0:
            self.torn["moving"] -= 1
            with (folder / name / "kennel.db").open("ab") as file:
                file.write(b"x")
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            archive.add(folder / name, name)
        if self.torn["cut"] > 0:
            self.torn["cut"] -= 1
            return Result(content.getvalue()[:1024])
        return Result(content.getvalue())

    def _here(self, path: str) -> Path:
        return self.root / path.removeprefix("/data/data/")

    def called(self, *words: str) -> Result:
        match words:
            case ["install", "-r", "-g", apk]:
                return self.install(Path(apk).read_bytes())
            case ["push", here, there]:
                self.files[there] = Path(here).read_bytes()
                return Result(b"1 file pushed\n")
            case ["root"]:
                self.is_root = self.can_be_root
                told = "restarting adbd as root" if self.is_root else "adbd cannot run as root"
                return Result(f"{told}\n".encode())
        return super().called(*words)


def _refusal(said: str) -> Result:
    return Result(err=f"{said}\n".encode(), status=1)
