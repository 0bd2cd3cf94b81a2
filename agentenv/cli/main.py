"""The `agentenv` command: finds the command, reads its settings, runs it.

A command is a module with a frozen dataclass (its settings: flags, YAML and record
in one) and `run(config)`. Modules are imported only when they are called, so that
`--help` answers at once and collecting needs no PyTorch.
"""

from __future__ import annotations

import importlib
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import tyro
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from agentenv.config import closest, config_defaults, read_yaml
from agentenv.errors import AgentenvError
from agentenv.progress import console, error_console

logger = logging.getLogger(__name__)

LOGGERS = ("agentenv", "trainers", "privacy_audit", "emulators")
FAILED, USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143


@dataclass(frozen=True)
class Command:
    """Where a command lives."""

    module: str
    """Defines the dataclass and `run(config)`; imported when the command is called."""
    config: str
    """Name of the dataclass."""
    summary: str
    """One line for `agentenv --help`."""


COMMANDS: dict[str, Command] = {
    "collect": Command(
        "agentenv.cli.collect", "CollectConfig", "let a policy act, and store its trajectories"
    ),
    "view": Command(
        "agentenv.cli.view", "ViewConfig", "stored trajectories as a web page or a video"
    ),
    "card": Command(
        "agentenv.cli.card", "CardConfig", "describe stored trajectories: a dataset card"
    ),
    "watch": Command(
        "agentenv.cli.watch", "WatchConfig", "see a policy act, live in your browser; take over"
    ),
    "record": Command(
        "agentenv.cli.record", "RecordConfig", "demonstrate tasks yourself, in your browser"
    ),
    "eval": Command(
        "agentenv.cli.evaluate", "EvalConfig", "measure a policy on instances it has not seen"
    ),
    "eval androidcontrol": Command(
        "agentenv.cli.eval_androidcontrol",
        "AndroidControlConfig",
        "measure a policy on the public dataset AndroidControl",
    ),
    "train sft": Command(
        "agentenv.cli.train_sft", "SFTConfig", "teach a model to imitate demonstrations"
    ),
    "train digiq": Command(
        "agentenv.cli.train_digiq", "DigiQConfig", "improve a policy from logged data (Digi-Q)"
    ),
    "train craft-gui": Command(
        "agentenv.cli.train_craft_gui", "CraftGUIConfig", "improve a policy by acting (CRAFT-GUI)"
    ),
    "train chain": Command(
        "agentenv.cli.train_chain", "ChainConfig", "Digi-Q, CRAFT-GUI, and Digi-Q on its rollouts"
    ),
    "ope": Command("agentenv.cli.ope", "OPEConfig", "rank trained policies from logged data alone"),
    "objectives": Command(
        "agentenv.cli.objectives", "ObjectivesConfig", "list the policy objectives, or explain one"
    ),
    "judge calibrate": Command(
        "agentenv.cli.judge", "CalibrateConfig", "compare a model's judgements with the verifiers'"
    ),
    "audit": Command(
        "agentenv.cli.audit", "AuditConfig", "what personal data stored trajectories exposed"
    ),
    "audit agent": Command(
        "agentenv.cli.audit_agent",
        "AuditAgentConfig",
        "an agent on privacy tasks, audited in one go",
    ),
    "audit compare": Command(
        "agentenv.cli.audit_compare",
        "AuditCompareConfig",
        "two agents' privacy, paired by instance",
    ),
    "audit verify": Command(
        "agentenv.cli.audit_verify", "AuditVerifyConfig", "prove that an event log is unbroken"
    ),
    "audit check-policy": Command(
        "agentenv.cli.audit_check_policy", "AuditCheckPolicyConfig", "validate a policy pack"
    ),
    "demo": Command("agentenv.cli.demo", "DemoConfig", "the main job on this machine, in minutes"),
    "suites": Command("agentenv.cli.suites", "SuitesConfig", "list the suites and their tasks"),
    "import myphonebench": Command(
        "agentenv.cli.import_myphonebench",
        "ImportMyPhoneBenchConfig",
        "make the benchmark MyPhoneBench a phone suite",
    ),
    "phone serve": Command(
        "agentenv.cli.phone_serve", "PhoneServeConfig", "use the embedded phone in your own browser"
    ),
    "phone play": Command(
        "agentenv.cli.phone_play", "PhonePlayConfig", "do a task yourself, and see the verdict"
    ),
    "phone check-app": Command(
        "agentenv.cli.phone_check_app", "CheckAppConfig", "try every screen of a phone app"
    ),
    "phone new-app": Command(
        "agentenv.cli.phone_new_app", "NewAppConfig", "begin a phone app, as data"
    ),
    "emulators up": Command(
        "agentenv.cli.emulators_up", "EmulatorsUpConfig", "start Android emulators in containers"
    ),
    "emulators status": Command(
        "agentenv.cli.emulators_status", "EmulatorsStatusConfig", "which emulators are up"
    ),
    "emulators logs": Command(
        "agentenv.cli.emulators_logs", "EmulatorsLogsConfig", "what an emulator printed last"
    ),
    "emulators snapshot": Command(
        "agentenv.cli.emulators_snapshot",
        "EmulatorsSnapshotConfig",
        "save and load an emulator's whole state",
    ),
    "emulators down": Command(
        "agentenv.cli.emulators_down", "EmulatorsDownConfig", "remove what `up` has made"
    ),
    "emulators doctor": Command(
        "agentenv.cli.emulators_doctor",
        "EmulatorsDoctorConfig",
        "what is missing for Android, and what to do",
    ),
    "doctor": Command(
        "agentenv.cli.doctor", "DoctorConfig", "check this machine, and say what is missing"
    ),
}
"""Name, which may have several words, to command."""

EVERY_COMMAND = (
    "Every command also takes --config FILE.yaml, whose values the flags override, "
    "and -v (--verbose)."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with terminate_cleanly():
        try:
            return _dispatch(words)
        except AgentenvError as error:
            print_error(str(error))
            logger.debug("where it was raised", exc_info=error)
            return FAILED
        except KeyboardInterrupt:
            print_error("interrupted")
            return INTERRUPTED


def print_error(message: str) -> None:
    """One red line on stderr."""
    error_console.print(f"[red]error:[/red] {escape(message)}", soft_wrap=True, highlight=False)


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["--version"]:
        console.print(f"agentenv {version('agentenv')}", highlight=False)
        return 0
    if not words or words[0] in ("-h", "--help", "help"):
        _print_help()
        return 0 if words else USAGE
    name = _command_name(words)
    if name is None:
        print_error(f"there is no command {words[0]!r}{closest(words[0], list(COMMANDS))}")
        return USAGE
    command = COMMANDS[name]
    flags, config_file, verbose = _take_common_flags(words[len(name.split()) :])
    if flags is None:
        print_error("--config needs a file")
        return USAGE
    configure_logging(verbose)
    module = importlib.import_module(command.module)
    config = _read_config(getattr(module, command.config), name, command, flags, config_file)
    status: int | None = module.run(config)
    return status or 0


def _command_name(words: Sequence[str]) -> str | None:
    """The longest command that `words` begin with."""
    matches = [name for name in COMMANDS if name.split() == list(words[: len(name.split())])]
    return max(matches, key=len, default=None)


def _take_common_flags(words: list[str]) -> tuple[list[str] | None, Path | None, bool]:
    """Split off what every command takes: (the other words, --config, --verbose).

    The words are None if --config has no value.
    """
    rest: list[str] = []
    config_file: Path | None = None
    verbose = False
    remaining = iter(words)
    for word in remaining:
        if word in ("-v", "--verbose"):
            verbose = True
        elif word == "--config":
            value = next(remaining, None)
            if value is None:
                return None, None, verbose
            config_file = Path(value)
        elif word.startswith("--config="):
            config_file = Path(word.removeprefix("--config="))
        else:
            rest.append(word)
    return rest, config_file, verbose


def _read_config(
    cls: type[Any], name: str, command: Command, flags: list[str], config_file: Path | None
) -> Any:
    default = None
    if config_file is not None:
        values = read_yaml(config_file)
        default = config_defaults(cls, values, missing=tyro.MISSING, source=str(config_file))
    summary = command.summary[0].upper() + command.summary[1:]
    return tyro.cli(
        cls,
        prog=f"agentenv {name}",
        description=f"{summary}. {EVERY_COMMAND}",
        args=flags,
        default=default,
    )


def _print_help() -> None:
    console.print("usage: agentenv COMMAND [--help] [settings]\n", highlight=False, markup=False)
    table = Table.grid(padding=(0, 3, 0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, command in COMMANDS.items():
        table.add_row(name, command.summary)
    console.print(table)
    console.print(f"\n{EVERY_COMMAND}", highlight=False)


def configure_logging(verbose: bool) -> None:
    """Log our own packages to stderr: what matters, or with `verbose` everything."""
    handler: logging.Handler = logging.StreamHandler()
    if error_console.is_terminal:  # RichHandler wraps lines, which spoils a log file
        handler = RichHandler(console=error_console, show_path=verbose, show_time=verbose)
    logging.basicConfig(format="%(message)s", level=logging.WARNING, handlers=[handler])
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)


@contextmanager
def terminate_cleanly() -> Iterator[None]:
    """While the block runs, SIGTERM unwinds like Ctrl-C does, so that no browser stays behind."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(TERMINATED)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


if __name__ == "__main__":
    sys.exit(main())
