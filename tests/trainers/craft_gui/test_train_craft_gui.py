"""`agentenv train craft-gui` on a real browser, with the model in ``data/``."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.cli.main import main
from agentenv.data_files import data_file
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.trajectories.store import TrajectoryStore
from trainers.runs import RunDirectory


def test_a_small_run_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = [
        *("train", "craft-gui", "--tasks", "miniwob/click-tab-2-easy", "--out", str(out)),
        *("--base", str(data_file("small_vlm")), "--iterations", "2", "--devices", "2"),
        *("--threads", "1", "--rollouts.groups", "1", "--rollouts.size", "4"),
        *("--rollouts.temperature", "1.2", "--update.minibatches", "1"),
        *("--objective.settings", "regulariser.coefficient", "0.01"),
        *("--evaluation.every", "2", "--evaluation.episodes", "1"),
        *("--evaluation.test-episodes", "1"),
    ]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "models/best" in said
    assert "base" in said
    assert "click-tab-2-easy" in (out / "report.html").read_text()
    rows = RunDirectory(out).metrics("train")
    assert [row["step"] for row in rows] == [1, 2]
    for row in rows:
        # bfloat16 by way of one token at a time, or of all at once
        assert row.get("gap", 0.0) < 0.1
    episodes = list(TrajectoryStore(out / "rollouts").episodes())
    assert len(episodes) == 4 * len({episode.index for episode in episodes})
    VisionLanguageModel.from_pretrained(out / "models" / "best")

    assert main([*words, "--seed", "1"]) == 1
    assert "other settings (seed)" in capsys.readouterr().err
