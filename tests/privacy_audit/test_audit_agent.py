"""`agentenv audit agent`: a policy on the phone's privacy tasks, and the audit of what it did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentenv.cli.audit_agent import privacy_tasks
from agentenv.cli.main import FAILED, main
from agentenv.tasks.phone.suite import PhoneTask


def test_the_privacy_tasks_are_those_that_prohibit_something() -> None:
    tasks = privacy_tasks()
    assert len(tasks) >= 8
    for task in tasks.values():
        assert isinstance(task, PhoneTask)
        assert task.privacy.prohibited


def test_an_agent_acts_and_is_audited_in_one_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["audit", "agent", "--policy", "oracle", "--tasks", "phone/doctors-book-visit",
               "--episodes", "1", "--devices", "1", "--out", str(out), "--fail-on", "note",
               "--format", "json", "--report", str(out / "audit.json")]  # fmt: skip
    assert main(command) == 0
    [trajectory] = json.loads((out / "audit.json").read_text(encoding="utf-8"))["trajectories"]
    assert trajectory["success"]
    assert (trajectory["evidence"], trajectory["findings"]) == ("log", [])
    written = (out / "data" / "manifest.json").stat().st_mtime_ns
    assert main([*command, "--format", "html"]) == 0  # nothing is left to do but to audit
    assert (out / "data" / "manifest.json").stat().st_mtime_ns == written
    capsys.readouterr()
    assert main([*command, "--pack", "strict"]) == FAILED
    assert "no policy pack 'strict'" in capsys.readouterr().err
