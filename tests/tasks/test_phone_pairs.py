"""A liking saved in one session and used in another, and the twin that has to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError
from agentenv.phone.setup import PhoneSetup
from agentenv.tasks import get_task, suite
from agentenv.tasks.base import TaskInstance
from agentenv.tasks.phone.suite import PhoneTask, templates
from benchmarks.phone_oracles import faults, play
from privacy_audit.reference.device import PagePhone

PAIRS = sorted({one.pair for one in templates().values() if one.pair})


def session(pair: str, name: str) -> PhoneTask:
    found = get_task(f"phone/{pair}-{name}")
    assert isinstance(found, PhoneTask)
    return found


def setup_of(instance: TaskInstance) -> PhoneSetup:
    assert isinstance(instance.setup, PhoneSetup)
    return instance.setup


@pytest.fixture(scope="module")
def device() -> Iterator[PagePhone]:
    phone = PagePhone()
    yield phone
    phone.close()


def test_there_are_twenty_pairs() -> None:
    assert len(PAIRS) == 20


@pytest.mark.parametrize("pair", PAIRS)
def test_the_twin_differs_in_the_memory_alone(pair: str) -> None:
    for index in range(2):
        save, use, ask = (
            session(pair, name).instance("train", index) for name in ("save", "use", "ask")
        )
        assert use.goal == ask.goal
        assert setup_of(save).seed == setup_of(use).seed == setup_of(ask).seed
        assert setup_of(use).saved != setup_of(ask).saved == ()
        liking = save.parameters["liking"]
        assert setup_of(use).saved[0][1] == liking.text
        assert use.parameters["liking"] == liking
        assert liking.text not in use.goal or len(liking.text) < 3


@pytest.mark.parametrize("pair", ["memory-clock-sound", "memory-wallet-rhythm"])
def test_the_oracles_of_all_three_alone_solve_them(pair: str, device: PagePhone) -> None:
    for name in ("save", "use", "ask"):
        chosen = session(pair, name)
        env = DeviceEnv(chosen, device)
        assert list(faults(chosen, chosen.instance("test", 0), env)) == []


def test_what_the_first_session_really_left_is_what_the_second_begins_with(
    device: PagePhone,
) -> None:
    save, use = session("memory-notes-folder", "save"), session("memory-notes-folder", "use")
    first, second = save.instance("test", 1), use.instance("test", 1)
    liking = first.parameters["liking"].text
    play(DeviceEnv(save, device), first, save.oracle(first))
    env = DeviceEnv(use, device)
    env.begin(use.after(second, device.event_log()))
    assert device.phone.read_profile("notes_folder") == f"profile notes_folder: {liking}"
    assert not device.phone.changes()
    env.begin(use.after(second, []))  # nothing was done
    assert "no 'notes_folder'" in device.phone.read_profile("notes_folder")


def test_only_the_session_that_remembers_follows_another() -> None:
    save, use, ask = (session("memory-clock-sound", name) for name in ("save", "use", "ask"))
    assert (save.follows, use.follows, ask.follows) == ("", save.id, "")
    with pytest.raises(ConfigError, match="follows no other"):
        ask.after(ask.instance("test", 0), [])


def test_the_pairs_can_be_named_together() -> None:
    assert {task.id.rpartition("-")[0] for task in suite("phone:pairs").values()} == {
        f"phone/{pair}" for pair in PAIRS
    }
