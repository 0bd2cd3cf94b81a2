"""The rows an app begins with, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from agentenv.phone.profile import person_name, phone_number
from agentenv.phone.schema import App, Entity, EntityField, names_in

_TRIES = 200
"""Draws of a row's title before it gets a number to be unlike the others."""


def make_rows(app: App, entity_name: str, seed: str, today: date) -> list[dict[str, Any]]:
    """The rows of an entity: those written out, then generated ones, whose names are unlike.

    Rows that are written out may have numbers of their own ("id"), if all rows of the entity do.

    Args:
        app: whose.
        entity_name: which.
        seed: the same seed gives the same rows.
        today: the phone's date, from which dates are counted.
    """
    entity = app.entities[entity_name]
    rng = random.Random(f"rows/{app.id}/{entity_name}/{seed}")
    counts = {name: len(one.seed_rows) + one.rows for name, one in app.entities.items()}
    rows = [
        {name: _plain(row.get(name, field.default), field, today)
         for name, field in entity.fields.items()}
        | ({"id": row["id"]} if "id" in row else {})
        for row in entity.seed_rows
    ]  # fmt: skip
    titles = {str(row[entity.title]) for row in rows}
    make = entity.fields[entity.title].make
    are_names = make is not None and bool(make.pattern or make.like)
    for _ in range(entity.rows):
        row = _drawn(entity, app.words, rng, today, counts)
        for attempt in range(_TRIES if are_names else 0):
            if str(row[entity.title]) not in titles:
                break
            row = _drawn(entity, app.words, rng, today, counts)
            if attempt == _TRIES - 1:
                row[entity.title] = f"{row[entity.title]} {len(titles)}"
        titles.add(str(row[entity.title]))
        rows.append(row)
    _put_clocks_in_order(entity, rows[len(entity.seed_rows) :])
    return rows


def _put_clocks_in_order(entity: Entity, rows: Sequence[dict[str, Any]]) -> None:
    """What was written later shows a later time."""
    for name, field in entity.fields.items():
        if field.make and field.make.clock:
            for row, time in zip(rows, sorted(row[name] for row in rows), strict=True):
                row[name] = time


def _plain(value: Any, field: EntityField, today: date) -> Any:
    """A written-out value as it lies in the table; dates may be numbers of days from today."""
    if isinstance(value, bool):
        return int(value)
    if field.type == "date" and isinstance(value, int):
        return (today + timedelta(days=value)).isoformat()
    return value


def _drawn(
    entity: Entity,
    words: Mapping[str, tuple[str, ...]],
    rng: random.Random,
    today: date,
    counts: Mapping[str, int],
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, field in entity.fields.items():
        row[name] = _value(field, words, rng, today, counts)
    return row


def _value(
    field: EntityField,
    words: Mapping[str, tuple[str, ...]],
    rng: random.Random,
    today: date,
    counts: Mapping[str, int],
) -> Any:
    make = field.make
    if make is None:
        if field.type == "reference":
            return rng.randint(1, counts[field.entity])
        if field.type == "choice" and field.default is None:
            return rng.choice(field.options)
        return _plain(field.default, field, today)
    if make.clock:
        return f"{rng.randint(7, 22):02d}:{rng.randrange(60):02d}"
    if make.options:
        return rng.choice(field.options)
    if make.words:
        return rng.choice(words[make.words])
    if make.pattern:
        drawn = {name: rng.choice(words[name]) for name in names_in(make.pattern)}
        return make.pattern.format(**drawn)
    if make.range:
        low, high, step = make.range
        number = low + step * rng.randint(0, round((high - low) / step))
        return round(number) if field.type == "integer" else f"{number:g}"
    if make.days:
        return (today + timedelta(days=rng.randint(*make.days))).isoformat()
    if make.share is not None:
        return int(rng.random() < make.share)
    return _person(make.like, rng)


def _person(kind: str, rng: random.Random) -> str:
    return phone_number(rng) if kind == "phone" else person_name(rng)
