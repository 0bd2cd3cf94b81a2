"""`agentenv emulators doctor`: what is missing for Android, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from agentenv.progress import console


@dataclass(frozen=True)
class EmulatorsDoctorConfig:
    """Where to look."""

    host: str = ""
    """Docker engine; by default as DOCKER_HOST says."""
    appium_url: str = "http://127.0.0.1:4723"


def run(config: EmulatorsDoctorConfig) -> None:
    """Print one line for each check."""
    from emulators.checks import check_machine

    table = Table("", "check", "found", "what to do", box=None, pad_edge=False)
    for finding in check_machine(config.host, config.appium_url):
        mark = "[yellow]note[/]" if finding.advice else "[green]ok[/]"
        table.add_row(mark, finding.name, finding.found, finding.advice)
    console.print(table)
