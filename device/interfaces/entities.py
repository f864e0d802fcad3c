"""One table of everything the house may know and say; topics, discovery, state and commands
all derive from it. Adding a line here is all that a new entity needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from catalog.emotions import CODES, NAMES
from catalog.track import Track
from device import readings as r
from device.config import MqttSettings

Value: TypeAlias = str | float | int | bool | None
Platform: TypeAlias = Literal[
    "sensor", "binary_sensor", "button", "switch", "number", "select", "text", "media_player"
]

Parser: TypeAlias = Callable[[str], r.Command]
"""Payload to command; raises PayloadError."""

ON, OFF = "ON", "OFF"
NOTHING, UNTITLED = "nothing", "untitled"
"""States of the track: Home Assistant ignores empty ones."""
MAX_ATTRIBUTE_CHARS = 1000
UNKNOWN = "unknown"
MAX_PAYLOAD_BYTES = 1024
"""The longest command is a mood in words; more is a mistake or worse."""
PRESS = "PRESS"
MAX_STATE_CHARS = 255
"""Home Assistant refuses longer states (homeassistant.const.MAX_LENGTH_STATE_STATE)."""


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
    command: Parser | None = None
    attributes: Callable[[r.KioskState], dict[str, Value]] | None = None
    personal: bool = False
    """About the person: never retained by the broker and null outside of a visit."""
    of_the_moment: bool = False
    """Tells that somebody is here: told at once, and not retained either. A box that dies cannot
    take it back."""
    health: str = ""
    """Name of the switch in [mqtt] that turns a health value off."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Further keys of the discovery component (units, classes, ranges)."""

    @property
    def retained(self) -> bool:
        """Whether the broker keeps its state for those who come late."""
        return not (self.personal or self.of_the_moment)


def entities(settings: MqttSettings) -> tuple[Entity, ...]:
    """Return the table without what the owner switched off."""
    return tuple(e for e in TABLE if not e.health or getattr(settings, e.health))


def seen_by(settings: MqttSettings, state: r.KioskState) -> r.KioskState:
    """Return ``state`` without what other values would give away of one switched off."""
    if settings.publish_mood or state.choice is None:
        return state
    return replace(state, choice=None)  # Its reason and distance tell the mood.


def without_person(state: r.KioskState) -> r.KioskState:
    """Return ``state`` as it is when nobody is there and nothing plays."""
    return replace(
        state, visit=r.VisitState.IDLE, camera=replace(state.camera, is_open=False),
        pulse=None, mood=None, choice=None, presence=False, finger_on=False,
        player=replace(state.player, status="idle", track=None),
    )  # fmt: skip


def cut(text: str, limit_chars: int = MAX_STATE_CHARS) -> str:
    """Return ``text`` on one line and no longer than a state may be."""
    text = " ".join(text.split())
    return text if len(text) <= limit_chars else text[: limit_chars - 1] + "…"


def _mood_name(state: r.KioskState) -> Value:
    if state.mood is None or state.mood.confidence <= 0:
        return UNKNOWN
    return NAMES[CODES[int(state.mood.point.emotions.argmax())]]["en"]


def _mood(part: Callable[[r.Mood], float], digits: int = 2) -> Callable[[r.KioskState], Value]:
    def value(state: r.KioskState) -> Value:
        if state.mood is None or state.mood.confidence <= 0:
            return None
        return round(part(state.mood), digits or None)

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


def track_of(state: r.KioskState) -> Track | None:
    return state.player.track if state.player.status in ("playing", "paused") else None


def _track_attributes(state: r.KioskState) -> dict[str, Value]:
    track, choice = track_of(state), state.choice
    if track is None:
        return {}
    attributes: dict[str, Value] = {
        "title": cut(track.title, MAX_ATTRIBUTE_CHARS),
        "artist": cut(track.artist, MAX_ATTRIBUTE_CHARS),
        "album": cut(track.album, MAX_ATTRIBUTE_CHARS),
        "duration_s": round(track.duration_s, 1),
    }
    if choice is not None and choice.track.track_id == track.track_id:
        reason = cut(choice.reason, MAX_ATTRIBUTE_CHARS)
        attributes |= {"reason": reason, "distance": round(choice.distance, 3)}
    return attributes


def _problems(state: r.KioskState) -> list[str]:
    # Whether the broker is reached shows in the availability, not here.
    lines = [
        f"{w.name}: {w.message or w.status}"
        for w in state.health
        if w.name != "mqtt" and (w.message or w.status in ("failed", "restarting"))
    ]
    # What is amiss with the sound itself the player's worker has said already.
    says = state.player.message
    return lines if not says or f"player: {says}" in lines else [*lines, says]


def number(low: float, high: float, make: Callable[[float], r.Command]) -> Parser:
    """Return a parser of numbers in [low, high]."""

    def parse(payload: str) -> r.Command:
        try:
            value = float(payload)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise PayloadError(f"a number from {low:g} to {high:g} is expected")
        return make(value)

    return parse


def _switch(make: Callable[[bool], r.Command]) -> Parser:
    def parse(payload: str) -> r.Command:
        if payload not in (ON, OFF):
            raise PayloadError("ON or OFF is expected")
        return make(payload == ON)

    return parse


def button(make: Callable[[], r.Command]) -> Parser:
    """Return a parser of a press."""

    def parse(payload: str) -> r.Command:
        # Not any payload: an empty one is how retained messages are wiped.
        if payload != PRESS:
            raise PayloadError(f"{PRESS} is expected")
        return make()

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
        "mood", "sensor", "Mood", _mood_name, personal=True, health="publish_mood",
        options={"device_class": "enum", "options": _MOODS, "icon": "mdi:emoticon-outline"},
    ),
    Entity(
        "valence", "sensor", "Valence", _mood(lambda m: m.point.valence), personal=True,
        health="publish_mood",
        options=_MEASURED | {"suggested_display_precision": 2,
                             "icon": "mdi:emoticon-happy-outline"},
    ),
    Entity(
        "arousal", "sensor", "Arousal", _mood(lambda m: m.point.arousal), personal=True,
        health="publish_mood",
        options=_MEASURED | {"suggested_display_precision": 2,
                             "icon": "mdi:flash-outline"},
    ),
    Entity(
        "confidence", "sensor", "Mood confidence", _mood(lambda m: 100 * m.confidence, 0),
        personal=True, health="publish_mood",
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
        # No device class knows a heart rate; Home Assistant's own integrations do the same.
        options=_MEASURED | {"unit_of_measurement": "bpm", "icon": "mdi:heart-pulse"},
    ),
    Entity(
        "rmssd", "sensor", "RMSSD", _pulse(lambda p: p.rmssd_ms, 0), personal=True,
        health="publish_rmssd",
        options=_MEASURED | {"device_class": "duration", "unit_of_measurement": "ms",
                             "icon": "mdi:heart-flash"},
    ),
    Entity(
        "signal_quality", "sensor", "Signal quality", _pulse(lambda p: _percent(p.quality), 0),
        personal=True, health="publish_signal_quality",
        options=_MEASURED | _DIAGNOSTIC | {"unit_of_measurement": "%", "icon": "mdi:signal"},
    ),
    Entity(
        "presence", "binary_sensor", "Presence", lambda s: _on_off(s.presence),
        of_the_moment=True,
        options={"device_class": "occupancy"},
    ),
    Entity(
        "finger", "binary_sensor", "Finger on sensor", lambda s: _on_off(s.finger_on),
        of_the_moment=True,
        options={"icon": "mdi:fingerprint"},
    ),
    Entity(
        "camera_in_use", "binary_sensor", "Camera in use", lambda s: _on_off(s.camera.is_open),
        of_the_moment=True,
        options={"device_class": "running", "icon": "mdi:camera"},
    ),
    Entity(
        "visit", "sensor", "Visit", lambda s: s.visit.value,
        of_the_moment=True,
        options={
            "device_class": "enum", "options": [v.value for v in r.VisitState],
            "icon": "mdi:account-clock",
        },
    ),
    # What plays.
    Entity(
        "track", "sensor", "Track",
        lambda s: (cut(track.title) or UNTITLED) if (track := track_of(s)) else NOTHING,
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
    Entity("play", "button", "Play", command=button(lambda: r.Play(source="mqtt")),
           options={"icon": "mdi:play"}),
    Entity("pause", "button", "Pause", command=button(lambda: r.Pause(source="mqtt")),
           options={"icon": "mdi:pause"}),
    Entity("skip", "button", "Skip", command=button(lambda: r.Skip(source="mqtt")),
           options={"icon": "mdi:skip-next"}),
    Entity("stop", "button", "End the visit", command=button(lambda: r.Stop(source="mqtt")),
           options={"icon": "mdi:stop"}),
    Entity("like", "button", "Like", command=button(lambda: r.Like(source="mqtt")),
           options={"icon": "mdi:thumb-up"}),
    Entity("dislike", "button", "Dislike", command=button(lambda: r.Dislike(source="mqtt")),
           options={"icon": "mdi:thumb-down"}),
    Entity(
        "volume", "number", "Volume", lambda s: round(s.player.volume_percent),
        number(0, 100, lambda n: r.SetVolume(source="mqtt", percent=n)),
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
        "duck", "switch", "Duck", lambda s: _on_off(s.player.duck_wanted),
        _switch(lambda on: r.Duck(source="mqtt", on=on)),
        options={"icon": "mdi:volume-medium"},
    ),
    Entity(
        # Its state is always empty: what somebody felt is not kept on a dashboard.
        "say_mood", "text", "Say a mood", lambda _: "", _say, personal=True,
        options={"max": 255, "icon": "mdi:chat-outline"},
    ),
    # How the box is.
    Entity(
        "problem", "binary_sensor", "Problem", lambda s: _on_off(bool(_problems(s))),
        attributes=lambda s: {"problems": cut("; ".join(_problems(s)), MAX_ATTRIBUTE_CHARS)},
        options=_DIAGNOSTIC | {"device_class": "problem"},
    ),
    Entity(
        "restarts", "sensor", "Worker restarts", lambda s: sum(w.restarts for w in s.health),
        options=_DIAGNOSTIC | {"state_class": "total_increasing", "icon": "mdi:restart-alert"},
    ),
    Entity(
        "sound_output", "sensor", "Sound output", lambda s: cut(s.player.output) or "none",
        options=_DIAGNOSTIC | {"icon": "mdi:speaker"},
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
