"""Brokers that let the kiosk in and then refuse, limit or surprise it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from device import readings as r
from device.interfaces import mqtt as edge
from device.interfaces import mqtt_session
from tests.fakes.broker import PASSWORD, Broker, Certificates, Listener, packets, password_file
from tests.fakes.kiosk_states import PLAYING
from tests.fakes.mqtt_kiosk import Running, kiosk, note_says, settings_for, until

BASE = "attune/hall"
CONNECT, SUBSCRIBE, PUBLISH = 0x10, 0x82, 0x30
GRANTED, NOT_AUTHORIZED = 0x01, 0x87


def test_what_is_too_large_for_the_broker_is_named_and_the_rest_arrives(
    tmp_path: Path, start: list[Running]
) -> None:
    with Broker(tmp_path, "allow_anonymous true", "max_packet_size 2000") as broker:
        ear = Listener(broker.port)
        running = kiosk(start, settings_for(broker.port), PLAYING)
        ear.wait_for(f"{BASE}/heart_rate/state", "72")
        note_says(running, "takes at most 2000 bytes and homeassistant/device/hall/config would be")
        ear.publish(f"{BASE}/skip/set", "PRESS")
        assert running.commands.get(5) == r.Skip(source="mqtt")
        assert (f"{BASE}/available", "offline", False) not in ear.messages, "it was thrown out"
        ear.close()


def test_a_broker_that_throws_the_kiosk_out_for_its_size_is_asked_ever_more_seldom(
    tmp_path: Path, start: list[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(edge, "RECONNECT_MIN_S", 0.01)

    def rest(stop: threading.Event, _beat: Callable[[], None], seconds: float) -> None:
        rests.append(seconds)
        stop.wait(seconds)

    monkeypatch.setattr(edge, "_rest", rest)
    with Broker(tmp_path, "allow_anonymous true", "message_size_limit 2000") as broker:
        running = kiosk(start, settings_for(broker.port), PLAYING)
        note_says(running, "while it was sent the discovery message: does it limit the size")
        until(lambda: len(rests) >= 5)
        assert rests[4] > 4 * rests[0]


@pytest.mark.parametrize("line", ["retain_available false", "max_qos 0"])
def test_a_broker_that_lacks_what_the_kiosk_needs_is_named(
    tmp_path: Path, start: list[Running], line: str
) -> None:
    with Broker(tmp_path, "allow_anonymous true", line) as broker:
        running = kiosk(start, settings_for(broker.port), PLAYING)
        note_says(running, "needs retained messages and QoS 1")
        assert "user" not in running.worker.note


def refuse_to_read(server: socket.socket, forbidden: str) -> None:
    """Be a broker that refuses one subscription: mosquitto grants all and then sends nothing."""
    client, _ = server.accept()
    stream = client.makefile("rwb")
    while head := stream.read(1):
        length, shift, byte = 0, 0, 0x80
        while byte & 0x80:
            byte = stream.read(1)[0]
            length, shift = length | (byte & 0x7F) << shift, shift + 7
        body = stream.read(length)
        if head[0] == CONNECT:
            stream.write(b"\x20\x03\x00\x00\x00")
        elif head[0] == SUBSCRIBE:
            code = NOT_AUTHORIZED if forbidden.encode() in body else GRANTED
            stream.write(b"\x90\x04" + body[:2] + bytes((0, code)))
        stream.flush()


@pytest.mark.parametrize(
    ("topic", "loss"),
    [
        (f"{BASE}/+/set", "the controls do nothing"),
        ("homeassistant/status", "after a restart of Home Assistant"),
    ],
)
def test_a_topic_that_may_not_be_read_is_named_with_what_is_lost(
    start: list[Running], topic: str, loss: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=refuse_to_read, args=(server, topic), daemon=True).start()
        running = kiosk(start, settings_for(server.getsockname()[1]), PLAYING)
        note_says(running, f"the broker's access list forbids reading {topic}: {loss}")


def take_few_at_once(server: socket.socket, most: int, topics: list[str]) -> None:
    """Be HiveMQ, which takes ten messages at once, says so, and throws out who sends more."""
    client, _ = server.accept()
    under_way: list[bytes] = []
    for kind, body in packets(client):
        if kind == CONNECT:
            client.sendall(b"\x20\x06\x00\x00\x03\x21" + most.to_bytes(2, "big"))
        elif kind == SUBSCRIBE:
            client.sendall(b"\x90\x04" + body[:2] + bytes((0, GRANTED)))
        elif kind & 0xF0 == PUBLISH:
            end = 2 + int.from_bytes(body[:2], "big")
            topics.append(body[2:end].decode())
            under_way.append(body[end : end + 2])
            if len(under_way) > most:
                client.sendall(b"\xe0\x01\x93")  # Receive Maximum exceeded.
                return
        elif not kind:
            client.sendall(b"".join(b"\x40\x02" + mid for mid in under_way))
            under_way.clear()


def test_a_broker_that_takes_few_messages_at_once_is_not_sent_more(start: list[Running]) -> None:
    topics: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=take_few_at_once, args=(server, 10, topics), daemon=True).start()
        running = kiosk(start, settings_for(server.getsockname()[1]), PLAYING)
        until(lambda: f"{BASE}/finger_sensor/state" in topics)
        assert running.worker.note == ""


def test_a_broker_that_was_silent_once_is_not_taken_for_an_old_one_for_ever(
    tmp_path: Path, start: list[Running]
) -> None:
    with Broker(tmp_path, "allow_anonymous true") as broker:
        running = kiosk(start, settings_for(broker.port), PLAYING)
        until(lambda: running.worker.note == "")
        broker.stop()
        note_says(running, "nothing listens")
        running.worker._protocol = MQTTProtocolVersion.MQTTv311  # As after a silent attempt.
        for _ in range(2):
            broker.start()
            until(lambda: running.worker.note == "")
            broker.stop()
            note_says(running, "nothing listens")
        assert running.worker._protocol is MQTTProtocolVersion.MQTTv5


def test_a_right_that_is_taken_away_in_mid_visit_is_said(
    tmp_path: Path, start: list[Running]
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("user kiosk\ntopic readwrite #\n")
    acl.chmod(0o600)
    users = password_file(tmp_path, "kiosk")
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    lines = ("allow_anonymous false", f"password_file {users}", f"acl_file {acl}")
    with Broker(tmp_path, *lines) as broker:
        settings = settings_for(broker.port, username="kiosk", password_file=str(secret))
        running = kiosk(start, settings, PLAYING)
        until(lambda: running.worker.note == "")
        acl.write_text(f"user kiosk\ntopic readwrite {BASE}/available\n")
        broker.reload()
        running.states.put(PLAYING)
        note_says(running, "does not let the kiosk write")


def test_rights_that_are_given_while_the_kiosk_runs_bring_what_was_refused(
    tmp_path: Path,
    start: list[Running],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mqtt_session, "RETRY_S", 0.3)
    acl, secret = tmp_path / "acl", tmp_path / "secret"
    acl.write_text(f"user kiosk\ntopic readwrite {BASE}/available\n")
    acl.chmod(0o600)
    secret.write_text(PASSWORD)
    users = password_file(tmp_path, "kiosk")
    lines = ("allow_anonymous false", f"password_file {users}", f"acl_file {acl}")
    with Broker(tmp_path, *lines) as broker:
        settings = settings_for(broker.port, username="kiosk", password_file=str(secret))
        running = kiosk(start, settings, PLAYING)
        refused = "does not let the kiosk write homeassistant/device/hall/config"
        note_says(running, refused)
        time.sleep(1.0)
        assert caplog.text.count(refused) == 1, "once, however often it is tried"
        acl.write_text("user kiosk\ntopic readwrite #\n")
        broker.reload()
        until(lambda: running.worker.note == "")
        ear = Listener(broker.port, user="kiosk")
        ear.wait_for("homeassistant/device/hall/config")
        ear.close()


@pytest.mark.parametrize(
    ("certificate", "note"),
    [
        ("expired", "Renew it; if it is good, the clock of this box is wrong"),
        ("other_name", "host in [mqtt] must be one of the names in the certificate"),
        ("stranger", "Set ca_file in [mqtt] to the authority that signed it"),
    ],
)
def test_a_certificate_that_went_bad_in_mid_visit_is_said_and_a_good_one_heals(
    tmp_path: Path, certificates: Certificates, start: list[Running], certificate: str, note: str
) -> None:
    bad = getattr(certificates, certificate)
    secure: dict[str, Any] = {"host": "localhost", "tls": True, "ca_file": str(certificates.ca)}
    lines = ("allow_anonymous true",)
    good = Broker(tmp_path, *certificates.listener(certificates.broker), *lines)
    with good:
        running = kiosk(start, settings_for(good.port, **secure), PLAYING)
        until(lambda: running.worker.note == "")
        good.stop()
        with Broker(tmp_path, *certificates.listener(bad), *lines, port=good.port):
            note_says(running, "the certificate of localhost is not accepted")
            assert note in running.worker.note
        good = Broker(tmp_path, *certificates.listener(certificates.broker), *lines, port=good.port)
        with good:
            until(lambda: running.worker.note == "")
