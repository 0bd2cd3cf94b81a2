"""`agentenv phone serve`: use the embedded phone yourself, in your own browser or by adb."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agentenv.progress import console

if TYPE_CHECKING:
    from agentenv.devices.adb.phone import AdbPhone
    from agentenv.phone.phone import Phone
    from agentenv.phone.server import PhoneServer


@dataclass(frozen=True)
class PhoneServeConfig:
    """Which phone, and where."""

    task: str = ""
    """A task of the suite "phone" whose first state to show, e.g. phone/notes-write."""
    seed: str = "0"
    """Of the apps' content and of the owner, where no task is given."""
    theme: Literal["light", "dark"] = "light"
    language: Literal["en", "de"] = "en"
    attitude: Literal["open", "cautious", "strict", "denies"] = "open"
    """How the owner answers when an app asks."""
    log: Path | None = None
    """Where to write the event log, as JSON lines, at the end."""
    port: int = 0
    """Of 127.0.0.1; 0 takes a free one."""
    open: bool = True
    """Open the page, where this machine has a desktop."""
    adb: bool = False
    """Let the real adb connect to the phone, and with it any agent that is driven by adb."""
    adb_port: int = 5555
    """Of 127.0.0.1, for adb; 0 takes a free one."""


def run(config: PhoneServeConfig) -> None:
    """Serve until interrupted."""
    from agentenv.phone.phone import Phone
    from agentenv.phone.server import PhoneServer
    from agentenv.phone.setup import PhoneSetup
    from agentenv.tasks import get_task

    setup = PhoneSetup(
        seed=config.seed, theme=config.theme, language=config.language, attitude=config.attitude
    )
    goal = ""
    if config.task:
        instance = get_task(config.task).instance("train", 0)
        goal = instance.goal
        assert isinstance(instance.setup, PhoneSetup)
        setup = instance.setup
    phone, server = Phone(setup), PhoneServer(config.port)
    with ExitStack() as closing:
        closing.callback(phone.close)
        closing.callback(server.close)
        address = server.address(server.add(phone))
        console.print(f"{goal}\n{address}" if goal else address, highlight=False, soft_wrap=True)
        if config.adb:
            plug = _plug_in(phone, server, config.adb_port)
            closing.callback(plug.close)
            hint = "The page shows what came by adb once it is loaded anew."
            console.print(f"adb connect {plug.serial}\n{hint}", highlight=False, soft_wrap=True)
        if config.log:
            closing.callback(phone.log.write, config.log)
        console.print("Ctrl-C ends it.", highlight=False)
        if config.open:
            webbrowser.open(address)
        threading.Event().wait()


def _plug_in(phone: Phone, server: PhoneServer, port: int) -> AdbPhone:
    """Put the phone behind adb as well; a browser of its own draws it."""
    from agentenv.devices.adb.phone import AdbPhone
    from agentenv.devices.browser import open_browser
    from agentenv.devices.phone import HEIGHT, WIDTH, PhoneDevice

    plug = AdbPhone(PhoneDevice(open_browser(WIDTH, HEIGHT), server), port)
    plug.call(lambda device: device.show(phone))
    return plug
