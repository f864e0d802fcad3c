"""The kiosk in a real Home Assistant: what it shows, what reaches the kiosk, what heals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device import readings as r
from device.config import Settings, parse
from device.interfaces.entities import TABLE, Entity
from device.interfaces.mqtt_session import payload_of
from tests.fakes.broker import Broker, Listener
from tests.fakes.home_assistant import HomeAssistant
from tests.fakes.kiosk_states import FAREWELL, IDLE, LONG, PLAYING, PULSE
from tests.fakes.mqtt_kiosk import Running, settings_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
TELLING = [entity for entity in TABLE if entity.value]


def entity_id(entity: Entity, kiosk: str = "hall") -> str:
    return f"{entity.platform}.{kiosk}_{entity.key}"


def shown(entity: Entity, state: r.KioskState) -> str:
    """Return what Home Assistant shows for what the kiosk says."""
    payload = payload_of(entity, state)
    return {"null": "unknown", "ON": "on", "OFF": "off"}.get(payload, payload)


@pytest.fixture(name="kiosk")
def _kiosk(house: HomeAssistant, broker: Broker) -> Iterator[Running]:
    kiosk = Running(settings_for(broker.port))
    kiosk.states.put(PLAYING)
    house.wait_for("sensor.hall_visit", "playing")
    yield kiosk
    kiosk.stop()


def test_every_entity_appears_with_its_state(house: HomeAssistant, kiosk: Running) -> None:
    for entity in TELLING:
        house.wait_for(entity_id(entity), shown(entity, PLAYING))
    wanted = {entity_id(entity) for entity in TABLE}
    assert {i for i in house.entity_ids() if ".hall_" in i} == wanted
    stress = house.entity("sensor.hall_stress")["attributes"]
    assert (stress["unit_of_measurement"], stress["state_class"]) == ("%", "measurement")
    assert house.entity("sensor.hall_track")["attributes"]["reason"].startswith("Close to how")
    assert len(house.entity("select.hall_strategy")["attributes"]["options"]) == 5


def test_all_of_it_is_one_device(house: HomeAssistant, kiosk: Running) -> None:
    ids = {house.template(f"{{{{ device_id('{entity_id(entity)}') }}}}") for entity in TABLE}
    assert len(ids) == 1
    device = ids.pop()
    names = [house.template(f"{{{{ device_attr('{device}', '{key}') }}}}")
             for key in ("name", "manufacturer", "model")]  # fmt: skip
    assert names == ["Attune hall", "Attune", "Mood-music kiosk"]


def test_the_end_of_a_visit_leaves_nothing_of_the_person(
    house: HomeAssistant, kiosk: Running
) -> None:
    house.wait_for("sensor.hall_heart_rate", "72")
    kiosk.states.put(FAREWELL)
    for entity in TELLING:
        house.wait_for(entity_id(entity), shown(entity, FAREWELL))
    assert house.state("sensor.hall_heart_rate") == "unknown"
    assert "reason" not in house.entity("sensor.hall_track")["attributes"]


def test_a_title_longer_than_home_assistant_takes_is_shown_cut(
    house: HomeAssistant, kiosk: Running
) -> None:
    kiosk.states.put(LONG)
    house.until(lambda: house.state("sensor.hall_track").endswith("…"))


CONTROLS: list[tuple[str, str, dict[str, Any], r.Command]] = [
    ("button.press", "button.hall_play", {}, r.Play(source="mqtt")),
    ("button.press", "button.hall_pause", {}, r.Pause(source="mqtt")),
    ("button.press", "button.hall_skip", {}, r.Skip(source="mqtt")),
    ("button.press", "button.hall_stop", {}, r.Stop(source="mqtt")),
    ("button.press", "button.hall_like", {}, r.Like(source="mqtt")),
    ("button.press", "button.hall_dislike", {}, r.Dislike(source="mqtt")),
    ("number.set_value", "number.hall_volume", {"value": 35},
     r.SetVolume(source="mqtt", percent=35)),
    ("select.select_option", "select.hall_strategy", {"option": "calm"},
     r.SetStrategy(source="mqtt", strategy=r.Strategy.CALM)),
    ("switch.turn_off", "switch.hall_camera_allowed", {},
     r.SetCameraAllowed(source="mqtt", allowed=False)),
    ("switch.turn_on", "switch.hall_camera_allowed", {},
     r.SetCameraAllowed(source="mqtt", allowed=True)),
    ("switch.turn_on", "switch.hall_duck", {}, r.Duck(source="mqtt", on=True)),
    ("switch.turn_off", "switch.hall_duck", {}, r.Duck(source="mqtt", on=False)),
    ("text.set_value", "text.hall_say_mood", {"value": "müde, aber froh"},
     r.SayMood(source="mqtt", text="müde, aber froh")),
]  # fmt: skip


def test_every_control_reaches_the_kiosk(house: HomeAssistant, kiosk: Running) -> None:
    assert {target for _, target, _, _ in CONTROLS} == {entity_id(e) for e in TABLE if e.command}
    for service, target, data, expected in CONTROLS:
        house.call(service, target, **data)
        assert kiosk.commands.get(10) == expected
    assert house.state("text.hall_say_mood") == ""  # What was said is not kept.


def test_a_kiosk_that_crashes_is_unavailable_and_one_that_returns_is_back(
    house: HomeAssistant, broker: Broker
) -> None:
    program = (
        "import time\n"
        "from tests.fakes.kiosk_states import PLAYING\n"
        "from tests.fakes.mqtt_kiosk import Running, settings_for\n"
        f"Running(settings_for({broker.port})).states.put(PLAYING)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    house.wait_for("sensor.hall_heart_rate", "72")
    process.kill()
    process.wait()
    for entity in TABLE:
        house.wait_for(entity_id(entity), "unavailable")
    kiosk = Running(settings_for(broker.port))
    kiosk.states.put(IDLE)
    house.wait_for("sensor.hall_visit", "idle")
    house.wait_for("sensor.hall_heart_rate", "unknown")
    kiosk.stop()
    house.wait_for("sensor.hall_visit", "unavailable")


def test_a_broker_that_restarts_in_mid_visit_heals(
    house: HomeAssistant, broker: Broker, kiosk: Running
) -> None:
    broker.stop()
    house.wait_for("sensor.hall_heart_rate", "unavailable")
    broker.start()
    house.wait_for("sensor.hall_heart_rate", "72", 90)
    kiosk.states.put(FAREWELL)
    house.wait_for("sensor.hall_heart_rate", "unknown")
    house.call("button.press", "button.hall_skip")
    assert kiosk.commands.get(10) == r.Skip(source="mqtt")


def test_a_home_assistant_that_restarts_in_mid_visit_heals(
    house: HomeAssistant, kiosk: Running
) -> None:
    house.wait_for("sensor.hall_heart_rate", "72")
    house.stop()
    kiosk.states.put(replace(PLAYING, pulse=replace(PULSE, heart_rate_bpm=64.0)))
    house.start()
    for entity in TABLE:
        house.until(lambda entity=entity: house.state(entity_id(entity)) != "unavailable", 60)  # type: ignore[misc]
    house.wait_for("sensor.hall_heart_rate", "64", 60)  # Not retained: after the birth.
    house.call("button.press", "button.hall_like")
    assert kiosk.commands.get(10) == r.Like(source="mqtt")


def test_a_value_that_is_switched_off_leaves_home_assistant(
    house: HomeAssistant, broker: Broker, kiosk: Running
) -> None:
    assert house.state("sensor.hall_stress")
    kiosk.stop()
    discreet = Running(settings_for(broker.port, publish_stress=False, publish_mood=False))
    discreet.states.put(PLAYING)
    gone = ("stress", "mood", "valence", "arousal", "confidence")
    house.until(lambda: not any(house.state(f"sensor.hall_{key}") for key in gone))
    house.wait_for("sensor.hall_heart_rate", "72")
    house.until(lambda: "title" in house.entity("sensor.hall_track")["attributes"])
    assert "reason" not in house.entity("sensor.hall_track")["attributes"]
    discreet.stop()


def test_two_kiosks_with_one_name_are_two_devices(house: HomeAssistant, broker: Broker) -> None:
    def named(kiosk: str) -> Settings:
        mqtt = {"host": "127.0.0.1", "port": broker.port}
        return parse({"kiosk": {"id": kiosk, "name": "Attic"}, "mqtt": mqtt})

    kiosks = [Running(named(name)) for name in ("east", "west")]
    for kiosk, percent in zip(kiosks, (20, 40), strict=True):
        kiosk.states.put(replace(IDLE, player=r.PlayerState("idle", volume_percent=percent)))
    house.wait_for("number.east_volume", "20")
    house.wait_for("number.west_volume", "40")
    devices = {house.template(f"{{{{ device_id('number.{name}_volume') }}}}")
               for name in ("east", "west")}  # fmt: skip
    assert len(devices) == 2
    house.call("button.press", "button.west_skip")
    assert kiosks[1].commands.get(10) == r.Skip(source="mqtt")
    assert len(kiosks[0].commands) == 0
    for kiosk in kiosks:
        kiosk.stop()


def test_the_example_automation_dims_the_lights_when_stress_is_high(
    house: HomeAssistant, kiosk: Running
) -> None:
    house.wait_for("sensor.hall_stress", "34")
    house.call("light.turn_on", "light.living_room", brightness_pct=80)
    kiosk.states.put(replace(PLAYING, pulse=replace(PULSE, stress=0.82)))
    house.until(lambda: house.entity("light.living_room")["attributes"].get("brightness") == 64)
    kiosk.states.put(FAREWELL)
    house.until(lambda: house.entity("light.living_room")["attributes"].get("brightness") == 204)


def test_an_empty_discovery_message_removes_the_kiosk(house: HomeAssistant, broker: Broker) -> None:
    kiosk = Running(settings_for(broker.port, "cellar"))
    kiosk.states.put(IDLE)
    house.wait_for("sensor.cellar_visit", "idle")
    kiosk.stop()
    broom = Listener(broker.port)
    broom.publish("homeassistant/device/cellar/config", "", retain=True)
    house.until(lambda: not house.state("sensor.cellar_visit"))
    broom.close()


def test_home_assistant_has_nothing_to_complain_about(house: HomeAssistant) -> None:
    """Runs last: what was said in the log about all that went before."""
    words = re.compile(r"hall|attune|discovery|mqtt", re.IGNORECASE)
    expected = re.compile(
        r"Disconnected from MQTT server|Failed to connect to MQTT|Error returned from"
        # The automations were read before any kiosk came.
        r"|Error initializing .* unknown entity"
    )
    bad = [
        line
        for line in house.log().splitlines()
        if re.search(r"\b(WARNING|ERROR)\b", line)
        and words.search(line)
        and not expected.search(line)
    ]
    assert not bad, json.dumps(bad, indent=1)
