"""The table of entities, what derives from it, and the gate that commands pass."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device import readings as r
from device.channels import BoundedQueue
from device.config import ConfigError, parse
from device.interfaces.entities import (
    MAX_PAYLOAD_BYTES,
    TABLE,
    Entity,
    PayloadError,
    entities,
    without_person,
)
from device.interfaces.home_assistant import device_name, discovery_payload
from device.interfaces.media_player import PLAYER_TABLE
from device.interfaces.mqtt_commands import (
    BURST,
    COMMANDS_PER_S,
    CommandGate,
    parse_command,
)
from device.interfaces.mqtt_session import payload_of
from tests.fakes.kiosk_states import MOMENTS, PLAYING
from tests.fakes.mqtt_kiosk import settings_for

BY_KEY = {entity.key: entity for entity in TABLE}
OBEYING = [entity for entity in (*TABLE, *PLAYER_TABLE) if entity.command]


def test_everything_the_house_was_promised_is_in_the_table() -> None:
    promised = {
        "sensor": {"mood", "valence", "arousal", "confidence", "stress", "heart_rate", "rmssd",
                   "signal_quality", "track", "visit"},
        "binary_sensor": {"presence", "finger", "camera_in_use"},
        "button": {"play", "pause", "skip", "like", "dislike"},
        "number": {"volume"}, "select": {"strategy"}, "switch": {"camera_allowed", "duck"},
        "text": {"say_mood"},
    }  # fmt: skip
    for platform, keys in promised.items():
        assert keys <= {entity.key for entity in TABLE if entity.platform == platform}


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


def test_two_kiosks_that_were_never_named_have_two_names() -> None:
    names = [
        device_name(parse({"kiosk": kiosk}).kiosk)
        for kiosk in (
            {"id": "attune_3f9a2c"},
            {"id": "hall"},
            {"id": "den"},
            {"id": "den", "name": "Den"},
        )
    ]
    assert names == ["Attune 3f9a2c", "Attune hall", "Attune den", "Den"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("entity", [e for e in (*TABLE, *PLAYER_TABLE) if e.value])
def test_every_moment_of_a_visit_gives_a_payload_home_assistant_takes(
    entity: Entity, moment: str
) -> None:
    payload = payload_of(entity, MOMENTS[moment])
    if entity.platform in ("sensor", "binary_sensor", "switch", "select", "number"):
        assert 0 < len(payload) <= 255
    if "state_class" in entity.options:
        assert json.loads(payload) is None or isinstance(json.loads(payload), int | float)
    if options := entity.options.get("options"):
        assert payload in options  # type: ignore[operator]


def test_without_the_person_nothing_personal_is_left() -> None:
    for entity in (*TABLE, *PLAYER_TABLE):
        if entity.personal and entity.value:
            assert payload_of(entity, without_person(PLAYING)) in ("null", "unknown", "nothing", "")


def test_the_house_is_not_told_when_somebody_speaks_at_the_microphone() -> None:
    for wanted, says in ((False, "OFF"), (True, "ON")):
        player = replace(PLAYING.player, ducked=True, duck_wanted=wanted)
        assert payload_of(BY_KEY["duck"], replace(PLAYING, player=player)) == says


def test_what_is_amiss_in_a_worker_that_runs_is_a_problem_too() -> None:
    health = (
        r.WorkerHealth("camera", "running", False, message="the picture is black"),
        r.WorkerHealth("mqtt", "running", False, message="connecting"),
    )
    state = replace(PLAYING, health=health)
    assert payload_of(BY_KEY["problem"], state) == "ON"
    assert BY_KEY["problem"].attributes is not None
    assert BY_KEY["problem"].attributes(state) == {"problems": "camera: the picture is black"}


@pytest.mark.parametrize(
    ("note", "problems"),
    [
        ("the card is gone", "player: the card is gone"),
        ("", "the card is gone"),
        ("no microphone", "player: no microphone; the card is gone"),
    ],
)
def test_what_worker_and_player_both_say_is_one_problem(note: str, problems: str) -> None:
    health = (r.WorkerHealth("player", "running", True, message=note),)
    player = replace(PLAYING.player, message="the card is gone")
    state = replace(PLAYING, health=health, player=player)
    assert BY_KEY["problem"].attributes is not None
    assert BY_KEY["problem"].attributes(state) == {"problems": problems}


@given(st.sampled_from(OBEYING), st.binary(max_size=2 * MAX_PAYLOAD_BYTES))
def test_any_payload_is_a_command_or_a_clear_refusal(entity: Entity, payload: bytes) -> None:
    try:
        command = parse_command(entity, payload)
    except PayloadError as error:
        assert str(error)
    else:
        assert command.source == "mqtt"
        assert len(payload) <= MAX_PAYLOAD_BYTES
        if isinstance(command, r.SetVolume):
            assert 0 <= command.percent <= 100


@pytest.mark.parametrize("entity", OBEYING)
def test_an_empty_payload_which_wipes_a_retained_message_is_no_command(entity: Entity) -> None:
    with pytest.raises(PayloadError):
        parse_command(entity, b"")


class _Gate:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.inbox: BoundedQueue[r.Command] = BoundedQueue(64, drop="newest")
        self.gate = CommandGate(self.inbox, lambda: self.now_s)

    def send(self, key: str, payload: str) -> None:
        self.gate.take(f"attune/hall/{key}/set", BY_KEY[key], payload.encode())


def test_a_flood_leaves_room_in_the_inbox_and_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = _Gate()
    for _ in range(1000):
        house.send("skip", "PRESS")
        house.send("skip", "junk")
    assert len(house.inbox) == BURST
    assert house.gate.refused == 1000 - BURST
    assert len(caplog.records) == 1
    house.now_s += 11
    house.send("skip", "junk")
    assert "1979 more like this" in caplog.records[-1].message


def test_of_a_flood_of_volumes_the_last_one_counts() -> None:
    house = _Gate()
    for percent in range(1000):
        house.send("volume", str(percent % 90))
    assert len(house.inbox) == BURST
    house.inbox.clear()
    house.now_s += 1 / COMMANDS_PER_S
    house.gate.turn()
    assert house.inbox.get(0) == r.SetVolume(source="mqtt", percent=999 % 90)
    assert house.gate.refused == 0


@pytest.mark.parametrize(
    ("mqtt", "fault"),
    [
        ({"cert_file": "a.crt", "tls": True}, "cert_file and key_file are needed together"),
        ({"ca_file": "ca.crt"}, "do nothing without tls = true"),
        ({"password_file": "secret"}, "does nothing without a username"),
        ({"base_topic": "$SYS"}, "base_topic"),
        ({"base_topic": "a/#"}, "base_topic"),
        ({"discovery_prefix": "homeassistant/"}, "discovery_prefix"),
        ({"port": 0}, "port"),
    ],
)
def test_settings_that_cannot_work_are_named(mqtt: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse({"mqtt": mqtt})
