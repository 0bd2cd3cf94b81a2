"""Finding Chromium, and what is said where it is not to be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import open_browser
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.errors import ConfigError, DeviceError


def write_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def test_the_chosen_program_decides_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = write_program(tmp_path / "headless_shell", "\x7fELF")
    ordinary = write_program(tmp_path / "chrome", "\x7fELF")
    monkeypatch.setenv("AGENTENV_CHROMIUM", str(shell))
    assert (find_browser(HEADLESS_SHELL), find_browser(CHROMIUM)) == (shell, None)
    monkeypatch.setenv("AGENTENV_CHROMIUM", str(ordinary))
    assert (find_browser(HEADLESS_SHELL), find_browser(CHROMIUM)) == (None, ordinary)


def test_playwrights_own_browser_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTENV_CHROMIUM", raising=False)
    monkeypatch.setattr("agentenv.devices.browser.launch._SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    folder = tmp_path / "chromium_headless_shell-1200" / "chrome-linux"
    shell = write_program(folder / "headless_shell", "\x7fELF")
    assert find_browser(HEADLESS_SHELL) == shell


def test_a_chosen_program_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTENV_CHROMIUM", "/no/such/chromium")
    with pytest.raises(ConfigError, match="/no/such/chromium"):
        open_browser(160, 210).reset(BrowserSetup("about:blank"))


def test_a_browser_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentenv.devices.browser.launch._SYSTEM_FOLDERS", ())
    script = "#!/bin/sh\necho 'libnss3.so: cannot open shared object file' >&2\nexit 127\n"
    shell = write_program(tmp_path / "headless_shell", script)
    monkeypatch.setenv("AGENTENV_CHROMIUM", str(shell))
    device = open_browser(160, 210, "lockstep")
    with pytest.raises(DeviceError, match=r"libnss3.so") as caught:
        device.reset(BrowserSetup("about:blank"))
    assert caught.value.cause == "browser_start"
