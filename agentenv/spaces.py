"""Gymnasium spaces that follow from the action models and the observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from gymnasium import spaces
from pydantic import ValidationError

from agentenv.actions import ACTION_ADAPTER, ACTION_MODELS, TARGET_FIELDS, Action, Invalid
from agentenv.devices.base import DeviceFeatures
from agentenv.dialects.parsing import explain
from agentenv.errors import ConfigError
from agentenv.observations import ELEMENT_FLAGS, Observation, UIElement
from agentenv.shortcuts import SHORTCUTS

MAX_TEXT = 10_000
"""Characters of a text in an observation; `encode_observation` cuts longer ones."""
SAMPLED_LENGTH = 32
"""The longest text that `Unicode.sample` draws."""
_SAMPLED_CHARACTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,'\"{}\\\n\u00e9\u00df"
    "\u0416\u05d0\u0639\u65e5\u672c\U0001f600"
)

_MAX_ELEMENTS = 10_000
_MAX_STEPS = 1_000_000
_FAR = 1_000.0
"""In screens; bounds further away are moved there."""

_TARGETS = dict(zip(("target", "to_target"), TARGET_FIELDS, strict=True))
"""Entry -> the fields between whose last two it decides."""

ActionSample = dict[str, Any]
"""A member of `action_space`: "type" and one entry for each field of its actions."""


class Unicode(spaces.Text):
    """Text in any script: contains every string up to `max_length` characters.

    Gymnasium's `Text` names each allowed character; Unicode has too many for that. The
    characters it samples are a few of many kinds, at most `SAMPLED_LENGTH` of them.
    """

    def __init__(
        self,
        max_length: int,
        *,
        min_length: int = 0,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(max_length, min_length=min_length, charset=_SAMPLED_CHARACTERS, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A random text; `mask` and `probability` as in Gymnasium's `Text`."""
        if mask is None and probability is None:
            longest = max(self.min_length, min(self.max_length, SAMPLED_LENGTH))
            mask = (self.np_random.integers(self.min_length, longest + 1), None)
        return super().sample(mask=mask, probability=probability)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a string of allowed length."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length

    def __repr__(self) -> str:
        return f"Unicode({self.min_length}, {self.max_length})"

    def __eq__(self, other: object, /) -> bool:
        return isinstance(other, Unicode) and super().__eq__(other)


def action_space(action_types: tuple[str, ...]) -> spaces.Dict:
    """The space of actions of those types.

    "type" indexes `action_types`. Every field of their models has an entry under its
    name (under "type.field" where an earlier type means something else by it); entries
    that the chosen type does not have are ignored. More entries say how a target is
    given: "target" (0 element, 1 point), "to_target" (the same for where a drag ends) and
    "has_target" (0 none), the latter only for types that may go without. So every member
    of the space is a valid action.

    Raises:
        ConfigError: no types, or an unknown one.
    """
    unknown = [name for name in action_types if name not in ACTION_MODELS]
    if unknown or not action_types:
        raise ConfigError(f"no action types {unknown}; choose from {', '.join(ACTION_MODELS)}")
    entries: dict[str, spaces.Space[Any]] = {"type": spaces.Discrete(len(action_types))}
    for (name, field), key in _keys(action_types).items():
        entries[key] = _field_space(_fields(name)[field])
    for decider, (_, by_index, _) in _TARGETS.items():
        if any(by_index in _fields(name) for name in action_types):
            entries[decider] = spaces.Discrete(2)
    if any(_target_is_optional(name) for name in action_types):
        entries["has_target"] = spaces.Discrete(2)
    return spaces.Dict(entries)


def decode_action(sample: Mapping[str, Any], action_types: tuple[str, ...]) -> Action:
    """The action a member of `action_space(action_types)` stands for.

    What is not a member becomes `Invalid`.
    """
    entries = _space(action_types).spaces
    for key, entry in entries.items():
        if key not in sample or not _contains(entry, sample[key]):
            return Invalid(reason=f"{key}: missing, or not in this environment's action_space")
    name = action_types[int(sample["type"])]
    keys = _keys(action_types)
    fields = {
        field: _decode(sample[keys[name, field]], schema) for field, schema in _fields(name).items()
    }
    if _target_is_optional(name) and not int(sample["has_target"]):
        del fields["element"], fields["point"]
    for decider, (_, by_index, by_point) in _TARGETS.items():
        if by_index in fields:
            del fields[by_index if int(sample[decider]) else by_point]
    try:
        return ACTION_ADAPTER.validate_python({"type": name, **fields})
    except ValidationError as error:  # half of a surrogate pair in a text
        return Invalid(reason=explain(error))


def encode_action(action: Action, action_types: tuple[str, ...]) -> ActionSample:
    """The member of `action_space(action_types)` that decodes to this action.

    Raises:
        ConfigError: the action's type is not among `action_types`.
    """
    if action.type not in action_types:
        raise ConfigError(f"{action.type!r} is not in this space: {', '.join(action_types)}")
    sample = {key: _blank(entry) for key, entry in _space(action_types).spaces.items()}
    sample["type"] = np.int64(action_types.index(action.type))
    keys = _keys(action_types)
    for field, schema in _fields(action.type).items():
        value = getattr(action, field)
        if value is not None:
            sample[keys[action.type, field]] = _encode(value, schema)
    for decider, (_, _, by_point) in _TARGETS.items():
        if decider in sample:
            sample[decider] = np.int64(getattr(action, by_point, None) is not None)
    if "has_target" in sample:
        given = (getattr(action, field, None) for field in ("element", "point"))
        sample["has_target"] = np.int64(any(value is not None for value in given))
    return sample


def observation_space(features: DeviceFeatures) -> spaces.Dict:
    """What an environment on such a device shows."""
    texts = ("role", "name", "value", "description", "resource_id")
    element: dict[str, spaces.Space[Any]] = {
        "index": spaces.Discrete(_MAX_ELEMENTS),
        **{name: Unicode(MAX_TEXT) for name in texts},
        "bounds": spaces.Box(-_FAR, _FAR, (4,), np.float32),
        **{flag: spaces.Discrete(2) for flag in ELEMENT_FLAGS},
    }
    return spaces.Dict(
        {
            "screenshot": spaces.Box(0, 255, (features.height, features.width, 3), np.uint8),
            "elements": spaces.Sequence(spaces.Dict(element)),
            "goal": Unicode(MAX_TEXT),
            "location": Unicode(MAX_TEXT),
            "step": spaces.Discrete(_MAX_STEPS),
            "last_action_error": Unicode(MAX_TEXT),
            "messages": spaces.Sequence(Unicode(MAX_TEXT)),
        }
    )


def encode_observation(observation: Observation) -> dict[str, Any]:
    """The observation as a member of `observation_space`; shares no memory with it."""
    return {
        "screenshot": observation.screenshot.copy(),
        "elements": _encode_elements(observation.elements),
        "goal": observation.goal[:MAX_TEXT],
        "location": observation.location[:MAX_TEXT],
        "step": np.int64(observation.step),
        "last_action_error": observation.last_action_error[:MAX_TEXT],
        "messages": tuple(message[:MAX_TEXT] for message in observation.messages),
    }


def _encode_elements(elements: Sequence[UIElement]) -> tuple[dict[str, Any], ...]:
    texts = ("role", "name", "value", "description", "resource_id")
    # One array for all: NumPy takes longer to begin than to clip.
    bounds = np.array([element.bounds for element in elements], np.float32).reshape(-1, 4)
    np.clip(bounds, -_FAR, _FAR, out=bounds)
    return tuple(
        {
            "index": np.int64(element.index),
            **{name: getattr(element, name)[:MAX_TEXT] for name in texts},
            "bounds": box,
            **{flag: np.int64(getattr(element, flag)) for flag in ELEMENT_FLAGS},
        }
        for element, box in zip(elements, bounds, strict=True)
    )


@cache
def _fields(name: str) -> dict[str, dict[str, Any]]:
    """An action's fields without "type", and their JSON schemas (of "X or None": of X)."""
    properties = ACTION_MODELS[name].model_json_schema()["properties"]
    return {
        field: schema.get("anyOf", [schema])[0]
        for field, schema in properties.items()
        if field != "type"
    }


@cache
def _target_is_optional(name: str) -> bool:
    """Whether the action has a target but is valid with neither an element nor a point."""
    if "element" not in _fields(name):
        return False
    fields = {
        field: _decode(_blank(_field_space(schema)), schema)
        for field, schema in _fields(name).items()
        if field not in ("element", "point", "to_element")
    }
    try:
        ACTION_MODELS[name].model_validate({"type": name, **fields})
    except ValidationError:
        return False
    return True


@cache
def _keys(action_types: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """(type, field) -> the entry of the space that holds it."""
    meanings: dict[str, spaces.Space[Any]] = {}
    keys: dict[tuple[str, str], str] = {}
    for name in action_types:
        for field, schema in _fields(name).items():
            space = _field_space(schema)
            same = meanings.setdefault(field, space) == space
            keys[name, field] = field if same else f"{name}.{field}"
    return keys


@cache
def _space(action_types: tuple[str, ...]) -> spaces.Dict:
    """`action_space`, made once; callers get their own, because a space holds a seed."""
    return action_space(action_types)


def _contains(space: spaces.Space[Any], value: Any) -> bool:
    if isinstance(space, spaces.Box) and isinstance(value, (int, float)):
        value = np.asarray(value)  # a Box of numbers warns about plain ones
    return space.contains(value)


def _choices(schema: dict[str, Any]) -> Sequence[str]:
    """The values of a field that has only some; empty for one that takes any text."""
    choices: Sequence[str] = schema.get("enum", ())
    return SHORTCUTS if schema.get("format") == "shortcut" else choices


def _field_space(schema: dict[str, Any]) -> spaces.Space[Any]:
    if choices := _choices(schema):
        return spaces.Discrete(len(choices))
    if "prefixItems" in schema:
        return spaces.Box(0.0, 1.0, (len(schema["prefixItems"]),), np.float64)
    match schema["type"]:
        case "boolean":
            return spaces.Discrete(2)
        case "integer":
            return spaces.Discrete(schema["exclusiveMaximum"])
        case "number":
            return spaces.Box(schema["minimum"], schema["maximum"], (), np.float64)
        case "array":
            return spaces.Sequence(_field_space(schema["items"]))
        case _:
            return Unicode(schema["maxLength"])


def _decode(value: Any, schema: dict[str, Any]) -> Any:
    if choices := _choices(schema):
        return choices[int(value)]
    if "prefixItems" in schema:
        return tuple(float(part) for part in value)
    match schema["type"]:
        case "boolean":
            return bool(value)
        case "integer":
            return int(value)
        case "number":
            return float(value)
        case "array":  # a Sequence has no longest length of its own
            return tuple(value)[: schema["maxItems"]]
        case _:
            return value


def _encode(value: Any, schema: dict[str, Any]) -> Any:
    if choices := _choices(schema):
        return np.int64(choices.index(value))
    if "prefixItems" in schema or schema["type"] == "number":
        return np.asarray(value, np.float64)
    if schema["type"] in ("boolean", "integer"):
        return np.int64(value)
    return value


def _blank(space: spaces.Space[Any]) -> Any:
    """What stands in an entry that the action does not have."""
    match space:
        case spaces.Discrete():
            return np.int64(0)
        case spaces.Box():
            return np.zeros(space.shape, space.dtype)
        case spaces.Sequence():
            return ()
        case _:
            return ""
