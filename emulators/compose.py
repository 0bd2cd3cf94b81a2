"""The containers as a compose file, to be read and used by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from emulators.images import HOST, LABEL, Service

INTERVAL_S, START_PERIOD_S, HEALTH_TIMEOUT_S, RETRIES = 5, 240, 10, 6


def compose_file(services: Sequence[Service]) -> str:
    """The text of a compose file for these containers."""
    content = {
        "services": {service.name: _service(service) for service in services},
        "volumes": {
            _volume(service): {"name": _volume(service)} for service in services if service.volume
        },
    }
    head = "# By `agentenv emulators up`; docker compose -f THIS_FILE up --wait does the same.\n"
    return head + yaml.safe_dump(content, sort_keys=False, width=100)


def _volume(service: Service) -> str:
    return f"{service.name}-data"


def _service(service: Service) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "image": service.image,
        "container_name": service.name,
        "labels": {LABEL: service.name},
        "ports": [f"{HOST}:{outside}:{inside}" for inside, outside in service.ports.items()],
        "environment": {
            **service.environment,
            **{name: f"${{{name}}}" for name in service.passed},
        },
        "devices": [f"{device}:{device}" for device in service.devices],
        "volumes": [f"{_volume(service)}:{service.volume}"] if service.volume else [],
        "command": list(service.command),
        "privileged": service.privileged,
        "mem_limit": f"{service.memory_gib}g",
        "cpus": service.cpus,
        "restart": "no",
    }
    if service.health:
        entry["healthcheck"] = {
            "test": ["CMD-SHELL", service.health.replace("$", "$$")],
            "interval": f"{INTERVAL_S}s",
            "timeout": f"{HEALTH_TIMEOUT_S}s",
            "retries": RETRIES,
            "start_period": f"{START_PERIOD_S}s",
        }
    return {key: value for key, value in entry.items() if value not in ([], {}, False)}
