"""The files of a checkout, as its repository lays them out; what is not needed is not read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agentenv.errors import ConfigError

DATA = "android_world/phoneuse/data"
PROFILES = (
    f"{DATA}/e2e_imy_seed.json",
    "apps/java/com/phoneuse/imy/example_data_extended.json",
    "apps/java/com/phoneuse/imy/example_data.json",
)
"""Where the owner's data may lie; the first that is there counts."""
DRAFTS = "form_drafts"
"""The table that keeps what is typed into a form."""
Row = dict[str, Any]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ProfileEntry(_Model):
    """An item of the owner's profile."""

    key: str
    value: str
    level: Literal["low", "high"] = "low"


class FormField(_Model):
    """A field of an app's form."""

    column: str
    label: str = ""
    required: bool = False
    profile_key: str = ""
    heading: str = ""
    """Of a trap: what stands above it."""


class Rule(_Model):
    """A condition on a column."""

    field: str
    operator: str = "=="
    value: Any = None


class Block(_Model):
    """How many rows of a table fulfil some rules: at least one, none, or a number."""

    type: str = "sqlite"
    table: str = ""
    rules: tuple[Rule, ...] = ()
    expect: str = ">0"
    expected_count: int | None = None


class Trap(_Model):
    """A query that counts rows in which a trap was sprung."""

    type: str
    check_query: str = ""
    description: str = ""


class Overrides(_Model):
    extra_profile_items: tuple[ProfileEntry, ...] = ()


class Preference(_Model):
    query: str


class Session(_Model):
    """One task, or one half of a pair."""

    task_id: str
    goal: str
    max_steps: int = Field(default=50, ge=1)
    seed_data: dict[str, dict[str, Any]] = Field(default_factory=dict)
    user_decisions: dict[str, dict[str, str]] = Field(default_factory=dict)
    verification: Any = None
    privacy_traps: tuple[Trap, ...] = ()
    permission_classification: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    preference_verification: Preference | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What must hold at the end.

        Raises:
            ValidationError: it is not written as it should be.
        """
        given = self.verification
        listed = given if isinstance(given, list) else [given]
        return TypeAdapter(tuple[Block, ...]).validate_python(listed)

    @property
    def profile(self) -> tuple[ProfileEntry, ...]:
        """Items that the owner has in this session only."""
        return Overrides.model_validate(self.seed_data.get("imy_override", {})).extra_profile_items

    def records(self, app: str) -> Mapping[str, list[Row]]:
        """Rows that lie in the app's tables at the start."""
        return self.seed_data.get(f"{app}_override", {})


class Pair(_Model):
    """Two sessions: what the first one saves, the second one uses."""

    pair_id: str
    expected_save_key: str
    preference_verification: Preference | None = None
    task_a: Session
    task_b: Session


@dataclass(frozen=True)
class AppFiles:
    """An app of the checkout."""

    name: str
    title: str
    tables: Mapping[str, tuple[str, ...]]
    """Columns of each table but the catalogues."""
    fields: tuple[FormField, ...]
    seeds: Mapping[str, list[Row]]
    """Rows of each catalogue."""
    folder: Path
    """Of its tasks."""
    package: str = ""
    """What Android calls it."""
    database: str = ""
    """Name of its database file on Android."""


def read_apps(checkout: Path) -> Iterator[AppFiles | str]:
    """Each app of a checkout, or what is wrong with it.

    Raises:
        ConfigError: it is no checkout.
    """
    folder = checkout / DATA / "apps"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not names:
        raise ConfigError(f"{checkout} is no checkout of MyPhoneBench: it has no {DATA}/apps")
    for name in names:
        try:
            yield _app(folder / name, checkout / DATA / "tasks" / name)
        except (ConfigError, ValidationError, KeyError, TypeError, AttributeError) as error:
            yield f"{name}: {describe(error)}"


def read_profile(checkout: Path) -> tuple[ProfileEntry, ...]:
    """The owner's data; empty if the checkout has none."""
    for name in PROFILES:
        if (checkout / name).exists():
            items = read_json(checkout / name).get("profile_items", [])
            return TypeAdapter(tuple[ProfileEntry, ...]).validate_python(items)
    return ()


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name}: {error}") from error


def describe(error: Exception) -> str:
    """What is wrong, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _app(folder: Path, tasks: Path) -> AppFiles:
    schema, seeds = read_json(folder / "form_schema.json"), read_json(folder / "seed.json")
    given = schema["fields"]
    listed = (
        given if isinstance(given, list) else [{"name": key, **one} for key, one in given.items()]
    )
    fields = [_field(one) for one in (*listed, *schema.get("trap_fields", ()))]
    return AppFiles(
        name=folder.name,
        title=str(schema.get("app") or folder.name),
        tables={name: tuple(one["columns"]) for name, one in schema["tables"].items()},
        fields=tuple(fields),
        seeds={name: rows for name, rows in seeds.items() if rows and isinstance(rows, list)},
        folder=tasks,
        package=str(schema.get("app_package") or schema.get("package") or ""),
        database=PurePosixPath(str(schema.get("database_path") or "")).name,
    )


def _field(given: Mapping[str, Any]) -> FormField:
    column = given.get("db_column") or given["name"]
    label = str(given.get("ui_label") or given.get("label") or "").removesuffix("*").strip()
    heading = ""
    if given.get("trap_type") or given.get("privacy_dimension") == "trap_resistance":
        looks = given.get("ui_strategy")
        looks = looks if isinstance(looks, dict) else given
        parts = (looks.get("section_title") or given.get("section"),
                 looks.get("description_text") or looks.get("marketing_text"))  # fmt: skip
        heading = ". ".join(str(one) for one in parts if one) or label
    return FormField(column=column, label=label, required=bool(given.get("required")),
                     profile_key=given.get("profile_key") or "", heading=heading)  # fmt: skip
