"""Home Assistant device discovery, derived from the table of entities.

Source: Home Assistant's MQTT discovery, device-based (since 2024.11): one retained payload
with ``dev``, ``o`` and ``cmps``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from device.config import KioskSettings, Settings
from device.identity import NAMELESS
from device.interfaces.entities import OFF, ON, TABLE, Entity, entities

BIRTH = "homeassistant/status"
"""Where Home Assistant says that it has started, unless it was told another topic."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic of one kiosk."""

    base: str
    discovery: str
    """Where the device's discovery payload goes; empty without Home Assistant."""
    media_player: str
    """Where the custom component mqtt_media_player looks; empty when it is not asked for ..."""
    no_media_player: str
    """... and here it finds none then; empty when it is asked for."""
    births: tuple[str, ...]
    """Where Home Assistant may say that it has started; empty without."""

    @property
    def availability(self) -> str:
        return f"{self.base}/available"

    @property
    def instance(self) -> str:
        """The mark of the kiosk that goes by this id."""
        return f"{self.base}/instance"

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
    prefix, kiosk_id = settings.mqtt.discovery_prefix, settings.kiosk.id
    player = f"{prefix}/media_player/{kiosk_id}/config" if prefix else ""
    return Topics(
        base=f"{settings.mqtt.base_topic}/{kiosk_id}",
        discovery=f"{prefix}/device/{kiosk_id}/config" if prefix else "",
        media_player=player if settings.mqtt.media_player else "",
        no_media_player="" if settings.mqtt.media_player else player,
        # Its birth message keeps its topic when its discovery prefix is another, unless told.
        births=tuple(dict.fromkeys((f"{prefix}/status", BIRTH))) if prefix else (),
    )


def discovery_payload(settings: Settings) -> dict[str, object]:
    """Return the device's discovery payload."""
    kiosk, names = settings.kiosk, topics(settings)
    shown = entities(settings.mqtt)
    return {
        "dev": {
            "ids": [kiosk.id],
            "name": device_name(kiosk),
            "mf": "Attune",
            "mdl": "Mood-music kiosk",
            "sw": own_version(),
        },
        "o": {"name": "attune", "sw": own_version()},
        "avty_t": names.availability,
        "qos": 1,
        # One that is merely left out would stay; with nothing but its platform it goes.
        "cmps": {
            entity.key: (
                _component(entity, kiosk.id, names) if entity in shown else {"p": entity.platform}
            )
            for entity in TABLE
        },
    }


def device_name(kiosk: KioskSettings) -> str:
    """Return the kiosk's name; two that were never named are told apart by their identity."""
    unnamed = kiosk.name == KioskSettings.model_fields["name"].default and kiosk.id != NAMELESS
    return f"{kiosk.name} {kiosk.id.removeprefix(f'{NAMELESS}_')}" if unnamed else kiosk.name


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
        if entity.platform == "number" or "state_class" in entity.options:
            # Numbers travel as JSON, so that null can say "no reading".
            component["val_tpl"] = "{{ value_json if value_json is defined else value }}"
    if entity.attributes is not None:
        component["json_attr_t"] = names.attributes(entity)
    if entity.command is not None:
        component["cmd_t"] = names.command(entity)
    if entity.platform in ("switch", "binary_sensor"):
        component |= {"pl_on": ON, "pl_off": OFF}
    return component


def own_version() -> str:
    """Return the installed version of the kiosk's software."""
    try:
        return version("attune-kiosk")
    except PackageNotFoundError:
        return "unknown"
