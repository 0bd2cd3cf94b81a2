from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import datasets
import pytest
from PIL import Image

from agentenv.actions import Finish, Invalid, Tap
from agentenv.cli.main import FAILED, main
from agentenv.errors import ConfigError
from agentenv.live.running import run_live
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.card import Card, card_of
from agentenv.trajectories.card_page import keep_card, render_card, write_card
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter
from tests.trajectories.factories import make_episode, make_png

TASK = "miniwob/click-test-2"


def write(path: Path, *episodes: Episode) -> TrajectoryStore:
    with TrajectoryWriter(path, policy="oracle", suite="miniwob", seed=0) as writer:
        for episode in episodes:
            writer.append(episode)
    return TrajectoryStore(path)


def card(path: Path, *episodes: Episode) -> Card:
    return card_of(write(path, *episodes))


def acting(episode: Episode, *actions: Tap | Finish | Invalid) -> Episode:
    """The episode with these actions, one a step."""
    steps = zip(episode.steps, actions, strict=True)
    return replace(episode, steps=tuple(replace(step, action=action) for step, action in steps))


def test_tq_and_saco_of_a_store_worked_by_hand(tmp_path: Path) -> None:
    # Both episodes see the screens 0 and 1; they differ in the second action.
    data = write(
        tmp_path / "data",
        acting(make_episode(0, reward=1.0), Tap(element=0), Tap(element=0)),
        acting(make_episode(1, reward=0.0), Tap(element=0), Finish()),
        make_episode(2, reward=0.0, length=1),
    )
    # Four pairs: the goal is another one, so that the states are others too.
    expert = write(
        tmp_path / "expert",
        make_episode(0, reward=1.0),
        make_episode(1, reward=0.5, goal="Click button TWO."),
    )

    alone = card_of(data).total
    assert alone.mean_return == pytest.approx(1 / 3)
    assert alone.tq == pytest.approx(1 / 3)  # between 0 and 1
    assert (alone.steps, alone.unique_pairs) == (5, 3)
    assert alone.unique_share == pytest.approx(3 / 5)
    assert alone.saco is None

    compared = card_of(data, reference=expert).total
    assert compared.tq == pytest.approx((1 / 3) / 0.75)
    assert compared.saco == pytest.approx(3 / 4)
    assert compared.unique_share == alone.unique_share


def test_what_an_action_calls_its_target_makes_no_other_pair_and_neither_does_invalid_output(
    tmp_path: Path,
) -> None:
    one = make_episode(0, length=1)
    total = card(
        tmp_path,
        acting(one, Tap(element=0, label="ONE")),
        acting(one, Tap(element=0, label="the first")),
        acting(one, Tap(point=(0.5, 0.2))),
        acting(one, Invalid(reason="no JSON", raw="a")),
        acting(one, Invalid(reason="no type", raw="b")),
    ).total
    assert total.unique_pairs == 3
    assert total.actions == {"tap": 3, "invalid": 2}
    assert total.invalid == 2


def test_a_state_is_what_is_seen_however_it_was_compressed(tmp_path: Path) -> None:
    def drawn(index: int, png: bytes) -> Episode:
        episode = make_episode(index, length=1)
        (step,) = episode.steps
        return replace(
            episode, steps=(replace(step, observation=replace(step.observation, png=png)),)
        )

    original = make_png()
    with Image.open(io.BytesIO(original)) as image:
        image.save(smaller := io.BytesIO(), "PNG", compress_level=0)
    assert smaller.getvalue() != original
    same = card(tmp_path / "same", drawn(0, original), drawn(1, smaller.getvalue())).total
    assert (same.first_screens, same.unique_pairs) == (1, 1)
    broken = card(tmp_path / "broken", drawn(0, original), drawn(1, b"torn"), drawn(2, b"torn"))
    assert broken.total.first_screens == 2


def test_success_lengths_and_limits_leave_infrastructure_failures_out(tmp_path: Path) -> None:
    late = replace(make_episode(1, reward=0.0, length=3), terminated=False, truncated=True)
    other = make_episode(0, task="miniwob/focus-text", length=1)
    found = card(
        tmp_path, make_episode(0), late, other, make_episode(2, infra_error="browser_crashed")
    )
    assert found.infra_causes == {"browser_crashed": 1}
    assert (found.total.success.successes, found.total.success.n) == (2, 3)
    assert found.total.lengths == {1: 1, 2: 1, 3: 1}
    assert found.total.mean_steps == 2.0
    assert found.total.at_limit == 1
    assert found.tasks[TASK].success.n == 2
    assert found.tasks[TASK].success.infra_errors == 1
    assert found.tasks[TASK].instances == 2
    assert found.plain()["tasks"][TASK]["success"]["ci95"] == pytest.approx(
        (0.0945, 0.9055), abs=1e-3
    )


def test_episodes_are_identical_if_everything_that_was_seen_and_done_is(tmp_path: Path) -> None:
    again = replace(make_episode(0), attempt=1)
    elsewhere = make_episode(0, task="miniwob/focus-text")
    unlike = make_episode(0, reward=0.0)
    total = card(tmp_path, make_episode(0), again, make_episode(7), elsewhere, unlike).total
    assert total.identical_episodes == 2
    assert total.first_screens == 2  # one in each task


def test_a_reward_that_is_no_number_leaves_the_mean_unknown(tmp_path: Path) -> None:
    write_card(write(tmp_path, make_episode(0, reward=float("nan"))))
    total = json.loads((tmp_path / "card.json").read_text())["total"]
    assert (total["mean_return"], total["tq"], total["steps"]) == (None, None, 2)


def test_splits_that_share_nothing_and_a_planted_instance_and_screen(tmp_path: Path) -> None:
    def seen(index: int, split: str) -> Episode:
        return replace(make_episode(index, goal=f"Click {split} {index}."), split=split)

    data = write(tmp_path / "data", *(seen(index, "train") for index in range(3)))
    apart = write(tmp_path / "apart", *(seen(index, "test") for index in range(3)))
    (overlap,) = card_of(data, against=apart).overlaps
    assert (overlap.split, overlap.other, overlap.store) == ("train", "test", "apart")
    assert (overlap.instances, overlap.shared_instances, overlap.shared_first_screens) == (3, 0, 0)

    looks_alike = replace(seen(1, "train"), split="test", index=9)
    leaked = write(tmp_path / "leaked", seen(0, "train"), looks_alike)
    same, alike = card_of(data, against=leaked).overlaps[::-1]
    assert (same.other, same.shared_instances, same.shared_first_screens) == ("train", 1, 1)
    assert (alike.other, alike.shared_instances, alike.by_task) == ("test", 0, {TASK: (1, 3)})

    both = write(tmp_path / "both", *(seen(index, "train") for index in range(3)), looks_alike)
    within = {(one.split, one.other): one.shared_first_screens for one in card_of(both).overlaps}
    assert within == {("train", "test"): 1, ("test", "train"): 1}


def test_an_empty_store_has_a_card_that_claims_nothing(tmp_path: Path) -> None:
    store = write(tmp_path)
    found = write_card(store, reference=store, against=store)
    assert (found.total.episodes, found.total.tq, found.total.saco) == (0, None, None)
    assert found.overlaps == ()
    assert "0 episodes" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "card.json").read_text())["total"]["success"]["value"] is None


def test_the_same_store_gives_the_same_bytes_and_the_page_loads_as_a_dataset(
    tmp_path: Path,
) -> None:
    episodes = [replace(make_episode(i), policy="a|b") for i in range(3)]
    store = write(tmp_path / "store", *episodes)
    files = [tmp_path / "store" / name for name in ("README.md", "card.json")]
    write_card(store)
    before = [file.read_bytes() for file in files]
    write_card(store)
    assert [file.read_bytes() for file in files] == before
    assert "| a\\|b (1): 3 |" in files[0].read_text(encoding="utf-8")

    rows = datasets.load_dataset(str(store.path), cache_dir=str(tmp_path / "cache"))
    assert {split: len(data) for split, data in rows.items()} == {"test": 9}


def test_long_episodes_are_shown_in_a_dozen_lines(tmp_path: Path) -> None:
    page = render_card(card(tmp_path, make_episode(0, length=1), make_episode(1, length=40)))
    lines = page.partition("## Steps of an episode")[2].partition("## Actions")[0].splitlines()
    bars = [line for line in lines if " to " in line]
    assert bars[0].startswith("| 1 to 4 | 1 |")
    assert bars[-1].startswith("| 37 to 40 | 1 |")
    assert len(bars) == 10


def test_a_card_is_kept_while_the_episodes_are_the_same_ones(tmp_path: Path) -> None:
    store = write(tmp_path, make_episode(0))
    write_card(store, reference=store)
    keep_card(tmp_path)
    assert json.loads((tmp_path / "card.json").read_text())["reference"] == tmp_path.name
    write(tmp_path, make_episode(1))
    keep_card(tmp_path)
    assert json.loads((tmp_path / "card.json").read_text())["total"]["success"]["n"] == 2


def test_what_a_person_recorded_has_a_card_when_the_session_ends(tmp_path: Path) -> None:
    with TrajectoryWriter(tmp_path, policy="human", suite="miniwob", seed=0) as writer:
        writer.append(make_episode(0))
    run_live(None, select_tasks([TASK]), out=tmp_path, split="test", episodes=1, browser=False)
    assert "# human on miniwob" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_a_file_that_is_no_card_is_not_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = write(tmp_path, make_episode(0))
    (tmp_path / "README.md").write_text("my notes")
    with pytest.raises(ConfigError, match=r"README\.md is no dataset card"):
        write_card(store)
    with caplog.at_level(logging.WARNING):
        keep_card(tmp_path)
    assert "README.md is no dataset card" in caplog.text
    assert (tmp_path / "README.md").read_text() == "my notes"


def test_the_command_says_what_is_missing_in_a_reference_and_fails_on_a_shared_instance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, other = str(tmp_path / "data"), str(tmp_path / "other")
    write(tmp_path / "data", make_episode(0))
    write(tmp_path / "other", make_episode(0, task="miniwob/focus-text"))
    assert main(["card", data]) == 0
    assert "100.0 %" in capsys.readouterr().out
    assert main(["card", data, "--reference", other]) == FAILED
    assert f"has no episode of {TASK}" in capsys.readouterr().err
    assert main(["card", data, "--against", data]) == FAILED
    assert "1 instances of" in capsys.readouterr().err
    assert main(["card", str(tmp_path)]) == FAILED
    assert "is not a trajectory store" in capsys.readouterr().err
