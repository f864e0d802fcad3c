"""`attune setup` for the installed kiosk: what root chooses, its service must be able to use."""

from __future__ import annotations

import io
import os
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from device import config
from device.camera_switch import CameraSwitch
from device.cli import main
from device.commands import setup_files
from device.commands.errors import CommandError
from device.commands.setup_questions import Answers, Dialogue, ask_all
from device.config import load
from tests.data_folder import ROOT
from tests.fakes.broker import Certificates

Setup = Callable[..., int]


@pytest.fixture(name="certificates", scope="module")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(name="system")
def _system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the settings that stand for those of the installed kiosk."""
    path = tmp_path / "etc" / "kiosk.toml"
    path.parent.mkdir()
    adapt = partial(setup_files.adapt_services, units=tmp_path / "units")
    monkeypatch.setattr(config, "SYSTEM_CONFIG", path)
    monkeypatch.setattr(setup_files, "adapt_services", adapt)
    return path


@pytest.fixture(name="setup")
def _setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    def run(path: Path, *broker: str, start: tuple[str, ...] = ("n",)) -> int:
        #       place, language, name, camera, sensor, sound, music, broker, history
        said = ["1", "en", "Hall", "1", "none", "1", str(tmp_path), *(broker or "-"), "n", *start]
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in said)))
        return main(["setup", "--no-doctor", f"--config={path}"])

    return run


# --- where the data are -------------------------------------------------------------------


def test_broken_settings_that_were_moved_away_leave_the_data_where_they_are(
    system: Path, setup: Setup, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The owner does what setup says: moves the file and runs setup again."""
    installed = tmp_path / "kiosk.toml"
    shipped = (ROOT / "systemd" / "kiosk.toml").read_text()
    installed.write_text(shipped.replace("/var/lib/attune", str(tmp_path / "var")))
    monkeypatch.setattr(setup_files, "SHIPPED", (tmp_path / "no checkout", installed))
    CameraSwitch(load(installed).kiosk.state_dir).turn(False)
    system.write_text('[mqtt]\nhsot = "x"\n')
    assert setup(system) == 1
    assert "mend or move it" in capsys.readouterr().err
    system.rename(system.with_suffix(".bad"))
    assert setup(system) == 0
    settings = load(system)
    assert settings.kiosk.state_dir == tmp_path / "var"
    assert settings.catalog.folder == tmp_path / "var" / "catalogue"
    assert not CameraSwitch(settings.kiosk.state_dir).allows
    assert f"kiosk.state_dir was not set: it is {tmp_path}/var now" in capsys.readouterr().out


def test_folders_that_the_owner_chose_stay(system: Path, setup: Setup, tmp_path: Path) -> None:
    system.write_text(f'[kiosk]\nstate_dir = "{tmp_path}/mine"\n')
    assert setup(system) == 0
    assert load(system).kiosk.state_dir == tmp_path / "mine"
    assert load(system).catalog.folder == Path("/var/lib/attune/catalogue")


def test_a_kiosk_started_by_hand_keeps_its_defaults(setup: Setup, tmp_path: Path) -> None:
    assert setup(tmp_path / "own.toml", start=()) == 0
    assert "/var/lib" not in (tmp_path / "own.toml").read_text()


def test_what_the_installation_ships_is_where_setup_looks() -> None:
    checkout, installed = setup_files.SHIPPED
    assert checkout == ROOT / "systemd" / "kiosk.toml"
    script = (ROOT / "scripts" / "install").read_text()
    assert "opt=$DESTDIR/opt/attune" in script
    assert 'systemd/kiosk.toml "$opt/share/"' in script
    assert installed == Path("/opt/attune/share/kiosk.toml")
    assert f"install -m 644 {installed} " in (ROOT / "scripts" / "deb").read_text()


def test_without_what_is_shipped_nothing_is_written(
    system: Path, setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(setup_files, "SHIPPED", (tmp_path / "none.toml",))
    assert setup(system) == 1
    assert "none.toml: is missing: install Attune again" in capsys.readouterr().err
    assert not system.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("group", "mode"), [(1234, 0o640), (0, 0o644)])
def test_settings_closed_to_others_stay_so_where_the_service_may_read_them(
    system: Path, setup: Setup, tmp_path: Path, group: int, mode: int
) -> None:
    system.write_text(f'[kiosk]\nstate_dir = "{tmp_path}/mine"\n')
    os.chown(system, 0, group)
    system.chmod(0o640)
    assert setup(system) == 0
    status = system.stat()
    assert (status.st_gid, status.st_mode & 0o777) == (group, mode)


# --- the broker's authority ---------------------------------------------------------------


def test_the_authority_is_copied_to_where_the_service_reads_it(
    system: Path, setup: Setup, certificates: Certificates, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given, copy = tmp_path / "home.crt", system.with_name("mqtt-ca.crt")
    # As some tools write it: with words, and the key in the same file.
    given.write_text(
        f"The house: Größe\n{certificates.key(certificates.ca).read_text()}"
        f"{certificates.ca.read_text()}"
    )
    given.chmod(0o600)
    assert setup(system, "localhost", "y", "8883", str(given), "-") == 0
    assert load(system).mqtt.ca_file == copy
    assert copy.stat().st_mode & 0o777 == 0o644
    assert "PRIVATE KEY" not in copy.read_text()
    assert len(ssl.create_default_context(cafile=copy).get_ca_certs()) == 1
    assert f"copied {given} to {copy}" in capsys.readouterr().out
    # A second run finds it there, and lets the service read what its owner closed.
    copy.chmod(0o600)
    assert setup(system, "", "", "", "", "") == 0
    assert (load(system).mqtt.ca_file, copy.stat().st_mode & 0o777) == (copy, 0o644)
    assert f"copied {copy}" not in capsys.readouterr().out


def test_an_authority_without_its_whole_path_is_found_from_everywhere(
    setup: Setup, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(certificates.ca.parent)
    path = tmp_path / "own.toml"
    assert setup(path, "localhost", "y", "8883", certificates.ca.name, "-", start=()) == 0
    assert load(path).mqtt.ca_file == certificates.ca
    assert not (tmp_path / "mqtt-ca.crt").exists()


def test_a_file_that_is_no_authority_is_asked_for_again(
    setup: Setup, certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, key = tmp_path / "own.toml", str(certificates.key(certificates.ca))
    wrong = (str(tmp_path), str(tmp_path / "none"), key)
    assert setup(path, "localhost", "y", "8883", *wrong, "-", "-", start=()) == 0
    assert load(path).mqtt.ca_file is None
    said = capsys.readouterr().out
    assert said.count("no such file") == 2
    assert f"{key}: holds no certificate" in said


# --- questions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tls", "port", "answer", "offered"),
    [(True, 8883, "n", 1883), (False, 1883, "y", 8883), (True, 8884, "n", 8884),
     (False, 1883, "n", 1883), (True, 8883, "y", 8883)],
)  # fmt: skip
def test_the_port_of_the_other_kind_of_connection_is_not_offered(
    tls: bool, port: int, answer: str, offered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"mqtt": {"host": "broker.lan", "port": port, "tls": tls}}
    before["catalog"] = {"music": ["/"]}
    said = [*[""] * 8, answer, "", *[""] * (answer == "y"), "-", "n"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(said) + "\n"))
    answers: Answers = ask_all(Dialogue(), before, services=False)
    assert answers.tables["mqtt"] == {
        "host": "broker.lan", "port": offered, "tls": answer == "y",
    }  # fmt: skip


def test_root_is_told_of_a_disk_that_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(CommandError, match="mounted read-only") as caught:
        setup_files.check_writable(tmp_path / "kiosk.toml")
    assert "sudo" not in str(caught.value)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CommandError, match="run: sudo attune setup"):
        setup_files.check_writable(tmp_path / "kiosk.toml")
