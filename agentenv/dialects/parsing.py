"""What the parsers share: finding the action in a model's output, safely."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from agentenv.actions import Action, Invalid
from agentenv.errors import ConfigError

MAX_OUTPUT = 20_000
"""Characters of output a parser reads; longer output is `Invalid` unread."""
MAX_DIGITS = 30
"""Digits of a number; no action needs more, and long ones are slow to convert."""
MAX_REASON = 300
MAX_RAW = 1_000

_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
# An object starts with a key or is empty: "{the button}" in prose is skipped.
_OBJECT_START = re.compile(r'\{\s*["}]')

_TAG = re.compile(r"</?\w+>|<\|\w+\|>")
_BETWEEN_NUMBERS = re.compile(r"[\s,()\[\]]+")
_NUMBER = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}(\.[0-9]{{1,{MAX_DIGITS}}})?")


class OutputError(Exception):
    """The output is not an action; the message is the reason a model will read."""


def parse_with(read: Callable[[str], Action], output: str | bytes) -> Action:
    """`read` applied to the output's text; whatever it refuses becomes `Invalid`."""
    try:
        return read(_as_text(output))
    except OutputError as refusal:
        reason = str(refusal)
    except ValidationError as error:
        reason = explain(error)
    except RecursionError:
        reason = "the JSON is nested too deeply; an action is one flat object"
    raw = output[:MAX_RAW]
    if isinstance(raw, bytes):
        raw = raw.decode("utf-8", "replace")
    return Invalid(reason=without_surrogates(reason)[:MAX_REASON], raw=without_surrogates(raw))


def printable(text: str) -> str:
    """The text of an action, which a parser would read again.

    Raises:
        ConfigError: it is longer than that.
    """
    if len(text) > MAX_OUTPUT:
        raise ConfigError(f"the action takes more than {MAX_OUTPUT} characters")
    return text


def without_surrogates(text: str) -> str:
    """The text with lone surrogates, which no file can hold, replaced by "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def after_thinking(text: str, beginnings: tuple[str, ...] = ("{", "<tool_call>")) -> str:
    """What follows a <think> block, which may mention actions it does not take.

    Text with one of these beginnings is an answer from its first word on, and returned
    whole: "</think>" can be typed text.
    """
    start = text.lstrip()
    if start.startswith(beginnings):
        return text
    _, closed, rest = text.partition(_THINK_CLOSE)
    if closed:
        return rest
    if start.startswith(_THINK_OPEN):
        raise OutputError("the output ends inside <think>; close it and give the action")
    return text


def after_heading(text: str, heading: str, what: str) -> str:
    """What follows a heading such as "Action:"; the whole text if there is none.

    Args:
        text: the output.
        heading: a line that begins with it comes before one that only contains it.
        what: a regular expression that matches what must follow the heading.
    """
    pattern = f"{heading}(?={what})"
    found = re.search(rf"^[^\w\n]*{pattern}", text, re.MULTILINE) or re.search(pattern, text)
    return text[found.end() :] if found else text


def coordinates(text: str) -> tuple[float, ...]:
    """The numbers in ``(12,34)``, ``[0.1, 0.2]``, ``<point>12 34</point>`` and the like.

    Raises:
        OutputError: there is something else in it.
    """
    parts = [part for part in _BETWEEN_NUMBERS.split(_TAG.sub(" ", text)) if part]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        raise OutputError(f"{cut(text)!r} are no coordinates")
    return tuple(float(part) for part in parts)


def first_object(text: str, example: str) -> dict[str, Any]:
    """The first JSON object in the text.

    Raises:
        OutputError: there is none, or it is not strict JSON that can be stored as UTF-8.
    """
    start = _OBJECT_START.search(text)
    if start is None:
        raise OutputError(f"no JSON object in the output; write one like {example}")
    try:
        found, _ = _DECODER.raw_decode(text, start.start())
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except json.JSONDecodeError as error:
        place = error.pos - start.start()
        raise OutputError(
            f"not valid JSON: {error.msg} (character {place} of the object)"
        ) from None
    except UnicodeEncodeError:
        raise OutputError("a string holds half of a surrogate pair (\\ud800-\\udfff)") from None
    except ValueError:
        raise OutputError("a number is too large") from None
    return dict(found)


def explain(error: ValidationError) -> str:
    """The first thing wrong, as "field: what is wrong"."""
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "union_tag_invalid":
        context = first["ctx"]
        return f"type: unknown action {cut(str(context['tag']))!r}; one of {_choices(context)}"
    if first["type"] == "union_tag_not_found":
        return "type: missing; it names the action"
    where = ".".join(cut(str(part)) for part in first["loc"])
    return f"{where}: {message}" if where else message


def cut(text: str, length: int = 40) -> str:
    """The text, at most `length` characters of it."""
    return text if len(text) <= length else text[: length - 3] + "..."


def _choices(context: dict[str, Any]) -> str:
    tags = str(context["expected_tags"]).replace("'", "")
    return tags.removesuffix(", invalid")


def _as_text(output: str | bytes) -> str:
    # Checked before decoding as well: a UTF-8 character has at most 4 bytes.
    limit = 4 * MAX_OUTPUT if isinstance(output, bytes) else MAX_OUTPUT
    if len(output) <= limit and isinstance(output, bytes):
        try:
            output = output.decode("utf-8")
        except UnicodeDecodeError as error:
            raise OutputError(f"the output is not UTF-8 (byte {error.start})") from None
    if isinstance(output, bytes) or len(output) > MAX_OUTPUT:
        raise OutputError(f"the output is longer than {MAX_OUTPUT} characters")
    return output


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise OutputError(f"{cut(key)}: given twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise OutputError(f"{name} is not a JSON number")


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise OutputError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_without_duplicates,
    parse_constant=_refuse_constant,
    parse_int=_bounded_int,
)
