"""Sessions that begin where the same agent ended an earlier one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from agentenv.actions import Action, Finish, RequestPermission, SaveProfile
from agentenv.cli.main import main
from agentenv.collecting import collect
from agentenv.devices.base import Setup
from agentenv.errors import ConfigError, DeviceError
from agentenv.policies.base import Decision, History
from agentenv.policies.scripted import OraclePolicy, say
from agentenv.statistics import summarise
from agentenv.tasks.base import Task
from agentenv.tasks.selection import select_tasks, with_earlier_sessions
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.manifest import load_manifest
from agentenv.trajectories.store import TrajectoryStore
from privacy_audit.reference.device import PagePhone
from tests.tasks.kennels import import_kennels

SAVE, USE = "phone/memory-notes-folder-save", "phone/memory-notes-folder-use"


class FirstSession(OraclePolicy):
    """The oracle, but for the first session, in which it does something else."""

    def __init__(self, tasks: Mapping[str, Task], *acts: Action, first: str = SAVE) -> None:
        super().__init__(tasks)
        self.acts = (*acts, Finish())
        self.first = first

    def act(self, histories: Sequence[History]) -> list[Decision]:
        right = super().act(histories)
        return [
            say(self.acts[len(one.turns)], one.observation, self.dialect)
            if one.instance.startswith(self.first) else decision
            for one, decision in zip(histories, right, strict=True)
        ]  # fmt: skip


class BreaksAtSaving(PagePhone):
    """A phone that cannot be reset for the first session."""

    def reset(self, setup: Setup) -> None:
        if not getattr(setup, "saved", ()):
            raise DeviceError("no phone", "fake_crash")
        super().reset(setup)


def tasks() -> dict[str, Task]:
    return with_earlier_sessions(select_tasks([USE]))


def run(
    path: Path,
    *first: Action,
    chain: bool = True,
    make_device: Callable[[], PagePhone] = PagePhone,
    attempts: int = 1,
) -> dict[str, list[Episode]]:
    """Episodes of both sessions; the first is the oracle's where no actions are given."""
    chosen = tasks()
    policy = FirstSession(chosen, *first) if first else OraclePolicy(chosen)
    store = collect(
        policy, chosen.values(), path, split="test", episodes=2, attempts=attempts, devices=2,
        make_device=make_device, chain=chain,
    )  # fmt: skip
    episodes = list(store.episodes())
    return {name: [one for one in episodes if one.task == name] for name in (SAVE, USE)}


def saving(value: str, key: str = "notes_folder") -> tuple[Action, ...]:
    asked = RequestPermission(permission="write_data", resource=key, reason="")
    return asked, SaveProfile(key=key, value=value, level="low")


def test_what_was_saved_is_there_in_the_later_session(tmp_path: Path) -> None:
    found = run(tmp_path, attempts=2)
    assert [one.success for one in (*found[SAVE], *found[USE])] == [True] * 8
    assert {one.after for one in found[SAVE]} == {""}
    assert {one.after for one in found[USE]} == {SAVE}
    assert sorted((one.index, one.attempt) for one in found[USE]) == [
        (0, 0), (0, 1), (1, 0), (1, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "first",
    [(Finish(),), saving("somewhere else"), saving("Archive", key="another_key")],
    ids=["nothing", "a wrong value", "under another key"],
)
def test_what_was_not_saved_is_not_there(first: tuple[Action, ...], tmp_path: Path) -> None:
    found = run(tmp_path / "chained", *first)
    assert not any(one.success for one in (*found[SAVE], *found[USE]))
    assert not any(one.infra_error for one in found[USE])
    apart = run(tmp_path / "apart", *first, chain=False)
    assert all(one.success for one in apart[USE])


def test_a_first_session_that_the_infrastructure_lost_is_not_scored_in_the_later_one(
    tmp_path: Path,
) -> None:
    found = run(tmp_path, make_device=BreaksAtSaving)
    assert {one.infra_error for one in found[SAVE]} == {"fake_crash"}
    assert {one.infra_error for one in found[USE]} == {"earlier_session"}
    summary = summarise([*found[SAVE], *found[USE]])
    assert summary.overall.n == 0


def test_a_collection_goes_on_with_what_the_first_sessions_of_its_store_saved(
    tmp_path: Path,
) -> None:
    wrong = saving("somewhere else")
    policy = FirstSession(tasks(), *wrong)
    first = select_tasks([SAVE])
    collect(policy, first.values(), tmp_path, split="test", episodes=2, make_device=PagePhone,
            chain=True)  # fmt: skip
    assert len(TrajectoryStore(tmp_path)) == 2
    found = run(tmp_path)  # the oracle would have saved the right one
    assert len(TrajectoryStore(tmp_path)) == 4
    assert not any(one.success for one in found[USE])


def test_chained_sessions_and_prepared_ones_are_never_in_one_store(tmp_path: Path) -> None:
    run(tmp_path / "apart", chain=False)
    assert load_manifest(tmp_path / "apart").metadata["sessions"] == "apart"
    with pytest.raises(ConfigError, match="sessions 'apart', not 'chained'"):
        run(tmp_path / "apart")


def test_a_later_session_without_its_first_is_refused(tmp_path: Path) -> None:
    chosen = select_tasks([USE])
    with pytest.raises(ConfigError, match=f"missing: {SAVE}"):
        collect(OraclePolicy(chosen), chosen.values(), tmp_path, chain=True)


def test_the_command_says_where_there_is_nothing_to_chain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--policy", "oracle", "--chain", "--out", str(tmp_path / "run")]
    assert main(["eval", "--tasks", "phone/notes-pin", *words]) == 1
    assert "phone:pairs" in capsys.readouterr().err
    assert len(select_tasks(["phone:pairs"])) == 60


def test_the_pairs_of_an_imported_benchmark_are_chained_too(tmp_path: Path) -> None:
    imported = import_kennels(tmp_path / "checkout")
    chosen = with_earlier_sessions(select_tasks([f"{imported}#mkennel-pair_01_fee-b"]))
    first, later = "myphonebench/mkennel-pair_01_fee-a", "myphonebench/mkennel-pair_01_fee-b"
    assert list(chosen) == [first, later]

    def later_succeeds(name: str, *acts: Action) -> bool:
        policy = FirstSession(chosen, *acts, first=first)
        store = collect(policy, chosen.values(), tmp_path / name, split="test", episodes=1,
                        make_device=PagePhone, chain=True)  # fmt: skip
        [after] = [one for one in store.episodes() if one.task == later]
        assert after.after == first
        return after.success

    assert later_succeeds("saved", *saving("North", key="budget"))  # where the cheap ones are
    assert not later_succeeds("nothing")
    assert not later_succeeds("another", *saving("South", key="budget"))


def test_a_pair_whose_first_session_cannot_be_imported_is_not_one(tmp_path: Path) -> None:
    imported = import_kennels(tmp_path / "checkout")
    content = json.loads(imported.read_text(encoding="utf-8"))
    content["tasks"] = [one for one in content["tasks"] if not one["id"].endswith("-a")]
    imported.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError, match="none of these tasks follows"):
        with_earlier_sessions(select_tasks([f"{imported}#mkennel-pair_01_fee-b"]))
