"""`attune diagnostics`: it helps, and it tells nothing that it must not."""

from __future__ import annotations

import json
import os
import resource
import signal
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.cli import main
from device.commands.diagnostics import MASK, Redaction
from device.config import parse
from device.sensing.video_nodes import CameraDevice

SECRETS = ("s3cret-word", "hallway_user", "broker.eva-family.example", "Eva's corner", "eva_kiosk",
           "Miller")  # fmt: skip


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Path:
    (tmp_path / "mqtt-password").write_text("s3cret-word\n")
    path = tmp_path / "kiosk.toml"
    path.write_text(
        f"""
        [kiosk]
        name = "Eva's corner"
        id = "eva_kiosk"
        state_dir = "{tmp_path / "state"}"
        [camera]
        source = "none"
        [catalog]
        music = ["/home/eva/Music", "/run/media/Eva Miller/STICK"]
        [mqtt]
        host = "broker.eva-family.example"
        username = "hallway_user"
        tls = true
        password_file = "{tmp_path / "mqtt-password"}"
        """
    )
    return path


def test_the_archive_has_what_helps_and_nothing_that_tells(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.commands.doctor._models", lambda _settings: [])
    out = tmp_path / "d.zip"
    assert main(["diagnostics", str(out), "--config", str(config)]) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(parts) >= {"settings.json", "versions.json", "doctor.json", "counts.json", "log.txt"}
    everything = "\n".join(parts.values())
    for secret in SECRETS:
        assert secret not in everything
    assert "/home/eva" not in everything
    assert json.loads(parts["settings.json"])["mqtt"]["tls"] is True
    assert json.loads(parts["counts.json"])["remembered"] == {
        "visits": 0, "feedback": 0, "played": 0,
    }  # fmt: skip
    assert "numpy" in json.loads(parts["versions.json"])["packages"]


def test_who_asks_for_it_and_how_to_open_a_network_camera_stay_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.commands.doctor._models", lambda _settings: [])
    monkeypatch.setattr("device.commands.doctor._broker", lambda _settings: [])
    camera = CameraDevice("Cam", str(tmp_path / "video0"))
    monkeypatch.setattr("device.sensing.video_nodes.find_cameras", lambda: [camera])
    monkeypatch.setenv("LOGNAME", "miller")
    monkeypatch.setenv("SUDO_USER", "jones")
    for source in ("auto", "rtsp://eva:hunter2@cam.jones.lan:554/stream?pin=4711"):
        config, out = tmp_path / "kiosk.toml", tmp_path / f"{source[:4]}.zip"
        config.write_text(f'[kiosk]\nstate_dir = "{tmp_path}"\n[camera]\nsource = "{source}"\n')
        assert main(["diagnostics", str(out), "--config", str(config)]) == 0
        with zipfile.ZipFile(out) as parts:
            everything = "".join(parts.read(name).decode() for name in parts.namelist())
        assert (f"user {MASK} may not use it" in everything) is (source == "auto")
        for secret in ("miller", "jones", "hunter2", "4711"):
            assert secret not in everything


def test_names_are_hidden_as_json_writes_them() -> None:
    settings = parse({"kiosk": {"name": 'The "Jones" box'}, "mqtt": {"username": "müller"}})
    said = {"detail": "user 'müller'", "name": settings.kiosk.name}
    for ascii_only in (True, False):
        text = Redaction(settings)(json.dumps(said, ensure_ascii=ascii_only))
        assert json.loads(text) == {"detail": f"user '{MASK}'", "name": MASK}


def test_names_that_are_words_of_the_settings_do_not_garble_them() -> None:
    settings = parse({"kiosk": {"name": "Box", "id": "kiosk"}, "mqtt": {"username": "mqtt"}})
    text = Redaction(settings)(json.dumps(settings.model_dump(mode="json")))
    assert {"kiosk", "mqtt"} <= set(json.loads(text))


def test_a_password_in_the_place_of_its_file_stays_out() -> None:
    redact = Redaction(parse({"mqtt": {"username": "eva", "password_file": "hunter2"}}))
    assert "hunter2" not in redact("[mqtt] password_file hunter2: No such file or directory")
    redact = Redaction(parse({"mqtt": {"username": "eva", "password_file": "/etc/attune/word"}}))
    assert "/etc/attune/word:" in redact("[mqtt] password_file /etc/attune/word: No such file")


def test_with_sudo_the_archive_is_of_whoever_asked(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, ...]] = []

    def chown(_: int, *owner: int) -> None:
        given.append(owner)
        raise PermissionError  # As on a stick that knows no owners: the archive is written there.

    monkeypatch.setattr("device.commands.diagnostics.PARTS", ())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "1235")
    assert main(["diagnostics", str(tmp_path / "d.zip"), "--config", str(config)]) == 0
    assert given == [(1234, 1235)]


def test_no_half_archive_stays_on_a_full_disk(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "d.zip"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        code = main(["diagnostics", str(out), "--config", str(config)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert code == 1
    assert f"{out}: cannot be written: File too large" in capsys.readouterr().err
    assert not out.exists()


def test_an_archive_that_is_there_stays(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "d.zip"
    out.write_text("mine")
    assert main(["diagnostics", str(out), "--config", str(config)]) == 1
    assert out.read_text() == "mine"
    assert f"{out}: is there already; name another file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("connect 192.168.1.17:8883 refused", f"connect {MASK}:8883 refused"),
        ("to 127.0.0.1:1883", "to 127.0.0.1:1883"),
        ("2a02:8108:96c0:1234:5678:9abc:def0:1 is up", f"{MASK} is up"),
        ("from fe80::1c2d:3e4f to", f"from {MASK} to"),
        ("hci b8:27:eb:01:02:03 seen", f"hci {MASK} seen"),
        ("mail eva@family.example", f"mail {MASK}"),
        ("/home/eva/Music/x.mp3", f"/home/{MASK}/Music/x.mp3"),
        ("/media/eva/USB/x", f"/media/{MASK}/USB/x"),
        ("the name 'jones-nas.local' is not known", f"the name '{MASK}' is not known"),
        ("password: hunter2", f"password: {MASK}"),
        ("open: rtsp://eva:hunter2@192.168.1.5:554/x", f"open: rtsp://{MASK}@{MASK}:554/x"),
        ("http:/eva:hun@ter2@cam/eye.jpg: cannot", f"http:/{MASK}@cam/eye.jpg: cannot"),
        ("http://cam/eye?user=eva&pwd=hunter2 is", f"http://cam/eye?{MASK} is"),
        ("12:34:56 visit state: idle", "12:34:56 visit state: idle"),
        ("python 3.11.2, numpy 2.4.6", "python 3.11.2, numpy 2.4.6"),
    ],
)
def test_the_redaction_takes_names_and_leaves_facts(said: str, left: str) -> None:
    assert Redaction(parse({}))(said) == left


@given(st.text(min_size=0, max_size=40), st.text(max_size=40))
def test_the_broker_and_its_user_never_get_through(before: str, after: str) -> None:
    settings = parse({"mqtt": {"host": "broker.eva", "username": "hallway", "tls": True}})
    text = Redaction(settings)(f"{before} broker.eva hallway {after}")
    assert "broker.eva " not in text
    assert " hallway " not in text


def test_settings_that_cannot_be_used_do_not_stand_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "kiosk.toml"
    broken.write_text('[mqtt]\nhost = "broker.jones.lan"\nhots = "broker.jones.lan"\n')
    archive = tmp_path / "fault.zip"
    assert main(["diagnostics", str(archive), "--config", str(broken)]) == 0
    assert str(archive) in capsys.readouterr().out
    with zipfile.ZipFile(archive) as parts:
        assert "hots" in parts.read("settings-refused.txt").decode()
        assert not [n for n in parts.namelist() if b"jones" in parts.read(n)]
        packages = json.loads(parts.read("versions.json"))["packages"]
    assert MASK not in packages.values()  # A version of four parts is no address.


@pytest.mark.parametrize(
    "text",
    [
        'kiosk.name = "Eva\'s corner"\nmqtt.host = "broker.eva.example"\nhots = 1\n',
        'kiosk = { name = "Eva\'s corner" }\nmqtt = {tls=3, host="broker.eva.example"}\n',
    ],
)
def test_names_in_settings_that_are_refused_stay_out_however_they_are_written(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, out = tmp_path / "kiosk.toml", tmp_path / "d.zip"
    config.write_text(text)
    monkeypatch.setattr(
        "device.commands.diagnostics.PARTS",
        (("log.txt", lambda _: "Eva's corner: connected to the broker broker.eva.example\n"),),
    )
    assert main(["diagnostics", str(out), "--config", str(config)]) == 0
    with zipfile.ZipFile(out) as parts:
        said = parts.read("log.txt").decode()
    assert said == f"{MASK}: connected to the broker {MASK}\n"


def test_a_password_in_settings_that_are_refused_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log may still have it, from before it was left out of what is said."""
    config, out = tmp_path / "kiosk.toml", tmp_path / "d.zip"
    config.write_text('[mqtt]\npassword_file = "hunter2"\n')
    monkeypatch.setattr(
        "device.commands.diagnostics.PARTS",
        (("log.txt", lambda _: "found {'password_file': 'hunter2'}\n"),),
    )
    assert main(["diagnostics", str(out), "--config", str(config)]) == 0
    with zipfile.ZipFile(out) as parts:
        said = "".join(parts.read(name).decode() for name in parts.namelist())
    assert "password_file does nothing without a username" in said
    assert "hunter2" not in said
