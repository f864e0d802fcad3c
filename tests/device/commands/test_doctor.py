"""What an operator reads: every line says what is wrong and what to do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from device import cli
from device.commands import doctor
from device.config import SYSTEM_CONFIG, Settings
from device.sensing import video_nodes
from tests.fakes import rpicam_vid
from tests.fakes.plain_user import as_plain_user
from tests.fakes.synthetic_library import make_library


def write(folder: Path, text: str) -> str:
    path = folder / "kiosk.toml"
    path.write_text(f'[kiosk]\nstate_dir = "{folder}/state"\n{text}')
    return str(path)


def findings(
    path: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, dict[str, str]]]:
    code = cli.main(["doctor", "--config", path, "--json"])
    return code, {one["part"]: one for one in json.loads(capsys.readouterr().out)}


def test_devices_that_are_named_and_not_there_are_said_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path,
        '[camera]\nsource = "/dev/video97"\n[sensor]\nport = "/dev/ttyUSB97"\n'
        '[playback]\noutput = "null"\n[screen]\nmode = "none"\n',
    )
    code, found = findings(path, capsys)
    assert code == 0  # What is missing is not broken.
    assert found["settings"]["detail"] == path
    for part, device in (("camera", "/dev/video97"), ("sensor", "/dev/ttyUSB97")):
        assert found[part]["status"] == "missing"
        assert device in found[part]["detail"]
        assert "auto" in found[part]["advice"]
    assert "nothing is heard" in found["sound"]["detail"]
    assert found["screen"]["status"] == "ok"
    assert all(one["advice"] for one in found.values() if one["status"] == "broken")


@pytest.mark.parametrize("source", ["Auto", "webcam", "no-such-film.mp4"])
def test_a_camera_of_no_such_name_is_missing(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = findings(write(tmp_path, f'[camera]\nsource = "{source}"\n'), capsys)
    assert found["camera"]["detail"] == f"{source} is not there"
    for good in ("builtin", "http://door.lan/eye"):
        _, found = findings(write(tmp_path, f'[camera]\nsource = "{good}"\n'), capsys)
        assert found["camera"]["status"] == "ok"


def test_a_systemd_that_does_not_answer_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\nexec sleep 20\n")
    program.chmod(0o755)
    real = subprocess.run
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(doctor, "SYSTEMD", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: real(*a, **{**k, "timeout": 0.3}))
    (found,) = doctor._service(Settings())
    assert found.status == "broken"
    assert "says nothing" in found.detail


def test_what_is_not_wanted_is_not_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, '[camera]\nsource = "none"\n[sensor]\nport = "none"\n')
    _, found = findings(path, capsys)
    assert found["camera"]["status"] == found["sensor"]["status"] == "ok"


def test_a_ribbon_camera_is_named_with_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, '[camera]\nsource = "csi"\n')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(video_nodes, "VIDEO_CLASS", tmp_path / "class")
    camera = findings(path, capsys)[1]["camera"]
    assert (camera["status"], "seat its cable" in camera["advice"]) == ("missing", True)

    node = tmp_path / "class" / "video0"
    node.mkdir(parents=True)
    (node / "name").write_text("unicam-image\n")
    (node / "index").write_text("0\n")
    for given in (path, write(tmp_path, '[camera]\nsource = "auto"\n')):
        camera = findings(given, capsys)[1]["camera"]
        assert (camera["status"], camera["advice"]) == (
            "broken",
            "sudo apt install rpicam-apps-lite",
        )
    rpicam_vid.install(tmp_path)
    assert findings(path, capsys)[1]["camera"]["status"] == "ok"


def test_a_sound_card_that_is_named_and_not_there_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = findings(write(tmp_path, '[playback]\noutput = "NoSuchCard"\n'), capsys)
    assert found["sound"]["status"] == "missing"
    assert "NoSuchCard" in found["sound"]["detail"]
    _, found = findings(write(tmp_path, '[playback]\noutput = "/tmp/out.wav"\n'), capsys)
    assert found["sound"]["status"] == "ok"


def test_a_catalogue_with_nothing_to_play_is_not_called_ok(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The screen says that no track can be played, and that the doctor says what is wrong."""
    folder = make_library(tmp_path / "catalogue", 1)
    path = write(tmp_path, f'[catalog]\nfolder = "{folder}"\nmusic = []\n')

    def catalogue() -> str:
        found = findings(path, capsys)[1]["catalogue"]
        assert found["status"] == "missing"
        assert found["advice"]
        return found["detail"]

    assert catalogue() == f"1 tracks in {folder}, and none of their files is there"
    assert cli.main(["catalog", "ban", "1", "--folder", str(folder)]) == 0
    capsys.readouterr()
    assert catalogue() == f"0 tracks in {folder}: they are banned"
    for kind, reason in (("a.mp3", "no file could be taken"), ("a.txt", "no music was found")):
        music = tmp_path / kind.replace(".", "")
        music.mkdir()
        (music / kind).write_bytes(b"junk")
        build = ["catalog", "build", "--only", str(music), "--folder", str(folder)]
        assert cli.main([*build, "--workers", "1"]) == 0
        capsys.readouterr()
        assert catalogue() == f"0 tracks in {folder}: {reason}"


def test_what_belongs_to_another_user_is_not_called_missing(tmp_path: Path) -> None:
    """As `attune doctor` without sudo on an installed kiosk: the state is its own alone."""
    closed = tmp_path / "state"
    make_library(closed / "catalogue", 3)
    path = write(
        tmp_path, f'[catalog]\nfolder = "{closed}/catalogue"\nmusic = ["{closed}/music"]\n'
    )
    script = (
        "import sys; from pathlib import Path; from device.commands import doctor\n"
        "from device.config import load\n"
        "settings = load(Path(sys.argv[1]))\n"
        "for look in (doctor._catalogue, doctor._music, doctor._state):\n"
        "    print(*((one.part, one.status, one.detail) for one in look(settings)))\n"
    )
    closed.chmod(0)
    done = as_plain_user(script, path)
    closed.chmod(0o700)
    lines = done.stdout.splitlines()
    assert [line.split(",")[1].strip(" '") for line in lines] == ["broken"] * 3, done.stderr
    assert all("may not be" in line for line in lines)


def test_a_broker_that_is_down_is_broken_and_the_last_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, '[mqtt]\nhost = "127.0.0.1"\nport = 9\n')
    assert cli.main(["doctor", "--config", path]) == 1
    assert "To be mended: broker." in capsys.readouterr().out


@pytest.mark.skipif(SYSTEM_CONFIG.exists(), reason="Attune is installed here")
def test_without_settings_the_doctor_says_that_it_speaks_of_defaults(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ATTUNE_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    cli.main(["doctor"])
    assert "no kiosk.toml in /etc/attune" in capsys.readouterr().out


def test_what_it_finds_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device says itself what it is called, and a stick what its folders are."""
    settings = f'[catalog]\nfolder = "{tmp_path}/\\u001b[2Jc"\n'
    cli.main(["doctor", f"--config={write(tmp_path, settings)}"])
    said = capsys.readouterr().out
    assert "[2J" in said
    assert "\x1b" not in said
