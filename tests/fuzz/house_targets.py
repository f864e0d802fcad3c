"""What the house and the owner send: MQTT, settings, a mood in words, the audio process's pipe."""

from __future__ import annotations

import math
import socket
from pathlib import Path

from catalog.words.reading import read_mood
from device import readings as r
from device.channels import BoundedQueue
from device.config import ConfigError, load
from device.interfaces.entities import MAX_PAYLOAD_BYTES, TABLE, PayloadError
from device.interfaces.media_player import PLAYER_TABLE
from device.interfaces.mqtt_claim import Claim
from device.interfaces.mqtt_commands import CommandGate, parse_command
from device.interfaces.mqtt_session import Session
from device.playback import wire
from tests.data_folder import ROOT
from tests.fakes.mqtt_kiosk import settings_for
from tests.fuzz.target import Check, Target, is_clean

COMMANDS = tuple(entity for entity in (*TABLE, *PLAYER_TABLE) if entity.command)


def targets() -> list[Target]:
    return [
        Target("mqtt-commands", _command_check, _command_seeds),
        Target("mqtt-packets", _packet_check, _packet_seeds),
        Target("config", _config_check, _config_seeds, most_bytes=30_000),
        Target("mood-in-words", _words_check, _word_seeds, most_bytes=MAX_PAYLOAD_BYTES),
        Target("audio-pipe", _pipe_check, _pipe_seeds, most_bytes=wire.LINE_MAX_BYTES + 10),
    ]


# --- commands: the first byte says which, the rest is the payload ------------------------


def _command_check(_folder: Path) -> Check:
    inbox: BoundedQueue[r.Command] = BoundedQueue(4, drop="newest")
    gate = CommandGate(inbox, lambda: 0.0)

    def check(data: bytes) -> None:
        entity, payload = COMMANDS[(data[0] if data else 0) % len(COMMANDS)], data[1:]
        gate.take("attune/hall/x/set", entity, payload)
        try:
            command = parse_command(entity, payload)
        except PayloadError as error:
            assert is_clean(str(error))
            return
        assert command.source == "mqtt"
        assert not isinstance(command, r.Consent | r.Start)
        if isinstance(command, r.SetVolume):
            assert 0 <= command.percent <= 100
        if isinstance(command, r.SayMood):
            assert command.text.strip()
            command.text.encode("utf-8")

    return check


def _command_seeds() -> list[bytes]:
    payloads = (b"PRESS", b"ON", b"OFF", b"42", b"0.5", b"uplift", "ich bin müde".encode(), b"")
    return [bytes([at]) + payload for at in range(len(COMMANDS)) for payload in payloads]


# --- a broker that sends anything ---------------------------------------------------------


def _packet_check(_folder: Path) -> Check:
    listener = socket.create_server(("127.0.0.1", 0))
    settings = settings_for(listener.getsockname()[1])
    inbox: BoundedQueue[r.Command] = BoundedQueue(4, drop="newest")

    def check(data: bytes) -> None:
        first, rest = data[:1], data[1:]
        protocol = (4, 5)[first[0] & 1] if first else 5
        gate = CommandGate(inbox, lambda: 0.0)
        session = Session(settings, gate, Claim(), lambda: 0.0, protocol)  # type: ignore[arg-type]
        session.client.connect("127.0.0.1", settings.mqtt.port, 20)
        broker, _ = listener.accept()
        try:
            broker.sendall(rest)
            broker.shutdown(socket.SHUT_WR)
            for _turn in range(50):
                if not session.turn():
                    break
        finally:
            session.close()
            broker.close()
        assert is_clean(session.lost + session.refusal + session.complaint)

    return check


def _packet_seeds() -> list[bytes]:
    """What a broker says (MQTT 3.1.1 and 5): CONNACK, SUBACK, PUBACK, PUBLISH ..."""
    topic = b"attune/hall/volume/set"
    name = len(topic).to_bytes(2, "big") + topic
    old = [
        b"\x20\x02\x00\x00", b"\x20\x02\x00\x05", b"\x90\x03\x00\x01\x01", b"\x40\x02\x00\x01",
        _packet(0x30, name + b"42"), _packet(0x33, name + b"\x00\x07PRESS"), b"\xd0\x00",
    ]  # fmt: skip
    new = [
        b"\x20\x03\x00\x00\x00", b"\x20\x06\x00\x00\x03\x21\x00\x0a", b"\x20\x03\x00\x87\x00",
        b"\x90\x04\x00\x01\x00\x01", b"\x40\x04\x00\x01\x10\x00", b"\xe0\x02\x8e\x00", b"\xd0\x00",
        _packet(0x30, name + b"\x0d\x02\x00\x00\x00\x3c\x03\x00\x05text\x21" + b"42"),
        _packet(0x32, name + b"\x00\x09\x00" + b"ON"),
    ]  # fmt: skip
    whole = [bytes([0]) + b"".join(old), bytes([1]) + b"".join(new)]
    alone = [bytes([0]) + old[0] + packet for packet in old]
    alone += [bytes([1]) + new[0] + packet for packet in new]
    return whole + alone


def _packet(kind: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes((kind, len(body))) + body


# --- settings -----------------------------------------------------------------------------


def _config_check(folder: Path) -> Check:
    path = folder / "kiosk.toml"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            settings = load(path)
        except ConfigError as error:
            assert is_clean(str(error))
            assert str(path) in str(error)
            return
        assert settings.model_dump_json()
        assert settings.kiosk.place not in ("workplace", "school")

    return check


def _config_seeds() -> list[bytes]:
    shipped = (ROOT / "systemd" / "kiosk.toml").read_bytes()
    whole = b"""\
[kiosk]
name = "Hall"
id = "hall"
place = "home"
language = "de"
[camera]
source = "none"
[sensor]
port = "/dev/attune-sensor"
[catalog]
music = ["/srv/music", "/home/a/Music"]
[mqtt]
host = "192.168.1.2"
port = 8883
tls = true
username = "attune"
password_file = "/etc/attune/mqtt-password"
[visit]
consent_timeout_s = 30.5
[history]
keep = true
"""
    return [shipped, shipped.replace(b"# [", b"["), whole]


# --- a mood in words ----------------------------------------------------------------------


def _words_check(_folder: Path) -> Check:
    def check(data: bytes) -> None:
        mood = read_mood(data.decode("utf-8", "replace"))
        assert 0 <= mood.confidence <= 1
        if mood.point is not None:
            point = mood.point
            place = (point.valence, point.arousal, point.dominance)
            assert all(-1 <= value <= 1 for value in place)
            assert math.isclose(float(point.emotions.sum()), 1, abs_tol=1e-3)

    return check


def _word_seeds() -> list[bytes]:
    said = (
        "I am not very happy today, but never been so calm :-)", "ich bin nicht traurig, nur müde",
        "мне очень грустно, но спокойно", "오늘은 정말 행복하지 않아요",
        "我今天不太高兴，但是很平静！",
        "sad", "^_^ :( <3 123", "AaAaAa don't can't won't-go",
    )  # fmt: skip
    return [text.encode() for text in said]


# --- the audio process --------------------------------------------------------------------


def _pipe_check(_folder: Path) -> Check:
    def check(data: bytes) -> None:
        try:
            record = wire.decode(data)
        except wire.WireError as error:
            assert is_clean(str(error))
            return
        text = repr(record)
        # A path that is no UTF-8 has low surrogates alone (PEP 383), and those survive.
        if not any("\\ud8" <= text[at : at + 4] <= "\\udb" for at in range(len(text))):
            assert repr(wire.decode(wire.encode(record))) == text

    return check


def _pipe_seeds() -> list[bytes]:
    return [
        wire.encode(record)
        for record in (
            wire.PlayOrder(1, "/srv/music/a \udcff.mp3", 0.5, None, -3.0, now=True),
            wire.PauseOrder(), wire.StopOrder(1.5), wire.VolumeOrder(40), wire.DuckOrder(on=True),
            wire.Started(1), wire.Ended(1, "finished", 200.0, ""), wire.NearsEnd(3),
            wire.Report("playing", 1, 3.25, "box", "", False, 0, 0),
        )
    ]  # fmt: skip
