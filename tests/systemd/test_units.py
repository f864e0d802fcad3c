"""The units as systemd itself judges them; no systemd runs here."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from benchmarks.service import MALLOC
from device.cli import main
from device.config import ConfigError, parse
from tests.data_folder import ROOT
from tests.fakes.shell_functions import shell_function
from tests.fakes.sounds import sine, write_sound

UNITS = ROOT / "systemd"
NEEDS_SYSTEMD = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (apt install systemd)"
)
EXPOSURE_MAX = 1.5
PROGRAM = "/opt/attune/venv/bin/attune"


def unit(name: str) -> configparser.RawConfigParser:
    """Return a unit's sections; of a key that is repeated the last value."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser


@NEEDS_SYSTEMD
@pytest.mark.parametrize("name", ["attune.service", "attune-catalog.service"])
def test_the_exposure_is_low(name: str, tmp_path: Path) -> None:
    shutil.copy(UNITS / name, tmp_path)
    judged = subprocess.run(
        [
            "systemd-analyze", "security", "--offline=yes", "--no-pager",
            f"--threshold={int(EXPOSURE_MAX * 10)}", str(tmp_path / name),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout[-2000:] + judged.stderr


@NEEDS_SYSTEMD
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """The program is not installed here, so a stand-in takes its place in copies."""
    stand_in = tmp_path / "attune"
    stand_in.write_text("#!/bin/sh\n")
    stand_in.chmod(0o755)
    copies = []
    for path in sorted(UNITS.glob("attune*.*")):
        if path.suffix in (".service", ".timer", ".path"):
            copy = tmp_path / path.name
            copy.write_text(path.read_text().replace(PROGRAM, str(stand_in)))
            copies.append(str(copy))
    assert len(copies) == 4
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *copies],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (judged.returncode, judged.stderr) == (0, "")


@NEEDS_SYSTEMD
def test_a_word_systemd_does_not_know_is_found(tmp_path: Path) -> None:
    """The test above can fail."""
    copy = tmp_path / "attune.service"
    text = (UNITS / "attune.service").read_text().replace(PROGRAM, "/bin/true")
    copy.write_text(text.replace("ProtectClock=yes", "ProtectClocks=yes"))
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "ProtectClocks" in judged.stderr


def test_the_service_is_watched_and_restarted() -> None:
    service = unit("attune.service")
    assert service["Service"]["Type"] == "notify"
    assert int(service["Service"]["WatchdogSec"]) >= 15
    assert service["Service"]["Restart"] == "on-failure"
    assert service["Unit"]["StartLimitBurst"] == "5"
    assert service["Service"]["LoadCredential"].startswith("mqtt-password:")
    assert service["Service"]["LimitCORE"] == "0"


@NEEDS_SYSTEMD
def test_the_user_can_be_made(tmp_path: Path) -> None:
    """systemd-sysusers makes the user and the groups in an empty root folder."""
    program = shutil.which("systemd-sysusers")
    if program is None:
        pytest.skip("needs systemd-sysusers (apt install systemd)")
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        [program, f"--root={tmp_path}", str(UNITS / "attune.sysusers")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "Permission denied" in made.stderr or "not permitted" in made.stderr:
        pytest.skip("making users in a folder needs root")
    assert made.returncode == 0, made.stderr
    assert "attune:" in (tmp_path / "etc/passwd").read_text()
    groups = (tmp_path / "etc/group").read_text()
    wanted = unit("attune.service")["Service"]["SupplementaryGroups"].split()
    assert [group for group in wanted if f"{group}:" not in groups] == []


def test_the_rule_names_the_sensor_and_keeps_modems_away() -> None:
    rules = (UNITS / "60-attune.rules").read_text()
    labels = {line.split('"')[1] for line in rules.splitlines() if line.startswith("LABEL=")}
    for line in rules.splitlines():
        if "GOTO=" in line:
            assert line.split('GOTO="')[1].split('"')[0] in labels
    assert 'SYMLINK+="attune-sensor"' in rules
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in rules


def test_the_shipped_settings_are_right_and_inside_the_state_folder() -> None:
    settings = parse(tomllib.loads((UNITS / "kiosk.toml").read_text()))
    state = Path("/var/lib/attune")
    assert settings.kiosk.state_dir == state
    assert settings.catalog.folder.is_relative_to(state)
    # And each line that is commented out as an example.
    examples = "\n".join(
        line.removeprefix("# ")
        for line in (UNITS / "kiosk.toml").read_text().splitlines()
        if line.startswith("# [") or (line.startswith("# ") and " = " in line)
    )
    assert parse(tomllib.loads(examples)).mqtt.password_file == Path("/etc/attune/mqtt-password")


def test_a_secret_is_taken_from_systemds_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"mqtt": {"username": "hall", "password_file": "/etc/attune/mqtt-password"}}
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert parse(given).mqtt.password_file == Path("/etc/attune/mqtt-password")
    (tmp_path / "mqtt-password").write_text("secret")
    assert parse(given).mqtt.password_file == tmp_path / "mqtt-password"
    elsewhere = {"mqtt": {"username": "hall", "password_file": "/srv/hall/mqtt-password"}}
    assert parse(elsewhere).mqtt.password_file == Path("/srv/hall/mqtt-password")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the checkout")
def test_the_box_is_given_no_package_of_before_a_change(tmp_path: Path) -> None:
    asked = f"{shell_function('test_boot', 'stale')}stale"
    seen = {}
    for title, times in {"none": None, "old": (0, 0), "new": (2**32, 2**32)}.items():
        if times is not None:
            (tmp_path / "attune.deb").touch()
            os.utime(tmp_path / "attune.deb", times)
        seen[title] = subprocess.run(
            ["/bin/sh", "-uc", asked], cwd=ROOT, check=False,
            env={**os.environ, "packages": str(tmp_path)},
        ).returncode  # fmt: skip
    assert seen == {"none": 0, "old": 0, "new": 1}


@pytest.mark.parametrize("script", ["install", "deb"])
def test_a_sensor_that_is_plugged_in_already_gets_its_name(script: str) -> None:
    """Rules that are only read anew count for what is plugged in later (udevadm(8))."""
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
    assert "udevadm control --reload && udevadm trigger --subsystem-match=tty" in text


def test_the_installed_pages_lead_to_nothing_that_is_not_installed(tmp_path: Path) -> None:
    copy_files = shell_function("install", "copy_files")
    places = {"DESTDIR": str(tmp_path), "opt": str(tmp_path), "LIB": "/lib", "BIN": "/bin"}
    subprocess.run(
        ["/bin/sh", "-euc", f"say() {{ :; }}\n{copy_files}copy_files"],
        cwd=ROOT, env={**os.environ, **places}, check=True,
    )  # fmt: skip
    pages = [tmp_path / "share" / page.name for page in (ROOT / "docs").glob("*.md")]
    for page in (page for page in pages if page.exists()):
        for link in re.findall(r"\]\(([^):#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} leads to {link}"


def test_at_work_and_in_schools_it_does_not_run() -> None:
    for place in ("workplace", "school"):
        with pytest.raises(ConfigError, match=r"Art\. 5\(1\)\(f\)"):
            parse({"kiosk": {"place": place}})
    assert json.loads(parse({"kiosk": {"place": "care"}}).model_dump_json())["kiosk"]["place"]


def test_the_catalogue_service_takes_the_folders_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = unit("attune-catalog.service")["Service"]["ExecStart"].split()
    music, catalogue = tmp_path / "music", tmp_path / "catalogue"
    music.mkdir()
    write_sound(music / "calm sea.wav", sine(3))
    config = tmp_path / "kiosk.toml"
    config.write_text(f'[catalog]\nmusic = ["{music}"]\nfolder = "{catalogue}"\n')
    monkeypatch.setenv("ATTUNE_CONFIG", str(config))
    assert main([*command[1:], "--json", "--workers", "1"]) == 0
    assert (catalogue / "tracks.sqlite").exists()
    capsys.readouterr()
    assert main(["catalog", "info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tracks"] == 1


def test_the_loader_knows_how_the_service_wants_its_memory() -> None:
    """A name that it does not know is passed over without a word."""
    loaders = [path for path in Path("/").glob("lib*/ld-linux*.so.*") if os.access(path, os.X_OK)]
    if not loaders:
        pytest.skip("not the GNU C library")
    listed = subprocess.run(
        [loaders[0], "--list-tunables"], capture_output=True, text=True, check=True
    )
    assert list(MALLOC) == ["GLIBC_TUNABLES"]
    name, _, value = MALLOC["GLIBC_TUNABLES"].partition("=")
    assert value == "1"
    assert name in listed.stdout
