"""Emulators' containers: what is asked of the docker engine, and what is left of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agentenv.cli.main import main
from agentenv.errors import ConfigError, DeviceError
from emulators import containers as containers_module
from emulators import state
from emulators.compose import compose_file
from emulators.containers import Containers, EmulatorError
from emulators.images import Image, services
from emulators.life import down, restarter, snapshot, up
from tests.emulators.docker_engine import DockerEngine

IMAGES: list[tuple[Image, int]] = [("budtmo", 34), ("google", 30), ("redroid", 33)]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    pytest.importorskip("docker", reason="no docker client; pip install 'agentenv[docker]'")
    monkeypatch.setattr(containers_module, "_POLL", 0.01)
    engine = DockerEngine()
    yield engine
    engine.close()


def start(engine: DockerEngine, folder: Path, count: int = 2) -> list[state.Emulator]:
    wanted = services("budtmo", count, 34, headless=True, project="test")
    return up(Containers(engine.url), wanted, timeout=30, folder=folder)


@pytest.mark.parametrize(("image", "api"), IMAGES)
def test_no_port_of_a_compose_file_is_open_to_others(image: Image, api: int) -> None:
    wanted = services(image, 3, api, headless=False, project="test")
    content = yaml.safe_load(compose_file(wanted))
    published = [port for one in content["services"].values() for port in one["ports"]]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert len(set(published)) == len(published)
    assert len({one.serial for one in wanted}) == 3


@pytest.mark.parametrize(("image", "api"), IMAGES)
def test_docker_compose_accepts_every_file(
    image: Image, api: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = compose_program()
    if not compose:
        pytest.skip("no docker compose; apt-get install docker-compose")
    monkeypatch.setenv("ADBKEY", "a key")
    file = tmp_path / "compose.yaml"
    file.write_text(compose_file(services(image, 2, api, headless=True, project="test")))
    result = subprocess.run([*compose, "-f", file, "config", "-q"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def compose_program() -> list[str]:
    """The plugin, or the program that it was before."""
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0
    ):
        return [docker, "compose"]
    old = shutil.which("docker-compose")
    return [old] if old else []


def test_up_makes_what_the_compose_file_says_and_down_removes_it(
    engine: DockerEngine, tmp_path: Path
) -> None:
    emulators = start(engine, tmp_path)
    assert [one.serial for one in emulators] == ["127.0.0.1:5555", "127.0.0.1:5557"]
    assert engine.images == {"budtmo/docker-android:emulator_14.0"}
    written = yaml.safe_load((tmp_path / "emulators.compose.yaml").read_text())["services"]
    for name, container in engine.containers.items():
        asked, host = container["Config"], container["Config"]["HostConfig"]
        service = written[name]
        assert asked["Image"] == service["image"]
        assert sorted(asked["Env"]) == sorted(f"{k}={v}" for k, v in service["environment"].items())
        assert asked["Healthcheck"]["Test"] == service["healthcheck"]["test"]
        bound = [
            f"{one['HostIp']}:{one['HostPort']}:{inside.removesuffix('/tcp')}"
            for inside, [one] in host["PortBindings"].items()
        ]
        assert sorted(bound) == sorted(service["ports"])
        assert host["Memory"] == 4 * 2**30
        assert f"{name}-data" in engine.volumes
    assert down(Containers(engine.url), data=False, folder=tmp_path) == ["test-1", "test-2"]
    assert not engine.containers
    assert len(engine.volumes) == 2
    assert state.load(tmp_path / "emulators.json") == []


def test_with_data_the_volumes_go_too(engine: DockerEngine, tmp_path: Path) -> None:
    start(engine, tmp_path, count=1)
    down(Containers(engine.url), data=True, folder=tmp_path)
    assert not engine.volumes
    assert down(Containers(engine.url), data=True, folder=tmp_path) == []


def test_a_crash_on_the_way_up_loses_no_container(engine: DockerEngine, tmp_path: Path) -> None:
    engine.refused.add("test-2")
    with pytest.raises(EmulatorError, match="no space left"):
        start(engine, tmp_path)
    assert list(engine.containers) == ["test-1"]
    assert down(Containers(engine.url), data=False, folder=tmp_path) == ["test-1"]


def test_up_again_takes_what_is_there(engine: DockerEngine, tmp_path: Path) -> None:
    start(engine, tmp_path)
    start(engine, tmp_path)
    assert len(engine.containers) == 2
    others = services("budtmo", 1, 34, headless=True, project="other")
    with pytest.raises(ConfigError, match="test-1, test-2 are up"):
        up(Containers(engine.url), others, folder=tmp_path)


def test_containers_of_others_stay(engine: DockerEngine, tmp_path: Path) -> None:
    foreign = {"Id": "test-1", "Name": "test-1", "Config": {"Labels": {}}, "looks": 0}
    engine.containers["test-1"] = {**foreign, "State": {"Status": "running"}}
    engine.images.add("budtmo/docker-android:emulator_14.0")
    with pytest.raises(EmulatorError, match="not ours"):
        start(engine, tmp_path, count=1)
    with pytest.raises(EmulatorError, match="not ours and stays"):
        down(Containers(engine.url), data=True, folder=tmp_path)
    assert "test-1" in engine.containers


def test_an_emulator_that_ends_or_never_boots_is_told_with_its_last_words(
    engine: DockerEngine, tmp_path: Path
) -> None:
    engine.dying.add("test-1")
    with pytest.raises(EmulatorError, match=r"(?s)test-1 is exited.*last words of test-1"):
        start(engine, tmp_path, count=1)
    engine.dying.clear()
    engine.looks = 10**9
    wanted = services("budtmo", 1, 34, headless=True, project="test")
    with pytest.raises(EmulatorError, match="after 0 s: test-1 waits for Android to boot"):
        up(Containers(engine.url), wanted, timeout=0, folder=tmp_path)


@pytest.mark.parametrize("image", ["budtmo", "redroid"])
def test_a_health_check_says_what_is_waited_for(image: Image, tmp_path: Path) -> None:
    [service] = services(image, 1, 33, headless=True, project="test")
    with socket.socket() as appium:
        appium.bind(("127.0.0.1", 0))
        health = service.health.replace("/4723", f"/{appium.getsockname()[1]}")

        def says(booted: str) -> str:
            for name in ("adb", "getprop"):
                program = tmp_path / name
                program.write_text(f"#!/bin/sh\necho {booted}\n")
                program.chmod(0o755)
            path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
            done = subprocess.run(["sh", "-c", health], capture_output=True, text=True, env=path)
            return f"{done.returncode} {done.stdout.strip()}"

        assert says("0") == "1 Android to boot"
        assert says("1") == ("1 Appium to answer" if image == "budtmo" else "0 ")
        appium.listen()
        assert says("1") == "0 "


def test_while_one_waits_it_is_told_for_what(
    engine: DockerEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.looks = 8
    told: list[str] = []
    start(engine, tmp_path, count=1)
    containers = Containers(engine.url)
    containers.restart("test-1")
    containers.await_ready(["test-1"], lambda name: None, waiting_for=told.append)
    assert "test-1 waits for Android to boot" in told


def test_another_machine_is_a_context_of_docker_and_remembered(
    engine: DockerEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    folder = tmp_path / "contexts/meta" / hashlib.sha256(b"lab").hexdigest()
    folder.mkdir(parents=True)
    (tmp_path / "config.json").write_text("{}")
    about = {"docker": {"Host": engine.url, "SkipTLSVerify": False}}
    meta = {"Name": "lab", "Metadata": {}, "Endpoints": about}
    (folder / "meta.json").write_text(json.dumps(meta))
    assert main(["emulators", "up", "--host", "lab"]) == 0
    assert main(["emulators", "status"]) == 0
    assert "healthy" in capsys.readouterr().out
    assert restarter("127.0.0.1:5555", "") is not None
    assert main(["emulators", "down"]) == 0
    assert not engine.containers
    assert main(["emulators", "up", "--host", "elsewhere"]) == 1
    assert "docker has no context 'elsewhere'" in capsys.readouterr().err


def test_of_another_machine_the_ports_come_through_a_tunnel(
    engine: DockerEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("paramiko", reason="docker's client speaks no ssh without it")
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!{sys.executable}\n{_RELAY.format(port=engine.server_port)}")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert Containers(engine.url).machine == ""
    assert main(["emulators", "up", "--host", "ssh://me@lab"]) == 0
    told = capsys.readouterr().out
    assert "ssh -N -L 5555:127.0.0.1:5555 -L 4723:127.0.0.1:4723 me@lab" in told
    assert main(["emulators", "down"]) == 0
    assert not engine.containers


_RELAY = """
import os, socket, sys, threading
there = socket.create_connection(("127.0.0.1", {port}))

def back():
    while data := there.recv(65536):
        os.write(1, data)
    os._exit(0)

threading.Thread(target=back).start()
while data := os.read(0, 65536):
    there.sendall(data)
there.shutdown(socket.SHUT_WR)
"""
"""What stands for ssh: its pipes lead to the engine."""


def test_a_snapshot_that_was_not_loaded_is_an_error(engine: DockerEngine, tmp_path: Path) -> None:
    start(engine, tmp_path, count=1)
    containers = Containers(engine.url)
    assert snapshot(containers, "test-1", "save", "clean") == "OK"
    assert engine.ran[-1] == ["adb", "emu", "avd", "snapshot", "save", "clean"]
    assert snapshot(containers, "test-1", "restore", "clean") == "OK"
    assert engine.ran[-2][-1] == "sys.boot_completed"
    engine.printed["get"] = "1"  # a setting of after the saving is still there
    with pytest.raises(EmulatorError, match="restored nothing"):
        snapshot(containers, "test-1", "restore", "clean")
    engine.printed["snapshot"] = "KO: no such snapshot"
    with pytest.raises(EmulatorError, match="no such snapshot"):
        snapshot(containers, "test-1", "restore", "other")
    with pytest.raises(ConfigError, match="give the snapshot a name"):
        snapshot(containers, "test-1", "restore", "")


def test_a_device_that_hangs_has_the_container_that_is_its_own_restarted(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    start(engine, tmp_path)
    assert restarter("127.0.0.1:5556", "http://127.0.0.1:9", tmp_path) is None
    assert restarter("", "", tmp_path) is None
    by_url = restarter("", "http://127.0.0.1:4725", tmp_path)
    restart = restarter("127.0.0.1:5557", "", tmp_path)
    assert by_url is not None
    assert restart is not None
    by_url()
    restart()
    assert engine.restarted == ["test-2", "test-2"]
    down(Containers(engine.url), data=False, folder=tmp_path)
    with pytest.raises(DeviceError, match="there is no container") as caught:
        restart()
    assert caught.value.cause == "not_restarted"


@pytest.mark.parametrize(("image", "count", "api"), [("budtmo", 0, 34), ("google", 1, 34)])
def test_what_there_is_not_is_refused(image: Image, count: int, api: int) -> None:
    with pytest.raises(ConfigError):
        services(image, count, api, headless=True, project="test")


def test_a_secret_that_is_missing_is_named(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = services("google", 1, 30, headless=True, project="test")
    monkeypatch.delenv("ADBKEY", raising=False)
    with pytest.raises(ConfigError, match="ADBKEY"):
        up(Containers(engine.url), wanted, folder=tmp_path)
    monkeypatch.setenv("ADBKEY", "very secret")
    up(Containers(engine.url), wanted, folder=tmp_path)
    assert "very secret" not in "".join(one.read_text() for one in tmp_path.iterdir())


def test_the_commands_work_together(
    engine: DockerEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    assert main(["emulators", "up"]) == 0
    assert "adb connect 127.0.0.1:5555" in capsys.readouterr().out
    assert main(["emulators", "status"]) == 0
    assert "agentenv-1  healthy  127.0.0.1:5555" in capsys.readouterr().out
    assert main(["emulators", "logs"]) == 0
    assert "last words of agentenv-1" in capsys.readouterr().out
    assert main(["emulators", "snapshot", "save", "clean"]) == 0
    assert main(["emulators", "doctor"]) == 0
    told = capsys.readouterr().out
    assert "an engine answers" in told
    for name in ("docker", "/dev/kvm", "binder", "adb", "Appium", "disk"):
        assert f" {name} " in told
    assert main(["emulators", "down"]) == 0
    assert main(["emulators", "status"]) == 0
    assert "none is up" in capsys.readouterr().out


def test_without_an_engine_the_error_says_where_to_look() -> None:
    pytest.importorskip("docker")
    with pytest.raises(ConfigError, match="agentenv emulators doctor"):
        Containers("tcp://127.0.0.1:1")
