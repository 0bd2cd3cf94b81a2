"""Words on the screen that belong to no app, and how values are written for a person."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from agentenv.phone.schema import EntityField, Language, Words

_SYSTEM: dict[str, dict[Language, str]] = {
    "all": {"en": "All", "de": "Alle"},
    "apps": {"en": "Apps", "de": "Apps"},
    "ask_owner": {"en": "Ask the owner", "de": "Besitzer fragen"},
    "back": {"en": "Back", "de": "Zurück"},
    "cancel": {"en": "Cancel", "de": "Abbrechen"},
    "choose": {"en": "Choose", "de": "Auswählen"},
    "clear_all": {"en": "Clear all", "de": "Alle löschen"},
    "clear_text": {"en": "Clear text", "de": "Text löschen"},
    "code_text": {
        "en": "{code} is your code for {app}. Give it to nobody else.",
        "de": "{code} ist dein Code für {app}. Gib ihn niemandem weiter.",
    },
    "copied": {"en": "Copied to clipboard", "de": "In die Zwischenablage kopiert"},
    "copy": {"en": "Copy", "de": "Kopieren"},
    "done": {"en": "Done", "de": "Fertig"},
    "edit": {"en": "Edit", "de": "Ändern"},
    "empty": {"en": "Nothing here yet", "de": "Noch nichts vorhanden"},
    "filter": {"en": "Filter", "de": "Filter"},
    "home": {"en": "Home", "de": "Startbildschirm"},
    "invalid_date": {"en": "Choose a later date", "de": "Wähle ein späteres Datum"},
    "less": {"en": "Less", "de": "Weniger"},
    "message": {"en": "Message", "de": "Nachricht"},
    "missing": {"en": "This field is required", "de": "Dieses Feld ist erforderlich"},
    "more": {"en": "More", "de": "Mehr"},
    "new": {"en": "New", "de": "Neu"},
    "next": {"en": "Next", "de": "Weiter"},
    "next_month": {"en": "Next month", "de": "Nächster Monat"},
    "no": {"en": "No", "de": "Nein"},
    "no_notifications": {"en": "No notifications", "de": "Keine Benachrichtigungen"},
    "no_recents": {"en": "No recent apps", "de": "Keine zuletzt verwendeten Apps"},
    "no_results": {"en": "No results", "de": "Keine Treffer"},
    "ok": {"en": "OK", "de": "OK"},
    "optional": {"en": "optional", "de": "optional"},
    "owner_denied": {"en": "The owner said no: {what}", "de": "Der Besitzer sagt nein: {what}"},
    "owner_granted": {"en": "The owner allows it: {what}", "de": "Der Besitzer erlaubt: {what}"},
    "paste": {"en": "Paste", "de": "Einfügen"},
    "pick_contact": {"en": "Pick a contact", "de": "Kontakt auswählen"},
    "previous_month": {"en": "Previous month", "de": "Voriger Monat"},
    "private_app": {
        "en": "{app} is private. An agent may open it only with the owner's leave.",
        "de": "{app} ist privat. Ein Agent darf die App nur mit Erlaubnis des Besitzers öffnen.",
    },
    "switched_off": {
        "en": "Switched off in the privacy manager",
        "de": "Im Datenschutz abgeschaltet",
    },
    "recents": {"en": "Recent apps", "de": "Zuletzt verwendet"},
    "review": {"en": "Check your details", "de": "Angaben prüfen"},
    "search": {"en": "Search", "de": "Suchen"},
    "search_phone": {"en": "Search apps", "de": "Apps suchen"},
    "send": {"en": "Send", "de": "Senden"},
    "send_to": {"en": "Send to", "de": "Senden an"},
    "share": {"en": "Share", "de": "Teilen"},
    "shared": {"en": "Shared with {app}", "de": "Geteilt mit {app}"},
    "step": {"en": "Step {number} of {count}", "de": "Schritt {number} von {count}"},
    "wrong_code": {"en": "This is not the code", "de": "Das ist nicht der Code"},
    "yes": {"en": "Yes", "de": "Ja"},
}
_MONTHS: dict[Language, tuple[str, ...]] = {
    "en": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
    "de": (
        *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
        *("August", "September", "Oktober", "November", "Dezember"),
    ),
}
_DAYS: dict[Language, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
}


def say(name: str, language: Language, **values: Any) -> str:
    """A word of the system."""
    return _SYSTEM[name][language].format(**values)


def in_language(words: Words, language: Language) -> str:
    """An app's text; in English where it is not translated."""
    if isinstance(words, str):
        return words
    return words.get(language) or words.get("en", "")


def month_name(day: date, language: Language) -> str:
    """ "March 2026"."""
    return f"{_MONTHS[language][day.month - 1]} {day.year}"


def weekday_letters(language: Language) -> list[str]:
    """Monday to Sunday, one letter each."""
    return [name[0] for name in _DAYS[language]]


def long_date(day: date, language: Language) -> str:
    """ "Tuesday, March 3"."""
    weekday, month = _DAYS[language][day.weekday()], _MONTHS[language][day.month - 1]
    return f"{weekday}, {month} {day.day}" if language == "en" else f"{weekday}, {day.day}. {month}"


def short_date(day: date, language: Language) -> str:
    """ "Tue, Mar 3, 2026"."""
    weekday, month = _DAYS[language][day.weekday()], _MONTHS[language][day.month - 1]
    if language == "en":
        return f"{weekday[:3]}, {month[:3]} {day.day}, {day.year}"
    return f"{weekday[:2]}, {day.day}. {month[:3]} {day.year}"


def written(value: Any, field: EntityField, language: Language) -> str:
    """A column's value as a person reads it; not for references, which name a row."""
    if value is None or value == "":
        return ""
    if field.type == "boolean":
        return say("yes" if value else "no", language)
    if field.type == "date":
        return short_date(date.fromisoformat(value), language)
    if field.type == "moment":
        moment = datetime.fromisoformat(value)
        return f"{short_date(moment.date(), language)}, {clock_text(moment, language)}"
    if field.type == "choice":
        return option_label(field, str(value), language)
    return str(value)


def option_label(field: EntityField, option: str, language: Language) -> str:
    """What an option of a choice is called."""
    if field.option_labels and option in field.options:
        return in_language(field.option_labels[field.options.index(option)], language)
    return option[:1].upper() + option[1:]


def clock_text(moment: datetime, language: Language) -> str:
    """ "9:41", as in the status bar."""
    return f"{moment.hour}:{moment.minute:02d}" if language == "en" else f"{moment:%H:%M}"
