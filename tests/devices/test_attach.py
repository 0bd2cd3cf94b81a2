"""The same policy on another device, by one argument: its address."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tyro

from agentenv.cli.devices import DeviceSettings, attached
from agentenv.cli.evaluate import EvalConfig
from agentenv.cli.main import main
from agentenv.config import load_config
from agentenv.devices.android.attach import (
    Address,
    address_of,
    default_address,
    open_phone_page,
)
from agentenv.devices.phone import open_phone
from agentenv.errors import ConfigError
from agentenv.phone.adb_server import AdbServer
from agentenv.tasks import get_task
from agentenv.trajectories.store import TrajectoryStore
from emulators import state
from emulators.images import services
from tests.devices.adb import needs_adb
from tests.devices.android_system import AndroidSystem
from tests.devices.app_system import AppSystem
from tests.tasks.kennels import APK, PACKAGE, import_kennels

APPIUM = "http://127.0.0.1:4723"


def test_addresses_are_read_as_they_are_written() -> None:
    for address in (
        Address(serial="emulator-5554"),
        Address(serial="192.168.0.7:5555"),
        Address("http://127.0.0.1:4723"),
        Address("http://127.0.0.1:4723", "emulator-5554"),
    ):
        assert address_of(address.engine) == address
    assert address_of("auto") is address_of("adb") is address_of("lockstep") is None
    for wrong in ("adb:", "appium:", "appium:127.0.0.1:4723"):
        with pytest.raises(ConfigError, match="needs"):
            address_of(wrong)


def test_without_appium_the_phones_page_is_not_opened() -> None:
    with pytest.raises(ConfigError, match="--appium-url"):
        open_phone_page(Address(serial="emulator-5554"))
    with pytest.raises(ConfigError, match="suites phone and android"):
        get_task("miniwob/click-test").open_device("adb:emulator-5554")
    phone = get_task("phone/notes-write").open_device("appium:http://127.0.0.1:4723#emulator-5554")
    assert phone.features == open_phone().features


def test_settings_name_devices_as_flags_and_in_a_file(tmp_path: Path) -> None:
    flags = ["--policy", "oracle", "--tasks", "phone", "--serial", "a", "b", "--appium-url", APPIUM]
    given = tyro.cli(EvalConfig, args=[*flags, f"{APPIUM}1"]).device
    assert given.engines == [f"appium:{APPIUM}#a", f"appium:{APPIUM}1#b"]
    file = tmp_path / "eval.yaml"
    file.write_text("policy: oracle\ntasks: [phone]\ndevice: {serial: [emulator-5554]}\n")
    assert load_config(EvalConfig, file).device.engines == ["adb:emulator-5554"]
    with pytest.raises(ConfigError, match="more serials"):
        attached(DeviceSettings(appium_url=(APPIUM,), serial=("a", "b")), [], 2)


def test_nothing_named_leaves_the_devices_as_they_are() -> None:
    assert attached(DeviceSettings(), [get_task("phone/notes-write")], 3) == (None, 3)
    settings = DeviceSettings(serial=("a", "b"))
    make, count = attached(settings, [get_task("android/files-move")], 9)
    assert make is not None
    assert count == 2
    assert make() is not make()


def test_by_default_it_is_the_first_emulator_that_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_address() == Address()
    state.save(services("budtmo", 2, 34, headless=True, project="test"))
    assert default_address() == Address(APPIUM, "127.0.0.1:5555")


@needs_adb
def test_a_policy_is_measured_and_audited_on_an_imported_suites_own_app(
    adb_server: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = import_kennels(tmp_path, "android")
    system = AppSystem(tmp_path / "data", {APK: (PACKAGE, 1)})
    server = AdbServer(system)
    out = tmp_path / "eval"
    flags = ["--policy", "random", "--tasks", f"{suite}#mkennel-001_book", "--episodes", "1"]
    try:
        assert main(["eval", *flags, "--serial", server.serial, "--out", str(out)]) == 0
    finally:
        subprocess.run(["adb", "disconnect", server.serial], capture_output=True, check=False)
        server.close()
        system.close()
    [episode] = TrajectoryStore(out / "data").episodes()
    assert episode.task == "myphonebench-android/mkennel-001_book"
    assert not episode.infra_error
    assert episode.events is not None
    assert system.cleared == [PACKAGE]
    capsys.readouterr()
    assert main(["audit", str(out / "data")]) == 0
    assert "1, 0 of them not fully audited" in capsys.readouterr().out
    assert main(["audit", str(out / "data"), "--protocol", "myphonebench"]) == 0
    assert "form minimisation" in capsys.readouterr().out


@needs_adb
def test_a_policy_is_measured_on_a_device_that_adb_sees(
    adb_server: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system = AndroidSystem()
    server = AdbServer(system)
    out = tmp_path / "eval"
    try:
        flags = ["--policy", "random", "--tasks", "android/files-delete", "--episodes", "1"]
        assert main(["eval", *flags, "--serial", server.serial, "--out", str(out)]) == 0
    finally:
        subprocess.run(["adb", "disconnect", server.serial], capture_output=True, check=False)
        server.close()
    [episode] = TrajectoryStore(out / "data").episodes()
    assert episode.task == "android/files-delete"
    assert not episode.infra_error
    assert len(episode.steps) > 0
    assert any(line.startswith("find ") for line in system.lines)
    assert "files-delete" in capsys.readouterr().out
