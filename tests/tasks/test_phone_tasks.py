"""Tasks on the embedded phone: fair starts, exact ends, and an oracle that acts on the screen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from agentenv.actions import Answer, Finish
from agentenv.devices.base import Device
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.devices.phone import PhoneDevice
from agentenv.env import DeviceEnv
from agentenv.phone.changes import Change, Changes
from agentenv.phone.setup import PhoneSetup
from agentenv.tasks import get_task, suite
from agentenv.tasks.base import Oracle, TaskInstance
from agentenv.tasks.phone.drawing import make_setup
from agentenv.tasks.phone.names import template_names
from agentenv.tasks.phone.suite import PhoneTask
from agentenv.tasks.phone.verify import answers, is_done, is_judged
from agentenv.transition import Transition

SOLVED = (
    "restaurants-book-with-phone",
    "restaurants-cancel-booking",
    "restaurants-find-street",
    "notes-move",
    "notes-delete",
)
"""As many as a quick test allows; `python -m benchmarks.phone_oracles` tries all."""
needs_browser = pytest.mark.skipif(
    not any(find_browser(kind) for kind in (HEADLESS_SHELL, CHROMIUM)), reason="no Chromium"
)


def task(name: str) -> PhoneTask:
    found = get_task(f"phone/{name}")
    assert isinstance(found, PhoneTask)
    return found


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    phone = task("notes-write").open_device()
    yield phone
    phone.close()


def play(env: DeviceEnv, instance: TaskInstance, oracle: Oracle) -> Transition:
    result = env.advance(oracle(env.begin(instance)))
    while not (result.terminated or result.truncated):
        assert result.observation.last_action_error == ""
        result = env.advance(oracle(result.observation))
    return result


def test_every_template_is_a_registered_environment() -> None:
    assert {f"phone/{name}" for name in template_names()} == set(suite("phone"))
    for name in template_names():
        assert f"agentenv/Phone-{name}-v0" in gymnasium.registry


@pytest.mark.parametrize("name", template_names())
def test_a_template_draws_clear_goals_and_says_what_else_could_be_done(name: str) -> None:
    chosen = task(name)
    goals = set()
    for index in range(2):
        instance = chosen.instance("train", index)
        assert instance == chosen.instance("train", index)
        assert "{" not in instance.goal
        assert not is_done(chosen.effects(instance), Changes(), None)
        assert chosen.effects(chosen.decoy(instance)) != chosen.effects(instance)
        goals.add((instance.goal, instance.setup))
    assert len(goals) == 2


def test_looks_and_owner_vary_with_the_seed() -> None:
    setups = [make_setup(task("notes-write").template, f"{number}", ()) for number in range(60)]
    for name in ("theme", "language", "font_size", "width", "attitude"):
        assert len({getattr(one, name) for one in setups}) > 1, name


@needs_browser
def test_gymnasium_finds_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("agentenv/Phone-notes-write-v0", render_mode="rgb_array")
        check_env(env.unwrapped)
        env.close()


@needs_browser
@pytest.mark.parametrize("name", SOLVED)
def test_the_oracle_solves_the_task_and_one_rule_broken_fails_it(
    name: str, device: PhoneDevice
) -> None:
    chosen = task(name)
    env = DeviceEnv(chosen, device)
    instance = chosen.instance("train", 1)
    assert play(env, instance, chosen.oracle(instance)).success
    changes, effects = device.phone.changes(), chosen.effects(instance)
    answer = next((one.text for one in effects if one.kind == "answer"), None)
    assert is_done(effects, changes, answer)
    for broken in worse(changes):
        assert not is_done(effects, broken, answer)


def worse(changes: Changes) -> Iterator[Changes]:
    """The same changes with one thing wrong."""
    rows = [one for one in changes.rows if is_judged(one)]
    yield Changes((*rows, Change("notes_note", 3, {"id": 3, "title": "x"}, None)))
    for at, change in enumerate(rows):
        yield Changes(tuple(rows[:at] + rows[at + 1 :]))
        for name in () if change.after is None else change.columns:
            if change.columns[name] is None or name in ("changed",):
                continue
            wrong = replace(change, after={**(change.after or {}), name: "something else"})
            yield Changes((*rows[:at], wrong, *rows[at + 1 :]))


@needs_browser
@pytest.mark.parametrize("name", ["restaurants-save-favourite", "notes-pin", "notes-write"])
def test_doing_nothing_or_the_wrong_thing_earns_nothing(name: str, device: PhoneDevice) -> None:
    chosen = task(name)
    env = DeviceEnv(chosen, device)
    instance = chosen.instance("train", 2)
    env.begin(instance)
    assert env.advance(Finish()).reward == 0
    env.begin(instance)
    assert env.advance(Answer(text="done")).reward == 0
    wrong = play(env, instance, chosen.other_errand(instance))
    assert wrong.terminated
    assert wrong.reward == 0


@pytest.mark.parametrize(
    ("answer", "wanted", "right"),
    [
        ("It is in Mill Street.", "Mill Street", True),
        ("mill street", "Mill Street", True),
        ("Millstreet", "Mill Street", False),
        ("4.6 stars", "4.6", True),
        ("14.6", "4.6", False),
        (None, "4.6", False),
    ],
)
def test_an_answer_may_have_words_around_it(answer: str | None, wanted: str, right: bool) -> None:
    assert answers(answer, wanted) == right


def test_an_unneeded_change_of_the_same_kind_fails_the_task() -> None:
    chosen = task("notes-pin")
    instance = chosen.instance("train", 0)
    row = int(chosen.effects(instance)[0].row)
    right = Change("notes_note", row, {"pinned": 0, "title": "a"}, {"pinned": 1, "title": "a"})
    other = Change("notes_note", row + 1, {"pinned": 0}, {"pinned": 1})
    edited = Change("notes_note", row, {"pinned": 0, "title": "a"}, {"pinned": 1, "title": "b"})
    effects = chosen.effects(instance)
    assert is_done(effects, Changes((right,)), None)
    assert not is_done(effects, Changes((other,)), None)
    assert not is_done(effects, Changes((right, other)), None)
    assert not is_done(effects, Changes((edited,)), None)


def test_where_a_phone_has_no_row_as_it_is_wanted_another_phone_is_taken() -> None:
    chosen = task("contacts-unblock")
    instance = chosen.instance("train", 16)  # nobody is blocked on the first phone of this number
    assert isinstance(instance.setup, PhoneSetup)
    assert instance.setup.seed == "phone/contacts-unblock/train/16/1"
    assert instance == chosen.instance("train", 16)
    assert chosen.decoy(instance).setup == instance.setup
