from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from agentenv.cli.main import FAILED, main
from agentenv.errors import ConfigError
from agentenv.trajectories.store import TrajectoryWriter
from agentenv.trajectories.video import write_video

from .factories import make_episode


@pytest.mark.parametrize("name", ["v.webp", "v.gif", "v.png"])
def test_a_video_has_a_frame_for_every_step_and_the_end(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / name
    assert write_video(make_episode(length=3), path, seconds=0.5) == 4
    with Image.open(path) as video:
        assert getattr(video, "n_frames", 1) == 4
        shown = []
        for frame in range(4):
            video.seek(frame)
            video.load()
            shown.append(video.info.get("duration"))
    assert shown == [500, 500, 500, 1000]


def test_an_episode_cut_short_has_no_last_frame_and_one_without_screens_no_video(
    tmp_path: Path,
) -> None:
    cut = replace(make_episode(length=2), final_observation=None)
    assert write_video(cut, tmp_path / "cut.gif") == 2
    with pytest.raises(ConfigError, match="saw no screen"):
        write_video(make_episode(length=0, infra_error="crash"), tmp_path / "none.gif")


def test_wrong_formats_and_speeds_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.webp, \.gif, \.png"):
        write_video(make_episode(), tmp_path / "v.mp4")
    with pytest.raises(ConfigError, match="seconds"):
        write_video(make_episode(), tmp_path / "v.gif", seconds=0.0)


def test_view_writes_a_video_of_the_episode_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with TrajectoryWriter(tmp_path / "s", policy="oracle", suite="miniwob", seed=0) as writer:
        for length in (1, 4):
            writer.append(make_episode(length, length=length))
    command = ["view", str(tmp_path / "s"), "--video", str(tmp_path / "v.webp"), "--episode"]
    assert main([*command, "1"]) == 0
    with Image.open(tmp_path / "v.webp") as video:
        assert getattr(video, "n_frames", 1) == 5
    assert main([*command, "2"]) == FAILED
    assert "from 0 to 1" in capsys.readouterr().err
