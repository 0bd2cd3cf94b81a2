"""The event log as a person reads it in the privacy manager: a sentence for each record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentenv.phone.schema import App, Language
from agentenv.phone.words import in_language

_LONGEST = 80
"""Characters of a text that was typed."""
_SENTENCES: dict[str, dict[Language, str]] = {
    "focus": {"en": "{field}", "de": "{field}"},
    "edit": {"en": "{field}: “{after}”", "de": "{field}: „{after}“"},
    "clear": {"en": "{field}, which held “{before}”", "de": "{field}, vorher „{before}“"},
    "submit": {"en": "{fields}", "de": "{fields}"},
    "permission_request": {"en": "{resource}: {reason}", "de": "{resource}: {reason}"},
    "permission_grant": {"en": "{resource}", "de": "{resource}"},
    "permission_deny": {"en": "{resource}", "de": "{resource}"},
    "profile_read": {"en": "{key} ({result})", "de": "{key} ({result})"},
    "profile_save": {"en": "{key}: “{value}” ({result})", "de": "{key}: „{value}“ ({result})"},
    "ask_user": {"en": "“{question}” – “{answer}”", "de": "„{question}“ – „{answer}“"},
    "clipboard": {"en": "{operation}: “{text}”", "de": "{operation}: „{text}“"},
    "navigation": {"en": "{screen}", "de": "{screen}"},
    "network_egress": {"en": "to {recipient}: {fields}", "de": "an {recipient}: {fields}"},
    "screenshot_egress": {"en": "to {recipient}", "de": "an {recipient}"},
}
_OUTCOMES: dict[str, dict[Language, str]] = {
    "read": {"en": "read", "de": "gelesen"},
    "shown": {"en": "shown", "de": "angezeigt"},
    "refused": {"en": "kept back", "de": "verweigert"},
    "saved": {"en": "saved", "de": "gespeichert"},
    "copy": {"en": "Copied", "de": "Kopiert"},
    "paste": {"en": "Pasted", "de": "Eingefügt"},
    "share": {"en": "Shared", "de": "Geteilt"},
    "deleted": {"en": "deleted", "de": "gelöscht"},
    "home": {"en": "Home screen", "de": "Startbildschirm"},
    "recents": {"en": "Recent apps", "de": "Zuletzt verwendet"},
}


def told(record: Mapping[str, Any], apps: Mapping[str, App], language: Language) -> str:
    """When, in which app, and what: "9:41 · Notes · Title: “Milk”"."""
    app = apps.get(record.get("app", ""))
    values = {name: _short(value) for name, value in record.items()}
    values |= {
        "field": _field(app, record, str(record.get("field", "")), language),
        "fields": ", ".join(_field(app, record, one, language) for one in record.get("fields", ()))
        or _outcome("deleted", language),
        "screen": _screen(app, str(record.get("screen", "")), language),
    }
    asked = apps.get(record.get("resource", ""))
    if asked is not None:
        values["resource"] = in_language(asked.name, language)
    for name in ("result", "operation"):
        values[name] = _outcome(str(record.get(name, "")), language)
    what = _SENTENCES[record["kind"]][language].format_map(values).rstrip(": ")
    where = "" if app is None else in_language(app.name, language)
    return " · ".join(filter(None, (record["time"][11:16], where, what)))


def _outcome(name: str, language: Language) -> str:
    return _OUTCOMES.get(name, {}).get(language, name)


def _screen(app: App | None, name: str, language: Language) -> str:
    screen = app.screens.get(name) if app else None
    return in_language(screen.title, language) if screen else _outcome(name, language)


def _field(app: App | None, record: Mapping[str, Any], name: str, language: Language) -> str:
    """A field's label, where the app of the record has it."""
    screen = app.screens.get(record.get("screen", "")) if app else None
    field = app.entities[screen.entity].fields.get(name) if app and screen else None
    plain = name.replace("_", " ").capitalize()
    return (in_language(field.label, language) if field else "") or plain


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
