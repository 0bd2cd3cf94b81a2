"""BrowserGym and Farama's MiniWoB++ environment in a Python of their own, on our Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, require_browser
from agentenv.errors import ConfigError
from agentenv.tasks.miniwob.pages import html_folder

REQUIREMENTS = ("browsergym-miniwob==0.14.3", "miniwob==1.1.0")
"""BrowserGym pins an old Playwright, so it cannot live beside ours."""
_WHERE_CHROMIUM = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
)
_VERSION_OF = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
_COLOUR_PAGE = """<!DOCTYPE html>
<html><head><title>Colour</title>
<link rel="stylesheet" type="text/css" href="../core/core.css">
<script src="../core/core.js"></script>
<script>
let taps = 0;
const show = () => {
  document.getElementById('area').style.background =
    taps % 2 ? 'rgb(0, 0, 255)' : 'rgb(255, 0, 0)';
};
const genProblem = () => {
  taps = 0;
  document.getElementById('query').textContent = 'Tap on the area.';
  show();
};
window.onload = () => {
  document.getElementById('area').onclick = () => { taps += 1; show(); };
  core.startEpisode();
};
</script></head>
<body><div id="wrap"><div id="query"></div><div id="area" style="height: 155px"></div></div>
</body></html>
"""


class Peers:
    """Where the peers are installed, and what their processes need."""

    def __init__(self, cache: Path) -> None:
        """Install them, unless that was done before.

        Args:
            cache: folder for their Python, their browser's place and our page.

        Raises:
            ConfigError: a program is missing, or an installation failed.
        """
        self.python = cache / "venv" / "bin" / "python"
        self._browsers = cache / "browsers"
        self._driver = shutil.which("chromedriver")
        if self._driver is None:
            raise ConfigError("Selenium needs chromedriver: apt install chromium-driver")
        self._chromium = require_browser(CHROMIUM)
        _run([sys.executable, "-m", "venv", str(cache / "venv")])
        _run([str(self.python), "-m", "pip", "install", "--quiet", *REQUIREMENTS])
        self._link_chromium()
        self.colour_folder = _write_colour_page(cache / "pages")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of their processes."""
        return {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
            "PLAYWRIGHT_BROWSERS_PATH": str(self._browsers),
            "MINIWOB_URL": f"{(html_folder() / 'miniwob').as_uri()}/",
            "MINIWOB_CHROME_BINARY": str(self._chromium),
            "MINIWOB_CHROMEDRIVER": str(self._driver),
        }

    def versions(self) -> dict[str, str]:
        """What is compared: the peers', and the one Chromium that all use.

        Raises:
            ConfigError: our Chromium is not the peers'.
        """
        ours, theirs = (
            _chromium_version(binary)
            for binary in (require_browser(HEADLESS_SHELL), self._chromium)
        )
        if ours != theirs:
            raise ConfigError(
                f"chromium-headless-shell is {ours} and chromium {theirs}; install the same "
                "version of both, or the comparison is of browsers"
            )
        packages = ("browsergym-miniwob", "miniwob", "selenium")
        ask = [str(self.python), "-c", _VERSION_OF]
        return {"chromium": ours} | {name: _run([*ask, name]).strip() for name in packages}

    def _link_chromium(self) -> None:
        ask = [str(self.python), "-c", _WHERE_CHROMIUM]
        place = Path(_run(ask, self.environment).strip())
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(self._chromium)


def _write_colour_page(folder: Path) -> str:
    """Our page, among MiniWoB++'s own scripts; returns the URL of its folder."""
    pages = folder / "miniwob"
    pages.mkdir(parents=True, exist_ok=True)
    core = folder / "core"
    core.unlink(missing_ok=True)
    core.symlink_to(html_folder() / "core")
    (pages / "colour.html").write_text(_COLOUR_PAGE, encoding="utf-8")
    return f"{pages.resolve().as_uri()}/"


def _chromium_version(binary: Path) -> str:
    answer = _run([str(binary), "--version"])
    found = re.search(r"\d+(\.\d+)+", answer)
    if found is None:
        raise ConfigError(f"{binary} --version says {answer!r}, which is no version")
    return found[0]


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a program to its end; returns what it wrote.

    Raises:
        ConfigError: it failed.
    """
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
