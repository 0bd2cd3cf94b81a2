from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agentenv.cli import main as cli
from agentenv.cli.main import COMMANDS, Command, main
from agentenv.config import save_config
from agentenv.errors import ConfigError


@dataclass(frozen=True)
class ProbeConfig:
    """Settings of a command made for these tests."""

    goal: str
    """Required."""
    seed: int = 0
    fail: str = ""


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> list[ProbeConfig]:
    """A command "probe deep" whose calls are recorded."""
    calls: list[ProbeConfig] = []

    def run(config: ProbeConfig) -> int | None:
        if config.fail == "config":
            raise ConfigError("the goal [red] is wrong")
        if config.fail == "interrupt":
            raise KeyboardInterrupt
        calls.append(config)
        return None

    module: Any = SimpleNamespace(ProbeConfig=ProbeConfig, run=run)
    monkeypatch.setitem(sys.modules, "probe_module", module)
    monkeypatch.setitem(COMMANDS, "probe deep", Command("probe_module", "ProbeConfig", "probe"))
    return calls


def test_help_lists_every_command_in_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, command in COMMANDS.items():
        entry = f"{name} {command.summary}".split()
        assert sum(line.split() == entry for line in lines) == 1, name


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_its_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*name.split(), "--help"])
    assert stop.value.code == 0
    assert "--config" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--help"], *([*name.split(), "--help"] for name in COMMANDS)])
def test_help_imports_no_learning_library(words: list[str]) -> None:
    script = """
import sys
from agentenv.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(sorted({"torch", "transformers", "datasets", "playwright"} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_mistyped_command_is_answered_with_the_likely_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["colect"]) == cli.USAGE
    assert "did you mean collect" in capsys.readouterr().err


def test_no_command_prints_the_help_and_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == cli.USAGE
    assert "collect" in capsys.readouterr().out


def test_a_command_may_have_two_words(probe: list[ProbeConfig]) -> None:
    assert main(["probe", "deep", "--goal", "buy milk", "--seed", "3"]) == 0
    assert probe == [ProbeConfig("buy milk", 3)]


def test_flags_override_the_config_file(probe: list[ProbeConfig], tmp_path: Path) -> None:
    save_config(ProbeConfig("from the file", 3), tmp_path / "c.yaml")
    assert main(["probe", "deep", "--config", str(tmp_path / "c.yaml"), "--seed", "4"]) == 0
    assert probe == [ProbeConfig("from the file", 4)]


def test_flags_may_supply_what_the_config_file_leaves_out(
    probe: list[ProbeConfig], tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text("seed: 5\n")
    assert main(["probe", "deep", f"--config={tmp_path / 'c.yaml'}", "--goal", "buy"]) == 0
    assert probe == [ProbeConfig("buy", 5)]


def test_what_neither_file_nor_flags_give_is_a_usage_error(
    probe: list[ProbeConfig], tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text("seed: 5\n")
    with pytest.raises(SystemExit) as stop:
        main(["probe", "deep", "--config", str(tmp_path / "c.yaml")])
    assert stop.value.code == cli.USAGE
    assert probe == []


def test_an_error_of_ours_is_one_line_and_no_traceback(
    probe: list[ProbeConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", "deep", "--goal", "x", "--fail", "config"]) == cli.FAILED
    assert capsys.readouterr().err == "error: the goal [red] is wrong\n"


def test_ctrl_c_exits_with_130(
    probe: list[ProbeConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", "deep", "--goal", "x", "--fail", "interrupt"]) == cli.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


def test_every_row_of_the_table_names_a_module_with_a_config_and_run() -> None:
    for command in COMMANDS.values():
        module = importlib.import_module(command.module)
        assert callable(module.run)
        assert getattr(module, command.config).__doc__


def test_suites_lists_tasks_and_which_have_an_oracle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suites", "miniwob", "--oracles"]) == 0
    shown = capsys.readouterr().out
    assert "miniwob/click-test-2" in shown
    assert "miniwob/chase-circle" not in shown
