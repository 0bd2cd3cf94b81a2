"""Containers through the docker engine's API: make, wait, ask, remove."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentenv.errors import AgentenvError, ConfigError
from emulators.compose import HEALTH_TIMEOUT_S, INTERVAL_S, RETRIES, START_PERIOD_S
from emulators.images import HOST, LABEL, Service

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

logger = logging.getLogger(__name__)

READY_TIMEOUT = 600.0
_NANO = 1_000_000_000
_POLL = 1.0
_THIS_MACHINE = (None, "localhost", "127.0.0.1", "::1")


class EmulatorError(AgentenvError):
    """A container could not be made, or did not become ready."""


class Containers:
    """The containers of one docker engine.

    Args:
        host: of the engine: an address, e.g. ``ssh://user@machine``, or the name of one of
            docker's contexts; empty: as docker itself takes it (DOCKER_HOST, the context in use),
            by default this machine's.

    Raises:
        ConfigError: docker's client is not installed, there is no such context, or no engine
            answers.
    """

    def __init__(self, host: str = "") -> None:
        try:
            import docker
        except ImportError as error:
            raise ConfigError("for emulators: pip install 'agentenv[docker]'") from error
        self.host = host
        try:
            self._client, self._address = _client_of(host)
            self._client.ping()
        except (docker.errors.DockerException, OSError) as error:
            raise ConfigError(
                f"no docker engine answers: {str(error)[:200]}; `agentenv emulators doctor` "
                "says what is missing"
            ) from error

    def start(self, service: Service) -> None:
        """Make and start a container; one of ours that is there already is started again.

        Raises:
            EmulatorError: it cannot be.
        """
        with _errors_told(service.name):
            found = self.find(service.name)
            if found is None:
                self._pull(service.image)
                found = self._client.containers.create(service.image, **_arguments(service))
            if LABEL not in found.labels:
                raise EmulatorError(f"there is a container {service.name!r} that is not ours")
            found.start()

    def find(self, name: str) -> Container | None:
        """The container of that name."""
        from docker.errors import NotFound

        try:
            return self._client.containers.get(name)
        except NotFound:
            return None

    def health(self, name: str) -> str:
        """ "healthy", "starting", "unhealthy", "exited", "missing", ..."""
        found = self.find(name)
        if found is None:
            return "missing"
        state = found.attrs["State"]
        if state["Status"] != "running":
            return str(state["Status"])
        return str(state.get("Health", {}).get("Status", "running"))

    @property
    def machine(self) -> str:
        """Where the engine runs, as ``ssh`` takes it; "" for this machine."""
        parts = urlsplit(self._address)
        if parts.scheme not in ("ssh", "tcp", "http", "https") or parts.hostname in _THIS_MACHINE:
            return ""
        user = f"{parts.username}@" if parts.username else ""
        return f"{user}{parts.hostname}"

    def waits_for(self, name: str) -> str:
        """What a container that is not ready waits for, in words."""
        found = self.find(name)
        log = found.attrs["State"].get("Health", {}).get("Log") if found is not None else None
        said = str(log[-1].get("Output", "")).strip() if log else ""
        return said.splitlines()[-1][:80] if said else "its first check"

    def await_ready(
        self,
        names: Sequence[str],
        told: Callable[[str], None],
        timeout: float = READY_TIMEOUT,
        waiting_for: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Wait until all are healthy.

        Args:
            names: of containers that were started.
            told: called with a name when that one is ready.
            timeout: seconds for all of them.
            waiting_for: called again and again with what is waited for.

        Raises:
            EmulatorError: one has ended or is not ready in time; with its last lines.
        """
        until = time.monotonic() + timeout
        waiting = list(names)
        while waiting:
            for name in list(waiting):
                health = self.health(name)
                if health in ("healthy", "running"):
                    waiting.remove(name)
                    told(name)
                elif health in ("exited", "dead", "missing", "unhealthy"):
                    raise EmulatorError(f"{name} is {health}:\n{self.logs(name, 15)}")
            if not waiting:
                return
            reason = f"{waiting[0]} waits for {self.waits_for(waiting[0])}"
            if time.monotonic() > until:
                raise EmulatorError(
                    f"{', '.join(waiting)} not ready after {timeout:.0f} s: {reason}\n"
                    f"{self.logs(waiting[0], 15)}"
                )
            waiting_for(reason)
            time.sleep(_POLL)

    def logs(self, name: str, lines: int) -> str:
        """The last lines that a container printed."""
        found = self.find(name)
        if found is None:
            return f"there is no container {name!r}"
        with _errors_told(name):
            return found.logs(tail=lines).decode("utf-8", "replace")

    def restart(self, name: str) -> None:
        """Start a container anew.

        Raises:
            EmulatorError: it is not there, or cannot be.
        """
        found = self.find(name)
        if found is None:
            raise EmulatorError(f"there is no container {name!r}")
        with _errors_told(name):
            found.restart(timeout=10)

    def run(self, name: str, *words: str) -> str:
        """Run a command inside a container; what it prints.

        Raises:
            EmulatorError: there is no such container, or the command failed.
        """
        found = self.find(name)
        if found is None:
            raise EmulatorError(f"there is no container {name!r}")
        with _errors_told(name):
            result = found.exec_run(list(words))
        printed = result.output.decode("utf-8", "replace").strip()
        if result.exit_code:
            raise EmulatorError(f"{name}: `{' '.join(words)[:80]}` failed: {printed[-200:]}")
        return str(printed)

    def remove(self, name: str, *, data: bool) -> bool:
        """Stop and remove a container of ours; False if there is none.

        Args:
            name: of the container.
            data: also its volume, and with it all that was done on the phone.

        Raises:
            EmulatorError: it is not ours, or cannot be removed.
        """
        from docker.errors import NotFound

        found = self.find(name)
        if found is not None:
            if LABEL not in found.labels:
                raise EmulatorError(f"container {name!r} is not ours and stays")
            with _errors_told(name):
                found.remove(force=True)
        if data:
            with _errors_told(name), contextlib.suppress(NotFound):
                self._client.volumes.get(f"{name}-data").remove()
        return found is not None

    def _pull(self, image: str) -> None:
        from docker.errors import ImageNotFound

        try:
            self._client.images.get(image)
        except ImageNotFound:
            logger.info("pulling %s: several gigabytes, once", image)
            repository, _, tag = image.rpartition(":")
            self._client.images.pull(repository, tag=tag)


def _client_of(host: str) -> tuple[DockerClient, str]:
    """Docker's client for a host, and the address of its engine.

    Raises:
        ConfigError: there is no such context.
        docker.errors.DockerException: it cannot be reached.
    """
    import docker
    from docker.context import ContextAPI

    given = {"timeout": 60, "use_ssh_client": True}  # ssh as the user has it set up
    if not host and os.environ.get("DOCKER_HOST"):
        return docker.from_env(**given), os.environ["DOCKER_HOST"]
    address, tls = host, None
    if "://" not in host:
        context = ContextAPI.get_context(host or os.environ.get("DOCKER_CONTEXT"))
        if context is None:
            raise ConfigError(f"docker has no context {host!r}; `docker context ls` lists them")
        address, tls = str(context.Host or ""), context.TLSConfig
    return docker.DockerClient(base_url=address or None, tls=tls or False, **given), address


def _arguments(service: Service) -> dict[str, Any]:
    """What the engine is asked for; the same as in the compose file."""
    arguments: dict[str, Any] = {
        "name": service.name,
        "labels": {LABEL: service.name},
        "environment": {**service.environment, **_passed(service)},
        "ports": {f"{inside}/tcp": (HOST, outside) for inside, outside in service.ports.items()},
        "devices": [f"{device}:{device}:rwm" for device in service.devices],
        "command": list(service.command) or None,
        "privileged": service.privileged,
        "mem_limit": f"{service.memory_gib}g",
        "nano_cpus": round(service.cpus * _NANO),
    }
    if service.volume:
        arguments["volumes"] = {f"{service.name}-data": {"bind": service.volume, "mode": "rw"}}
    if service.health:
        arguments["healthcheck"] = {
            "test": ["CMD-SHELL", service.health],
            "interval": INTERVAL_S * _NANO,
            "timeout": HEALTH_TIMEOUT_S * _NANO,
            "retries": RETRIES,
            "start_period": START_PERIOD_S * _NANO,
        }
    return arguments


def _passed(service: Service) -> dict[str, str]:
    """Variables that the container gets from this process.

    Raises:
        ConfigError: one is not set.
    """
    missing = [name for name in service.passed if not os.environ.get(name)]
    if missing:
        raise ConfigError(
            f"{service.image} needs {', '.join(missing)}, or adb may not enter: "
            'export ADBKEY="$(cat ~/.android/adbkey)"'
        )
    return {name: os.environ[name] for name in service.passed}


@contextlib.contextmanager
def _errors_told(name: str) -> Iterator[None]:
    from docker.errors import DockerException, NotFound
    from requests.exceptions import RequestException

    try:
        yield
    except NotFound:
        raise
    except (DockerException, RequestException, OSError) as error:
        raise EmulatorError(f"{name}: {str(error)[:300]}") from error
