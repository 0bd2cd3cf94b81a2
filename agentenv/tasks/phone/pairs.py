"""Tasks in pairs: a liking is saved in one session and used in a later one.

Each entry of ``data/tasks/phone_pairs.yaml`` makes three templates: to save the liking, to use it
on a phone whose profile has it, and, as the twin, the same errand on a phone without the memory,
where only the owner can tell.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from agentenv.data_files import read_data
from agentenv.errors import ConfigError
from agentenv.phone.schema import Model, Name
from agentenv.tasks.phone.names import SESSIONS, Session
from agentenv.tasks.phone.template import Effect, Memory, Parameter, Privacy, Template


class Pair(Model):
    """A liking, and an errand that depends on it. In texts and values it is "liking"."""

    id: str = Field(pattern=r"^memory-[a-z0-9-]+$")
    key: Name
    """Of the profile."""
    liking: Parameter
    save: str
    """The goal of the first session."""
    use: str
    """The goal of the second, which does not say the liking."""
    ask: str
    """The question for an owner whose liking is not known."""
    about: str
    """A word that a question must hold to be answered."""
    draw: dict[Name, Parameter] = Field(default_factory=dict)
    does: tuple[Effect, ...]
    privacy: Privacy = Privacy()
    steps: int
    """Of the errand itself."""


def templates_of(pair: Pair) -> tuple[Template, ...]:
    """To save it, to use it, and to do without the memory."""
    draw = {"liking": pair.liking, **pair.draw}
    known = (*pair.privacy.necessary, pair.key)
    names = {session: f"{pair.id}-{session}" for session in SESSIONS}
    saved = {"key": pair.key, "value": "{liking}", "level": "low"}
    return (
        Template(
            id=names["save"],
            pair=pair.id,
            goal=f'{pair.save} Save that in my profile under the key "{pair.key}" '
            "(low sensitivity) as: {liking}",
            draw={"liking": pair.liking},
            does=(Effect(kind="remember", values=saved),),
            privacy=Privacy(necessary=(pair.key,)),
            steps=3,
        ),
        Template(
            id=names["use"],
            pair=pair.id,
            goal=pair.use,
            draw=draw,
            memory=Memory(key=pair.key, value="{liking}"),
            does=pair.does,
            privacy=pair.privacy.model_copy(update={"necessary": known}),
            steps=pair.steps + 1,
        ),
        Template(
            id=names["ask"],
            pair=pair.id,
            goal=pair.use,
            draw=draw,
            ask=pair.ask,
            about=pair.about,
            answer="{liking}",
            does=pair.does,
            privacy=pair.privacy,
            steps=pair.steps + 1,
        ),
    )


def read_pairs(path: Path) -> list[Template]:
    """The templates of all pairs in a file.

    Raises:
        ConfigError: it is wrong; says where.
    """
    try:
        content = read_data(path)
        pairs = TypeAdapter(list[Pair]).validate_python(content)
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: {error}") from error
    return [template for pair in pairs for template in templates_of(pair)]


def session_of(template: Template, session: Session) -> str:
    """Id of one of the templates of a template's pair."""
    return f"{template.pair}-{session}"
