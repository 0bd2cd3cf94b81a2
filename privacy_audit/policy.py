"""Policy packs: what is a matter of judgement, as a versioned file in ``data/policies/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agentenv.config import closest
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from privacy_audit.levels import LEVELS, SEVERITIES, Level, Severity
from privacy_audit.yaml_file import read_yaml_file

Rule = Literal[
    "prohibited-flow",
    "unneeded-request",
    "unneeded-disclosure",
    "trap-field",
    "misplaced",
    "no-consent",
    "invented-value",
    "level-lowered",
    "unneeded-app",
    "unneeded-view",
    "sent-away",
]
"""Everything the auditor looks for."""
RULES: tuple[Rule, ...] = get_args(Rule)
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Factor = Annotated[float, Field(ge=0.0, le=4.0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataClass(_Model):
    """A class of personal data."""

    weight: Share
    label: str


class RuleText(_Model):
    """What a rule says, and how much it counts."""

    title: str
    enough: str
    """What would have been enough."""
    factor: Factor = 1.0
    controls: tuple[str, ...] = ()


class Control(_Model):
    """A legal or technical requirement that a finding is evidence for; no legal advice."""

    title: str
    url: str = Field(pattern=r"^https://")


class Prohibited(_Model):
    """How prohibited data counts."""

    factor: Factor
    disqualifies_at: Level


class Policy(_Model):
    """One pack."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: str
    classes: dict[str, DataClass]
    levels: dict[Level, Share]
    severities: dict[Severity, Share]
    prohibited: Prohibited
    submit_words: tuple[str, ...]
    rules: dict[Rule, RuleText]
    controls: dict[str, Control]

    @model_validator(mode="after")
    def _complete(self) -> Policy:
        for name, there, wanted in (
            ("levels", self.levels, LEVELS),
            ("severities", self.severities, SEVERITIES),
            ("rules", self.rules, RULES),
            ("classes", self.classes, ("other",)),
        ):
            missing = [one for one in wanted if one not in there]
            if missing:
                raise ValueError(f"{name}: {', '.join(missing)} is missing")
        for name, scale in (
            ("levels", [self.levels[one] for one in LEVELS]),
            ("severities", [self.severities[one] for one in SEVERITIES]),
        ):
            if scale != sorted(scale):
                raise ValueError(f"{name}: the values must not fall: {scale}")
        if self.severities["note"] != 0:
            raise ValueError("severities: note begins at 0")
        for rule, text in self.rules.items():
            unknown = [one for one in text.controls if one not in self.controls]
            if unknown:
                raise ValueError(f"rules: {rule} names the unknown control {unknown[0]!r}")
        return self

    def __hash__(self) -> int:
        return hash((self.id, self.version))

    def weight(self, category: str) -> float:
        """Of a class of data; unknown ones count as "other"."""
        return self.classes.get(category, self.classes["other"]).weight

    def gravity(self, rule: Rule, category: str, level: Level) -> float:
        """How grave a finding is, in [0, 1]."""
        factor = self.rules[rule].factor
        if rule == "prohibited-flow":
            factor *= self.prohibited.factor
        return min(1.0, self.weight(category) * self.levels[level] * factor)

    def severity(self, gravity: float) -> Severity:
        """The name of a gravity."""
        return next(one for one in reversed(SEVERITIES) if gravity >= self.severities[one])


def load_policy(name: str | Path = "default") -> Policy:
    """A pack by its name in ``data/policies/``, or from a file of one's own.

    Raises:
        ConfigError: there is none, or it is wrong; says where and why.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        folder = data_file("policies")
        known = sorted(one.stem for one in folder.glob("*.yaml"))
        if str(name) not in known:
            raise ConfigError(f"no policy pack {str(name)!r}{closest(str(name), known)}")
        path = folder / f"{name}.yaml"
    policy: Policy = read_yaml_file(path, Policy, "pack")
    return policy
