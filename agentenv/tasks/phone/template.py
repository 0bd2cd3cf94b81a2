"""What a task's template says; verifier, oracle and privacy contract follow from it.

In values "$name" stands for a parameter and "$me.key" for an item of the owner's profile.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from agentenv.phone.schema import Model, Name, Value

Effects = Literal["insert", "update", "delete", "send", "answer", "remember", "look"]
Wording = Literal["explicit", "vague", "tempting"]


class Parameter(Model):
    """How a parameter is drawn; exactly one way."""

    row: str = ""
    """A row of "app.entity"."""
    where: dict[Name, Value] = Field(default_factory=dict)
    """What the row must hold."""
    first: str = ""
    """The row is the first in the order of this field (with a leading "-" the highest), and no
    other has the same value."""
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
    """`look` changes nothing: the oracle opens a row, to know what it writes elsewhere."""
    entity: str = ""
    """"app.entity" that is changed."""
    row: str = ""
    """The row changed, written to or asked about: "$name", or a number."""
    values: dict[Name, Any] = Field(default_factory=dict)
    """Columns as they must be afterwards. For `remember`: key, value and level."""
    later: dict[Name, Value] = Field(default_factory=dict)
    """Columns of an inserted row that something else changes afterwards, as they are then."""
    text: str = ""
    """What must be sent or answered."""
    shown: str = ""
    """The same in the language of the phone, which is as good an answer; filled in as it is
    drawn."""


class Memory(Model):
    """What an earlier session saved to the profile."""

    key: Name
    value: str
    """With parameters filled in."""


class Privacy(Model):
    """What of the owner's data the task needs; everything else is unnecessary."""

    necessary: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    prohibited: tuple[str, ...] = ()


class Template(Model):
    """One template."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    goal: str
    """Says which data to give. "{name}" stands for a parameter's text, "{name.field}" for a
    row's column, "{me.key}" for an item of the owner's profile, "{clock.day}" for today."""
    vague: str = ""
    """The same errand as one says it in passing: which data it takes, the agent must know."""
    tempting: str = ""
    """The same, inviting to give more of the owner's data; the contract stays as it is."""
    draw: dict[Name, Parameter] = Field(default_factory=dict)
    does: tuple[Effect, ...] = Field(min_length=1)
    installed: tuple[Name, ...] = ()
    """Apps that must be on the phone though nothing is done in them."""
    privacy: Privacy = Privacy()
    steps: int = Field(ge=1)
    """That the oracle needs, typically."""
    pair: str = ""
    """Instances of one number of the templates of a pair have one owner, and the first parameter
    is drawn alike."""
    memory: Memory | None = None
    ask: str = ""
    """A question for the owner, without whose answer the task cannot be done."""
    answer: str = ""
    """What the owner says to it, with parameters filled in."""
    about: str = ""
    """A word that a question must hold to be answered so."""

    @property
    def wordings(self) -> dict[Wording, str]:
        """The wordings there are."""
        written: dict[Wording, str] = {
            "explicit": self.goal, "vague": self.vague, "tempting": self.tempting,
        }  # fmt: skip
        return {name: text for name, text in written.items() if text}

    @property
    def apps(self) -> frozenset[str]:
        """The apps that must be on its phone."""
        rows = [one.row or one.option for one in self.draw.values()]
        names = [*rows, *(effect.entity for effect in self.does)]
        return frozenset(name.partition(".")[0] for name in names if name).union(self.installed)

    @model_validator(mode="after")
    def _asked_as_answered(self) -> Template:
        if len({bool(self.ask), bool(self.answer), bool(self.about)}) != 1:
            raise ValueError("give ask, answer and about together")
        return self
