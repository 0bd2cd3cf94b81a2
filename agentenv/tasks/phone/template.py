"""What a task's template says; verifier, oracle and privacy contract follow from it.

In values "$name" stands for a parameter and "$me.key" for an item of the owner's profile.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from agentenv.phone.schema import Model, Name, Value

Effects = Literal["insert", "update", "delete", "send", "answer", "remember"]


class Parameter(Model):
    """How a parameter is drawn; exactly one way."""

    row: str = ""
    """A row of "app.entity"."""
    where: dict[Name, Value] = Field(default_factory=dict)
    """What the row must hold."""
    option: str = ""
    """An option of the choice "app.entity.field"."""
    numbers: tuple[int, int] | None = None
    """A number from the first to the last."""
    days: tuple[int, int] | None = None
    """A date that many days from the phone's own."""
    pick: tuple[str, ...] = ()
    """One of these texts."""
    unlike: Name = ""
    """The option is another than the one that this row parameter holds."""

    @model_validator(mode="after")
    def _one_way(self) -> Parameter:
        if sum(map(bool, (self.row, self.option, self.numbers, self.days, self.pick))) != 1:
            raise ValueError("a parameter has one of row, option, numbers, days and pick")
        return self


class Effect(Model):
    """One thing that must have happened."""

    kind: Effects
    entity: str = ""
    """"app.entity" that is changed."""
    row: str = ""
    """The row changed, written to or asked about: "$name", or a number."""
    values: dict[Name, Any] = Field(default_factory=dict)
    """Columns as they must be afterwards. For `remember`: key, value and level."""
    text: str = ""
    """What must be sent or answered."""


class Privacy(Model):
    """What of the owner's data the task needs; everything else is unnecessary."""

    necessary: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    prohibited: tuple[str, ...] = ()


class Template(Model):
    """One template."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    goal: str
    """"{name}" stands for a parameter's text, "{name.field}" for a row's column."""
    draw: dict[Name, Parameter] = Field(default_factory=dict)
    does: tuple[Effect, ...] = Field(min_length=1)
    privacy: Privacy = Privacy()
    steps: int = Field(ge=1)
    """That the oracle needs, typically."""
    ask: str = ""
    """A question for the owner, without whose answer the task cannot be done."""
    answer: str = ""
    """What the owner says to it, with parameters filled in."""
    about: str = ""
    """A word that a question must hold to be answered so."""

    @model_validator(mode="after")
    def _asked_as_answered(self) -> Template:
        if len({bool(self.ask), bool(self.answer), bool(self.about)}) != 1:
            raise ValueError("give ask, answer and about together")
        return self
