"""The oracle and random policies, and how targets are named."""

from __future__ import annotations

import numpy as np
import pytest

from agentenv.actions import Action, Answer, Drag, Finish, InputText, Swipe, Tap, Wait
from agentenv.dialects import get_dialect
from agentenv.errors import ActionError, ConfigError
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import History, Turn
from agentenv.policies.scripted import OraclePolicy, RandomPolicy, random_action, say
from agentenv.rollouts import rollout
from agentenv.tasks.base import Oracle, TaskInstance
from agentenv.tasks.targets import MAX_LABEL, at_center, label_of, target_of
from tests.fakes import FakeDevice, PressTask

JSON, QWEN = get_dialect("json"), get_dialect("qwen_mobile_use")
BUTTON = UIElement(0, "button", "Ok", (0.2, 0.4, 0.4, 0.6), clickable=True)
FIELD = UIElement(1, "textbox", "", (0.0, 0.0, 1.0, 0.2), value="old", editable=True)


def screen(*elements: UIElement, goal: str = 'Enter "Maria".') -> Observation:
    return Observation(b"", elements, "fake://", goal=goal)


def history(task: PressTask, *elements: UIElement) -> History:
    return History(screen(*elements), instance=task.instance("test", 3).key)


def test_the_oracle_solves_its_tasks() -> None:
    task = PressTask(presses=2)
    work = [(task, task.instance("test", index)) for index in range(5)]
    policy = OraclePolicy({task.id: task})
    assert all(episode.success for episode in rollout(policy, work, [FakeDevice()]))


@pytest.mark.parametrize("dialect", ["qwen_mobile_use", "ui_tars", "aitw"])
def test_the_oracle_solves_its_tasks_in_a_dialect_of_points(dialect: str) -> None:
    task = PressTask()
    policy = OraclePolicy({task.id: task}, dialect=dialect)
    (decision,) = policy.act([history(task, BUTTON, *_named("Cancel", "Help"))])
    assert isinstance(decision.action, Tap)
    assert decision.action.point is not None
    assert get_dialect(dialect).parse(decision.text) == decision.action


def _named(*names: str) -> list[UIElement]:
    return [UIElement(i + 1, "button", name, BUTTON.bounds) for i, name in enumerate(names)]


def test_noise_gives_other_actions_from_the_same_seed() -> None:
    task = PressTask(presses=5, page_ends=False)
    work = [(task, task.instance("test", index)) for index in range(5)]

    def texts(noise: float, seed: int = 0) -> list[str]:
        policy = OraclePolicy({task.id: task}, noise=noise, seed=seed)
        episodes = rollout(policy, work, [FakeDevice()])
        return [step.text for episode in episodes for step in episode.steps]

    assert texts(0.5) == texts(0.5)
    assert texts(0.5) != texts(0.0)
    assert texts(0.5) != texts(0.5, seed=1)


class CountingTask(PressTask):
    """Its oracle counts: it answers with how many observations it has seen."""

    def oracle(self, instance: TaskInstance) -> Oracle:
        seen = 0

        def count(observation: Observation) -> Action:
            nonlocal seen
            seen += 1
            if seen > 3:
                raise ActionError("lost")
            return Answer(text=str(seen))

        return count


def test_an_oracle_that_counts_is_shown_the_whole_episode() -> None:
    task = CountingTask()
    policy = OraclePolicy({task.id: task})
    start = history(task, BUTTON)
    turn = Turn(start.observation, "x")
    later = History(start.observation, (turn, turn), start.instance)
    lost = History(start.observation, (turn,) * 3, start.instance)
    actions = [decision.action for decision in policy.act([start, later, start, lost])]
    assert actions == [
        Answer(text="1"),
        Answer(text="3"),
        Answer(text="1"),
        Finish(success=False),
    ]


@pytest.mark.parametrize("key", ["", "x", "fake/press-1/test", "fake/press-1/dev/1", "a/b/test/x"])
def test_the_oracle_refuses_tasks_it_does_not_know(key: str) -> None:
    policy = OraclePolicy({"fake/press-1": PressTask()})
    with pytest.raises(ConfigError):
        policy.act([History(screen(BUTTON), instance=key)])


def test_the_oracle_needs_oracles_and_a_probability() -> None:
    class Unsolved(PressTask):
        has_oracle = False

    with pytest.raises(ConfigError, match="fake/press"):
        OraclePolicy({"fake/press-1": Unsolved()})
    with pytest.raises(ConfigError, match="noise"):
        OraclePolicy({}, noise=1.5)


def test_random_actions_use_only_what_can_be_used() -> None:
    disabled = UIElement(2, "button", "No", BUTTON.bounds, clickable=True, enabled=False)
    text = UIElement(3, "text", "Hello", BUTTON.bounds)
    observation = screen(BUTTON, FIELD, disabled, text)
    policy = RandomPolicy(seed=0)
    actions = [policy.act([History(observation)])[0].action for _ in range(60)]
    taps = {action for action in actions if isinstance(action, Tap)}
    typed = {action for action in actions if isinstance(action, InputText)}
    assert taps == {Tap(label="Ok", element=0)}
    assert {action.text for action in typed} == {"Enter", "Maria"}
    assert {action.element for action in typed} == {1}
    assert 15 < len([action for action in actions if isinstance(action, Tap)]) < 45


def test_random_actions_are_seeded_and_exist_on_an_empty_screen() -> None:
    observation = screen(BUTTON, FIELD)

    def texts(seed: int) -> list[str]:
        policy = RandomPolicy(seed)
        return [decision.text for decision in policy.act([History(observation)] * 20)]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    assert RandomPolicy().act([History(screen())])[0].action == Wait()


def test_saying_an_action_gives_its_text_and_what_that_means() -> None:
    decision = say(Tap(**target_of(BUTTON)), screen(BUTTON), JSON)
    assert decision.text == '{"type":"tap","label":"Ok","element":0}'
    assert decision.action == Tap(label="Ok", element=0)


def test_typing_into_an_element_is_tapping_it_first_where_only_the_focus_counts() -> None:
    action = InputText(**target_of(FIELD), text="Maria")
    tap = say(action, screen(BUTTON, FIELD), QWEN).action
    assert isinstance(tap, Tap)
    assert tap.point == pytest.approx((0.5, 0.1), abs=0.001)
    focused = UIElement(1, "textbox", "", FIELD.bounds, editable=True, focused=True)
    assert say(action, screen(BUTTON, focused), QWEN).action == InputText(text="Maria")


def test_what_a_dialect_cannot_say_is_an_error() -> None:
    action = InputText(text="x", clear=False)
    with pytest.raises(ConfigError):
        say(action, screen(BUTTON), QWEN)


def test_a_target_is_labelled_by_name_or_value_on_one_short_line() -> None:
    bounds = BUTTON.bounds
    assert target_of(FIELD) == {"label": "old", "element": 1}
    assert label_of(UIElement(0, "text", " a\n b ", bounds)) == "a b"
    assert len(label_of(UIElement(0, "text", "x" * 99, bounds))) == MAX_LABEL
    assert label_of(UIElement(0, "textbox", "", bounds, value="s3cret", password=True)) == ""
    assert label_of(UIElement(0, "text", "\ud83d", bounds)) == "?"


def test_an_element_is_aimed_at_in_its_middle_on_the_screen() -> None:
    assert at_center(Tap(**target_of(BUTTON)), [BUTTON]) == Tap(label="Ok", point=BUTTON.center)
    below = UIElement(0, "button", "Ok", (0.0, 0.9, 1.0, 1.5))
    assert at_center(Tap(element=0), [below]) == Tap(point=(0.5, 1.0))
    assert at_center(Wait(), []) == Wait()
    with pytest.raises(ActionError):
        at_center(Tap(element=7), [BUTTON])


def test_random_actions_need_no_goal() -> None:
    action = random_action(screen(FIELD, goal=""), np.random.default_rng(0))
    assert isinstance(action, InputText)


def test_a_drag_is_said_as_a_swipe_where_there_is_no_word_for_it() -> None:
    elements = (
        UIElement(0, "text", "Card", (0.0, 0.0, 0.2, 0.2)),
        UIElement(1, "text", "Bin", (0.8, 0.8, 1.0, 1.0)),
    )
    observation = Observation(b"", elements, "", goal="")
    drag = Drag(label="Card", element=0, to_label="Bin", to_element=1)
    assert say(drag, observation, JSON).action == drag
    swipe = say(drag, observation, QWEN).action
    assert isinstance(swipe, Swipe)
    assert (*swipe.start, *swipe.end) == pytest.approx((0.1, 0.1, 0.9, 0.9), abs=0.001)
