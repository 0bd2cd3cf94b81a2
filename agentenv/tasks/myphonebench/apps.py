"""From a form's schema and a catalogue to an app: list, detail, form, and records to cancel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from agentenv.errors import ConfigError
from agentenv.phone.schema import App, EntityField, Name, Personal
from agentenv.tasks.myphonebench.checkout import DRAFTS, AppFiles, FormField, Row

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CATEGORIES = (
    ("email", r"mail"),
    ("phone", r"phone"),
    ("birth_date", r"dob|birth"),
    ("payment", r"card|bank|payment"),
    ("health", r"blood|allerg|health|medic|diet"),
    ("identity", r"_id$|id_number|license|passport|vin|policy|insurance"),
    ("address", r"address|city|state|residency"),
    ("name", r"(^|_)name$"),
    ("other", r"gender|occupation|loyalty|language|purpose"),
)
_TITLES = ("name", "title", "plan_name", "address")
_MOST_OPTIONS = 20
_MOST_FILTERS = 4


def category_of(name: str) -> Any:
    """The kind of personal data that a profile key or a column names; empty for none."""
    return next((one for one, pattern in _CATEGORIES if re.search(pattern, name)), "")


def record_table(files: AppFiles) -> str:
    """The table that the form's records lie in.

    Raises:
        ConfigError: there is none.
    """
    for name in files.tables:
        if name != DRAFTS and name not in files.seeds:
            return name
    raise ConfigError(f"{files.name}: no table holds what its form makes")


def references(files: AppFiles) -> dict[str, str]:
    """Columns of a record that hold the number of a catalogue's row, the largest first."""
    found: dict[str, str] = {}
    for column in files.tables[record_table(files)]:
        stem = column.removesuffix("_id")
        for name in sorted(files.seeds, key=len):
            singular = name.removesuffix("ies") + "y" if name.endswith("ies") else name[:-1]
            if column.endswith("_id") and (singular == stem or singular.endswith(f"_{stem}")):
                found.setdefault(column, name)
    sizes = {column: len(files.seeds[name]) for column, name in found.items()}
    return dict(sorted(found.items(), key=lambda one: -sizes[one[0]]))


def days_in(content: Any) -> Iterator[str]:
    """Every day that is written somewhere in a JSON value."""
    if isinstance(content, str):
        yield from _DAY.findall(content)
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from days_in(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from days_in(value)


def day_before(content: Any) -> str:
    """The day before all days that a JSON value names."""
    days = [date.fromisoformat(one) for one in days_in(content)] or [date(2026, 3, 3)]
    return (min(days) - timedelta(days=1)).isoformat()


def make_app(files: AppFiles, cancelled: bool) -> App:
    """The app.

    Args:
        files: what the checkout says of it.
        cancelled: what is cancelled stays, with the status "cancelled"; else it is removed.

    Raises:
        ConfigError: something that an app needs is missing.
        ValidationError: a name is none that a table may have.
    """
    record, found = record_table(files), references(files)
    if not found:
        raise ConfigError(f"{files.name}: no column of {record} refers to a catalogue")
    parent = next(iter(found))
    shown = {name: _catalogue(rows) for name, rows in files.seeds.items()}
    entities: dict[str, Any] = {
        name: {"title": _title(fields), "art": "place", "fields": fields, "seed_rows": _plain(rows)}
        for (name, fields), rows in zip(shown.items(), files.seeds.values(), strict=True)
    }
    form = form_fields(files, parent)
    columns = {
        name: form.get(name) or EntityField(default="confirmed" if name == "status" else None)
        for name in files.tables[record] if name != "id"
    }  # fmt: skip
    columns |= {name: field for name, field in form.items() if name not in columns}
    columns[parent] = EntityField(type="reference", entity=found[parent], label=found[parent])
    entities[record] = {"title": parent, "fields": columns}
    cancel: dict[str, Any] = {"set": {"status": "cancelled"}, "when": {"status": "confirmed"}}
    cancel = cancel if cancelled else {"delete": True}
    return App.model_validate(
        {
            "id": files.name,
            "name": files.title,
            "icon": "book",
            "color": "#3f5f90",
            "recipient": files.title,
            "start": "home",
            "tabs": ["home", "records"],
            "tab_icons": ["search", "list"],
            "entities": entities,
            "screens": {
                **_browsing(found[parent], entities[found[parent]], record),
                **_keeping(record, parent, files.tables[record], form, cancel),
            },
        }
    )


def form_fields(files: AppFiles, parent: str) -> dict[str, EntityField]:
    """The fields of the form: what is chosen first, then as the schema lists them, then what a
    draft keeps beside these."""
    told = {one.column: one for one in files.fields}
    drafted = [one for one in files.tables.get(DRAFTS, ()) if one not in (parent, "updated_at")]
    timed = [one for one in drafted if one not in told and re.search(r"_(date|time|id)$", one)]
    names = dict.fromkeys((*timed, *told, *drafted))
    return {name: _form_field(files, name, told.get(name)) for name in names}


def _form_field(files: AppFiles, name: str, told: FormField | None) -> EntityField:
    label = told.label if told else name.replace("_", " ").capitalize()
    required = told.required if told else False
    catalogue = references(files).get(name)
    if catalogue:
        rows = files.seeds[catalogue]
        title = _title(_catalogue(rows))
        return EntityField(type="choice", label=label.removesuffix(" id"), required=True,
                           widget="menu", options=tuple(str(row["id"]) for row in rows),
                           option_labels=tuple(str(row[title]) for row in rows))  # fmt: skip
    dated = {column.removesuffix("_date") for column in files.tables.get(DRAFTS, ())}
    if name.endswith("_date"):
        return EntityField(type="date", label=label, required=True)
    if name.endswith("_time"):
        if name.removesuffix("_time") in dated:
            return EntityField(type="time", label=label, required=True)
        return EntityField(label=label, required=True, hint="YYYY-MM-DD HH:MM")
    key = told.profile_key if told else ""
    category = category_of(key or name) if key or not told or told.heading else ""
    about = {"category": category} | ({"key": key} if key else {})
    return EntityField(
        label=label,
        required=required,
        personal=Personal.model_validate(about) if category else None,
        trap=told.heading if told else "",
    )


def _catalogue(rows: Sequence[Row]) -> dict[Name, EntityField]:
    """The fields of a catalogue, by what its rows hold."""
    return {name: _column([row.get(name) for row in rows]) for name in rows[0] if name != "id"}


def _column(values: Sequence[Any]) -> EntityField:
    held = [one for one in values if one is not None]
    if held and all(isinstance(one, bool) for one in held):
        return EntityField(type="boolean")
    if held and all(isinstance(one, int) for one in held):
        return EntityField(type="integer")
    if held and all(isinstance(one, int | float) for one in held):
        return EntityField(type="decimal")
    texts = [_text(one) for one in held]
    options = tuple(sorted(set(texts)))
    if 1 < len(options) <= min(_MOST_OPTIONS, len(texts) // 2) and max(map(len, options)) <= 40:
        return EntityField(type="choice", options=options)
    return EntityField(type="long_text" if max(map(len, texts), default=0) > 60 else "text")


def _text(value: Any) -> Any:
    """A value as a column holds it: a list in one line."""
    if isinstance(value, list):
        return "; ".join(str(_text(one)) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(str(_text(one)) for one in value.values())
    return value


def _plain(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple({name: _text(value) for name, value in row.items()} for row in rows)


def _title(fields: Mapping[str, EntityField]) -> str:
    texts = [name for name, field in fields.items() if field.type == "text"]
    return next((name for name in (*_TITLES, *texts) if name in fields), next(iter(fields)))


def _browsing(name: str, entity: Mapping[str, Any], record: str) -> dict[str, Any]:
    """The catalogue: a list to search and filter, and an entry with the way to the form."""
    fields: Mapping[str, EntityField] = entity["fields"]
    title = entity["title"]

    def of_type(*types: str) -> list[str]:
        return [one for one, field in fields.items() if field.type in types and one != title]

    short = [*of_type("choice"), *of_type("text")][:2]
    row = {
        "title": f"{{{title}}}",
        "subtitle": " · ".join(f"{{{one}}}" for one in short),
        "detail": " · ".join(f"{{{one}}}" for one in of_type("integer", "decimal")[:2]),
        "look": "card",
    }
    filters = [*of_type("choice"), *of_type("boolean")][:_MOST_FILTERS]
    button = {"label": f"New: {_words(record).lower()}", "icon": "check", "opens": "form"}
    shown = [one for one in fields if one != title]
    home = {"kind": "list", "entity": name, "opens": "detail", "search": [title, *short]}
    return {
        "home": home | {"filters": filters, "row": row},
        "detail": {"kind": "detail", "entity": name, "shows": shown, "buttons": {"book": button}},
    }


def _keeping(
    record: str, parent: str, columns: Iterable[str], form: Iterable[str], cancel: Mapping[str, Any]
) -> dict[str, Any]:
    """The form, and the records it makes."""
    about = {"entity": record, "title": _words(record)}
    when = [one for one in form if one.endswith(("_date", "_time"))]
    row = {"title": f"{{{parent}}}", "subtitle": " · ".join(f"{{{one}}}" for one in when)}
    button = {"label": "Cancel", "icon": "close", "confirm": "Cancel this?", **cancel}
    sent = {"parent": parent, "sends": True, "submit": "Send", "says": "Confirmed"}
    steps = [{"title": _words(record), "fields": list(form)}]
    shown = [one for one in columns if one not in ("id", parent)]
    return {
        "form": {"kind": "form", **about, **sent, "steps": steps, "then": "records"},
        "records": {"kind": "list", **about, "opens": "record", "search": [parent], "row": row},
        "record": {"kind": "detail", **about, "shows": shown, "buttons": {"cancel": button}},
    }


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
