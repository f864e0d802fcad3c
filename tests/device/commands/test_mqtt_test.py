"""``attune mqtt-test`` against real brokers: every fault is named with what to do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from device.cli import main
from device.commands import doctor_access, mqtt_test
from device.interfaces import broker as way
from tests.fakes.broker import PASSWORD, Broker, Certificates, free_port, packets, password_file


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_test, "ANSWER_TIMEOUT_S", 0.7)
    monkeypatch.setattr(mqtt_test, "ALERT_WAIT_S", 0.3)
    # Where Attune is installed, its user may not enter pytest's folders.
    monkeypatch.setattr(doctor_access, "service_user", lambda: None)


@pytest.fixture(name="certificates", scope="module")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(name="closed")
def _closed(tmp_path: Path) -> Iterator[Broker]:
    users = password_file(tmp_path, "kiosk", "deaf", "mute", "plain")
    acl = tmp_path / "acl"
    acl.write_text(
        "user kiosk\ntopic readwrite attune/hall/#\ntopic write homeassistant/device/hall/#\n"
        "user deaf\ntopic write attune/hall/#\n"
        "user mute\ntopic read attune/hall/#\n"
        "user plain\ntopic readwrite attune/hall/#\n"
    )
    acl.chmod(0o600)
    lines = ("allow_anonymous false", f"password_file {users}", f"acl_file {acl}")
    with Broker(tmp_path, *lines) as broker:
        yield broker


def climb(tmp_path: Path, capsys: pytest.CaptureFixture[str], **mqtt: Any) -> tuple[int, list[Any]]:
    """Run the command as a person does and return its exit code and its steps."""
    config = tmp_path / "kiosk.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in mqtt.items()]
    config.write_text("[kiosk]\nid = 'hall'\n[mqtt]\n" + "\n".join(lines))
    code = main(["mqtt-test", "--config", str(config), "--json"])
    return code, json.loads(capsys.readouterr().out)


def user(tmp_path: Path, name: str, password: str = PASSWORD) -> dict[str, str]:
    path = tmp_path / f"password-{name}"
    path.write_text(password + "\n", encoding="utf-8")
    return {"username": name, "password_file": str(path)}


def failure(result: tuple[int, list[Any]], step: str) -> str:
    """Return what the failing step says; it must be the last and the only one."""
    code, steps = result
    assert code == 1
    assert [s["name"] for s in steps if not s["ok"]] == [step]
    assert steps[-1]["name"] == step
    return str(steps[-1]["detail"])


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        (
            "max_packet_size 2000",
            "takes at most 2000 bytes and homeassistant/device/hall/mqtt_test",
        ),
        ("message_size_limit 2000", "does it limit the size of messages (message_size_limit"),
    ],
)
def test_a_discovery_message_that_is_too_large_for_the_broker_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: str, says: str
) -> None:
    with Broker(tmp_path, "allow_anonymous true", limit) as broker:
        found = climb(tmp_path, capsys, host="127.0.0.1", port=broker.port)
    assert says in failure(found, "Home Assistant discovery")


def hang_up_on_writing(server: socket.socket, farewell: bytes) -> None:
    """Be a broker that says so, or before MQTT 5.0 could not, what may not be written."""
    while True:
        client, _ = server.accept()
        with client:
            for kind, _body in packets(client):
                if kind == 0x10:
                    client.sendall(b"\x20\x03\x00\x00\x00")
                elif kind:
                    client.sendall(farewell)
                    break


@pytest.mark.parametrize(("farewell", "said"), [(b"\xe0\x01\x87", " (Not authorized)"), (b"", "")])
def test_a_broker_that_hangs_up_on_what_may_not_be_written_is_not_said_to_limit_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], farewell: bytes, said: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up_on_writing, args=(server, farewell), daemon=True).start()
        found = climb(tmp_path, capsys, host="127.0.0.1", port=server.getsockname()[1])
    says = failure(found, "write")
    assert says.startswith(f"the broker hangs up{said} on 16 bytes to attune/hall/mqtt_test/state")
    assert "must allow anonymous users to read and write attune/hall/#" in says
    assert "size" not in says


def test_all_is_well(closed: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, steps = climb(
        tmp_path, capsys, host="127.0.0.1", port=closed.port, **user(tmp_path, "kiosk")
    )
    assert code == 0
    names = ["look up", "connect", "log in", "write", "read", "Home Assistant discovery"]
    assert [step["name"] for step in steps] == names
    assert steps[2]["detail"] == "MQTT 5.0, as 'kiosk'"


def test_an_unknown_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = failure(climb(tmp_path, capsys, host="brocker.invalid"), "look up")
    assert "the name 'brocker.invalid' is not known" in said


def test_a_name_that_can_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = failure(climb(tmp_path, capsys, host="a" * 70 + ".lan"), "look up")
    assert "is not known" in said


def test_a_closed_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    said = failure(climb(tmp_path, capsys, host="127.0.0.1", port=port), "connect")
    assert f"nothing listens on port {port} of 127.0.0.1" in said


def test_a_machine_that_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "CONNECT_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        port = full.getsockname()[1]
        for _ in range(2):  # Once they fill the queue, Linux drops whoever comes.
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        said = failure(climb(tmp_path, capsys, host="127.0.0.1", port=port), "connect")
    assert f"127.0.0.1 does not answer on port {port}" in said


def test_a_port_that_is_no_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        said = failure(climb(tmp_path, capsys, host="127.0.0.1", port=port), "log in")
    assert "says nothing: is this an MQTT broker?" in said


def test_no_user_and_wrong_password(
    closed: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address: dict[str, Any] = {"host": "127.0.0.1", "port": closed.port}
    assert "It wants a user" in failure(climb(tmp_path, capsys, **address), "log in")
    said = failure(climb(tmp_path, capsys, **address, username="kiosk"), "log in")
    assert "has no password: set password_file" in said
    wrong = user(tmp_path, "kiosk", "guessed")
    said = failure(climb(tmp_path, capsys, **address, **wrong), "log in")
    assert f"Check username ('kiosk') and the password in {wrong['password_file']}" in said
    assert "guessed" not in said
    gone = {"username": "kiosk", "password_file": str(tmp_path / "gone")}
    said = failure(climb(tmp_path, capsys, **address, **gone), "log in")
    assert "password_file" in said
    assert "No such file" in said


@pytest.mark.parametrize(
    ("name", "step", "words"),
    [
        ("mute", "write", "forbids writing attune/hall/mqtt_test/state"),
        ("deaf", "read", "forbids reading attune/hall/+/set"),
        ("plain", "Home Assistant discovery", "read and write homeassistant/device/hall/#"),
    ],
)
def test_the_access_list(
    closed: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    name: str, step: str, words: str,
) -> None:  # fmt: skip
    address: dict[str, Any] = {"host": "127.0.0.1", "port": closed.port}
    said = failure(climb(tmp_path, capsys, **address, **user(tmp_path, name)), step)
    assert words in said
    assert f"must allow {name} to" in said


def test_tls(
    certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (*certificates.listener(certificates.broker), "allow_anonymous true")
    with Broker(tmp_path, *lines) as broker:
        secure: dict[str, Any] = {"host": "localhost", "port": broker.port, "tls": True}
        code, steps = climb(tmp_path, capsys, **secure, ca_file=str(certificates.ca))
        assert code == 0
        assert steps[2]["detail"] == "TLSv1.3, certificate of localhost accepted"

        said = failure(climb(tmp_path, capsys, **secure), "TLS")
        assert "Set ca_file in [mqtt]" in said
        said = failure(climb(tmp_path, capsys, **secure | {"tls": False}), "log in")
        assert f"port {broker.port} speaks TLS: set tls = true" in said
        missing = str(tmp_path / "gone.crt")
        said = failure(climb(tmp_path, capsys, **secure, ca_file=missing), "TLS")
        assert f"ca_file {missing}: No such file" in said
        keys = {"cert_file": str(certificates.kiosk), "key_file": str(certificates.ca)}
        said = failure(climb(tmp_path, capsys, **secure, **keys), "TLS")
        assert f"cert_file {certificates.kiosk}, key_file {certificates.ca}" in said


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("other_name", "host in [mqtt] must be one of the names in the certificate"),
        ("expired", "the clock of this box is wrong"),
    ],
)
def test_a_wrong_certificate(
    certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    which: str, words: str,
) -> None:  # fmt: skip
    lines = certificates.listener(getattr(certificates, which))
    with Broker(tmp_path, *lines) as broker:
        secure = {"port": broker.port, "tls": True, "ca_file": str(certificates.ca)}
        assert words in failure(climb(tmp_path, capsys, host="localhost", **secure), "TLS")


def test_the_plain_port_and_client_certificates(
    certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = {"tls": True, "ca_file": str(certificates.ca)}
    with Broker(tmp_path, "allow_anonymous true") as broker:
        said = failure(climb(tmp_path, capsys, host="localhost", port=broker.port, **trust), "TLS")
        assert "Is this the plain port" in said
    lines = certificates.listener(
        certificates.broker, "require_certificate true", "allow_anonymous true"
    )
    with Broker(tmp_path, *lines) as broker:
        secure: dict[str, Any] = {"host": "localhost", "port": broker.port, **trust}
        said = failure(climb(tmp_path, capsys, **secure), "TLS")
        assert "The broker wants a client certificate" in said
        for owner, code in ((certificates.kiosk, 0), (certificates.stranger, 1)):
            own = {"cert_file": str(owner), "key_file": str(certificates.key(owner))}
            result = climb(tmp_path, capsys, **secure, **own)
            assert result[0] == code
        assert "does not accept the client certificate" in failure(result, "TLS")


def test_what_cannot_be_tested_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mqtt-test"]) != 0
    assert "no broker is configured" in capsys.readouterr().err
    assert main(["mqtt-test", "--host", "x", "--port", "99999"]) == 2
    assert "--port 99999" in capsys.readouterr().err
