"""Conditions on a page and an answer, as data: what a task file calls success.

A condition is a mapping; several keys, like a list, mean all of them:

- ``script``: a JavaScript expression over the page is true (`parameters` holds the task's)
- ``url``: the address matches, with ``*`` for any characters
- ``text``: the page shows this text; case and white space do not matter
- ``answer``: the agent answered this; case and white space do not matter
- ``answer_matches``: a regular expression matches the agent's whole answer
- ``all``, ``any``: a list of conditions; ``not``: one condition
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentenv.config import closest
from agentenv.errors import ConfigError
from agentenv.tasks.web.parameters import fill

_GROUPS = ("all", "any", "not")
KINDS = ("script", "url", "text", "answer", "answer_matches", *_GROUPS)

# A script may throw because another page is open than the one it is about, so this is no
# failure; what it threw is handed on for the log.
_STATE = """((parameters) => {
  const text = () => (document.body ? document.body.innerText : '')
    .replace(/\\s+/g, ' ').toLowerCase();
  const holds = (check) => {
    try { return Boolean(check()); } catch (error) { return String(error); }
  };
  return { url: location.href, seen: [%s] };
})(%s)"""


@dataclass(frozen=True)
class Condition:
    """One condition, or several."""

    kind: str
    """One of `KINDS`."""
    value: str = ""
    """What a simple one compares with."""
    parts: tuple[Condition, ...] = ()
    """Of all, any and not."""


def parse_condition(given: Any, where: str) -> Condition:
    """A condition as a task file gives it; `where` is named in errors.

    Raises:
        ConfigError: not a condition.
    """
    if isinstance(given, Sequence) and not isinstance(given, str):
        return Condition("all", parts=_parse_parts(given, where))
    if not isinstance(given, Mapping) or not given:
        raise ConfigError(f"{where}: write a condition such as 'text: Thank you'")
    parsed = tuple(_parse_one(str(kind), inner, where) for kind, inner in given.items())
    return parsed[0] if len(parsed) == 1 else Condition("all", parts=parsed)


def _parse_one(kind: str, given: Any, where: str) -> Condition:
    if kind not in KINDS:
        raise ConfigError(f"{where}: unknown condition {kind!r}{closest(kind, KINDS)}")
    where = f"{where}: {kind}"
    if kind == "not":
        return Condition(kind, parts=(parse_condition(given, where),))
    if kind in _GROUPS:
        if not isinstance(given, Sequence) or isinstance(given, str) or not given:
            raise ConfigError(f"{where}: give a list of conditions")
        return Condition(kind, parts=_parse_parts(given, where))
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise ConfigError(f"{where}: give a text (in quotes, if it is yes, no, true or a list)")
    if not str(given).strip():
        raise ConfigError(f"{where}: it is empty")
    return Condition(kind, str(given))


def _parse_parts(given: Sequence[Any], where: str) -> tuple[Condition, ...]:
    return tuple(parse_condition(part, f"{where}[{n}]") for n, part in enumerate(given))


def with_values(condition: Condition, values: Mapping[str, Any]) -> Condition:
    """The condition with parameters filled in (scripts read them as `parameters` instead).

    Raises:
        ConfigError: no such parameter, or not a regular expression.
    """
    if condition.kind in _GROUPS:
        parts = tuple(with_values(part, values) for part in condition.parts)
        return replace(condition, parts=parts)
    if condition.kind == "script":
        return condition
    is_pattern = condition.kind == "answer_matches"
    try:
        filled = fill(condition.value, values, re.escape if is_pattern else str)
        if is_pattern:
            re.compile(filled)
    except (ConfigError, re.error) as error:
        raise ConfigError(f"{condition.kind}: {error}") from error
    return replace(condition, value=filled)


def state_expression(conditions: Sequence[Condition], values: Mapping[str, Any]) -> str:
    """JavaScript that gives what `holds` needs to know of the page."""
    checks = [_check(leaf) for leaf in _page_leaves(conditions)]
    return _STATE % (", ".join(f"holds(() => ({check}\n))" for check in checks), json.dumps(values))


def page_errors(conditions: Sequence[Condition], state: Mapping[str, Any]) -> dict[str, str]:
    """What the page said of scripts that could not be evaluated, by script."""
    leaves = _page_leaves(conditions)
    seen = zip(leaves, state["seen"], strict=True)
    return {leaf.value: value for leaf, value in seen if isinstance(value, str)}


def holds(
    condition: Condition,
    conditions: Sequence[Condition],
    state: Mapping[str, Any],
    answer: str | None,
) -> bool:
    """Whether a condition is met.

    Args:
        condition: one of `conditions`, or a part of one.
        conditions: those for which `state_expression` was made.
        state: what it gave.
        answer: the agent's, if it gave one.
    """

    def met(one: Condition) -> bool:
        match one.kind:
            case "all":
                return all(met(part) for part in one.parts)
            case "any":
                return any(met(part) for part in one.parts)
            case "not":
                return not met(one.parts[0])
            case "url":
                return _glob_matches(one.value, state["url"])
            case "answer":
                return answer is not None and _squeeze(answer) == _squeeze(one.value)
            case "answer_matches":
                return answer is not None and bool(re.fullmatch(one.value, answer.strip()))
            case _:
                return state["seen"][leaves.index(one)] is True

    leaves = _page_leaves(conditions)
    return met(condition)


def _page_leaves(conditions: Sequence[Condition]) -> list[Condition]:
    """Conditions that only the page can judge, each once."""
    return list(dict.fromkeys(leaf for one in conditions for leaf in _walk(one)))


def _walk(condition: Condition) -> Iterator[Condition]:
    if condition.kind in ("script", "text"):
        yield condition
    for part in condition.parts:
        yield from _walk(part)


def _check(leaf: Condition) -> str:
    if leaf.kind == "script":
        return leaf.value
    return f"text().includes({json.dumps(' '.join(leaf.value.split()))}.toLowerCase())"


def _glob_matches(pattern: str, url: str) -> bool:
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), url, re.DOTALL))


def _squeeze(text: str) -> str:
    return " ".join(text.split()).casefold()
