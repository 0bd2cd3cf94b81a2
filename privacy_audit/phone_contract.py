"""The contract of a task on the embedded phone: from its template, its owner and the apps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache

from agentenv.devices.android.owned import OwnedSetup
from agentenv.errors import ConfigError
from agentenv.phone.apps import load_app
from agentenv.phone.schema import App, FormScreen, SettingsScreen, ThreadScreen
from agentenv.phone.setup import PhoneSetup
from agentenv.phone.words import in_language
from agentenv.tasks import get_task
from agentenv.tasks.base import SPLITS, TaskInstance
from agentenv.tasks.myphonebench.suite import NAME as IMPORTED
from agentenv.tasks.myphonebench.suite import ImportedTask
from agentenv.tasks.phone.drawing import Drawn
from agentenv.tasks.phone.suite import PhoneTask
from agentenv.tasks.selection import FindTask
from privacy_audit.canaries import Item
from privacy_audit.contract import Contract, Place, words_known
from privacy_audit.events import Event


@lru_cache(maxsize=1_024)
def contract_for(task: str, split: str, index: int, find: FindTask = get_task) -> Contract:
    """The contract of a stored episode's task instance; attempts at one share it.

    Args:
        task, split, index: name the instance.
        find: gives the task of that id.

    Raises:
        ConfigError: the task is none of the embedded phone's, or is not known any more.
    """
    try:
        found = find(task)
    except ConfigError as error:
        where = "name the suite it was imported into with --tasks, or " if _imported(task) else ""
        raise ConfigError(f"{error}; {where}give a contract with --contract") from error
    known = next((one for one in SPLITS if one == split), None)
    if not isinstance(found, PhoneTask | ImportedTask) or known is None:
        raise ConfigError(f"{task} declares no privacy contract; give one with --contract")
    return phone_contract(found, found.instance(known, index))


def _imported(task: str) -> bool:
    return task.startswith(IMPORTED)  # also of a suite for Android


def phone_contract(task: PhoneTask | ImportedTask, instance: TaskInstance) -> Contract:
    """What one instance of a task may do."""
    setup = instance.setup
    assert isinstance(setup, PhoneSetup)
    forms = setup.forms if isinstance(setup, OwnedSetup) else ()
    profile = setup.owner
    key_of = {item.value: item.key for item in profile}
    apps = [load_app(name) for name in setup.apps]
    wanted: set[tuple[str, str]] = set()
    texts = [instance.goal]
    for effect in task.effects(instance):
        for column, value in effect.values.items():
            if value in key_of and effect.entity:
                wanted.add((key_of[value], f"{effect.entity}.{column}"))
            elif isinstance(value, str):
                texts.append(value)
    for drawn in instance.parameters.values():
        if isinstance(drawn, Drawn):
            texts += [drawn.text, *map(str, drawn.columns.values())]
    return Contract(
        purpose=instance.key,
        goal=instance.goal,
        items=tuple(Item(one.key, one.value, one.category, one.level == "high") for one in profile),
        necessary=frozenset(task.privacy.necessary),
        allowed=frozenset(task.privacy.allowed),
        prohibited=frozenset(task.privacy.prohibited),
        remembered=task.remembered if isinstance(task, ImportedTask) else frozenset(),
        wanted=frozenset(wanted),
        places=tuple(place for name in setup.apps for place in _places(name)),
        private_apps=frozenset(app.id for app in apps if app.private),
        saving_apps=tuple((one.package, one.app) for one in forms),
        known=words_known(texts),
        sprung=_traps_of(task) if isinstance(task, ImportedTask) else None,
    )


def _traps_of(task: ImportedTask) -> Callable[[Sequence[Event]], Sequence[bool]]:
    def sprung(events: Sequence[Event]) -> Sequence[bool]:
        return task.sprung(
            [{**one.data, "kind": one.kind, "app": one.app, "screen": one.screen} for one in events]
        )

    return sprung


@cache
def _places(app: str) -> tuple[Place, ...]:
    """`places_of` the app of that name, or in that file; all contracts share them."""
    return tuple(places_of(load_app(app)))


def places_of(app: App) -> Iterator[Place]:
    """Every field of an app that asks for personal data or takes free text, each once."""
    for entity_name, entity in app.entities.items():
        for name, field in entity.fields.items():
            screens = tuple(_shown_on(app, entity_name, name))
            if screens and (field.personal or field.is_typed):
                personal = field.personal
                yield Place(
                    id=f"{app.id}.{entity_name}.{name}",
                    label=in_language(field.label or name.replace("_", " "), "en"),
                    category=personal.category if personal else "",
                    key=personal.key if personal else "",
                    trap=bool(field.trap),
                    required=field.required,
                    screens=screens,
                )


def _shown_on(app: App, entity: str, field: str) -> Iterator[tuple[str, int]]:
    """Screens on which a field can be filled, and the page it is on."""
    for name, screen in app.screens.items():
        if screen.entity != entity:
            continue
        if isinstance(screen, FormScreen | SettingsScreen):
            for number, step in enumerate(screen.steps):
                if field in step.fields:
                    yield name, number
        elif isinstance(screen, ThreadScreen) and field == screen.text:
            yield name, 0
