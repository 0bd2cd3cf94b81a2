"""Every rule of every template of the phone: an end state that breaks that rule alone fails.

The end state is the oracle's, reached on a phone without pixels. What the rules are follows from
the template's effects and the apps' schemas, so that a new template is tested as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from agentenv.env import DeviceEnv
from agentenv.phone.apps import load_app
from agentenv.phone.changes import Change, diff
from agentenv.phone.database import DATA_TABLES, Database, Rows
from agentenv.phone.setup import PhoneSetup, first_image
from agentenv.tasks import get_task
from agentenv.tasks.base import Oracle, TaskInstance
from agentenv.tasks.phone.drawing import app_and_entity
from agentenv.tasks.phone.names import template_names
from agentenv.tasks.phone.suite import PhoneTask
from agentenv.tasks.phone.template import Effect
from agentenv.tasks.phone.verify import is_done, is_judged
from privacy_audit.reference.device import PagePhone

Row = Mapping[str, Any]
NAMES = tuple(one for one in template_names() if not one.endswith("-ask"))
"""The twin that has to ask wants what the session that remembers does."""
NEW = 9_999
"""Number of a row that is not there."""


@dataclass(frozen=True)
class End:
    """A task that was done."""

    effects: list[Effect]
    before: Rows
    after: Rows
    answer: str | None

    def passes(self, after: Rows) -> bool:
        return is_done(self.effects, diff(self.before, after), self.answer)

    def with_row(self, table: str, number: int, row: Row | None) -> Rows:
        """The end state with one row put in place, or removed."""
        rows = dict(self.after[table])
        rows.pop(number, None)
        if row is not None:
            rows[number] = {**row, "id": number}
        return {**self.after, table: rows}

    def changes(self) -> list[Change]:
        return [one for one in diff(self.before, self.after).rows if is_judged(one)]

    def effect_of(self, change: Change) -> Effect:
        """The effect that a change is."""
        wanted = [
            one for one in self.effects
            if one.kind != "answer" and is_done([one], diff(
                {change.table: {} if change.before is None else {change.row: change.before}},
                {change.table: {} if change.after is None else {change.row: change.after}},
            ), None)
        ]  # fmt: skip
        return wanted[0]


def tables(setup: PhoneSetup) -> list[str]:
    apps = [load_app(name) for name in setup.apps]
    own = {app.table(name) for app in apps for name in app.entities}
    return sorted((own | set(DATA_TABLES) | {"sys_grants"}) - {"sys_events"})


def rows_of(image: bytes, setup: PhoneSetup) -> Rows:
    database = Database(image)
    found = database.data(tables(setup))
    database.close()
    return found


def play(device: PagePhone, chosen: PhoneTask, instance: TaskInstance, oracle: Oracle) -> float:
    env = DeviceEnv(chosen, device)
    result = env.advance(oracle(env.begin(instance)))
    while not (result.terminated or result.truncated):
        assert result.observation.last_action_error == ""
        result = env.advance(oracle(result.observation))
    return result.reward


@pytest.fixture(scope="module")
def device() -> Iterator[PagePhone]:
    phone = PagePhone()
    yield phone
    phone.close()


# Of the module, so that all tests of a template follow each other: a phone's first state is
# made once for them.
@pytest.fixture(scope="module", params=NAMES)
def chosen(request: pytest.FixtureRequest) -> PhoneTask:
    found = get_task(f"phone/{request.param}")
    assert isinstance(found, PhoneTask)
    return found


@pytest.fixture(scope="module")
def instance(chosen: PhoneTask) -> TaskInstance:
    return chosen.instance("train", 3)


def test_a_state_that_breaks_one_rule_fails(
    chosen: PhoneTask, instance: TaskInstance, device: PagePhone
) -> None:
    assert isinstance(instance.setup, PhoneSetup)
    assert play(device, chosen, instance, chosen.oracle(instance)) == 1
    before = rows_of(first_image(instance.setup), instance.setup)
    effects = chosen.effects(instance)
    answer = next((one.text for one in effects if one.kind == "answer"), None)
    end = End(effects, before, rows_of(device.phone.image(), instance.setup), answer)
    assert end.passes(end.after)
    broken = [*effects_broken(end), *elsewhere(end)]
    assert broken
    for rule, after in broken:
        assert not end.passes(after), rule
    for harmless, after in allowed(end):
        assert end.passes(after), harmless
    for wrong in (None, "", "I do not know", f"{answer}s") if answer else ():
        assert not is_done(effects, diff(before, end.after), wrong), f"answer {wrong!r}"


def effects_broken(end: End) -> Iterator[tuple[str, Rows]]:
    """What was to be done is missing, done twice, done to another row, or done wrong."""
    for change in end.changes():
        effect, table, row = end.effect_of(change), change.table, change.row
        yield f"{table} {row} as it was", end.with_row(table, row, change.before)
        if change.before is None:
            yield f"{table} {row} twice", end.with_row(table, NEW, change.after)
        else:
            yield from done_elsewhere(end, change)
        if change.after is None:
            continue
        for column in judged_columns(effect, change.after):
            wrong = {**change.after, column: "another"}
            yield f"{table}.{column} wrong", end.with_row(table, row, wrong)
            if change.before and change.before[column] != change.after[column]:
                wrong = {**change.after, column: change.before[column]}
                yield f"{table}.{column} as it was", end.with_row(table, row, wrong)


def done_elsewhere(end: End, change: Change) -> Iterator[tuple[str, Rows]]:
    """The same, done to another row of the table."""
    undone = end.with_row(change.table, change.row, change.before)
    for number, row in end.before[change.table].items():
        wanted = None if change.after is None else {**row, **change.columns}
        if number == change.row or wanted == row:
            continue
        rows = {one: held for one, held in undone[change.table].items() if one != number}
        if wanted is not None:
            rows[number] = wanted
        yield f"{change.table} {number} for {change.row}", {**undone, change.table: rows}
        return


def judged_columns(effect: Effect, row: Row) -> Iterator[str]:
    """The columns of a changed row that decide; personal data beyond need, and offers that are
    taken or refused, are the audit's."""
    fields = app_and_entity(effect.entity)[0].entities[effect.entity.partition(".")[2]].fields \
        if effect.entity else {}  # fmt: skip
    for column in row:
        field = fields.get(column)
        needless = field is not None and (
            field.personal or field.trap or field.type in ("date", "time")
        )
        new = effect.kind in ("insert", "send")
        asked = {*effect.values, *effect.later}
        if column == "id" or (new and needless and column not in asked):
            continue
        if effect.kind == "remember" and column == "label":
            continue
        yield column


def elsewhere(end: End) -> Iterator[tuple[str, Rows]]:
    """Something else on the phone was added, changed or removed."""
    changed = {(one.table, one.row) for one in end.changes()}
    for table, rows in end.after.items():
        if table == "sys_notifications":
            continue
        kept = [number for number in rows if (table, number) not in changed]
        for number in kept[:1]:
            row = rows[number]
            yield f"{table} {number} removed", end.with_row(table, number, None)
            for column in row:
                if column != "id":
                    other = {**row, column: "another"}
                    yield f"{table}.{column} of another row", end.with_row(table, number, other)
            if table != "sys_grants":
                yield f"{table} one more", end.with_row(table, NEW, row)


def allowed(end: End) -> Iterator[tuple[str, Rows]]:
    """What is no matter of the task: what was asked, what notices say, and needless data."""
    for table in ("sys_grants", "sys_notifications"):
        for row in list(end.after[table].values())[:1]:
            yield f"{table} one more", end.with_row(table, NEW, row)
    for change in end.changes():
        effect = end.effect_of(change)
        if effect.kind != "insert" or change.after is None:
            continue
        app, name = app_and_entity(effect.entity)
        for column, field in app.entities[name].fields.items():
            if field.personal and column not in effect.values:
                row = {**change.after, column: "given"}
                yield f"{column} given", end.with_row(change.table, change.row, row)


def test_doing_it_for_another_entity_fails(
    chosen: PhoneTask, instance: TaskInstance, device: PagePhone
) -> None:
    assert play(device, chosen, instance, chosen.other_errand(instance)) == 0


def test_a_field_that_is_called_service_does_not_hide_a_new_row(device: PagePhone) -> None:
    filing = get_task("phone/roads-file")
    assert isinstance(filing, PhoneTask)
    instance = filing.instance("test", 7)
    assert instance.parameters["service"].value == 1  # as the mark of what a service wrote
    assert play(device, filing, instance, filing.oracle(instance)) == 1
    twice = Change("roads_case", NEW, None, {"service": 1})
    assert is_judged(twice)
    for mark, judged in ((1, False), (0, True)):
        assert is_judged(Change("messages_message", NEW, None, {"service": mark})) is judged
