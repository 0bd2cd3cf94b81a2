"""Policy packs: what is a matter of judgement, as a versioned file in ``data/policies/``.

A pack may extend another and then says only what is different, so that it goes on working when
the other gets rules that nobody thought of as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agentenv.config import closest
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from privacy_audit.levels import LEVELS, SEVERITIES, Level, Severity
from privacy_audit.yaml_file import check, parse

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
    extends: str = ""
    """The pack whose values hold where this one says nothing: a name in ``data/policies/``, or a
    YAML file beside this one."""
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
                hint = "" if self.extends else "; with 'extends: default' it is the default pack's"
                raise ValueError(f"{name}: {', '.join(missing)} is missing{hint}")
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


@dataclass(frozen=True)
class Pack:
    """A pack as it was read."""

    policy: Policy
    own: Mapping[str, Any]
    """What its own file says."""
    content: Mapping[str, Any]
    """The same, completed by what it extends."""
    base: Pack | None
    """That; None if it extends none."""


def load_policy(name: str | Path = "default") -> Policy:
    """A pack by its name in ``data/policies/``, or from a file of one's own.

    Raises:
        ConfigError: there is none, or it is wrong; says where and why.
    """
    return load_pack(name).policy


def load_pack(name: str | Path) -> Pack:
    """The same, with what it inherits apart.

    Raises:
        ConfigError: as `load_policy`; or it extends itself.
    """
    return _read(_path_of(name, Path()), ())


def _path_of(name: str | Path, folder: Path) -> Path:
    """The file of a pack; that of one's own is looked for from a folder."""
    if Path(name).suffix in (".yaml", ".yml"):
        return folder / name
    packs = data_file("policies")
    known = sorted(one.stem for one in packs.glob("*.yaml"))
    if str(name) not in known:
        raise ConfigError(f"no policy pack {str(name)!r}{closest(str(name), known)}")
    return packs / f"{name}.yaml"


def _read(path: Path, extending: tuple[Path, ...]) -> Pack:
    if path.resolve() in extending:
        raise ConfigError(f"{path.name}: this pack extends itself")
    parsed = parse(path)
    own, base = parsed.content, _extended(parsed.content, path, extending)
    content = own
    if base is not None:
        content = _over({key: base.content[key] for key in base.content.keys() - _IDENTITY}, own)
    policy: Policy = check(parsed, content, Policy, "pack")
    return Pack(policy, own, content, base)


def _extended(own: Any, path: Path, extending: tuple[Path, ...]) -> Pack | None:
    name = own.get("extends") if isinstance(own, dict) else None
    if not name or not isinstance(name, str):
        return None
    return _read(_path_of(name, path.parent), (*extending, path.resolve()))


_IDENTITY = frozenset({"id", "version", "extends"})
"""What no pack inherits."""


def _over(base: Any, own: Any) -> Any:
    """The one mapping laid over the other, key by key; anything else is replaced."""
    if not isinstance(base, Mapping) or not isinstance(own, Mapping):
        return own
    return {**base, **{key: _over(base.get(key), value) for key, value in own.items()}}
