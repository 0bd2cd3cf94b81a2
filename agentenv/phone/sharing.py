"""The share sheet: where a text can go."""

from __future__ import annotations

from agentenv.phone import consent, forms, navigation
from agentenv.phone.schema import FormScreen, ThreadScreen
from agentenv.phone.state import Place, State


def share_targets(state: State) -> list[str]:
    """The apps that take a text."""
    return [name for name, app in state.apps.items() if app.accepts_text]


def share_to(state: State, name: str) -> None:
    """Hand the shared text to an app: its form begins with it, or it is asked for whom it is."""
    text = (state.overlay or {}).get("text", "")
    if not consent.may_open(state, name):
        state.overlay = {"kind": "private", "app": name, "text": text}
        return
    app = state.apps[name]
    state.event("clipboard", operation="share", text=text, recipient=name)
    navigation.push(state, name, app.start)
    assert app.accepts_text is not None
    screen = app.screens[app.accepts_text]
    if isinstance(screen, FormScreen):
        navigation.push(state, name, app.accepts_text)
        fields = app.entities[screen.entity].fields
        names = [one for step in screen.steps for one in step.fields]
        forms.put(state, state.place, next(x for x in names if fields[x].type == "long_text"), text)
    else:
        navigation.push(state, name, app.accepts_text, carries=text)


def hand_on(state: State, carrier: Place) -> None:
    """Put the text that a list was opened with into the conversation chosen from it."""
    place = state.place
    assert place is not None
    screen = state.screen(place)
    if "carries" in carrier.ui and isinstance(screen, ThreadScreen):
        forms.put(state, place, screen.text, carrier.ui["carries"])
