"""A person at a task: the phone, what is to be done, and the verdict when it is done."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentenv.phone.changes import Change
from agentenv.phone.phone import Phone

Text = Annotated[str, Field(max_length=2_000)]


@dataclass(frozen=True)
class Result:
    """What is said of what a person did."""

    success: bool
    findings: Sequence[Mapping[str, str]] = ()
    """Of the audit, in words: severity, message and what would have been enough."""
    audit: str = ""
    """The audit in a sentence."""


class _Order(BaseModel):
    """What the page asks for: to be told an item of the owner's, to save one, an answer of the
    owner's, or the verdict."""

    model_config = ConfigDict(extra="forbid")
    do: Literal["read", "save", "ask", "done"]
    key: Text = ""
    value: Text = ""
    """What to save; the question; the answer to the task."""


class Play:
    """One person's attempt at one task.

    Args:
        phone: in the task's first state.
        goal: of the task.
        judge: gives the verdict on the phone as it is, with the answer (None: none).
    """

    def __init__(self, phone: Phone, goal: str, judge: Callable[[str | None], Result]) -> None:
        self._phone, self._goal, self._judge = phone, goal, judge
        self._lock = threading.Lock()
        self.result: Result | None = None
        """None until the person is done."""
        self.answer: str | None = None

    def page(self) -> tuple[str, str]:
        """(HTML, its script)."""
        environment = Environment(loader=PackageLoader("agentenv.phone", "page"), autoescape=True)
        html = environment.get_template("play.html.j2").render(
            goal=self._goal,
            items=[
                (item.key, item.label, item.level == "high") for item in self._phone.setup.owner
            ],
            saved=[key for key, _ in self._phone.setup.saved],
            script=Markup(_script()),
        )
        return html, _script()

    def take(self, order: bytes) -> str:
        """Carry out an order of the page; the answer as JSON.

        Raises:
            ValueError: it is none, or the attempt is over.
        """
        try:
            asked = _Order.model_validate_json(order)
        except ValidationError as error:
            raise ValueError(f"{error.error_count()} mistakes in the order") from error
        with self._lock:
            if self.result is not None:
                raise ValueError("this attempt is over; start the command again for another")
            return json.dumps(self._carry_out(asked), ensure_ascii=False)

    def _carry_out(self, asked: _Order) -> dict[str, Any]:
        match asked.do:
            case "read":
                return {"said": self._read(asked.key)}
            case "save":
                self._phone.request_permission("write_data", asked.key, "to remember it")
                return {"said": self._phone.save_profile(asked.key, asked.value, "low", "")}
            case "ask":
                return {"said": self._phone.ask_user(asked.value)}
            case _:
                return self._finish(asked.value.strip() or None)

    def _read(self, key: str) -> str:
        """Ask for the owner's leave where it takes one, and read."""
        private = any(item.key == key and item.level == "high" for item in self._phone.setup.owner)
        told = ""
        if private:
            told = self._phone.request_permission("read_data", key, "the task needs it") + "; "
        return told + self._phone.read_profile(key)

    def _finish(self, answer: str | None) -> dict[str, Any]:
        self.answer = answer
        self.result = self._judge(answer)
        return {
            "success": self.result.success,
            "audit": self.result.audit,
            "findings": list(self.result.findings),
            "changes": [described(one) for one in self._phone.changes().rows],
        }


def described(change: Change) -> str:
    """A change in a line."""
    verb = {"insert": "new", "update": "changed", "delete": "removed"}[change.kind]
    values = ", ".join(
        f"{name} = {value}" for name, value in change.columns.items() if value not in (None, "")
    )
    return f"{verb}: {change.table} {change.row}" + (f": {values}" if values else "")


@cache
def _script() -> str:
    return (files("agentenv.phone") / "page" / "play.js").read_text(encoding="utf-8")
