"""Install agentenv into a virtual environment, and a browser for it; `make` calls this.

    python3 scripts/install.py packages --venv .venv --extras train dev
    python3 scripts/install.py browser --venv .venv
    python3 scripts/install.py android --venv .venv

Runs under any Python 3.7+ so that an old one gets an explanation and not a
syntax error, and needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST_PYTHON = (3, 11)

# The fonts decide where text wraps, and so where elements are: pin them with the browser.
BROWSER_PACKAGES = ("chromium-headless-shell", "chromium")
FONT_PACKAGES = (
    "fonts-roboto-unhinted",
    "fonts-noto-core",
    "fonts-noto-color-emoji",
    "fonts-wqy-zenhei",
)

ANDROID_PACKAGES = ("adb", "chromium-driver")
APK_PACKAGES = ("aapt", "apksigner", "zipalign", "libsmali-java", "android-framework-res")
"""To build the phone as an Android app."""
APT_WAITS = (10, 60, 180)
"""Seconds before further attempts."""
NO_SUCH_PACKAGE = ("Unable to locate package", "has no installation candidate")
"""What apt-get says where another attempt cannot help."""

APPIUM = ("appium@3.8.0", "appium-chromium-driver@3.1.1")


class InstallError(Exception):
    """What went wrong and what to do; printed as it is."""


def say(text: str) -> None:
    """One line per phase, at once even when piped."""
    print("install: " + text, flush=True)


def run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> None:
    """Run a command whose output matters only when it fails.

    Args:
        command: what to run.
        failure: what to do if it fails.
        environment: variables beside those of this process.

    Raises:
        InstallError: it failed; carries the last lines it printed.
    """
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )
    if result.returncode != 0:
        lines = result.stdout.decode(errors="replace").strip().splitlines()[-15:]
        raise InstallError("\n".join([*lines, "", failure]))


def create_venv(venv: Path) -> Path:
    """Create the virtual environment if there is none; returns its python."""
    python = venv / "bin" / "python"
    if python.exists():
        return python
    if sys.version_info < OLDEST_PYTHON:
        raise InstallError(
            f"agentenv needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer, this is "
            f"{sys.version.split()[0]}. Name a newer one: make demo PYTHON=python3.11"
        )
    say(f"creating {venv} with Python {sys.version.split()[0]}")
    try:
        run(
            [sys.executable, "-m", "venv", str(venv)],
            "Python could not create a virtual environment. On Debian and Ubuntu: "
            "apt-get install python3-venv",
        )
    except InstallError:
        shutil.rmtree(venv, ignore_errors=True)  # half an environment would be reused next time
        raise
    return python


def install_packages(venv: Path, extras: list[str]) -> None:
    """Install the tested versions of everything, then agentenv itself in editable mode."""
    python = create_venv(venv)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    advice = "pip failed (see above). Is the package index reachable? Then run the command again."
    # First and alone: it is the largest by far, and pinned exactly, since a range may
    # resolve to a build with gigabytes of CUDA libraries on a machine without a GPU.
    say("PyTorch")
    run([*pip, "-c", str(CONSTRAINTS), "torch"], advice)
    say("libraries")
    project = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    run([*pip, "-c", str(CONSTRAINTS), "--editable", project], advice)
    say("MiniWoB++ pages")
    # Its dependencies are a second browser driver that nothing here uses.
    run([*pip, "-c", str(CONSTRAINTS), "--no-deps", "miniwob"], advice)


def missing_debian_packages(names: tuple[str, ...]) -> list[str]:
    """Those of `names` that are not installed, by dpkg's account."""
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${Status}\n", *names]
    result = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    installed = {
        line.split()[0]
        for line in result.stdout.decode().splitlines()
        if line.endswith(" installed")
    }
    return [name for name in names if name not in installed]


def apt_install(names: list[str]) -> None:
    """Install Debian packages, quietly and without questions.

    A mirror in the middle of an update lists packages that it does not have, another program
    may hold the lock, and an installation cut off leaves dpkg half done: all of them pass, so
    it is tried again, each time with fresh lists.

    Raises:
        InstallError: each attempt failed; carries the last lines of the last.
    """
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq"]
    for option in ("Dpkg::Use-Pty=0", "Acquire::Retries=3", "DPkg::Lock::Timeout=120"):
        apt += ["-o", option]
    advice = "apt-get failed (see above); install these yourself: " + " ".join(names)
    for wait in (*APT_WAITS, None):
        try:
            run([*apt, "update"], advice, environment)
            run([*apt, "install", "--yes", "--no-install-recommends", *names], advice, environment)
            return
        except InstallError as error:
            if wait is None or any(text in str(error) for text in NO_SUCH_PACKAGE):
                raise
            say(f"{error}\nTrying again in {wait} s.")
        time.sleep(wait)
        for repair in (["dpkg", "--configure", "-a"], [*apt, "--fix-broken", "--yes", "install"]):
            with contextlib.suppress(InstallError):  # the next attempt says what is still wrong
                run(repair, advice, environment)


def why_no_browser(python: Path) -> str:
    """Nothing if agentenv finds a Chromium and can drive it; else what it says about it."""
    check = [str(python), "-m", "agentenv.cli.main", "doctor", "--only", "chromium"]
    for _ in range(2):  # the very first start, from a cold disk, can take too long
        try:
            run(check, "")
            return ""
        except InstallError as error:
            reason = str(error).strip()
    return reason


def browser_advice() -> str:
    """Both ways to a browser, for those whom this script could not help."""
    debian = " ".join(BROWSER_PACKAGES + FONT_PACKAGES)
    return (
        "No Chromium was found, and none could be installed from here. Either\n"
        f"  as root on Debian:   apt-get install --no-install-recommends {debian}\n"
        "  without root:        .venv/bin/playwright install chromium-headless-shell\n"
        "                       (its libraries, as root: playwright install-deps chromium)\n"
        "or name a Chromium elsewhere: AGENTENV_CHROMIUM=/path/to/it; then run make again."
    )


def install_debian_packages(names: tuple[str, ...]) -> None:
    """Install what is missing of `names`, as far as this system and user allow."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        return
    missing = missing_debian_packages(names)
    if missing and os.geteuid() != 0:
        say("not root, so these Debian packages stay missing: " + " ".join(missing))
    elif missing:
        say("Debian packages: " + " ".join(missing))
        try:
            apt_install(missing)
        except InstallError as error:  # Ubuntu, for one, has no chromium-headless-shell
            say(str(error))


def install_browser(venv: Path) -> None:
    """Make sure there is a Chromium, and fonts where the system allows.

    Raises:
        InstallError: there is no browser and none could be installed.
    """
    python = venv / "bin" / "python"
    install_debian_packages(FONT_PACKAGES)
    install_debian_packages(BROWSER_PACKAGES)
    reason = why_no_browser(python)
    if not reason:
        return
    say(reason)
    say("Chromium, through Playwright")
    run(
        [str(python), "-m", "playwright", "install", "chromium-headless-shell"],
        f"Before that: {reason}\n\n{browser_advice()}",
    )
    reason = why_no_browser(python)
    if reason:
        raise InstallError(f"{reason}\n\n{browser_advice()}")


def install_appium(folder: Path) -> None:
    """Install an Appium server, with a driver for browsers, from npm into a folder of its own."""
    npm = shutil.which("npm")
    if npm is None:
        say(
            "no npm, so tests with a real Appium server are skipped; on Debian: apt-get install npm"
        )
        return
    say("Appium, with npm: 130 MB")
    folder.mkdir(exist_ok=True)
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", *APPIUM]
    try:
        # Its own download of chromedriver would be another than Debian's Chromium needs.
        run(
            command,
            "Tests with a real Appium server are skipped.",
            {"APPIUM_SKIP_CHROMEDRIVER_INSTALL": "1"},
        )
    except InstallError as error:
        say(str(error))


def install_android(venv: Path) -> None:
    """Install what tests of Android need; what cannot be had is said, and they are skipped."""
    install_debian_packages(ANDROID_PACKAGES)
    install_debian_packages(APK_PACKAGES)
    install_appium(venv / "appium")


def main() -> int:
    """Parse the command line and run one of the parts."""
    parts = {"browser": install_browser, "android": install_android}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("packages", *parts))
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("--extras", nargs="*", default=[])
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        if arguments.part == "packages":
            install_packages(arguments.venv, arguments.extras)
        else:
            parts[arguments.part](arguments.venv)
    except InstallError as error:
        print(f"\ninstall: {error}", file=sys.stderr)
        return 1
    say(f"{arguments.part} ready after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
