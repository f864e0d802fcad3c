"""The kiosk for ``mqtt_media_player``, a custom component that gives Home Assistant a player.

Home Assistant's own MQTT has no media player. The component (HACS, bkbilly/mqtt_media_player)
takes the topics from one retained payload; its state words are playing, paused, idle and off,
its volume goes from 0 to 1, its times are whole seconds.
"""

from __future__ import annotations

from device import readings as r
from device.config import Settings
from device.interfaces.entities import MAX_ATTRIBUTE_CHARS, PRESS, Entity, button, cut, number
from device.interfaces.entities import track_of as _track
from device.interfaces.home_assistant import device_name, own_version, topics

_STATES = {"idle": "idle", "playing": "playing", "paused": "paused", "no_output": "off"}


def _words(part: str) -> Entity:
    def value(state: r.KioskState) -> str:
        track = _track(state)
        return "" if track is None else cut(getattr(track, part), MAX_ATTRIBUTE_CHARS)

    return Entity(f"media_{part}", "media_player", part, value, personal=True)


def _duration(state: r.KioskState) -> str:
    track = _track(state)
    return "" if track is None else str(round(track.duration_s))


def _position(state: r.KioskState) -> str:
    return "" if _track(state) is None else str(round(state.player.position_s))


PLAYER_TABLE: tuple[Entity, ...] = (
    Entity("media_state", "media_player", "state", lambda s: _STATES[s.player.status]),
    _words("title"),
    _words("artist"),
    _words("album"),
    Entity("media_duration", "media_player", "duration", _duration, personal=True),
    Entity("media_position", "media_player", "position", _position, personal=True),
    Entity(
        "media_volume", "media_player", "volume",
        lambda s: round(s.player.volume_percent / 100, 2),
        number(0, 1, lambda n: r.SetVolume(source="mqtt", percent=100 * n)),
    ),
    Entity("media_play", "media_player", "play", command=button(lambda: r.Play(source="mqtt"))),
    Entity("media_pause", "media_player", "pause", command=button(lambda: r.Pause(source="mqtt"))),
    Entity("media_next", "media_player", "next", command=button(lambda: r.Skip(source="mqtt"))),
)  # fmt: skip


def player_payload(settings: Settings) -> dict[str, object]:
    """Return what the component wants to find at ``<prefix>/media_player/<id>/config``."""
    kiosk, names = settings.kiosk, topics(settings)
    payload: dict[str, object] = {
        "name": device_name(kiosk),
        "availability": {
            "topic": names.availability,
            "payload_available": "online",
            "payload_not_available": "offline",
        },
        "device": {
            "identifiers": [kiosk.id],
            "name": device_name(kiosk),
            "manufacturer": "Attune",
            "model": "Mood-music kiosk",
            "sw_version": own_version(),
        },
    }
    for entity in PLAYER_TABLE:
        if entity.value is not None:
            payload[f"state_{entity.name}_topic"] = names.state(entity)
        if entity.command is not None:
            payload[f"command_{entity.name}_topic"] = names.command(entity)
            payload[f"command_{entity.name}_payload"] = PRESS
    return payload
