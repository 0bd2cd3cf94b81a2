"""The columns of a trajectory store, and an episode as rows and back.

One row per step, plus one final row per episode: the observation after the last
action, with no action. The next observation of a step is therefore the next row.
The episode's columns are repeated in each of its rows, so that a shard can be
filtered and trained on without a join.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from agentenv.actions import ACTION_ADAPTER, Action
from agentenv.observations import ELEMENT_FLAGS, Observation, UIElement
from agentenv.policies.base import Egress, Hidden
from agentenv.trajectories.episode import Episode, Step

SCHEMA_VERSION = 1
"""Changes whenever a column changes its name, type or meaning. A new column that may be
missing (`actor`, `messages`, `events`, `egress`, `after`) leaves it as it is: old stores stay
readable."""

Row = Mapping[str, Any]

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""What Hugging Face `datasets` stores an `Image` as."""

ELEMENT_TYPE = pa.struct(
    [
        pa.field("index", pa.int64()),
        pa.field("role", pa.string()),
        pa.field("name", pa.string()),
        pa.field("bounds", pa.list_(pa.float64())),
        pa.field("value", pa.string()),
        pa.field("description", pa.string()),
        pa.field("resource_id", pa.string()),
        *(pa.field(flag, pa.bool_()) for flag in ELEMENT_FLAGS),
    ]
)
"""`agentenv.observations.UIElement`; bounds are [left, top, right, bottom] in [0, 1]."""

_EPISODE_FIELDS = [
    pa.field("episode", pa.int64(), nullable=False),
    pa.field("task", pa.string(), nullable=False),
    pa.field("split", pa.string(), nullable=False),
    pa.field("index", pa.int64(), nullable=False),
    pa.field("attempt", pa.int64(), nullable=False),
    pa.field("policy", pa.string(), nullable=False),
    pa.field("policy_version", pa.string(), nullable=False),
    pa.field("terminated", pa.bool_(), nullable=False),
    pa.field("truncated", pa.bool_(), nullable=False),
    pa.field("infra_error", pa.string(), nullable=False),
    pa.field("episode_reward", pa.float64(), nullable=False),
    pa.field("raw_reward", pa.float64()),
    pa.field("success", pa.bool_(), nullable=False),
    pa.field("after", pa.string()),
]
_OBSERVATION_FIELDS = [
    pa.field("goal", pa.string()),
    pa.field("step", pa.int64(), nullable=False),
    pa.field("screenshot", IMAGE_TYPE),
    pa.field("elements", pa.list_(ELEMENT_TYPE)),
    pa.field("location", pa.string()),
    pa.field("last_action_error", pa.string()),
    pa.field("messages", pa.list_(pa.string())),
]
_DECISION_FIELDS = [
    pa.field("final", pa.bool_(), nullable=False),
    pa.field("text", pa.string()),
    pa.field("action", pa.string()),
    pa.field("sent", pa.string()),
    pa.field("reward", pa.float64()),
    pa.field("token_ids", pa.list_(pa.int64())),
    pa.field("log_probs", pa.list_(pa.float64())),
    pa.field("actor", pa.string()),
    pa.field("events", pa.list_(pa.string())),
    pa.field("egress", pa.string()),
]
_HUGGING_FACE = {"info": {"features": {"screenshot": {"_type": "Image"}}}}

SCHEMA = pa.schema(
    _EPISODE_FIELDS + _OBSERVATION_FIELDS + _DECISION_FIELDS,
    metadata={
        "huggingface": json.dumps(_HUGGING_FACE),
        "agentenv.schema_version": str(SCHEMA_VERSION),
    },
)
"""The exact Arrow schema of every shard.

- `episode` counts from 0 through the store, `step` is the observation's own counter.
- `action` and `sent` are JSON objects of `agentenv.actions`; `sent` is null for an
  action that was refused.
- `actor` is who decided the step, "" if it was the episode's policy.
- `after` is the task of the episode at whose end this one began: of the same split, index and
  attempt; "" if it began as its task prepares it.
- `egress` is what left the machine for the decision, as JSON (`agentenv.policies.base.Egress`);
  null if nothing did.
- `events` is the device's event log as JSON lines, in the final row only; null elsewhere and
  from devices that keep none.
- In the row with `final` true, `text`, `action`, `sent`, `reward`, `token_ids`,
  `log_probs`, `actor` and `egress` are null; so is the observation, if the device failed
  before it was taken.
"""


def rows_of(episode: Episode, number: int) -> list[dict[str, Any]]:
    """The rows of one episode: `len(episode.steps) + 1` of them, the final one last.

    Numbers are made plain here (NumPy's and torch's scalars included), so that a wrong
    one fails with its episode and not with a whole shard. Text that UTF-8 cannot carry
    (lone surrogates) is stored with U+FFFD in their place.

    Raises:
        ValueError: the episode holds a number or an action that is none.
    """
    shared = _episode_columns(episode, number)
    rows = [
        shared
        | _observation_columns(step.observation)
        | {
            "final": False,
            "text": _utf8(step.text),
            "action": action_to_json(step.action),
            "sent": None if step.sent is None else action_to_json(step.sent),
            "reward": float(step.reward),
            "token_ids": [int(token) for token in step.token_ids],
            "log_probs": [float(value) for value in step.log_probs],
            "actor": _utf8(step.actor),
            "egress": None if step.egress is None else json.dumps(asdict(step.egress)),
        }
        for step in episode.steps
    ]
    after = episode.final_observation
    last = {"step": len(rows)} if after is None else _observation_columns(after)
    events = None if episode.events is None else [_utf8(line) for line in episode.events]
    return [*rows, shared | last | {"final": True, "events": events}]


def episode_of(rows: Sequence[Row]) -> Episode:
    """The episode of exactly its rows, in the order `rows_of` gave them."""
    *steps, last = rows
    return Episode(
        task=last["task"],
        split=last["split"],
        index=last["index"],
        policy=last["policy"],
        policy_version=last["policy_version"],
        steps=tuple(_step_of(row) for row in steps),
        final_observation=None if last["screenshot"] is None else _observation_of(last),
        terminated=last["terminated"],
        truncated=last["truncated"],
        attempt=last["attempt"],
        infra_error=last["infra_error"],
        raw_reward=last["raw_reward"],
        events=None if last.get("events") is None else tuple(last["events"]),
        after=last.get("after") or "",
    )


def action_to_json(action: Action) -> str:
    """An action as ASCII JSON, without the fields that are None.

    Raises:
        ValueError: it is not a valid action (`model_copy` and `model_construct` can make
            such ones), so it could not be read again.
    """
    fields = action.model_dump(exclude_none=True)
    ACTION_ADAPTER.validate_python(fields)
    # Not pydantic's own JSON: it refuses lone surrogates, which models do write.
    return json.dumps(fields)


def action_from_json(text: str) -> Action:
    """Inverse of `action_to_json`."""
    return ACTION_ADAPTER.validate_python(json.loads(text))


def _episode_columns(episode: Episode, number: int) -> dict[str, Any]:
    return {
        "episode": number,
        "task": _utf8(episode.task),
        "split": _utf8(episode.split),
        "index": int(episode.index),
        "attempt": int(episode.attempt),
        "after": _utf8(episode.after),
        "policy": _utf8(episode.policy),
        "policy_version": _utf8(episode.policy_version),
        "terminated": bool(episode.terminated),
        "truncated": bool(episode.truncated),
        "infra_error": _utf8(episode.infra_error),
        "episode_reward": float(episode.reward),
        "raw_reward": None if episode.raw_reward is None else float(episode.raw_reward),
        "success": bool(episode.success),
    }


def _observation_columns(observation: Observation) -> dict[str, Any]:
    return {
        "goal": _utf8(observation.goal),
        "step": int(observation.step),
        "screenshot": {"bytes": bytes(observation.png), "path": None},
        "elements": [_element_columns(element) for element in observation.elements],
        "location": _utf8(observation.location),
        "last_action_error": _utf8(observation.last_action_error),
        "messages": [_utf8(message) for message in observation.messages],
    }


def _element_columns(element: UIElement) -> dict[str, Any]:
    return {
        "index": int(element.index),
        "role": _utf8(element.role),
        "name": _utf8(element.name),
        "bounds": [float(side) for side in element.bounds],
        "value": _utf8(element.value),
        "description": _utf8(element.description),
        "resource_id": _utf8(element.resource_id),
    } | {flag: bool(getattr(element, flag)) for flag in ELEMENT_FLAGS}


def _step_of(row: Row) -> Step:
    return Step(
        observation=_observation_of(row),
        text=row["text"],
        action=action_from_json(row["action"]),
        sent=None if row["sent"] is None else action_from_json(row["sent"]),
        reward=row["reward"],
        token_ids=tuple(row["token_ids"]),
        log_probs=tuple(row["log_probs"]),
        actor=row.get("actor") or "",
        egress=_egress_of(row.get("egress")),
    )


def _egress_of(text: str | None) -> Egress | None:
    if text is None:
        return None
    fields = json.loads(text)
    hidden = tuple(Hidden(one["what"], tuple(one["bounds"])) for one in fields["hidden"])
    return Egress(fields["recipient"], fields["image"], hidden)


def _observation_of(row: Row) -> Observation:
    return Observation(
        png=row["screenshot"]["bytes"],
        elements=tuple(
            UIElement(**(element | {"bounds": tuple(element["bounds"])}))
            for element in row["elements"]
        ),
        location=row["location"],
        goal=row["goal"],
        step=row["step"],
        last_action_error=row["last_action_error"],
        messages=tuple(row.get("messages") or ()),  # stores of before have no such column
    )


def _utf8(text: str) -> str:
    # "replace" writes "?"; a surrogate should stay recognisable as damage.
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
