"""Build the app: ``python -m emulators.apk phone.apk``.

It shows the page of the address it is started with. To use an embedded phone on a device:

    agentenv phone serve --port 8765
    adb reverse tcp:8765 tcp:8765
    adb install phone.apk
    adb shell am start -n org.agentenv.phone/.MainActivity -d ADDRESS

where ADDRESS is the one that `phone serve` prints. The app is signed with a key that is made for
it and thrown away: another build is installed only once this one is removed.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from agentenv.cli.main import print_error
from agentenv.errors import AgentenvError, ConfigError

SOURCES = Path(__file__).resolve().parent
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
SMALI = tuple(
    Path("/usr/share/java") / f"{name}.jar"
    for name in ("smali", "smali-util", "dexlib2", "guava", "antlr3-runtime", "jcommander")
)
PACKAGES = "aapt apksigner zipalign libsmali-java android-framework-res default-jre-headless"
TIMEOUT = 300.0
"""Seconds that one tool may take."""


def build(out: Path) -> None:
    """Build and sign the app, and have its signature verified.

    Raises:
        ConfigError: a tool is not installed, or failed.
    """
    tools = ("aapt", "zipalign", "apksigner", "java", "keytool")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing or not FRAMEWORK.exists():
        raise ConfigError(
            f"to build the app install {', '.join(missing) or FRAMEWORK.name}: apt-get install "
            f"{PACKAGES}"
        )
    with tempfile.TemporaryDirectory() as folder:
        made = _unsigned(Path(folder))
        _sign(made, Path(folder), out)


def _unsigned(folder: Path) -> Path:
    """The app's package, aligned."""
    package, aligned = folder / "unsigned.apk", folder / "aligned.apk"
    manifest = SOURCES / "AndroidManifest.xml"
    _run("aapt", "package", "-f", "-M", manifest, "-I", FRAMEWORK, "-F", package)
    classes = folder / "classes.dex"
    path = ":".join(map(str, SMALI))
    activity = SOURCES / "MainActivity.smali"
    _run("java", "-cp", path, "org.jf.smali.Main", "assemble", "-o", classes, activity)
    with zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(classes, classes.name)
    _run("zipalign", "-f", "4", package, aligned)
    return aligned


def _sign(package: Path, folder: Path, out: Path) -> None:
    keys, word = folder / "keys", folder / "word"
    word.write_text(secrets.token_hex(16))
    _run(
        *("keytool", "-genkeypair", "-keystore", keys, "-storepass:file", word, "-alias", "app"),
        *("-keyalg", "RSA", "-validity", "10000", "-dname", "CN=agentenv"),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    _run(
        *("apksigner", "sign", "--ks", keys, "--ks-pass", f"file:{word}", "--out", out),
        *("--v4-signing-enabled", "false", package),
    )
    _run("apksigner", "verify", out)


def _run(*words: str | Path) -> None:
    try:
        result = subprocess.run(
            [*map(str, words)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{words[0]} did not end within {TIMEOUT:.0f} s") from error
    if result.returncode:
        raise ConfigError(f"{words[0]} failed: {(result.stderr or result.stdout).strip()[-400:]}")


def main(words: Sequence[str]) -> int:
    """Build it where the command line says; the exit status."""
    if len(words) != 1:
        print_error("say where to: python -m emulators.apk phone.apk")
        return 2
    try:
        build(Path(words[0]))
    except AgentenvError as error:
        print_error(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
