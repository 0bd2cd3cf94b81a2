"""`agentenv train chain`: every stage hands the next one what it has made."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agentenv.cli.main import main
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.statistics import SuccessRate, Summary
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter
from trainers.chain.chain import Stages, train
from trainers.chain.config import ChainConfig
from trainers.craft_gui.config import CraftGUIConfig
from trainers.digiq.config import DigiQConfig
from trainers.runs import RunDirectory

TASKS = ("miniwob/click-test-2", "miniwob/focus-text-2")


def result(passes: int) -> Summary:
    return Summary(SuccessRate(passes, 10), {TASKS[0]: SuccessRate(passes, 10)}, {})


class Called:
    """What each stage was asked for."""

    def __init__(self) -> None:
        self.digiq: list[DigiQConfig] = []
        self.craft_gui: list[CraftGUIConfig] = []

    def stages(self) -> Stages:
        def digiq(config: DigiQConfig) -> dict[str, Summary]:
            self.digiq.append(config)
            labels = ("base", *config.methods)
            return {label: result(len(self.digiq) + n) for n, label in enumerate(labels)}

        def craft_gui(config: CraftGUIConfig) -> dict[str, Summary]:
            self.craft_gui.append(config)
            rollouts = config.out / "rollouts"
            TrajectoryWriter(rollouts, policy="p", suite="s", seed=0).close()
            return {"base": result(2), "craft_gui": result(7)}

        return Stages(digiq, craft_gui)


def test_each_stage_goes_on_from_what_the_one_before_has_made(tmp_path: Path) -> None:
    settings = tmp_path / "digiq.yaml"
    settings.write_text(yaml.safe_dump({"base": "other", "collect": {"temperature": 0.7}}))
    out = tmp_path / "chain"
    called = Called()
    config = ChainConfig(TASKS, base="small", out=out, digiq=settings, seed=3, threads=1)
    found = train(config, called.stages())
    first, again = called.digiq
    assert (first.base, first.out, first.seed) == ("small", out / "digiq", 3)
    assert called.craft_gui[0].base == str(out / "digiq" / "models" / "digiq")
    assert again.base == str(out / "craft_gui" / "models" / "best")
    assert again.collect.data == out / "craft_gui" / "rollouts"
    assert first.collect.temperature == again.collect.temperature == 0.7
    assert list(found) == ["base", "digiq", "craft_gui", "digiq_again"]
    page = (out / "report.html").read_text()
    assert all(text in page for text in (*found, "stage 2: CRAFT-GUI", "70%"))


def test_it_may_start_with_a_policy_that_digiq_has_made(tmp_path: Path) -> None:
    called = Called()
    config = ChainConfig(TASKS, start="made", out=tmp_path / "chain")
    assert list(train(config, called.stages())) == ["start", "craft_gui", "digiq_again"]
    assert len(called.digiq) == 1
    assert called.craft_gui[0].base == "made"


def test_what_cannot_work_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for base, start in (("", ""), ("a", "b")):
        with pytest.raises(ConfigError, match=r"--base.*--start"):
            ChainConfig(TASKS, base=base, start=start)
    settings = tmp_path / "bad.yaml"
    settings.write_text("methods: [filtered_bc]")
    called = Called()
    config = ChainConfig(TASKS, start="made", out=tmp_path / "chain", again=settings)
    with pytest.raises(ConfigError, match="method digiq"):
        train(config, called.stages())
    assert not called.craft_gui


@pytest.mark.timeout(600)
def test_a_small_chain_from_the_command_line_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, digiq, acting = tmp_path / "chain", tmp_path / "digiq.yaml", tmp_path / "acting.yaml"
    small = {"steps": 2, "batch_size": 4}
    digiq.write_text(
        yaml.safe_dump(
            {
                "feature_cache": str(tmp_path / "cache"),
                "methods": ["digiq"],
                "candidates": {"n": 2},
                "representation": small,
                "critic": {"steps": 4, "evaluate_every": 2},
                "actor": {**small, "threshold": -1.0},
                "evaluation": {"episodes": 1},
            }
        )
    )
    acting.write_text(
        yaml.safe_dump(
            {
                "iterations": 1,
                "rollouts": {"groups": 1, "size": 2, "resample": 1},
                "evaluation": {"every": 0, "test_episodes": 0},
            }
        )
    )
    words = ["train", "chain", "--tasks", TASKS[0], "--start", str(data_file("small_vlm"))]
    words += ["--out", str(out), "--digiq", str(digiq), "--craft-gui", str(acting)]
    words += ["--devices", "2", "--threads", "1"]
    assert main(words) == 0
    assert "digiq_again" in capsys.readouterr().out
    rollouts = TrajectoryStore(out / "craft_gui" / "rollouts")
    learned = (out / "digiq_again" / "report.html").read_text()
    assert len(rollouts) == 2
    assert "digiq" in learned
    assert "the critics" in (out / "report.html").read_text()
    acted = RunDirectory(out / "craft_gui").metrics("train")
    stages = {path: path.stat().st_mtime_ns for path in (out / "digiq_again/stages").iterdir()}

    assert main(words) == 0  # nothing is done again
    assert RunDirectory(out / "craft_gui").metrics("train") == acted
    assert {path: path.stat().st_mtime_ns for path in stages} == stages
