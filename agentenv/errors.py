"""The errors agentenv raises, told apart by whose fault they are."""

from __future__ import annotations


class AgentenvError(Exception):
    """Base of every error agentenv raises on purpose; its message says what to do."""


class ActionError(AgentenvError):
    """The agent's fault: the action could not be carried out on this screen.

    It becomes ``observation.last_action_error`` and never ends an episode.
    """


class DeviceError(AgentenvError):
    """Ours: the device failed (crash, lost connection, deadline).

    It truncates the episode with ``info["infra_error"]`` and is never scored.

    Args:
        message: what happened and what to try.
        cause: short stable name used as a counter key, e.g. ``"browser_crashed"``.
    """

    def __init__(self, message: str, cause: str = "device_error") -> None:
        super().__init__(message)
        self.cause = cause


class StoreError(AgentenvError):
    """A trajectory store is missing, torn or of another schema version."""


class ConfigError(AgentenvError):
    """A setting, file or argument is wrong; the message names it and the valid choices."""
