"""Home Assistant device discovery, derived from the table of entities.

Source: Home Assistant's MQTT discovery, device-based (since 2024.11): one retained payload
with ``dev``, ``o`` and ``cmps``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from device.config import Settings
from device.interfaces.entities import OFF, ON, Entity, entities

NUMERIC_PLATFORMS = ("sensor", "number")


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic of one kiosk."""

    base: str
    discovery: str
    """Where the device's discovery payload goes; empty without Home Assistant."""
    birth: str
    """Where Home Assistant says that it has started; empty without."""

    @property
    def availability(self) -> str:
        return f"{self.base}/available"

    @property
    def all_commands(self) -> str:
        return f"{self.base}/+/set"

    def state(self, entity: Entity) -> str:
        return f"{self.base}/{entity.key}/state"

    def attributes(self, entity: Entity) -> str:
        return f"{self.base}/{entity.key}/attributes"

    def command(self, entity: Entity) -> str:
        return f"{self.base}/{entity.key}/set"


def topics(settings: Settings) -> Topics:
    """Return the topics for the configured prefix and identity."""
    prefix = settings.mqtt.discovery_prefix
    return Topics(
        base=f"{settings.mqtt.base_topic}/{settings.kiosk.id}",
        discovery=f"{prefix}/device/{settings.kiosk.id}/config" if prefix else "",
        birth=f"{prefix}/status" if prefix else "",
    )


def discovery_payload(settings: Settings) -> dict[str, object]:
    """Return the device's discovery payload."""
    kiosk, names = settings.kiosk, topics(settings)
    return {
        "dev": {
            "ids": [kiosk.id],
            "name": kiosk.name,
            "mf": "Attune",
            "mdl": "Mood-music kiosk",
            "sw": _version(),
        },
        "o": {"name": "attune", "sw": _version()},
        "avty_t": names.availability,
        "qos": 1,
        "cmps": {
            entity.key: _component(entity, kiosk.id, names) for entity in entities(settings.mqtt)
        },
    }


def _component(entity: Entity, kiosk_id: str, names: Topics) -> dict[str, object]:
    unique_id = f"{kiosk_id}_{entity.key}"
    component: dict[str, object] = {
        "p": entity.platform,
        "name": entity.name,
        "uniq_id": unique_id,
        # Up to 2025 Home Assistant reads the first, from 2026 on the second.
        "obj_id": unique_id,
        "def_ent_id": f"{entity.platform}.{unique_id}",
        **entity.options,
    }
    if entity.value is not None:
        component["stat_t"] = names.state(entity)
        if entity.platform in NUMERIC_PLATFORMS and entity.options.get("device_class") != "enum":
            # Numbers travel as JSON, so that null can say "no reading".
            component["val_tpl"] = "{{ value_json if value_json is defined else value }}"
    if entity.attributes is not None:
        component["json_attr_t"] = names.attributes(entity)
    if entity.command is not None:
        component["cmd_t"] = names.command(entity)
    if entity.platform in ("switch", "binary_sensor"):
        component |= {"pl_on": ON, "pl_off": OFF}
    return component


def _version() -> str:
    try:
        return version("attune-kiosk")
    except PackageNotFoundError:
        return "unknown"
