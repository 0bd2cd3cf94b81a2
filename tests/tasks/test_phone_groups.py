"""What an agent is trained on, what it is kept from, and how far that is from training."""

from __future__ import annotations

import pytest

from agentenv.cli.main import main
from agentenv.errors import ConfigError
from agentenv.phone.apps import APPS
from agentenv.tasks import suite
from agentenv.tasks.phone.drawing import make_setup
from agentenv.tasks.phone.groups import apps_beside, held_out
from agentenv.tasks.phone.statistics import distance, words_of
from agentenv.tasks.phone.suite import PhoneTask, templates
from agentenv.tasks.selection import select_tasks

GROUPS = ("train", "new-templates", "new-apps")


def group(name: str) -> list[PhoneTask]:
    return [task for task in suite(f"phone:{name}").values() if isinstance(task, PhoneTask)]


def test_the_groups_divide_the_suite() -> None:
    ids = [task.id for name in GROUPS for task in group(name)]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(suite("phone"))


def test_every_template_and_app_that_is_held_out_exists() -> None:
    assert set(held_out().apps) <= set(APPS)
    assert set(held_out().templates) == {task.template.id for task in group("new-templates")}
    for app in held_out().apps:
        assert any(app in task.template.apps for task in group("new-apps"))


def test_no_phone_of_training_has_an_app_that_is_held_out() -> None:
    new = set(held_out().apps)
    for task in [*group("train"), *group("new-templates")]:
        for index in range(5):
            setup = make_setup(task.template, f"{task.id}/{index}", apps_beside(task.template))
            assert new.isdisjoint(setup.apps), task.id
            assert task.template.apps <= set(setup.apps)


def test_no_wording_of_a_new_template_is_one_of_training() -> None:
    known = {text for task in group("train") for text in task.template.wordings.values()}
    for name in ("new-templates", "new-apps"):
        for task in group(name):
            assert known.isdisjoint(task.template.wordings.values()), task.id


def test_every_app_but_those_held_out_is_in_training() -> None:
    trained = {app for task in group("train") for app in task.template.apps}
    assert trained == set(APPS) - set(held_out().apps)


def test_a_group_and_its_suite_can_be_named_together() -> None:
    assert len(select_tasks(["phone", "phone:train"])) == len(templates())


def test_an_unknown_group_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(ConfigError, match="phone:new-apps"):
        suite("phone:nonsense")
    with pytest.raises(ConfigError, match="none"):
        suite("miniwob:train")


def test_the_distance_of_goals_counts_their_common_words() -> None:
    known = [words_of("Book a table"), words_of("Cancel it")]
    assert distance(words_of("book A TABLE!"), known) == 0
    assert distance(words_of("Rename files"), known) == 1
    assert distance(words_of("Book a room"), known) == 0.5


def test_statistics_show_the_four_splits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {task.id: task for name in GROUPS for task in group(name)[:3]}
    monkeypatch.setattr("agentenv.cli.suites.suite", lambda name: few)
    assert main(["suites", "phone", "--stats", "--instances", "1"]) == 0
    printed = capsys.readouterr().out
    for split in ("train", "new parameters", "new templates", "new apps"):
        assert split in printed
    assert "3 of 3" in printed
    assert main(["suites", "miniwob", "--stats"]) == 1
    assert "only the suite phone" in capsys.readouterr().err
