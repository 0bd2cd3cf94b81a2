"""The phone as an Android app, built with Debian's tools; skipped where they are not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from emulators.apk.__main__ import FRAMEWORK, main

TOOLS = ("aapt", "zipalign", "apksigner", "java", "keytool")


@pytest.mark.skipif(
    not FRAMEWORK.exists() or not all(map(shutil.which, TOOLS)),
    reason="no Android tools; apt-get install aapt apksigner zipalign ...",
)
def test_the_app_is_built_signed_and_says_what_it_is(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "phone.apk"
    assert main([str(out)]) == 0
    badging = subprocess.run(["aapt", "dump", "badging", out], capture_output=True, text=True)
    assert "package: name='org.agentenv.phone'" in badging.stdout
    assert "launchable-activity: name='org.agentenv.phone.MainActivity'" in badging.stdout
    assert "uses-permission: name='android.permission.INTERNET'" in badging.stdout
    listed = subprocess.run(["aapt", "list", out], capture_output=True, text=True).stdout.split()
    assert "classes.dex" in listed
    checked = subprocess.run(
        ["apksigner", "verify", "--verbose", out], capture_output=True, text=True
    )
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in checked.stdout
    assert [path.name for path in out.parent.iterdir()] == ["phone.apk"]  # and no key


def test_a_tool_that_is_missing_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main([str(tmp_path / "phone.apk")]) == 1
    assert "apt-get install aapt" in " ".join(capsys.readouterr().err.split())
    assert main([]) == 2
    assert not list(tmp_path.iterdir())
