"""The MQTT edge against a real mosquitto: what is told and what is obeyed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog.emotions import point_from_va
from device import readings as r
from device.interfaces import mqtt_session
from device.interfaces.entities import TABLE
from tests.fakes.broker import Broker, Listener
from tests.fakes.kiosk_states import LONG, PLAYING, TRACK
from tests.fakes.mqtt_kiosk import Running, settings_for, until
from tests.fakes.states import a_state

BASE = "attune/hall"
PERSONAL_NUMBERS = (
    "valence", "arousal", "confidence", "stress", "heart_rate", "rmssd", "signal_quality",
)  # fmt: skip


def test_a_visit_is_told_and_what_was_personal_is_nulled_and_never_retained(
    broker: Broker, ear: Listener, running: Running
) -> None:
    running.states.put(
        a_state(
            visit=r.VisitState.PLAYING,
            pulse=r.PulseReading(1.0, True, 0.9, 60.0, heart_rate_bpm=71.6, stress=0.42),
            mood=r.Mood(1.0, point_from_va(0.5, -0.25), 0.8),
        )
    )
    assert ear.wait_for(f"{BASE}/heart_rate/state", "72")
    assert ear.wait_for(f"{BASE}/stress/state", "42")
    assert ear.wait_for(f"{BASE}/valence/state", "0.5")
    assert ear.wait_for(f"{BASE}/visit/state", "playing")
    running.states.put(a_state(visit=r.VisitState.FAREWELL))
    for key in PERSONAL_NUMBERS:
        ear.wait_for(f"{BASE}/{key}/state", "null")
    ear.wait_for(f"{BASE}/mood/state", "unknown")
    late = Listener(broker.port)
    late.wait_for(f"{BASE}/visit/state", "farewell")
    personal = {f"{BASE}/{e.key}/{what}" for e in TABLE if e.personal
                for what in ("state", "attributes")}  # fmt: skip
    kept = {topic for topic, _, retained in late.messages if retained}
    assert not personal & kept
    assert {f"{BASE}/player/state", f"{BASE}/volume/state"} <= kept
    late.close()


def test_a_box_that_loses_its_power_leaves_no_word_that_somebody_is_here(
    broker: Broker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "REPEAT_S", 0.1)
    running.states.put(replace(PLAYING, presence=True, finger_on=True))
    late = Listener(broker.port)
    for key, value in (("presence", "ON"), ("finger", "ON"), ("visit", "playing")):
        late.wait_for(f"{BASE}/{key}/state", value)
    late.close()
    kept = Listener(broker.port)
    kept.wait_for(f"{BASE}/player/state")
    told = {topic for topic, _, retained in kept.messages if retained}
    kept.close()
    here = ("presence", "finger", "camera_in_use", "visit")
    assert not told & {f"{BASE}/{key}/state" for key in here}


def test_the_track_comes_with_its_reason_and_a_long_title_is_cut(
    ear: Listener, running: Running
) -> None:
    running.states.put(PLAYING)
    ear.wait_for(f"{BASE}/track/state", "Slow Morning Light")
    assert json.loads(ear.wait_for(f"{BASE}/track/attributes")) == {
        "title": "Slow Morning Light", "artist": "Alba Verde", "album": "Windows",
        "duration_s": 254.0, "distance": 0.18,
        "reason": "Close to how you feel, one step brighter: calm and hopeful.",
    }  # fmt: skip
    running.states.put(LONG)
    until(lambda: ear.last(f"{BASE}/track/state").endswith("…"))
    assert len(ear.last(f"{BASE}/track/state")) == 255
    track = replace(TRACK, title="la " * 2000, artist="X" * 2000)
    running.states.put(replace(LONG, player=replace(LONG.player, track=track)))
    until(lambda: "XX" in ear.last(f"{BASE}/track/attributes"))
    told = json.loads(ear.last(f"{BASE}/track/attributes"))
    assert (len(told["title"]), len(told["artist"])) == (1000, 1000)


@pytest.mark.parametrize(
    ("switch", "keys"),
    [
        ("publish_mood", ("mood", "valence", "arousal", "confidence")),
        ("publish_stress", ("stress",)),
        ("publish_heart_rate", ("heart_rate",)),
        ("publish_rmssd", ("rmssd",)),
        ("publish_signal_quality", ("signal_quality",)),
    ],
)
def test_a_health_value_can_be_switched_off(
    broker: Broker, ear: Listener, switch: str, keys: tuple[str, ...]
) -> None:
    off: dict[str, Any] = {switch: False}
    running = Running(settings_for(broker.port, **off))
    running.states.put(PLAYING)
    ear.wait_for(f"{BASE}/sound_output/state")
    running.stop()
    told = {topic.split("/")[2] for topic, _, _ in ear.messages if topic.startswith(BASE)}
    assert {e.key for e in TABLE if e.value} - told == set(keys)
    components = json.loads(ear.wait_for("homeassistant/device/hall/config"))["cmps"]
    for key in keys:  # So that it also leaves a Home Assistant that knew it.
        assert components[key] == {"p": "sensor"}
    reason_told = any("Close to how you feel" in payload for _, payload, _ in ear.messages)
    assert reason_told == (switch != "publish_mood")


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("play", "PRESS", r.Play(source="mqtt")),
        ("pause", "PRESS", r.Pause(source="mqtt")),
        ("skip", "PRESS", r.Skip(source="mqtt")),
        ("stop", "PRESS", r.Stop(source="mqtt")),
        ("like", "PRESS", r.Like(source="mqtt")),
        ("dislike", "PRESS", r.Dislike(source="mqtt")),
        ("volume", "35", r.SetVolume(source="mqtt", percent=35)),
        ("strategy", "calm", r.SetStrategy(source="mqtt", strategy=r.Strategy.CALM)),
        ("camera_allowed", "OFF", r.SetCameraAllowed(source="mqtt", allowed=False)),
        ("say_mood", "我很难过", r.SayMood(source="mqtt", text="我很难过")),
        ("duck", "ON", r.Duck(source="mqtt", on=True)),
    ],
)
def test_a_command_arrives(
    ear: Listener, running: Running, key: str, payload: str, expected: r.Command
) -> None:
    ear.publish(f"{BASE}/{key}/set", payload)
    assert running.commands.get(5) == expected


def test_a_clean_end_says_offline_and_takes_back_what_is_personal(
    broker: Broker, ear: Listener
) -> None:
    running = Running(settings_for(broker.port))
    running.states.put(PLAYING)
    ear.wait_for(f"{BASE}/heart_rate/state", "72")
    ear.wait_for(f"{BASE}/track/state", TRACK.title)
    running.stop()
    ear.wait_for(f"{BASE}/available", "offline")
    assert {ear.last(f"{BASE}/{key}/state") for key in PERSONAL_NUMBERS} == {"null"}
    assert ear.last(f"{BASE}/mood/state") == "unknown"
    assert ear.last(f"{BASE}/track/state") == "nothing"
    assert ear.last(f"{BASE}/track/attributes") == "{}"
    assert ear.last(f"{BASE}/presence/state") == "OFF"
    # Kept by the broker: a kiosk that is off leads no visit and has no camera open.
    assert ear.last(f"{BASE}/visit/state") == "idle"
    assert ear.last(f"{BASE}/camera_in_use/state") == "OFF"


def test_a_crash_is_said_by_the_broker(broker: Broker, ear: Listener) -> None:
    program = f"""
from tests.fakes.mqtt_kiosk import Running, settings_for
from tests.fakes.states import a_state
import time
Running(settings_for({broker.port})).states.put(a_state())
time.sleep(60)
"""
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen([sys.executable, "-c", program], cwd=root)
    ear.wait_for(f"{BASE}/available", "online", timeout_s=30)
    process.kill()
    process.wait()
    ear.wait_for(f"{BASE}/available", "offline")


def test_home_assistants_birth_brings_everything_again(ear: Listener, running: Running) -> None:
    ear.wait_for(f"{BASE}/visit/state")
    ear.forget()
    ear.publish("homeassistant/status", "online")
    ear.wait_for("homeassistant/device/hall/config")
    ear.wait_for(f"{BASE}/available", "online")
    ear.wait_for(f"{BASE}/visit/state")


@pytest.mark.parametrize("birth", ["upstairs/status", "homeassistant/status"])
def test_another_prefix_leaves_home_assistant_both_topics_for_its_birth(
    broker: Broker, ear: Listener, birth: str
) -> None:
    running = Running(settings_for(broker.port, discovery_prefix="upstairs"))
    running.states.put(a_state())
    ear.wait_for(f"{BASE}/visit/state")
    ear.forget()
    ear.publish(birth, "online")
    ear.wait_for("upstairs/device/hall/config")
    ear.wait_for(f"{BASE}/visit/state")
    running.stop()


def test_what_is_not_retained_is_repeated_for_those_who_come_late(
    broker: Broker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.states.put(PLAYING)
    late = Listener(broker.port)
    late.wait_for(f"{BASE}/visit/state", "playing")
    monkeypatch.setattr(mqtt_session, "REPEAT_S", 0.1)
    late.wait_for(f"{BASE}/heart_rate/state", "72")
    late.wait_for(f"{BASE}/track/attributes")
    late.close()


def test_without_a_prefix_there_is_no_discovery(broker: Broker, ear: Listener) -> None:
    running = Running(settings_for(broker.port, discovery_prefix="", media_player=True))
    running.states.put(a_state())
    ear.wait_for(f"{BASE}/sound_output/state")
    running.stop()
    assert all(topic.startswith(BASE) for topic, _, _ in ear.messages)


def test_a_media_player_that_is_switched_off_leaves_the_house(
    broker: Broker, ear: Listener
) -> None:
    for is_wanted in (True, False):
        running = Running(settings_for(broker.port, media_player=is_wanted))
        running.states.put(a_state())
        ear.wait_for(f"{BASE}/available", "online")
        config = ear.wait_for("homeassistant/media_player/hall/config")
        assert bool(config) is is_wanted
        running.stop()
        ear.forget()
    late = Listener(broker.port)
    late.wait_for(f"{BASE}/available")
    assert "homeassistant/media_player/hall/config" not in {topic for topic, _, _ in late.messages}
    late.close()


def test_the_custom_media_player_is_served_when_asked(broker: Broker, ear: Listener) -> None:
    running = Running(settings_for(broker.port, media_player=True))
    running.states.put(PLAYING)
    config = json.loads(ear.wait_for("homeassistant/media_player/hall/config"))
    heard = {
        part: ear.wait_for(config[f"state_{part}_topic"])
        for part in ("state", "title", "artist", "album", "duration", "position", "volume")
    }
    assert heard == {
        "state": "playing", "title": "Slow Morning Light", "artist": "Alba Verde",
        "album": "Windows", "duration": "254", "position": "83", "volume": "0.64",
    }  # fmt: skip
    ear.publish(config["command_volume_topic"], "0.5")
    assert running.commands.get(5) == r.SetVolume(source="mqtt", percent=50)
    ear.publish(config["command_next_topic"], config["command_next_payload"])
    assert running.commands.get(5) == r.Skip(source="mqtt")
    running.stop()
