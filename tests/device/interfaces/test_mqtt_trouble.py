"""The MQTT edge in trouble: brokers that are gone, wrong, frozen or closed; bad input; floods."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device import readings as r
from device.identity import own_kiosk_id
from device.interfaces import broker as way
from device.interfaces.mqtt_claim import Claim
from tests.fakes.broker import PASSWORD, Broker, Certificates, Listener, free_port, password_file
from tests.fakes.kiosk_states import IDLE, PLAYING
from tests.fakes.mqtt_kiosk import INBOX, Running, kiosk, note_says, settings_for, until
from tests.fakes.states import a_state

BASE = "attune/hall"


# --- the broker -----------------------------------------------------------------------


def test_a_broker_that_restarts_in_mid_visit_gets_the_present_and_not_the_past(
    broker: Broker, ear: Listener, start: list[Running]
) -> None:
    running = kiosk(start, settings_for(broker.port), PLAYING)
    ear.wait_for(f"{BASE}/heart_rate/state", "72")
    broker.stop()
    note_says(running, "went away")
    running.states.put(IDLE)  # The visit ends while nobody can be told.
    broker.start()
    again = Listener(broker.port)
    assert again.wait_for(f"{BASE}/available", "online", timeout_s=15)
    again.wait_for(f"{BASE}/visit/state", "idle")
    again.wait_for(f"{BASE}/heart_rate/state", "null")
    again.wait_for("homeassistant/device/hall/config")
    assert not [text for topic, text, _ in again.messages if topic.endswith("heart_rate/state")
                and text != "null"]  # fmt: skip
    assert running.worker.note == ""
    again.publish(f"{BASE}/skip/set", "PRESS")
    assert running.commands.get(5) == r.Skip(source="mqtt")
    again.close()


def test_a_lost_connection_leaves_no_handle_open_until_the_collector_comes(
    broker: Broker, start: list[Running]
) -> None:
    running = kiosk(start, settings_for(broker.port))
    until(lambda: running.worker.note == "")
    gc.disable()
    try:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            broker.stop()
            note_says(running, "nothing listens")
            broker.start()
            until(lambda: running.worker.note == "")
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    finally:
        gc.enable()


def test_two_kiosks_that_nobody_configured_share_one_broker(
    broker: Broker, ear: Listener, tmp_path: Path, start: list[Running]
) -> None:
    names = []
    for digit in "12":
        (tmp_path / "machine-id").write_text(digit * 32)
        names.append(own_kiosk_id(tmp_path / "machine-id"))
        kiosk(start, settings_for(broker.port, kiosk=names[-1]))
    for name in names:
        ear.wait_for(f"attune/{name}/available", "online")
        ear.wait_for(f"attune/{name}/visit/state", "idle")
    for name, running in zip(names, start, strict=True):
        ear.publish(f"attune/{name}/skip/set", "PRESS")
        assert running.commands.get(5) == r.Skip(source="mqtt")
        assert running.worker.note == ""


def test_a_broker_that_is_not_there_is_said_and_tried_again(
    tmp_path: Path, start: list[Running]
) -> None:
    broker = Broker(tmp_path, "allow_anonymous true")
    running = kiosk(start, settings_for(broker.port))
    note_says(running, f"nothing listens on port {broker.port} of 127.0.0.1")
    beats = running.beats
    with broker:
        ear = Listener(broker.port)
        ear.wait_for(f"{BASE}/available", "online", timeout_s=15)
        ear.close()
    assert running.beats > beats


def test_an_unknown_name_is_said(start: list[Running]) -> None:
    running = kiosk(start, settings_for(1883, host="no-such-broker.invalid"))
    note_says(running, "the name 'no-such-broker.invalid' is not known")


def test_a_frozen_broker_fills_no_memory_and_does_not_hold_up_the_end(
    broker: Broker, ear: Listener, start: list[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "MAX_UNACKNOWLEDGED", 10)
    running = kiosk(start, settings_for(broker.port))
    ear.wait_for(f"{BASE}/available", "online")
    broker.freeze()
    try:
        for percent in range(20):
            player = r.PlayerState("idle", volume_percent=percent)
            beats = running.beats
            running.states.put(a_state(player=player, catalogue_tracks=percent))
            until(lambda beats=beats: running.beats > beats + 2)  # type: ignore[misc]
        start.remove(running)
        running.stop()  # Within the supervisor's deadline.
    finally:
        broker.thaw()


def test_a_silent_port_does_not_hold_up_the_end(start: list[Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = kiosk(start, settings_for(silent.getsockname()[1]))
        until(lambda: running.beats > 3)
        start.remove(running)
        running.stop()


def test_a_broker_of_the_days_before_mqtt_5_is_served(
    tmp_path: Path, start: list[Running], broker: Broker
) -> None:
    """The old one is played: it refuses version 5 as MQTT 3.1.1 says, and relays the rest."""
    with _OldBroker(broker.port) as old:
        kiosk(start, settings_for(old.port))
        ear = Listener(broker.port)
        ear.wait_for(f"{BASE}/available", "online")
        ear.publish(f"{BASE}/play/set", "PRESS", retain=True)
        ear.publish(f"{BASE}/pause/set", "PRESS")
        assert start[0].commands.get(5) == r.Play(source="mqtt")  # Sent now, so it is new.
        assert start[0].commands.get(5) == r.Pause(source="mqtt")
        again = kiosk(start, settings_for(old.port, "den", base_topic="attune"))
        ear.publish("attune/den/play/set", "PRESS", retain=True)
        until(lambda: again.worker.note == "")
        ear.close()
    assert old.refused >= 1


class _OldBroker(threading.Thread):
    """Refuses MQTT 5.0 with return code 1 (MQTT 3.1.1, 3.2.2.3), relays older connections."""

    def __init__(self, real_port: int) -> None:
        super().__init__(daemon=True)
        self._real_port = real_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.refused = 0

    def run(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            hello = client.recv(4096)
            level = hello[hello.index(b"MQTT") + 4]
            if level == 5:
                self.refused += 1
                client.sendall(b"\x20\x02\x00\x01")
                client.close()
                continue
            real = socket.create_connection(("127.0.0.1", self._real_port))
            real.sendall(hello)
            for source, sink in ((client, real), (real, client)):
                threading.Thread(target=_relay, args=(source, sink), daemon=True).start()

    def __enter__(self) -> _OldBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def _relay(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(4096):
            sink.sendall(data)
    except OSError:
        pass  # One side is gone: the other is told below.
    finally:
        sink.close()


@pytest.mark.parametrize(
    "babble",
    [
        b"\x30\x09\x00\x05a/\xff/b\x00x",  # A topic that is no UTF-8.
        b"\x90\x04\x00\x01\x00\x03",  # A reason that MQTT does not know.
        b"\xf7\x05hello",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_a_broker_that_babbles_is_left_and_tried_again(babble: bytes, start: list[Running]) -> None:
    came: list[int] = []

    def serve() -> None:
        for _ in range(2):
            client, address = server.accept()
            came.append(address[1])
            client.recv(4096)
            client.sendall(b"\x20\x03\x00\x00\x00" + babble)  # First a welcome.
            with contextlib.suppress(ConnectionResetError):  # The kiosk left at once.
                client.recv(4096)
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        running = kiosk(start, settings_for(server.getsockname()[1]))
        note_says(running, "went away")
        until(lambda: len(came) == 2)


# --- who may do what --------------------------------------------------------------------


@pytest.fixture(name="closed")
def _closed(tmp_path: Path, quick: None) -> Iterator[Broker]:
    """A broker with users and an access list."""
    users = password_file(tmp_path, "kiosk", "guest", "house")
    acl = tmp_path / "acl"
    acl.write_text(
        f"user house\ntopic readwrite #\n"
        f"user kiosk\ntopic readwrite {BASE}/#\ntopic write homeassistant/device/hall/#\n"
        "topic read homeassistant/status\n"
        f"user guest\ntopic readwrite {BASE}/available\n"
    )
    acl.chmod(0o600)
    lines = ("allow_anonymous false", f"password_file {users}", f"acl_file {acl}")
    with Broker(tmp_path, *lines) as broker:
        yield broker


def user(tmp_path: Path, name: str, password: str = PASSWORD) -> dict[str, Any]:
    path = tmp_path / f"password-{name}"
    path.write_text(password + "\n", encoding="utf-8")
    return {"username": name, "password_file": str(path)}


def test_password_and_access_list_let_the_kiosk_in(
    closed: Broker, tmp_path: Path, start: list[Running]
) -> None:
    ear = Listener(closed.port, user="house")
    running = kiosk(start, settings_for(closed.port, **user(tmp_path, "kiosk")))
    ear.wait_for("homeassistant/device/hall/config")
    ear.wait_for(f"{BASE}/available", "online")
    ear.publish(f"{BASE}/skip/set", "PRESS")
    assert running.commands.get(5) == r.Skip(source="mqtt")
    assert running.worker.note == ""
    ear.close()


def test_a_wrong_password_is_said_and_a_corrected_file_heals(
    closed: Broker, tmp_path: Path, start: list[Running]
) -> None:
    wrong = user(tmp_path, "kiosk", "guessed")
    running = kiosk(start, settings_for(closed.port, **wrong))
    note_says(running, "refuses the connection: Not authorized. Check username ('kiosk')")
    user(tmp_path, "kiosk")
    until(lambda: running.worker.note == "")


def test_systemds_copy_of_a_password_is_named_with_what_renews_it(
    closed: Broker, tmp_path: Path, start: list[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new password in /etc/attune reaches the service at its next start only."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    running = kiosk(start, settings_for(closed.port, **user(tmp_path, "kiosk", "the old one")))
    note_says(running, "systemd's copy of /etc/attune/")
    note_says(running, "sudo systemctl restart attune")


def test_a_missing_password_file_is_named(tmp_path: Path, start: list[Running]) -> None:
    settings = settings_for(free_port(), username="kiosk", password_file=str(tmp_path / "gone"))
    note_says(kiosk(start, settings), f"password_file {tmp_path / 'gone'}: No such file")


def test_no_user_where_one_is_wanted_is_said(closed: Broker, start: list[Running]) -> None:
    note_says(kiosk(start, settings_for(closed.port)), "It wants a user")


def test_what_the_access_list_forbids_is_said(
    closed: Broker, tmp_path: Path, start: list[Running]
) -> None:
    running = kiosk(start, settings_for(closed.port, **user(tmp_path, "guest")))
    note_says(running, "does not let the kiosk write homeassistant/device/hall/config")


def test_tls_with_a_client_certificate(
    tmp_path: Path, certificates: Certificates, start: list[Running]
) -> None:
    lines = certificates.listener(
        certificates.broker, "require_certificate true", "use_identity_as_username true"
    )
    own = {
        "cert_file": str(certificates.kiosk),
        "key_file": str(certificates.key(certificates.kiosk)),
    }
    secure: dict[str, Any] = {
        "host": "localhost",
        "tls": True,
        "ca_file": str(certificates.ca),
        **own,
    }
    with Broker(tmp_path, *lines) as broker:
        from device.interfaces.broker import tls_context

        settings = settings_for(broker.port, **secure)
        running = kiosk(start, settings)
        ear = Listener(broker.port, tls=tls_context(settings.mqtt))
        ear.wait_for(f"{BASE}/available", "online")
        ear.publish(f"{BASE}/volume/set", "12")
        assert running.commands.get(5) == r.SetVolume(source="mqtt", percent=12)
        broker.stop()
        note_says(running, "went away")
        broker.start()
        until(lambda: running.worker.note == "")
        ear.close()


def test_a_broker_of_a_stranger_gets_nothing(
    tmp_path: Path, certificates: Certificates, start: list[Running]
) -> None:
    lines = (*certificates.listener(certificates.broker), "allow_anonymous true")
    with Broker(tmp_path, *lines) as broker:
        secure: dict[str, Any] = {
            "host": "localhost",
            "tls": True,
            "ca_file": str(certificates.stranger_ca),
        }
        running = kiosk(start, settings_for(broker.port, **secure))
        note_says(running, "the certificate of localhost is not accepted")


# --- bad input ----------------------------------------------------------------------------


def test_old_malformed_and_huge_commands_are_ignored(ear: Listener, running: Running) -> None:
    for payload in ("very loud", "101", "nan", "-1", "", "1e400", '{"volume": 5}'):
        ear.publish(f"{BASE}/volume/set", payload)
    ear.publish(f"{BASE}/say_mood/set", "x" * 5_000)
    ear.publish(f"{BASE}/say_mood/set", "x" * 5_000_000)  # More than the broker may pass on.
    ear.publish(f"{BASE}/say_mood/set", b"\xff\xfe")
    ear.publish(f"{BASE}/camera_allowed/set", "maybe")
    ear.publish(f"{BASE}/nonsense/set", "1")
    ear.publish(f"{BASE}/skip/set", "PRESS")
    assert running.commands.get(5) == r.Skip(source="mqtt")
    assert len(running.commands) == 0


def test_a_retained_command_from_last_week_does_nothing_and_may_be_wiped(
    broker: Broker, ear: Listener, start: list[Running]
) -> None:
    ear.publish(f"{BASE}/play/set", "PRESS", retain=True)
    running = kiosk(start, settings_for(broker.port))
    ear.wait_for(f"{BASE}/available", "online")
    ear.publish(f"{BASE}/play/set", "", retain=True)
    ear.publish(f"{BASE}/pause/set", "PRESS")
    assert running.commands.get(5) == r.Pause(source="mqtt")


def test_a_thousand_commands_a_second_are_bounded_and_nothing_else_suffers(
    ear: Listener, running: Running
) -> None:
    ear.flood(f"{BASE}/skip/set", ["PRESS"] * 1000)
    until(lambda: running.worker.gate.refused > 900)
    assert len(running.commands) < INBOX  # There is room for the person at the screen.
    running.states.put(a_state(visit=r.VisitState.PLAYING))
    ear.wait_for(f"{BASE}/visit/state", "playing")
    ear.flood(f"{BASE}/volume/set", [str(n % 100) for n in range(1000)])
    obeyed: list[r.Command | None] = []
    while (command := running.commands.get(3)) is not None:
        obeyed.append(command)
        if command == r.SetVolume(source="mqtt", percent=99):
            break
    assert obeyed[-1] == r.SetVolume(source="mqtt", percent=99)  # The last wish counts.


def test_of_two_kiosks_with_one_id_one_gives_way_and_comes_back_when_the_other_has_gone(
    broker: Broker, ear: Listener, start: list[Running]
) -> None:
    first = kiosk(start, settings_for(broker.port))
    ear.wait_for(f"{BASE}/available", "online")
    second = kiosk(start, settings_for(broker.port), a_state(catalogue_tracks=7))
    note_says(first, "another kiosk came to")
    assert "'hall': give each its own id" in first.worker.note
    ear.wait_for(f"{BASE}/catalogue/state", "7")
    assert "another kiosk" not in second.worker.note
    start.remove(second)
    second.stop()
    until(lambda: first.worker.note == "")
    ear.wait_for(f"{BASE}/catalogue/state", "1200")


def test_a_mark_that_does_not_move_was_left_by_a_kiosk_that_has_gone() -> None:
    claim, other = Claim(), Claim()
    assert not claim.is_made
    own, foreign = claim.next_mark(), other.next_mark()
    assert claim.is_made
    assert not claim.is_disputed_by(own)
    assert not claim.is_disputed_by("")
    assert claim.is_disputed_by(foreign)
    assert not claim.is_disputed_by(foreign)
    assert claim.is_disputed_by(other.next_mark())
