"""How every script of this folder is a command: settings from flags, errors in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tyro

from agentenv.cli.main import configure_logging, print_error
from agentenv.errors import AgentenvError

_Settings = TypeVar("_Settings")


def run_command(name: str, settings: type[_Settings], run: Callable[[_Settings], object]) -> int:
    """Parse the command line and run; returns the exit status.

    Args:
        name: of the script, as in ``python -m benchmarks.NAME``.
        settings: the dataclass whose fields are the flags.
        run: gets them; an `AgentenvError` of it is told in one line, with status 1.
    """
    config = tyro.cli(settings, prog=f"python -m benchmarks.{name}")
    configure_logging(verbose=False)
    try:
        run(config)
    except AgentenvError as error:
        print_error(str(error))
        return 1
    return 0
