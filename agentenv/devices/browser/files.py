"""Files that a page asks for: no window opens, the agent is told and names one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agentenv.devices.browser.engine import Engine
from agentenv.errors import ActionError, ConfigError

_CHOSEN = "function () { return Array.from(this.files, (file) => file.name); }"


class FileChooser:
    """Answers the file choosers of an engine's page."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._files: dict[str, Path] = {}

    def offer(self, files: Iterable[Path]) -> None:
        """The files there are to choose from, from now on.

        Raises:
            ConfigError: one does not exist, or two have the same name.
        """
        self.dismiss()
        self._files = {}
        for path in files:
            if not path.is_file():
                raise ConfigError(f"the setup's file {path} does not exist")
            if path.name in self._files:
                raise ConfigError(f"two of the setup's files are called {path.name!r}")
            self._files[path.name] = path.resolve()

    def dismiss(self) -> None:
        """Forget what was asked."""
        self._engine.file_request = None

    def is_open(self) -> bool:
        """Whether the page asks for a file."""
        return self._engine.file_request is not None

    def hint(self) -> str:
        """What to tell an agent whose action made the page ask for a file."""
        return f"the page asks for a file; answer with choose_file and {self._names()}"

    def path(self, name: str) -> Path:
        """The file of that name.

        Raises:
            ActionError: there is none.
        """
        if name not in self._files:
            raise ActionError(f"there is no file {name[:100]!r}; choose {self._names()}")
        return self._files[name]

    def choose(self, path: Path) -> None:
        """Give the file to the field that asked; one that takes several keeps what it has."""
        request = self._engine.file_request
        assert request is not None
        node, multiple = request["backendNodeId"], request["mode"] == "selectMultiple"
        chosen = [self._files[name] for name in self._chosen(node) if name in self._files]
        paths = dict.fromkeys([*chosen, path]) if multiple else [path]
        self._engine.call(
            "DOM.setFileInputFiles", files=[str(one) for one in paths], backendNodeId=node
        )
        self.dismiss()

    def _chosen(self, node: int) -> list[str]:
        field = self._engine.call("DOM.resolveNode", backendNodeId=node)["object"]["objectId"]
        answer = self._engine.call(
            "Runtime.callFunctionOn",
            objectId=field,
            functionDeclaration=_CHOSEN,
            returnByValue=True,
        )
        names: list[str] = answer["result"]["value"]
        return names

    def _names(self) -> str:
        names = ", ".join(map(repr, self._files))
        return f"one of {names}"[:500] if names else "no file: the task provides none"
