"""The MQTT edge against a real mosquitto."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.emotions import point_from_va
from device import readings as r
from device.channels import BoundedQueue, LatestSlot
from device.config import Settings, parse
from device.interfaces import mqtt as edge
from device.interfaces.entities import TABLE, entities
from device.interfaces.home_assistant import discovery_payload
from device.interfaces.mqtt import MqttWorker
from tests.fakes.broker import Broker, Listener
from tests.fakes.states import a_state

BASE = "attune/hall"


def settings_for(port: int, **mqtt: object) -> Settings:
    return parse({"kiosk": {"id": "hall"}, "mqtt": {"host": "127.0.0.1", "port": port, **mqtt}})


class Running:
    """An MqttWorker in its thread, with its channels."""

    def __init__(self, settings: Settings) -> None:
        self.states: LatestSlot[r.KioskState] = LatestSlot()
        self.commands: BoundedQueue[r.Command] = BoundedQueue(16, drop="newest")
        self.worker = MqttWorker(settings, self.states, self.commands)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self.worker.run, args=(self._stop, lambda: None), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture(name="quick")
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "PUBLISH_INTERVAL_S", 0.05)
    monkeypatch.setattr(edge, "BIRTH_JITTER_S", (0.0, 0.05))


@pytest.fixture(name="broker")
def _broker(tmp_path: Path, quick: None) -> Iterator[Broker]:
    with Broker(tmp_path, "allow_anonymous true") as broker:
        yield broker


@pytest.fixture(name="ear")
def _ear(broker: Broker) -> Iterator[Listener]:
    listener = Listener(broker.port)
    yield listener
    listener.close()


@pytest.fixture(name="running")
def _running(broker: Broker, ear: Listener) -> Iterator[Running]:
    running = Running(settings_for(broker.port))
    running.states.put(a_state())
    ear.wait_for(f"{BASE}/available", "online")
    yield running
    running.stop()


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
    for key in ("heart_rate", "stress", "valence", "arousal", "confidence", "rmssd"):
        ear.wait_for(f"{BASE}/{key}/state", "null")
    ear.wait_for(f"{BASE}/mood/state", "unknown")
    late = Listener(broker.port)
    late.wait_for(f"{BASE}/visit/state", "farewell")
    personal = {f"{BASE}/{e.key}/state" for e in TABLE if e.personal}
    assert not personal & {topic for topic, _, retained in late.messages if retained}
    late.close()


def test_health_values_can_be_switched_off(broker: Broker, ear: Listener) -> None:
    running = Running(settings_for(broker.port, publish_stress=False, publish_heart_rate=False))
    running.states.put(
        a_state(pulse=r.PulseReading(1.0, True, 0.9, 60.0, heart_rate_bpm=71.6, stress=0.42))
    )
    ear.wait_for(f"{BASE}/finger_sensor/state")
    running.stop()
    heard = {topic for topic, _, _ in ear.messages}
    assert not heard & {f"{BASE}/{key}/state" for key in ("heart_rate", "stress", "rmssd")}


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("play", "PRESS", r.Play(source="mqtt")),
        ("skip", "PRESS", r.Skip(source="mqtt")),
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


def test_old_malformed_and_huge_commands_are_ignored(ear: Listener, running: Running) -> None:
    ear.publish(f"{BASE}/volume/set", "very loud")
    ear.publish(f"{BASE}/volume/set", "101")
    ear.publish(f"{BASE}/volume/set", "nan")
    ear.publish(f"{BASE}/say_mood/set", "x" * 100_000)
    ear.publish(f"{BASE}/say_mood/set", b"\xff\xfe")
    ear.publish(f"{BASE}/nonsense/set", "1")
    ear.publish(f"{BASE}/skip/set", "PRESS")
    assert running.commands.get(5) == r.Skip(source="mqtt")
    assert len(running.commands) == 0


def test_a_retained_command_from_last_week_does_nothing(broker: Broker, ear: Listener) -> None:
    ear.publish(f"{BASE}/play/set", "PRESS", retain=True)
    running = Running(settings_for(broker.port))
    running.states.put(a_state())
    ear.wait_for(f"{BASE}/available", "online")
    ear.publish(f"{BASE}/pause/set", "PRESS")
    assert running.commands.get(5) == r.Pause(source="mqtt")
    running.stop()


def test_a_flood_of_commands_is_bounded_and_counted(ear: Listener, running: Running) -> None:
    for _ in range(400):
        ear.publish(f"{BASE}/skip/set", "PRESS")
    time.sleep(0.2)
    assert len(running.commands) == 16
    assert running.commands.dropped == 400 - 16


def test_a_broker_that_restarts_gets_everything_again(broker: Broker, running: Running) -> None:
    broker.stop()
    _until(lambda: "went away" in running.worker.note)
    running.states.put(a_state(visit=r.VisitState.PLAYING))
    broker.start()
    again = Listener(broker.port)
    assert again.wait_for(f"{BASE}/available", "online", timeout_s=15)
    assert again.wait_for(f"{BASE}/visit/state", "playing")
    assert again.wait_for("homeassistant/device/hall/config")
    assert running.worker.note == ""
    again.close()


def test_a_broker_that_is_not_there_is_said_and_tried_again(tmp_path: Path, quick: None) -> None:
    broker = Broker(tmp_path, "allow_anonymous true")
    running = Running(settings_for(broker.port))
    running.states.put(a_state())
    _until(lambda: f"no broker answers at 127.0.0.1:{broker.port}" in running.worker.note)
    with broker:
        ear = Listener(broker.port)
        ear.wait_for(f"{BASE}/available", "online", timeout_s=15)
        ear.close()
        running.stop()


def test_a_wrong_password_is_said(tmp_path: Path, quick: None) -> None:
    with Broker(tmp_path, "allow_anonymous false") as broker:
        running = Running(settings_for(broker.port, username="kiosk"))
        _until(lambda: "refuses the connection" in running.worker.note)
        running.stop()


def test_a_clean_end_says_offline_and_nulls_what_is_personal(broker: Broker, ear: Listener) -> None:
    running = Running(settings_for(broker.port))
    running.states.put(a_state())
    ear.wait_for(f"{BASE}/available", "online")
    ear.forget()
    running.stop()
    ear.wait_for(f"{BASE}/available", "offline")
    ear.wait_for(f"{BASE}/heart_rate/state", "null")


def test_a_crash_is_said_by_the_broker(broker: Broker, ear: Listener) -> None:
    program = f"""
from device.channels import BoundedQueue, LatestSlot
from device.config import parse
from device.interfaces.mqtt import MqttWorker
from tests.fakes.states import a_state
import threading
states = LatestSlot()
states.put(a_state())
settings = parse({{"kiosk": {{"id": "hall"}},
                   "mqtt": {{"host": "127.0.0.1", "port": {broker.port}}}}})
MqttWorker(settings, states, BoundedQueue(4, drop="newest")).run(threading.Event(), lambda: None)
"""
    process = subprocess.Popen([sys.executable, "-c", program])
    ear.wait_for(f"{BASE}/available", "online", timeout_s=30)
    process.kill()
    process.wait()
    ear.wait_for(f"{BASE}/available", "offline")


def test_home_assistants_birth_brings_everything_again(ear: Listener, running: Running) -> None:
    ear.wait_for(f"{BASE}/visit/state")
    ear.forget()
    ear.publish("homeassistant/status", "online")
    ear.wait_for("homeassistant/device/hall/config")
    ear.wait_for(f"{BASE}/visit/state")


def test_discovery_derives_from_the_table() -> None:
    settings = settings_for(1883)
    payload = json.loads(json.dumps(discovery_payload(settings)))
    components = payload["cmps"]
    assert set(components) == {entity.key for entity in entities(settings.mqtt)}
    ids = [component["uniq_id"] for component in components.values()]
    assert len(set(ids)) == len(ids)
    for entity in TABLE:
        component = components[entity.key]
        assert component["p"] == entity.platform
        assert ("stat_t" in component) == (entity.value is not None)
        assert ("cmd_t" in component) == (entity.command is not None)
        assert not component["name"].startswith(settings.kiosk.name)


def _until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
