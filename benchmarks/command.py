"""How every script of this folder is a command: settings from flags, errors in one line, and the
command that makes the same numbers again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

import tyro

from agentenv.cli.main import (
    FAILED,
    INTERRUPTED,
    configure_logging,
    print_error,
    terminate_cleanly,
)
from agentenv.errors import AgentenvError, ConfigError
from benchmarks.results_file import check_command

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Settings = TypeVar("_Settings")


def run_command(name: str, settings: type[_Settings], run: Callable[[_Settings], object]) -> int:
    """Parse the command line and run; returns the exit status.

    Args:
        name: of the script, as in ``python -m benchmarks.NAME``.
        settings: the dataclass whose fields are the flags.
        run: gets them; an `AgentenvError` of it is told in one line, with status 1. Ctrl-C and
            SIGTERM unwind it, so that no browser stays behind.
    """
    config = tyro.cli(settings, prog=f"python -m benchmarks.{name}")
    configure_logging(verbose=False)
    with terminate_cleanly():
        try:
            run(config)
        except AgentenvError as error:
            print_error(str(error))
            return FAILED
        except KeyboardInterrupt:
            print_error("interrupted")
            return INTERRUPTED
    return 0


def command_of(name: str, config: DataclassInstance) -> str:
    """What measures the same elsewhere: every setting that is not the default, but for the
    folders `out` and `results`.

    Args:
        name: of the script, as in ``python -m benchmarks.NAME``.
        config: its settings.

    Raises:
        ConfigError: it names a path of this machine.
    """
    words = [f"python -m benchmarks.{name}"]
    for setting in fields(config):
        value = getattr(config, setting.name)
        if setting.name not in ("out", "results") and value != setting.default:
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{setting.name}", *map(str, values)]
    command = " ".join(words)
    check_command(command)
    return command


def check_seeds(seeds: Sequence[int]) -> None:
    """Raise `ConfigError` unless there are seeds, each given once."""
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds {list(seeds)}: give each once; twice the same is no new evidence")


def check_labels(labels: Sequence[str], known: Collection[str]) -> None:
    """Raise `ConfigError` unless there are labels, all of them `known`."""
    if not labels or not set(labels) <= set(known):
        raise ConfigError(f"labels {list(labels)}: give some of {', '.join(known)}")
