"""Apps that belong to a task: installed, emptied, filled, and their databases read while in use."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agentenv.devices.adb import database
from agentenv.devices.adb.driver import AdbDriver
from agentenv.devices.adb.own_apps import OwnApps
from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.setup import AndroidSetup, AppState
from agentenv.errors import ConfigError, DeviceError
from agentenv.phone.adb_server import AdbServer
from tests.devices.adb import needs_adb
from tests.devices.android_system import driver_of
from tests.devices.app_system import AppSystem

KENNEL = "org.example.kennel"
FIRST, OTHER_BUILD, NEWER = b"PK first", b"PK other build", b"PK newer"
DATABASE = "databases/kennel.db"


@pytest.fixture
def apk(tmp_path: Path) -> Path:
    path = tmp_path / "kennel.apk"
    path.write_bytes(FIRST)
    return path


@pytest.fixture
def system(tmp_path: Path) -> Iterator[AppSystem]:
    known = {FIRST: (KENNEL, 1), OTHER_BUILD: (KENNEL, 1), NEWER: (KENNEL, 2)}
    system = AppSystem(tmp_path / "data", known)
    yield system
    system.close()


@pytest.fixture
def device(system: AppSystem) -> AndroidDevice:
    return device_of(driver_of(system))


def device_of(driver: AdbDriver) -> AndroidDevice:
    return AndroidDevice(driver, 360, 640, settle_time=0, own_apps=OwnApps(driver.adb))


@pytest.fixture
def setup(apk: Path) -> AndroidSetup:
    app = AppState(KENNEL, apk, (("files/kennels.json", b"[1, 2]"),), DATABASE)
    return AndroidSetup(own_apps=(app,))


def rows(device: AndroidDevice) -> list[str]:
    """What the app's table holds, as a verifier finds it."""
    image = device.state()["databases"][KENNEL]
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(image)
        return [name for (name,) in copy.execute("SELECT name FROM stays ORDER BY id")]


def app_opens(system: AppSystem, mode: str) -> sqlite3.Connection:
    """The app makes its table and keeps the database open."""
    app = system.database(KENNEL, "kennel.db")
    app.execute(f"PRAGMA journal_mode = {mode}")
    app.execute("PRAGMA wal_autocheckpoint = 0")
    app.execute("CREATE TABLE stays (id INTEGER PRIMARY KEY, name TEXT)")
    app.execute("INSERT INTO stays (name) VALUES ('Ash')")
    return app


def test_an_app_is_installed_once_and_begins_each_time_with_the_same_files(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup
) -> None:
    device.reset(setup)
    assert device.state()["databases"] == {KENNEL: b""}
    app_opens(system, "DELETE").close()
    (system.root / KENNEL / "files/kennels.json").write_bytes(b"eaten")
    device.reset(setup)
    assert (system.installs, system.cleared) == (1, [KENNEL, KENNEL])
    assert device.state()["databases"] == {KENNEL: b""}
    assert (system.root / KENNEL / "files/kennels.json").read_bytes() == b"[1, 2]"
    assert not [path for path in system.files if "agentenv-" in path]


def test_another_build_of_the_same_version_is_installed_and_an_older_version_never(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup, apk: Path
) -> None:
    device.reset(setup)
    apk.write_bytes(OTHER_BUILD)
    device.reset(setup)
    assert (system.installs, system.apks[KENNEL]) == (2, OTHER_BUILD)
    system.apks[KENNEL] = NEWER
    with pytest.raises(ConfigError, match=f"has a newer version of it; adb uninstall {KENNEL}"):
        device.reset(setup)
    assert not device.recoveries


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "build it there"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"<html>not found</html>", "is no APK"),
    ],
)
def test_a_file_that_is_no_app_is_named_with_what_to_do(
    device: AndroidDevice, setup: AndroidSetup, apk: Path, content: bytes | None, told: str
) -> None:
    apk.unlink() if content is None else apk.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        device.reset(setup)


def test_what_the_device_refuses_to_install_is_told_apart(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup, apk: Path
) -> None:
    system.is_full = True
    with pytest.raises(ConfigError, match="the device is full"):
        device.reset(setup)
    system.is_full = False
    system.knows[b"PK cat"] = ("org.example.cat", 1)
    apk.write_bytes(b"PK cat")
    with pytest.raises(ConfigError, match=f"it is not the app {KENNEL}"):
        device.reset(setup)
    apk.write_bytes(b"PK broken")
    with pytest.raises(DeviceError, match="NOT_APK") as failed:
        device.reset(setup)
    assert failed.value.cause == "not_installed"


@pytest.mark.parametrize("way", ["run-as", "su", "adb root"])
def test_the_data_of_a_release_build_are_reached_as_root(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup, way: str
) -> None:
    system.is_debuggable = way == "run-as"
    system.is_rooted = way == "su"
    system.can_be_root = way == "adb root"
    device.reset(setup)
    app_opens(system, "WAL")
    assert rows(device) == ["Ash"]
    given = [line for line in system.lines if "chown" in line]
    assert bool(given) == (way != "run-as")


def test_without_a_way_in_nothing_is_erased_and_the_error_says_what_to_do(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup
) -> None:
    system.is_debuggable = False
    with pytest.raises(ConfigError, match="release build, which run-as does not enter"):
        device.reset(setup)
    assert not system.cleared


def test_on_a_handset_only_apps_that_we_have_installed_are_emptied(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup
) -> None:
    system.properties = {"sys.boot_completed": "1", "ro.hardware": "qcom"}
    system.install(FIRST)
    app_opens(system, "DELETE").close()
    with pytest.raises(ConfigError, match=f"on this handset already.*adb uninstall {KENNEL}"):
        device.reset(setup)
    assert not system.cleared
    del system.apks[KENNEL]
    device.reset(setup)
    device.reset(setup)
    assert len(system.cleared) == 2


@pytest.mark.parametrize("mode", ["WAL", "DELETE", "TRUNCATE"])
def test_what_is_committed_is_seen_while_the_app_has_it_open_and_what_is_not_is_not(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup, mode: str
) -> None:
    device.reset(setup)
    app = app_opens(system, mode)
    assert rows(device) == ["Ash"]
    folder = system.root / KENNEL / "databases"
    assert mode != "WAL" or (folder / "kennel.db-wal").stat().st_size
    app.execute("PRAGMA cache_size = 1")  # so that much of what follows is on the disk at once
    app.execute("BEGIN EXCLUSIVE" if mode != "WAL" else "BEGIN IMMEDIATE")
    app.execute("UPDATE stays SET name = 'Birch'")
    app.executemany("INSERT INTO stays (name) VALUES (?)", [("x" * 900,)] * 200)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert rows(device) == ["Ash"]
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    app.execute("COMMIT")
    assert len(rows(device)) == 201


def test_a_copy_is_made_until_nothing_changed_meanwhile(
    system: AppSystem,
    device: AndroidDevice,
    setup: AndroidSetup,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device.reset(setup)
    app_opens(system, "WAL")
    system.torn.update(moving=3, cut=1)
    assert rows(device) == ["Ash"]
    monkeypatch.setattr(database, "QUIET_TIME", 0.2)
    for fault, cause in (("moving", "database_busy"), ("cut", "no_app_data")):
        system.torn[fault] = 10_000
        with pytest.raises(DeviceError) as failed:
            device.state()
        assert failed.value.cause == cause
        system.torn.clear()


@pytest.mark.parametrize("damage", ["header", "page", "empty"])
def test_a_damaged_database_is_a_failure_of_the_device(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup, damage: str
) -> None:
    device.reset(setup)
    app_opens(system, "DELETE").close()
    path = system.root / KENNEL / DATABASE
    content = path.read_bytes()
    path.write_bytes(
        {"header": b"x" * len(content), "page": content[:4096] + b"x" * 4096, "empty": b""}[damage]
    )
    if damage == "empty":  # as the app leaves it that has opened it and made nothing yet
        assert device.state()["databases"] == {KENNEL: b""}
        return
    with pytest.raises(DeviceError, match="no sound database") as failed:
        device.state()
    assert failed.value.cause == "bad_database"


def test_a_folder_that_is_too_large_is_not_taken(
    system: AppSystem,
    device: AndroidDevice,
    setup: AndroidSetup,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device.reset(setup)
    app_opens(system, "DELETE")
    monkeypatch.setattr("agentenv.devices.adb.app_folder.MAX_BYTES", 1_000)
    monkeypatch.setattr(database, "QUIET_TIME", 0.0)
    with pytest.raises(DeviceError, match="more than 1000 bytes"):
        device.state()


def test_a_device_without_adb_is_told_that_it_needs_it(
    system: AppSystem, setup: AndroidSetup
) -> None:
    device = AndroidDevice(driver_of(system), 360, 640, settle_time=0)
    with pytest.raises(ConfigError, match="installed by adb"):
        device.reset(setup)


@pytest.fixture
def plugged(system: AppSystem) -> Iterator[AdbServer]:
    server = AdbServer(system)
    yield server
    server.close()


@needs_adb
@pytest.mark.usefixtures("adb_server")
def test_the_real_adb_installs_an_app_fills_it_and_copies_its_database(
    system: AppSystem, plugged: AdbServer, setup: AndroidSetup
) -> None:
    device = device_of(AdbDriver(plugged.serial))
    device.reset(setup)
    assert system.apks == {KENNEL: FIRST}
    assert (system.root / KENNEL / "files/kennels.json").read_bytes() == b"[1, 2]"
    app_opens(system, "WAL")
    assert rows(device) == ["Ash"]
    device.reset(setup)
    assert system.installs == 1
    system.apks[KENNEL] = NEWER
    with pytest.raises(ConfigError, match="newer version"):
        device.reset(setup)
    device.close()


@needs_adb
@pytest.mark.usefixtures("adb_server")
def test_a_cable_that_is_pulled_for_a_moment_goes_unseen_and_one_for_good_is_a_failure(
    setup: AndroidSetup, system: AppSystem
) -> None:
    server = AdbServer(system)
    try:
        device = device_of(AdbDriver(server.serial))
        device.reset(setup)
        app_opens(system, "WAL")
        server.disconnect()
        assert rows(device) == ["Ash"]
    finally:
        server.close()
    device.deadline = time.monotonic() + 3
    with pytest.raises(DeviceError) as failed:
        device.state()
    assert failed.value.cause in ("adb_gone", "deadline")


def test_large_databases_are_taken_whole(
    system: AppSystem, device: AndroidDevice, setup: AndroidSetup
) -> None:
    filled = replace(setup.own_apps[0], files=((DATABASE, _database(5_000)),))
    device.reset(replace(setup, own_apps=(filled,)))
    assert len(rows(device)) == 5_000


def _database(count: int) -> bytes:
    with closing(sqlite3.connect(":memory:")) as made:
        made.execute("CREATE TABLE stays (id INTEGER PRIMARY KEY, name TEXT)")
        made.executemany("INSERT INTO stays (name) VALUES (?)", [("x" * 200,)] * count)
        made.commit()
        return made.serialize()
