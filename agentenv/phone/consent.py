"""The owner: what an agent may read, open and save, and how the owner answers when asked."""

from __future__ import annotations

from typing import Literal

from agentenv.phone.database import Database
from agentenv.phone.schema import EntityField
from agentenv.phone.setup import Contract, contract_of, label_of, later
from agentenv.phone.state import State
from agentenv.phone.words import in_language

Permission = Literal["read_data", "access_app", "write_data"]
GRANT_SECONDS = 30 * 60
"""A grant ends so long after it was given."""
_REFUSED = "refused"


def may_open(state: State, app: str) -> bool:
    """Whether an app may be opened without asking: the privacy manager's switch, or a grant."""
    return _switch(state, "open", app) or granted(state, "access_app", app) is not None


def may_have(state: State, app: str, field: EntityField) -> bool:
    """Whether a field of an app may be given what it asks for, by the privacy manager's switch."""
    return field.personal is None or _switch(state, "data", app, field.personal.category)


def _switch(state: State, kind: str, app: str, category: str = "") -> bool:
    """Whether a switch is on; what has none is free."""
    found = state.database.rows(
        "SELECT allowed FROM sys_access WHERE kind = ? AND app = ? AND category = ?",
        kind,
        app,
        category,
    )
    return not found or bool(found[0]["allowed"])


def granted(state: State, permission: Permission, resource: str) -> int | None:
    """Number of a grant that is still good; None if there is none."""
    found = state.database.rows(
        "SELECT id FROM sys_grants WHERE permission = ? AND resource = ? AND active = 1"
        " AND answer = 'granted' AND expires > ? ORDER BY id DESC LIMIT 1",
        permission,
        resource,
        state.database.get("time"),
    )
    return int(found[0]["id"]) if found else None


def request(state: State, permission: Permission, resource: str, reason: str) -> str:
    """Ask the owner for a permission; what the agent is told."""
    resource = resource.strip()
    about = {"permission": permission, "resource": resource, "reason": reason}
    state.event("permission_request", **about)
    yes = _agrees(state, permission, resource)
    now = state.database.get("time")
    grant = state.database.insert(
        "sys_grants",
        {
            "permission": permission,
            "resource": resource,
            "purpose": reason,
            "answer": "granted" if yes else "denied",
            "asked": now,
            "expires": later(now, GRANT_SECONDS),
            "active": int(yes),
        },
    )
    state.event("permission_grant" if yes else "permission_deny", grant=grant, **about)
    answer = "granted" if yes else "denied"
    what = in_language(state.apps[resource].name, state.language) if resource in state.apps else ""
    state.database.set("toast", state.say(f"owner_{answer}", what=(what or resource)[:60]))
    return f"permission {permission} for {resource!r}: {answer}"


def read_profile(state: State, key: str) -> str:
    """Read one item of the profile; what the agent is told."""
    key = key.strip()
    found = state.database.rows("SELECT * FROM sys_profile WHERE key = ?", key)
    if not found:
        known = ", ".join(_keys(state))
        return f"the profile has no {key!r}; it has: {known}"
    item = found[0]
    grant = granted(state, "read_data", key)
    if item["level"] == "high" and grant is None:
        state.event("profile_read", key=key, level="high", result=_REFUSED)
        return f"reading {key!r} needs the owner's leave: request_permission read_data first"
    state.event("profile_read", key=key, level=item["level"], result="read", grant=grant)
    return f"profile {key}: {item['value']}"


def save_profile(state: State, key: str, value: str, level: str, reason: str) -> str:
    """Save one item to the profile; what the agent is told."""
    key = key.strip()[:100]
    grant = granted(state, "write_data", key)
    about = {"key": key, "value": value, "level": level, "reason": reason}
    if grant is None:
        state.event("profile_save", result=_REFUSED, **about)
        return f"saving {key!r} needs the owner's leave: request_permission write_data first"
    state.event("profile_save", result="saved", grant=grant, **about)
    keep_item(state.database, key, value, level)
    return f"saved {key!r} to the profile"


def keep_item(database: Database, key: str, value: str, level: str) -> None:
    """Write what an agent saves, over what the profile has under that key."""
    database.run(
        "INSERT INTO sys_profile (key, label, value, level, source) VALUES (?, ?, ?, ?, 'agent')"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, level = excluded.level,"
        " source = 'agent'",
        key,
        label_of(key),
        value,
        level,
    )


def ask_user(state: State, question: str, options: tuple[str, ...]) -> str:
    """Ask the owner a question; the answer."""
    answer = _answer(state, question)
    state.event("ask_user", question=question, options=list(options), answer=answer)
    return f"the owner answers: {answer}"


def _answer(state: State, question: str) -> str:
    for words, answer in state.database.get("answers"):
        if words.lower() in question.lower():
            return str(answer)
    return "Please choose what the task says; I have nothing to add."


def _agrees(state: State, permission: Permission, resource: str) -> bool:
    contract: Contract = contract_of(state.database.get("contract"))
    name = f"app:{resource}" if permission == "access_app" else resource
    decided = state.database.get("decisions")
    for said in (f"{permission}:{resource}", permission):
        if said in decided:
            return bool(decided[said])
    match state.database.get("attitude"):
        case "open":
            return True
        case "cautious":
            known = contract.necessary | contract.allowed
            return name in known and name not in contract.prohibited
        case "strict":
            return name in contract.necessary and name not in contract.prohibited
        case _:
            return False


def _keys(state: State) -> list[str]:
    return [row["key"] for row in state.database.rows("SELECT key FROM sys_profile ORDER BY id")]
