"""The share sheet: where a text can go."""

from __future__ import annotations

from agentenv.phone import consent, forms, navigation
from agentenv.phone.schema import FormScreen
from agentenv.phone.state import State


def share_to(state: State, name: str) -> None:
    """Hand the shared text to an app: its form for a new row begins with it."""
    text = (state.overlay or {}).get("text", "")
    if not consent.may_open(state, name):
        state.overlay = {"kind": "private", "app": name}
        return
    app = state.apps[name]
    form, field = next(iter(share_targets(state)[name].items()))
    state.event("clipboard", operation="share", text=text, recipient=name)
    navigation.push(state, name, app.start)
    navigation.push(state, name, form)
    forms.put(state, state.place, field, text)


def share_targets(state: State) -> dict[str, dict[str, str]]:
    """App -> the form, and its long text, that shared texts go to."""
    found: dict[str, dict[str, str]] = {}
    for name, app in state.apps.items():
        for screen_name, screen in app.screens.items():
            if not isinstance(screen, FormScreen) or screen.sends or screen.parent:
                continue
            fields = app.entities[screen.entity].fields
            texts = [one for step in screen.steps for one in step.fields
                     if fields[one].type == "long_text"]  # fmt: skip
            if texts:
                found.setdefault(name, {screen_name: texts[0]})
    return found
