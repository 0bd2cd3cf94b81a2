"""The three kinds of images, and the containers that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agentenv.errors import ConfigError

Image = Literal["budtmo", "google", "redroid"]
LABEL = "org.agentenv.emulator"
HOST = "127.0.0.1"
"""Every port is bound to it: who reaches an emulator's adb owns the emulator."""
ADB, APPIUM, WEB_VNC, GRPC = 5555, 4723, 6080, 8554
FIRST_ADB, FIRST_APPIUM, FIRST_VNC, FIRST_GRPC = 5555, 4723, 6080, 8554
"""On this machine, for the first emulator; each further one has its own, `PORT_STEP` on."""
PORT_STEP = 2
"""adb takes odd ports for emulators."""
MAX_COUNT = 64
_VERSIONS = {28: "9.0", 29: "10.0", 30: "11.0", 31: "12.0", 32: "12.0", 33: "13.0", 34: "14.0"}
_REDROID = {28: "9", 29: "10", 30: "11", 31: "12", 32: "12", 33: "13", 34: "14", 35: "15", 36: "16"}
_GOOGLE = "us-docker.pkg.dev/android-emulator-268719/images/30-google-x64:30.1.2"
_ANDROID, _APPIUM = "Android to boot", "Appium to answer"
"""What is waited for, as the health checks print it."""
_BOOTED = "adb shell getprop sys.boot_completed | grep -q 1"


@dataclass(frozen=True)
class Service:
    """One emulator's container."""

    name: str
    image: str
    ports: Mapping[int, int]
    """Port in the container -> port on this machine."""
    environment: Mapping[str, str] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    """Variables of this process's environment that the container gets too: secrets, which
    are written into no file."""
    devices: tuple[str, ...] = ()
    """Of the host, given to the container."""
    volume: str = ""
    """Where in the container its volume lies; what is there outlives the container."""
    command: tuple[str, ...] = ()
    privileged: bool = False
    health: str = ""
    """Shell command that succeeds once Android has booted and, where it is inside, Appium
    answers; empty if the image checks itself."""
    memory_gib: int = 4
    cpus: float = 2.0

    @property
    def serial(self) -> str:
        """What adb calls the emulator."""
        return f"{HOST}:{self.ports[ADB]}"

    @property
    def appium_url(self) -> str:
        """Of the Appium server inside; empty if there is none."""
        return f"http://{HOST}:{self.ports[APPIUM]}" if APPIUM in self.ports else ""


def services(image: Image, count: int, api: int, *, headless: bool, project: str) -> list[Service]:
    """The containers for `count` emulators.

    Args:
        image: "budtmo" (Appium inside, needs KVM), "google" (API 30, needs KVM) or "redroid"
            (no emulator but Android in a container: needs binder in the host's kernel, no KVM).
        count: how many.
        api: Android's API level.
        headless: without a picture for a person in the browser (budtmo alone has one).
        project: their names begin with it.

    Raises:
        ConfigError: there is no such image for that level, or too many are asked for.
    """
    if not 1 <= count <= MAX_COUNT:
        raise ConfigError(f"count is from 1 to {MAX_COUNT}, not {count}")
    makers = {"budtmo": _budtmo, "google": _google, "redroid": _redroid}
    if image not in makers:
        raise ConfigError(f"image is one of {', '.join(makers)}, not {image!r}")
    return [
        makers[image](f"{project}-{number + 1}", number, api, headless) for number in range(count)
    ]


def _or_says(check: str, waited_for: str) -> str:
    """A shell's command that ends with an error, and says why, where another fails."""
    return f"{{ {check}; }} || {{ echo {waited_for}; exit 1; }}"


def _port(first: int, number: int) -> int:
    return first + PORT_STEP * number


def _known(levels: Mapping[int, str], api: int) -> str:
    if api not in levels:
        raise ConfigError(f"this image has the API levels {', '.join(map(str, levels))}, not {api}")
    return levels[api]


def _budtmo(name: str, number: int, api: int, headless: bool) -> Service:
    ports = {ADB: _port(FIRST_ADB, number), APPIUM: _port(FIRST_APPIUM, number)}
    if not headless:
        ports[WEB_VNC] = _port(FIRST_VNC, number)
    return Service(
        name,
        f"budtmo/docker-android:emulator_{_known(_VERSIONS, api)}",
        ports,
        environment={
            "EMULATOR_DEVICE": "Samsung Galaxy S10",
            "EMULATOR_ADDITIONAL_ARGS": "-no-boot-anim -no-audio -timezone UTC",
            "APPIUM": "true",
            "APPIUM_ADDITIONAL_ARGS": "--allow-insecure=uiautomator2:adb_shell",
            "WEB_VNC": str(not headless).lower(),
            "USER_BEHAVIOR_ANALYTICS": "false",
        },
        devices=("/dev/kvm",),
        volume="/home/androidusr",
        health=f"{_or_says(_BOOTED, _ANDROID)}; "
        + _or_says(f"bash -c 'echo > /dev/tcp/127.0.0.1/{APPIUM}' 2> /dev/null", _APPIUM),
    )


def _google(name: str, number: int, api: int, headless: bool) -> Service:
    _known({30: "11.0"}, api)
    return Service(
        name,
        _GOOGLE,
        {ADB: _port(FIRST_ADB, number), GRPC: _port(FIRST_GRPC, number)},
        environment={"EMULATOR_PARAMS": "-no-boot-anim -no-audio -timezone UTC -no-metrics"},
        passed=("ADBKEY",),
        devices=("/dev/kvm",),
        volume="/data",
    )


def _redroid(name: str, number: int, api: int, headless: bool) -> Service:
    return Service(
        name,
        f"redroid/redroid:{_known(_REDROID, api)}.0.0-latest",
        {ADB: _port(FIRST_ADB, number)},
        volume="/data",
        command=(
            "androidboot.redroid_width=720",
            "androidboot.redroid_height=1280",
            "androidboot.redroid_dpi=320",
            "androidboot.redroid_gpu_mode=guest",
        ),
        privileged=True,
        health=_or_says("getprop sys.boot_completed | grep -q 1", _ANDROID),
    )
