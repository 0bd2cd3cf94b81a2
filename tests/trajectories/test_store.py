from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentenv.actions import Action, Invalid, Tap
from agentenv.errors import ConfigError, StoreError
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.manifest import MANIFEST
from agentenv.trajectories.schema import episode_of, rows_of
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter

from .factories import episodes, make_episode


def open_writer(path: Path, *, policy: str = "oracle", shard_episodes: int = 2) -> TrajectoryWriter:
    return TrajectoryWriter(
        path, policy=policy, suite="miniwob", seed=7, shard_episodes=shard_episodes
    )


def write(path: Path, *written: Episode) -> TrajectoryStore:
    with open_writer(path) as writer:
        for episode in written:
            writer.append(episode)
    return TrajectoryStore(path)


@settings(max_examples=60, deadline=None)
@given(st.lists(episodes, max_size=4))
def test_episodes_come_back_exactly_as_they_were_stored(written: list[Episode]) -> None:
    with TemporaryDirectory() as directory:
        store = write(Path(directory) / "store", *written)
        assert list(store.episodes()) == written
        assert [store.episode(number) for number in range(len(store))] == written


def test_a_store_from_before_steps_had_an_actor_can_be_read() -> None:
    rows = rows_of(make_episode(), 0)
    old = [{name: value for name, value in row.items() if name != "actor"} for row in rows]
    assert episode_of(old) == make_episode()


def test_screenshots_are_stored_byte_for_byte(tmp_path: Path) -> None:
    episode = make_episode()
    stored = write(tmp_path, episode).episode(0)
    assert stored.steps[0].observation.png == episode.steps[0].observation.png
    assert stored.steps[0].observation.screenshot.shape == (60, 40, 3)


def test_hugging_face_datasets_decodes_the_screenshots(tmp_path: Path) -> None:
    store = write(tmp_path / "store", *(make_episode(i) for i in range(3)))
    dataset = datasets.load_dataset(
        "parquet",
        data_files=[str(path) for path in store.shard_paths],
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert len(dataset) == 9
    row = dataset[0]
    assert row["screenshot"].size == (40, 60)
    assert row["elements"][0]["name"] == "ONE"
    assert row["elements"][0]["bounds"] == [0.1, 0.1, 0.9, 0.3]
    assert json.loads(row["action"]) == {"type": "tap", "label": "ONE", "element": 0}
    assert row["log_probs"] == [-0.1, -0.25, -0.5]


def test_the_next_row_holds_the_next_observation_and_the_last_has_no_action() -> None:
    rows = rows_of(make_episode(length=2), number=5)
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert [row["final"] for row in rows] == [False, False, True]
    assert {row["episode"] for row in rows} == {5}
    assert "action" not in rows[-1]
    assert rows[-1]["screenshot"]["bytes"] != rows[1]["screenshot"]["bytes"]


def test_an_episode_whose_device_failed_at_once_is_kept(tmp_path: Path) -> None:
    failed = make_episode(length=0, infra_error="browser_crashed")
    store = write(tmp_path, failed)
    assert store.episode(0) == failed
    assert store.manifest.counts.infra_errors == 1
    assert len(store.keys()) == 1


def test_lone_surrogates_in_model_output_do_not_stop_a_collection(tmp_path: Path) -> None:
    episode = make_episode(length=1, goal="say \ud83d")
    broken = Invalid(reason="not JSON", raw="a\ud83d")
    step = replace(episode.steps[0], text="\ud83d", action=broken, sent=None)
    stored = write(tmp_path, replace(episode, steps=(step,))).episode(0)
    assert stored.steps[0].text == "\ufffd"
    assert stored.steps[0].action == broken
    assert stored.goal == "say \ufffd"


def test_numpy_scalars_are_stored_as_plain_numbers(tmp_path: Path) -> None:
    scalars: Any = np
    episode = make_episode(length=1)
    step = replace(
        episode.steps[0],
        reward=scalars.float32(1.0),
        token_ids=tuple(np.arange(3)),
        log_probs=tuple(np.array([-0.5, -1.0], np.float32)),
    )
    odd = replace(episode, steps=(step,), terminated=scalars.bool_(True), index=scalars.int64(4))
    stored = write(tmp_path, odd).episode(0)
    assert (stored.index, stored.terminated, stored.success) == (4, True, True)
    assert stored.steps[0].token_ids == (0, 1, 2)
    assert stored.steps[0].log_probs == (-0.5, -1.0)


def _with_action(action: Action) -> Episode:
    episode = make_episode()
    return replace(episode, steps=(replace(episode.steps[0], sent=action),))


@pytest.mark.parametrize(
    "broken",
    [
        replace(make_episode(), raw_reward=cast(float, "high")),
        _with_action(Tap(point=(0.5, 0.5)).model_copy(update={"point": (0.5, 1.2)})),
    ],
)
def test_an_episode_that_could_not_be_read_again_is_refused_and_the_others_kept(
    tmp_path: Path, broken: Episode
) -> None:
    with open_writer(tmp_path) as writer:
        writer.append(make_episode(0))
        with pytest.raises(ValueError, match=r"could not convert|less than or equal to 1"):
            writer.append(broken)
        writer.append(make_episode(1))
    assert list(TrajectoryStore(tmp_path).episodes()) == [make_episode(0), make_episode(1)]


def test_the_manifest_counts_what_the_store_holds(tmp_path: Path) -> None:
    store = write(
        tmp_path,
        make_episode(0),
        make_episode(1, reward=0.0),
        make_episode(2, task="miniwob/focus-text", infra_error="timeout", length=1),
    )
    manifest = store.manifest
    assert (manifest.policy, manifest.suite, manifest.seed) == ("oracle", "miniwob", 7)
    assert manifest.counts.model_dump() == {
        "episodes": 3,
        "steps": 5,
        "successes": 1,
        "infra_errors": 1,
    }
    assert manifest.by_task["miniwob/click-test-2"].episodes == 2
    assert [shard.episodes for shard in manifest.shards] == [2, 1]
    assert [shard.rows for shard in manifest.shards] == [6, 2]


def test_a_store_is_continued_where_it_ended(tmp_path: Path) -> None:
    write(tmp_path, *(make_episode(i) for i in range(3)))
    store = write(tmp_path, make_episode(0, attempt=1))
    assert len(store) == 4
    assert store.keys() == {("miniwob/click-test-2", "test", i, 0) for i in range(3)} | {
        ("miniwob/click-test-2", "test", 0, 1)
    }
    assert store.episode(3).attempt == 1


def test_metadata_of_a_continued_store_is_added_to(tmp_path: Path) -> None:
    for metadata in ({"host": "a", "temperature": 1.0}, {"host": "b"}):
        with TrajectoryWriter(tmp_path, policy="p", suite="s", seed=0, metadata=metadata) as writer:
            writer.append(make_episode())
    assert TrajectoryStore(tmp_path).manifest.metadata == {"host": "b", "temperature": 1.0}


def test_a_store_of_another_policy_is_not_continued(tmp_path: Path) -> None:
    write(tmp_path, make_episode())
    with pytest.raises(ConfigError, match="policy 'oracle', not 'random'"):
        open_writer(tmp_path, policy="random")


def test_two_writers_cannot_hold_one_store(tmp_path: Path) -> None:
    with open_writer(tmp_path), pytest.raises(StoreError, match="another process"):
        open_writer(tmp_path)
    open_writer(tmp_path).close()


def test_episodes_appended_before_an_error_are_kept(tmp_path: Path) -> None:
    def interrupted_collection() -> None:
        with open_writer(tmp_path, shard_episodes=64) as writer:
            writer.append(make_episode())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_collection()
    assert len(TrajectoryStore(tmp_path)) == 1


def test_a_closed_writer_refuses_episodes(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.append(make_episode())


def test_another_schema_version_is_named(tmp_path: Path) -> None:
    write(tmp_path, make_episode())
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"schema_version": 99}))
    with pytest.raises(StoreError, match="version 99, this agentenv reads version 1"):
        TrajectoryStore(tmp_path)


def test_a_directory_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no manifest\.json"):
        TrajectoryStore(tmp_path)
    (tmp_path / "somebody-elses.parquet").write_bytes(b"data")
    with pytest.raises(StoreError, match="choose an empty directory"):
        open_writer(tmp_path)
    assert (tmp_path / "somebody-elses.parquet").exists()


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    store = write(tmp_path, *(make_episode(i) for i in range(4)))
    torn = store.shard_paths[1]
    os.truncate(torn, torn.stat().st_size - 1)
    with pytest.raises(StoreError, match=r"shard-00001\.parquet .* torn"):
        TrajectoryStore(tmp_path)
    with pytest.raises(StoreError, match=r"shard-00001\.parquet .* torn"):
        open_writer(tmp_path)


def test_an_altered_shard_is_named_when_it_is_read(tmp_path: Path) -> None:
    store = write(tmp_path, *(make_episode(i) for i in range(4)))
    altered = store.shard_paths[1]
    data = bytearray(altered.read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    store = TrajectoryStore(tmp_path)
    assert store.episode(1).index == 1
    for read in (lambda: store.episode(2), store.keys, lambda: list(store.episodes())):
        with pytest.raises(StoreError, match=r"shard-00001\.parquet .* altered"):
            read()


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    store = write(tmp_path, make_episode())
    store.shard_paths[0].unlink()
    with pytest.raises(StoreError, match=r"shard-00000\.parquet .* missing"):
        TrajectoryStore(tmp_path)


def test_a_crash_before_the_manifest_leaves_an_orphan_that_the_next_writer_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, make_episode(0), make_episode(1))
    rename = os.replace

    def die_at_the_manifest(source: Path, target: Path) -> None:
        if target.name == MANIFEST:
            raise OSError("power cut")
        rename(source, target)

    writer = open_writer(tmp_path)
    writer.append(make_episode(2))
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die_at_the_manifest)
        with pytest.raises(OSError, match="power cut"):
            writer.flush()
    writer._unlock()  # what the kernel does for a process that died
    assert (tmp_path / "shard-00001.parquet").exists()
    assert len(TrajectoryStore(tmp_path)) == 2
    present = TrajectoryStore(tmp_path).keys()
    assert {index for _, _, index, _ in present} == {0, 1}

    open_writer(tmp_path).close()
    assert not (tmp_path / "shard-00001.parquet").exists()
    assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".*.tmp"))
    assert len(TrajectoryStore(tmp_path)) == 2


def test_a_flush_that_failed_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(tmp_path)
    writer.append(make_episode())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _disk_full)
        with pytest.raises(OSError, match="disk full"):
            writer.flush()
    writer.close()
    assert list(TrajectoryStore(tmp_path).episodes()) == [make_episode()]


def test_a_killed_writer_leaves_whole_episodes_only(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from agentenv.trajectories.store import TrajectoryWriter
        from tests.trajectories.factories import make_episode

        writer = TrajectoryWriter(
            Path(sys.argv[1]), policy="oracle", suite="miniwob", seed=7, shard_episodes=1
        )
        for index in range(100_000):
            writer.append(make_episode(index))
            print(index, flush=True)
        """
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    for _ in range(5):
        acknowledged = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()

    store = TrajectoryStore(tmp_path)
    found = list(store.episodes())
    assert len(found) > acknowledged
    assert found == [make_episode(index) for index in range(len(found))]
    with open_writer(tmp_path) as writer:
        writer.append(make_episode(len(found)))
    assert len(TrajectoryStore(tmp_path)) == len(found) + 1


def _disk_full(descriptor: int) -> None:
    raise OSError("disk full")
