"""The `json` dialect: an action is one JSON object, ``{"type":"tap","element":3}``."""

from __future__ import annotations

import json
from typing import Any

from agentenv.actions import ACTION_ADAPTER, ACTION_MODELS, Action, BaseAction, Invalid
from agentenv.dialects.parsing import (
    OutputError,
    after_thinking,
    first_object,
    parse_with,
    printable,
)
from agentenv.errors import ConfigError

EXAMPLE = '{"type":"tap","element":3}'


class JsonDialect:
    """Actions as the JSON of their models.

    Keys are printed in a fixed order: `type`, `label`, `element` or `point`, then the
    model's own fields; fields that hold their default are left out.

    Args:
        decimals: digits after the decimal point of printed points and seconds; the
            resolution of the round trip.
    """

    name = "json"

    def __init__(self, decimals: int = 3) -> None:
        self.decimals = decimals

    def parse(self, text: str | bytes) -> Action:
        """The first JSON object of the output as an action, else `Invalid`.

        Prose, code fences and a <think> block around it are skipped.
        """
        return parse_with(_read, text)

    def print(self, action: Action) -> str:
        """The action as one line of compact JSON.

        Raises:
            ConfigError: `Invalid`, or too long to be parsed again.
        """
        if isinstance(action, Invalid):
            raise ConfigError("the json dialect writes valid actions only; this one is Invalid")
        fields: dict[str, Any] = {"type": action.type}
        for name, field in type(action).model_fields.items():
            value = getattr(action, name)
            if name != "type" and (field.is_required() or value != field.default):
                fields[name] = self._rounded(value)
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return printable(text)

    def instructions(self, action_types: tuple[str, ...]) -> str:
        """The actions as a prompt lists them, one per line."""
        lines = [f"{_signature(ACTION_MODELS[name])} - {_summary(name)}" for name in action_types]
        return (
            "Answer with the next action: one JSON object and nothing else. "
            "A field marked ? may be left out; give either element (an index from the list "
            "of elements) or point ([x,y] from [0,0] top left to [1,1] bottom right); "
            "label is the target's name.\n" + "\n".join(lines)
        )

    def _rounded(self, value: Any) -> Any:
        if isinstance(value, float):
            return round(value, self.decimals)
        if isinstance(value, tuple):
            return [self._rounded(part) for part in value]
        return value


def _read(text: str) -> Action:
    found = first_object(after_thinking(text), EXAMPLE)
    if found.get("type") == Invalid.model_fields["type"].default:
        raise OutputError(f"type: 'invalid' is not an action; one of {', '.join(ACTION_MODELS)}")
    # As JSON and not as Python objects: only there does strict mode take a list for a point.
    return ACTION_ADAPTER.validate_json(json.dumps(found), strict=True)


def _summary(name: str) -> str:
    return ACTION_MODELS[name].summary


def _signature(model: type[BaseAction]) -> str:
    """E.g. ``{"type":"scroll","element"?:index,"direction":"up"|"down"}``."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    parts = [f'"type":"{schema["properties"]["type"]["const"]}"']
    for name, property_ in schema["properties"].items():
        if name != "type":
            mark = "" if name in required else "?"
            parts.append(f'"{name}"{mark}:{_kind(property_)}')
    return "{" + ",".join(parts) + "}"


def _kind(schema: dict[str, Any]) -> str:
    """A JSON schema in the few words a prompt has room for."""
    if "anyOf" in schema:
        return _kind(schema["anyOf"][0])
    if "enum" in schema:
        return "|".join(json.dumps(value) for value in schema["enum"])
    if "examples" in schema:
        return "|".join([*(json.dumps(value) for value in schema["examples"]), "..."])
    match schema["type"]:
        case "array" if "prefixItems" in schema:
            return "[x,y]"
        case "array":
            return f"[{_kind(schema['items'])},...]"
        case "integer":
            return "index"
        case "boolean":
            return "true|false"
        case "string":
            return "text"
        case other:
            return str(other)
