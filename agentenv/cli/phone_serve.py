"""`agentenv phone serve`: use the embedded phone yourself, in your own browser."""

from __future__ import annotations

import threading
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentenv.progress import console


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
    try:
        address = server.address(server.add(phone))
        console.print(f"{goal}\n{address}" if goal else address, highlight=False, soft_wrap=True)
        console.print("Ctrl-C ends it.", highlight=False)
        if config.open:
            webbrowser.open(address)
        threading.Event().wait()
    finally:
        server.close()
        if config.log is not None:
            text = "".join(f"{line}\n" for line in phone.log.lines())
            config.log.write_text(text, encoding="utf-8")
        phone.close()
