"""Names of the tasks, known without a device's libraries: environments are registered by them."""

NAMES: tuple[str, ...] = (
    "clock-alarm",
    "contacts-delete",
    "contacts-new",
    "contacts-number",
    "files-delete",
    "files-move",
    "files-new-folder",
    "files-rename",
    "settings-adaptive-brightness",
    "settings-clock-format",
    "settings-dark-theme",
    "settings-font-size",
    "settings-location",
    "settings-screen-timeout",
)
