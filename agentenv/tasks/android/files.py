"""Tasks in the files app, in a folder of our own: nobody's files are touched."""

from __future__ import annotations

import random
from collections.abc import Callable

from agentenv.devices.android.setup import Words
from agentenv.tasks.android.template import Parameters, State, Template

FOLDER = "/sdcard/Documents/agentenv"
NAMES = ("budget", "garden", "invoice", "menu", "notes", "plan", "recipe", "trip")
FOLDERS = ("Archive", "Family", "House", "Work")


def _draw(rng: random.Random) -> dict[str, str]:
    first, second, third, new = rng.sample(NAMES, 4)
    folder, new_folder = rng.sample(FOLDERS, 2)
    return {
        "file": f"{first}.txt",
        "second": f"{second}.txt",
        "third": f"{third}.txt",
        "new": f"{new}.txt",
        "folder": folder,
        "new_folder": new_folder,
    }


def _begin(parameters: Parameters) -> tuple[Words, ...]:
    files = [f"{FOLDER}/{parameters[name]}" for name in ("file", "second", "third")]
    return (
        ("rm", "-rf", FOLDER),
        ("mkdir", "-p", f"{FOLDER}/{parameters['folder']}"),
        ("touch", *files),
    )


def _paths(parameters: Parameters) -> set[str]:
    """What is there in the beginning, below the folder."""
    return {parameters[name] for name in ("file", "second", "third", "folder")}


def _listed(state: State) -> set[str]:
    """What ``find`` has printed, below the folder."""
    lines = (line.strip() for line in state["files"].splitlines())
    return {line.removeprefix(f"{FOLDER}/") for line in lines if line.startswith(f"{FOLDER}/")}


def _deleted(parameters: Parameters) -> set[str]:
    return _paths(parameters) - {parameters["file"]}


def _renamed(parameters: Parameters) -> set[str]:
    return _deleted(parameters) | {parameters["new"]}


def _moved(parameters: Parameters) -> set[str]:
    return _deleted(parameters) | {f"{parameters['folder']}/{parameters['file']}"}


def _made(parameters: Parameters) -> set[str]:
    return _paths(parameters) | {parameters["new_folder"]}


def _template(
    name: str, goal: str, wanted: Callable[[Parameters], set[str]], steps: int
) -> Template:
    def done(parameters: Parameters, state: State) -> bool:
        return _listed(state) == wanted(parameters)

    where = f"In Documents, in the folder {FOLDER.rpartition('/')[2]}, "
    return Template(
        name, where + goal, _draw, _begin, (("files", ("find", FOLDER)),), done, steps
    )  # fmt: skip


TEMPLATES = (
    _template("files-delete", "delete the file {file}.", _deleted, 8),
    _template("files-rename", "rename the file {file} to {new}.", _renamed, 9),
    _template("files-move", "move the file {file} into the folder {folder}.", _moved, 10),
    _template("files-new-folder", "make a folder that is called {new_folder}.", _made, 8),
)
