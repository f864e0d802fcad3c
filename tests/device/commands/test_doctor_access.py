"""What root is told of files that the kiosk's own user, or its service, cannot read."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.cli import main
from device.commands import doctor, doctor_access
from device.commands.doctor_access import CREDENTIAL, barrier, barriers_to_broker
from device.config import MqttSettings, parse
from tests.fakes.broker import Broker


@pytest.fixture(name="top")
def _top() -> Iterator[Path]:
    """Return a folder that everybody may enter; pytest's own are closed."""
    top = Path(tempfile.mkdtemp(prefix="attune-access-")).resolve()
    top.chmod(0o755)
    yield top
    shutil.rmtree(top)


@pytest.fixture(name="service", autouse=True)
def _service(top: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[int]]:
    """Root asks, on a box with the kiosk's user; ``home`` is what its service does not see."""
    status = top.stat()
    stranger = status.st_uid + 1, [status.st_gid + 1]
    monkeypatch.setattr(doctor_access, "service_user", lambda: stranger)
    monkeypatch.setattr(doctor_access, "HIDDEN", (top / "home",))
    return stranger


def write(path: Path, mode: int = 0o644) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    path.chmod(mode)
    return path


def test_what_bars_the_kiosk_from_the_music_is_found(
    top: Path, service: tuple[int, list[int]]
) -> None:
    """As on a desktop that mounts a stick below /media/NAME, for NAME alone."""
    stranger, nobodys = service
    stick = top / "eva/STICK"
    stick.mkdir(parents=True)
    (top / "eva").chmod(0o750)
    (top / "link").symlink_to(stick)
    status = stick.stat()
    assert barrier(stick, stranger, nobodys) == top / "eva"
    assert barrier(top / "link", stranger, nobodys) == top / "eva"
    assert barrier(stick, stranger, [status.st_gid]) is None
    assert barrier(stick, status.st_uid, nobodys) is None
    (top / "eva").chmod(0o711)
    assert barrier(stick, stranger, nobodys) is None
    stick.chmod(0o711)  # May be passed and not be read.
    assert barrier(stick, stranger, nobodys) == stick


def test_files_that_the_service_reads_are_no_fault(top: Path) -> None:
    ca, cert, key = (write(top / name) for name in ("ca", "cert", "key"))
    mqtt = MqttSettings(
        tls=True, ca_file=ca, cert_file=cert, key_file=key, username="hall",
        password_file=CREDENTIAL,
    )  # fmt: skip
    assert barriers_to_broker(mqtt) == []


def test_a_key_for_root_alone_is_named_with_what_to_do(
    top: Path, service: tuple[int, list[int]]
) -> None:
    cert, key = write(top / "kiosk.crt"), write(top / "kiosk.key", 0o600)
    mqtt = MqttSettings(tls=True, cert_file=cert, key_file=key)
    ((detail, advice),) = barriers_to_broker(mqtt)
    assert detail == f"[mqtt] key_file {key}: the user attune may not read it"
    assert advice == f"chgrp attune {key}; chmod 640 {key}"
    # What was advised helps: the file's group is the service's then.
    key.chmod(0o640)
    assert barrier(key, service[0], [key.stat().st_gid]) is None


def test_what_lies_where_the_service_sees_nothing_is_named(top: Path) -> None:
    hidden = write(top / "home" / "ca.crt")
    (top / "link").symlink_to(hidden)
    for given in (hidden, top / "link"):
        ((detail, advice),) = barriers_to_broker(MqttSettings(tls=True, ca_file=given))
        assert detail == f"[mqtt] ca_file {given}: the service sees nothing below {top}/home"
        assert "below /etc/attune" in advice


def test_a_closed_folder_above_is_named(top: Path) -> None:
    given = write(top / "closed" / "ca.crt")
    given.parent.chmod(0o700)
    ((detail, advice),) = barriers_to_broker(MqttSettings(tls=True, ca_file=given))
    assert f"{top}/closed does not let the user attune in" in detail
    assert "below /etc/attune" in advice


def test_a_path_that_is_not_whole_or_leads_nowhere_is_named(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(top / "ca.crt")
    monkeypatch.chdir(top)
    ((detail, _),) = barriers_to_broker(MqttSettings(tls=True, ca_file=Path("ca.crt")))
    assert detail == "[mqtt] ca_file ca.crt: the service looks for it in another folder"
    nowhere = top / "none"
    ((detail, _),) = barriers_to_broker(MqttSettings(username="hall", password_file=nowhere))
    assert detail == f"[mqtt] password_file {nowhere}: cannot be read: No such file or directory"


def test_a_folder_that_the_services_may_not_write_comes_with_what_to_do(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, and the service's sandbox is not root's."""
    settings = parse({"kiosk": {"state_dir": str(top / "data")}})
    (found,) = doctor._state(settings)
    assert f"ReadWritePaths={top}/data" in found.advice
    monkeypatch.setattr(doctor_access, "STATE", top)
    assert doctor._state(settings)[0].advice == ""


def test_whoever_is_not_root_or_has_no_such_user_is_told_nothing(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mqtt = MqttSettings(tls=True, ca_file=top / "none")
    monkeypatch.setattr(doctor_access, "service_user", lambda: None)
    assert barriers_to_broker(mqtt) == []
    monkeypatch.undo()
    monkeypatch.setattr(doctor_access, "USER", "no such user")
    assert doctor_access.service_user() is None


@pytest.mark.parametrize("command", ["doctor", "mqtt-test"])
def test_a_broker_that_root_alone_reaches_is_not_called_ok(
    top: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (word := write(top / "word", 0o600)).write_text("word")
    config = top / "kiosk.toml"
    with Broker(top, "allow_anonymous true") as broker:
        config.write_text(
            f'[kiosk]\nstate_dir = "{top}/state"\n[mqtt]\nhost = "127.0.0.1"\n'
            f'port = {broker.port}\nusername = "hall"\npassword_file = "{word}"\n'
        )
        assert main([command, "--config", str(config), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    if command == "doctor":
        told = [one["status"] + one["detail"] for one in found if one["part"] == "broker"]
        assert [line.startswith(say) for line, say in zip(told, ("ok", "broken"), strict=True)]
    else:
        assert [step["ok"] for step in found].count(False) == 1
        told = [step["detail"] for step in found]
    assert f"password_file {word}: the user attune may not read it" in told[-1]
