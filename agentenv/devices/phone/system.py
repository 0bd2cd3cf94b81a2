"""What a phone does beside its screen: keys, apps, the owner's data and the clock."""

from __future__ import annotations

from typing import Literal, cast

from agentenv.actions import (
    Action,
    AskUser,
    OpenApp,
    PressKey,
    ReadProfile,
    RequestPermission,
    SaveProfile,
    Wait,
)
from agentenv.errors import ActionError
from agentenv.phone.apps import load_apps
from agentenv.phone.phone import Phone


def carry_out(phone: Phone, action: Action) -> tuple[str, ...] | None:
    """Carry out an action that no page is needed for.

    Returns:
        What the agent is told; None, and nothing is done, if the action is one on the page.

    Raises:
        ActionError: there is no such app.
    """
    match action:
        case PressKey(key="back" | "home" | "recents"):
            phone.press(cast(Literal["back", "home", "recents"], action.key))
        case OpenApp():
            if not phone.open_app(action.app):
                names = ", ".join(load_apps(phone.setup.apps))
                raise ActionError(f"there is no app {action.app[:60]!r}; there are: {names}")
        case RequestPermission():
            return (phone.request_permission(action.permission, action.resource, action.reason),)
        case ReadProfile():
            return (phone.read_profile(action.key),)
        case SaveProfile():
            return (phone.save_profile(action.key, action.value, action.level, action.reason),)
        case AskUser():
            return (phone.ask_user(action.question, action.options),)
        case Wait():
            phone.wait(action.seconds)
        case _:
            return None
    return ()
