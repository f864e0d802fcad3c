"""One table of everything the house may know and say; topics, discovery, state and commands
all derive from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from catalog.emotions import CODES, NAMES
from catalog.track import Track
from device import readings as r
from device.config import MqttSettings

Value: TypeAlias = str | float | int | bool | None
Platform: TypeAlias = Literal[
    "sensor", "binary_sensor", "button", "switch", "number", "select", "text"
]

ON, OFF = "ON", "OFF"
UNKNOWN = "unknown"
MAX_PAYLOAD_BYTES = 1024
"""The longest command is a mood in words; more is a mistake or worse."""


class PayloadError(ValueError):
    """A command that cannot be understood; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing of the kiosk on MQTT and in Home Assistant."""

    key: str
    """Topic level and tail of the unique id; never changes once released."""
    platform: Platform
    name: str
    value: Callable[[r.KioskState], Value] | None = None
    command: Callable[[str], r.Command] | None = None
    attributes: Callable[[r.KioskState], dict[str, Value]] | None = None
    personal: bool = False
    """About the person: never retained by the broker and null outside of a visit."""
    health: str = ""
    """Name of the switch in [mqtt] that turns a health value off."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Further keys of the discovery component (units, classes, ranges)."""


def entities(settings: MqttSettings) -> tuple[Entity, ...]:
    """Return the table without what the owner switched off."""
    return tuple(e for e in TABLE if not e.health or getattr(settings, e.health))


def _mood_name(state: r.KioskState) -> Value:
    if state.mood is None or state.mood.confidence <= 0:
        return UNKNOWN
    return NAMES[CODES[int(state.mood.point.emotions.argmax())]]["en"]


def _mood(part: Callable[[r.Mood], float]) -> Callable[[r.KioskState], Value]:
    def value(state: r.KioskState) -> Value:
        if state.mood is None or state.mood.confidence <= 0:
            return None
        return round(part(state.mood), 2)

    return value


def _pulse(
    part: Callable[[r.PulseReading], float | None], digits: int
) -> Callable[[r.KioskState], Value]:
    def value(state: r.KioskState) -> Value:
        number = part(state.pulse) if state.pulse else None
        return None if number is None else round(number, digits or None)

    return value


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _track(state: r.KioskState) -> Track | None:
    return state.player.track if state.player.status in ("playing", "paused") else None


def _track_attributes(state: r.KioskState) -> dict[str, Value]:
    track, choice = _track(state), state.choice
    if track is None:
        return {}
    attributes: dict[str, Value] = {
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "duration_s": round(track.duration_s, 1),
    }
    if choice is not None and choice.track.track_id == track.track_id:
        attributes |= {"reason": choice.reason, "distance": round(choice.distance, 3)}
    return attributes


def _problems(state: r.KioskState) -> list[str]:
    lines = [f"{w.name}: {w.message}" for w in state.health if w.status in ("failed", "restarting")]
    return [*lines, *([state.player.message] if state.player.message else [])]


def _number(low: float, high: float, make: Callable[[float], r.Command]) -> Callable[
    [str], r.Command
]:  # fmt: skip
    def parse(payload: str) -> r.Command:
        try:
            number = float(payload)
        except ValueError:
            raise PayloadError(f"a number from {low:g} to {high:g} is expected") from None
        if not low <= number <= high:
            raise PayloadError(f"a number from {low:g} to {high:g} is expected")
        return make(number)

    return parse


def _switch(make: Callable[[bool], r.Command]) -> Callable[[str], r.Command]:
    def parse(payload: str) -> r.Command:
        if payload not in (ON, OFF):
            raise PayloadError("ON or OFF is expected")
        return make(payload == ON)

    return parse


def _strategy(payload: str) -> r.Command:
    try:
        return r.SetStrategy(source="mqtt", strategy=r.Strategy(payload))
    except ValueError:
        raise PayloadError(f"one of {', '.join(r.Strategy)} is expected") from None


def _say(payload: str) -> r.Command:
    if not payload.strip():
        raise PayloadError("words for a mood are expected")
    return r.SayMood(source="mqtt", text=payload.strip())


def _on_off(flag: bool) -> str:
    return ON if flag else OFF


_MEASURED = {"state_class": "measurement"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_MOODS = [*(NAMES[code]["en"] for code in CODES), UNKNOWN]

TABLE: tuple[Entity, ...] = (
    # What is sensed.
    Entity(
        "mood", "sensor", "Mood", _mood_name, personal=True,
        options={"device_class": "enum", "options": _MOODS, "icon": "mdi:emoticon-outline"},
    ),
    Entity(
        "valence", "sensor", "Valence", _mood(lambda m: m.point.valence), personal=True,
        options=_MEASURED | {"icon": "mdi:emoticon-happy-outline"},
    ),
    Entity(
        "arousal", "sensor", "Arousal", _mood(lambda m: m.point.arousal), personal=True,
        options=_MEASURED | {"icon": "mdi:flash-outline"},
    ),
    Entity(
        "confidence", "sensor", "Mood confidence", _mood(lambda m: 100 * m.confidence),
        personal=True,
        options=_MEASURED | {"unit_of_measurement": "%", "icon": "mdi:check-decagram"},
    ),
    Entity(
        "stress", "sensor", "Stress", _pulse(lambda p: _percent(p.stress), 0), personal=True,
        health="publish_stress",
        options=_MEASURED | {"unit_of_measurement": "%", "icon": "mdi:head-heart-outline"},
    ),
    Entity(
        "heart_rate", "sensor", "Heart rate", _pulse(lambda p: p.heart_rate_bpm, 0),
        personal=True, health="publish_heart_rate",
        options=_MEASURED | {"unit_of_measurement": "bpm", "icon": "mdi:heart-pulse"},
    ),
    Entity(
        "rmssd", "sensor", "RMSSD", _pulse(lambda p: p.rmssd_ms, 0), personal=True,
        health="publish_heart_rate",
        options=_MEASURED | {"unit_of_measurement": "ms", "icon": "mdi:heart-flash"},
    ),
    Entity(
        "signal_quality", "sensor", "Signal quality", _pulse(lambda p: _percent(p.quality), 0),
        personal=True,
        options=_MEASURED | _DIAGNOSTIC | {"unit_of_measurement": "%", "icon": "mdi:signal"},
    ),
    Entity(
        "presence", "binary_sensor", "Presence", lambda s: _on_off(s.presence),
        options={"device_class": "occupancy"},
    ),
    Entity(
        "finger", "binary_sensor", "Finger on sensor", lambda s: _on_off(s.finger_on),
        options={"icon": "mdi:fingerprint"},
    ),
    Entity(
        "camera_in_use", "binary_sensor", "Camera in use", lambda s: _on_off(s.camera.is_open),
        options={"device_class": "running", "icon": "mdi:camera"},
    ),
    Entity(
        "visit", "sensor", "Visit", lambda s: s.visit.value,
        options={
            "device_class": "enum", "options": [v.value for v in r.VisitState],
            "icon": "mdi:account-clock",
        },
    ),
    # What plays.
    Entity(
        "track", "sensor", "Track",
        lambda s: track.title if (track := _track(s)) else "nothing",
        attributes=_track_attributes, personal=True, options={"icon": "mdi:music"},
    ),
    Entity(
        "player", "sensor", "Player", lambda s: s.player.status,
        options={
            "device_class": "enum", "options": ["idle", "playing", "paused", "no_output"],
            "icon": "mdi:play-circle-outline",
        },
    ),
    # What can be asked for.
    Entity("play", "button", "Play", command=lambda _: r.Play(source="mqtt"),
           options={"icon": "mdi:play"}),
    Entity("pause", "button", "Pause", command=lambda _: r.Pause(source="mqtt"),
           options={"icon": "mdi:pause"}),
    Entity("skip", "button", "Skip", command=lambda _: r.Skip(source="mqtt"),
           options={"icon": "mdi:skip-next"}),
    Entity("stop", "button", "End the visit", command=lambda _: r.Stop(source="mqtt"),
           options={"icon": "mdi:stop"}),
    Entity("like", "button", "Like", command=lambda _: r.Like(source="mqtt"),
           options={"icon": "mdi:thumb-up"}),
    Entity("dislike", "button", "Dislike", command=lambda _: r.Dislike(source="mqtt"),
           options={"icon": "mdi:thumb-down"}),
    Entity(
        "volume", "number", "Volume", lambda s: round(s.player.volume_percent),
        _number(0, 100, lambda n: r.SetVolume(source="mqtt", percent=n)),
        options={"min": 0, "max": 100, "step": 1, "unit_of_measurement": "%",
                 "icon": "mdi:volume-high"},
    ),
    Entity(
        "strategy", "select", "Strategy", lambda s: s.strategy.value, _strategy,
        options={"options": [s.value for s in r.Strategy], "icon": "mdi:directions-fork"},
    ),
    Entity(
        "camera_allowed", "switch", "Camera allowed", lambda s: _on_off(s.camera_allowed),
        _switch(lambda on: r.SetCameraAllowed(source="mqtt", allowed=on)),
        options={"entity_category": "config", "icon": "mdi:camera-lock-open"},
    ),
    Entity(
        "duck", "switch", "Duck", lambda s: _on_off(s.player.ducked),
        _switch(lambda on: r.Duck(source="mqtt", on=on)),
        options={"icon": "mdi:volume-medium"},
    ),
    Entity(
        "say_mood", "text", "Say a mood", command=_say,
        options={"max": 255, "icon": "mdi:chat-outline"},
    ),
    # How the box is.
    Entity(
        "problem", "binary_sensor", "Problem", lambda s: _on_off(bool(_problems(s))),
        attributes=lambda s: {"problems": "; ".join(_problems(s))},
        options=_DIAGNOSTIC | {"device_class": "problem"},
    ),
    Entity(
        "catalogue", "sensor", "Tracks in the catalogue", lambda s: s.catalogue_tracks,
        options=_DIAGNOSTIC | _MEASURED | {"icon": "mdi:music-box-multiple"},
    ),
    Entity(
        "finger_sensor", "sensor", "Finger sensor",
        lambda s: s.sensor.protocol if s.sensor.connected else "none",
        options=_DIAGNOSTIC | {"icon": "mdi:usb-port"},
    ),
)  # fmt: skip
