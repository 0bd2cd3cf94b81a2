"""Our own vocabulary as JSON lines, for trajectories of any device.

    {"task": "shop/buy", "goal": "Buy a lamp", "success": true, "policy": "my agent"}
    {"screenshot": "0.png", "location": "shop/order", "elements": [{"name": "Card", ...}],
     "action": {"type": "input_text", "element": 0, "text": "..."}}
    {"screenshot": "1.png", "location": "shop/done"}

Everything but `task` and `action` may be missing; the last line may be a screen without an
action. Bounds are fractions of the screen, as in `agentenv.observations`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentenv.actions import ACTION_ADAPTER, Action, Invalid
from agentenv.dialects.parsing import explain
from agentenv.observations import Bounds, Observation, UIElement
from agentenv.trajectories.episode import Episode, Step
from privacy_audit.imports.lines import Lines


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Head(_Model):
    task: str = Field(min_length=1)
    split: str = "test"
    index: int = Field(default=0, ge=0)
    goal: str = ""
    success: bool = False
    policy: str = "unknown"
    policy_version: str = ""


class _Element(_Model):
    role: str = "text"
    name: str = ""
    bounds: Bounds = (0.0, 0.0, 0.0, 0.0)
    value: str = ""
    description: str = ""
    resource_id: str = ""
    clickable: bool = False
    editable: bool = False
    checked: bool = False
    focused: bool = False
    enabled: bool = True
    password: bool = False
    scrollable: bool = False


class _Screen(_Model):
    screenshot: str | None = None
    location: str = ""
    elements: tuple[_Element, ...] = ()
    messages: tuple[str, ...] = ()
    action: object = None
    text: str = ""


def read(lines: Lines) -> Episode:
    """The trajectory.

    Raises:
        ConfigError: a line is wrong; names it.
    """
    head = lines.checked(_Head, lines.first_line, lines.first)
    steps, final = [], None
    for at, (line, content) in enumerate(lines.steps):
        screen = lines.checked(_Screen, line, content)
        seen = Observation(
            lines.picture(line, screen.screenshot),
            tuple(UIElement(i, **one.model_dump()) for i, one in enumerate(screen.elements)),
            screen.location,
            messages=screen.messages,
            goal=head.goal,
            step=at,
        )
        if screen.action is None and at == len(lines.steps) - 1:
            final = seen
            continue
        action = _action(lines, line, screen.action)
        sent = None if isinstance(action, Invalid) else action
        steps.append(Step(seen, screen.text, action, sent, 0.0))
    return episode_of(head.task, head.split, head.index, head.policy, head.policy_version,
                      steps, final, head.success)  # fmt: skip


def episode_of(
    task: str,
    split: str,
    index: int,
    policy: str,
    version: str,
    steps: list[Step],
    final: Observation | None,
    success: bool,
) -> Episode:
    """An episode whose reward is that of its success."""
    raw = float(success)
    if steps:
        last = steps[-1]
        steps[-1] = Step(last.observation, last.text, last.action, last.sent, raw)
    return Episode(task, split, index, policy, version, tuple(steps), final, True, False,
                   raw_reward=raw)  # fmt: skip


def _action(lines: Lines, line: int, content: object) -> Action:
    try:
        return ACTION_ADAPTER.validate_python(content)
    except ValidationError as error:
        raise lines.wrong(line, f"action: {explain(error)}") from error
