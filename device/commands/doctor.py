"""``attune doctor``: what is connected, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from catalog.plain import plain
from device.commands.doctor_access import (
    USER,
    advice_to_let_write,
    barrier,
    barriers_to_broker,
    service_user,
)
from device.commands.errors import CommandError
from device.commands.setup_files import READ_ONLY
from device.config import SYSTEM_CONFIG, Settings, settings_file

if TYPE_CHECKING:
    from catalog.library import Library

UNIT = "attune.service"
SYSTEMD = Path("/run/systemd/system")
"""There where systemd runs (sd_booted(3))."""
LEAST_FREE_MIB = 50
"""SQLite's log and a day of the journal need less."""

Status = Literal["ok", "missing", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the kiosk: ``missing`` is a device one can live without."""

    part: str
    status: Status
    detail: str
    advice: str = ""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="what is connected, what is missing and what to do",
        description="Examine camera, sensor, sound, screen, broker, catalogue and models.",
        epilog="example: sudo attune doctor    (root sees what bars the service)\n"
        "exit code: 0 unless something is broken (a missing device is no fault)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit code 1 when something is broken."""
    from device.commands.run import load_settings

    settings: Settings = load_settings(args.config)
    findings = [_config(args.config), *examine(settings)]
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
        print(_summary(findings))
    return 1 if any(finding.status == "broken" for finding in findings) else 0


def examine(settings: Settings) -> list[Finding]:
    """Examine every part of the kiosk."""
    return [finding for look in EXAMINATIONS for finding in look(settings)]


def _print(findings: list[Finding]) -> None:
    colours = {"ok": "32", "missing": "33", "broken": "31"}
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # no-color.org
    for finding in findings:
        mark = f"{finding.status:<8}"
        if coloured:
            mark = f"\x1b[{colours[finding.status]}m{mark}\x1b[0m"
        print(f"{mark} {finding.part:<10} {plain(finding.detail)}")
        if finding.advice:
            print(f"{'':<20}-> {plain(finding.advice)}")


def _summary(findings: list[Finding]) -> str:
    broken = [finding.part for finding in findings if finding.status == "broken"]
    missing = [finding.part for finding in findings if finding.status == "missing"]
    lines = []
    if broken:
        lines.append(f"To be mended: {', '.join(dict.fromkeys(broken))}.")
    if missing:
        lines.append(
            f"Not there: {', '.join(dict.fromkeys(missing))}. The kiosk starts without, and takes"
            " a device when it is plugged in."
        )
    return "\n" + ("\n".join(lines) or "All is well.")


def _config(given: Path | None) -> Finding:
    """Say which file the rest is about: an operator's shell may see another than the service."""
    path = settings_file(given)
    if path is None:
        detail = f"no kiosk.toml in {SYSTEM_CONFIG.parent}: everything has its default"
        return Finding("settings", "ok", detail, "`attune setup` asks and writes one")
    return Finding("settings", "ok", str(path))


def _python(_settings: Settings) -> list[Finding]:
    return [Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")]


def _service(_settings: Settings) -> list[Finding]:
    """Ask systemd how the installed kiosk is; nothing where there is no systemd or no unit."""
    program = shutil.which("systemctl")
    if program is None or not SYSTEMD.is_dir():
        return []
    keys = "-pLoadState,ActiveState,Result,NRestarts"
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [program, "show", UNIT, keys], capture_output=True, text=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        detail = f"{UNIT}: systemd says nothing of it for 10 s"
        return [Finding("service", "broken", detail, "look into the journal: journalctl -b -p err")]
    said = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    if said.get("LoadState") != "loaded":
        return []
    state, restarts = said.get("ActiveState", ""), said.get("NRestarts", "0")
    detail = f"{UNIT}: {state}" + (f", restarted {restarts} times" if restarts != "0" else "")
    if state in ("active", "activating", "reloading"):
        return [Finding("service", "ok", detail)]
    if state == "failed":
        why = f"{detail} ({said.get('Result', '')})"
        return [Finding("service", "broken", why, f"why: journalctl -u {UNIT} -p warning -n 30")]
    return [Finding("service", "missing", detail, f"sudo systemctl start {UNIT}")]


def _may_use(part: str, name: str, path: str, group: str) -> Finding:
    """Return whether this user may use a device that is there."""
    if os.access(path, os.R_OK | os.W_OK):
        return Finding(part, "ok", name)
    user = getpass.getuser()
    advice = f"sudo usermod -aG {group} {user}, then log in again (the service has the group)"
    return Finding(part, "broken", f"{name}: user {user} may not use it", advice)


def _cameras(settings: Settings) -> list[Finding]:
    from device.sensing.pictures import without_login
    from device.sensing.ribbon_camera import SOURCE
    from device.sensing.video_nodes import find_cameras

    wanted = settings.camera.source
    if wanted == "none":
        return [Finding("camera", "ok", 'none wanted (source = "none" in [camera])')]
    cameras = find_cameras()
    if SOURCE.fullmatch(wanted):
        return [_on_ribbon(wanted, wanted in {c.path for c in cameras})]
    is_place = wanted not in ("auto", "builtin") and not wanted.isdigit() and "://" not in wanted
    if is_place and not Path(wanted).exists():
        advice = 'plug it in, or set source = "auto" in [camera]; `attune devices` lists cameras'
        return [Finding("camera", "missing", f"{wanted} is not there", advice)]
    if not wanted.startswith("/dev/") and wanted != "auto" and not wanted.isdigit():
        return [Finding("camera", "ok", f"{without_login(wanted)} (source in [camera])")]
    if not cameras:
        advice = "plug one in, USB or a Raspberry Pi's own; `ls /dev/video*` shows what is seen"
        return [Finding("camera", "missing", "none found", advice)]
    return [
        _on_ribbon(f"{c.path} {c.name} (source = {wanted!r})", True)
        if SOURCE.fullmatch(c.path)
        else _may_use("camera", f"{c.path} {c.name} (source = {wanted!r})", c.path, "video")
        for c in cameras
    ]


def _on_ribbon(name: str, is_there: bool) -> Finding:
    """Return whether a Raspberry Pi's ribbon camera can be used; libcamera alone may open it."""
    from device.sensing.ribbon_camera import INSTALL, PROGRAMS, find_program

    if not is_there:
        advice = (
            "seat its cable with the power off; `rpicam-hello --list-cameras` shows what answers"
        )
        return Finding("camera", "missing", f"{name}: no such ribbon camera answers", advice)
    if find_program() is None:
        return Finding("camera", "broken", f"{name}: {PROGRAMS[0]} is not there", INSTALL)
    return Finding("camera", "ok", name)


def _serial_ports(settings: Settings) -> list[Finding]:
    from firmware_bridge.port import list_ports

    wanted = settings.sensor.port
    if wanted in ("none", "simulated"):
        return [Finding("sensor", "ok", f"port = {wanted!r} in [sensor]")]
    if wanted != "auto" and not Path(wanted).exists():
        advice = 'plug it in, or set port = "auto" in [sensor]; `attune devices` lists sensors'
        return [Finding("sensor", "missing", f"{wanted} is not there", advice)]
    if wanted != "auto":
        return [_may_use("sensor", f"{wanted} (port in [sensor])", wanted, "dialout")]
    ports = list_ports()
    if not ports:
        advice = "plug in a finger sensor; the README lists which, `attune devices` tries it"
        return [Finding("sensor", "missing", "no serial port found", advice)]
    return [_may_use("sensor", f"{p.name} ({p.path})", p.path, "dialout") for p in ports]


def _sound(settings: Settings) -> list[Finding]:
    from device.playback.output import list_outputs

    outputs, wanted = list_outputs(), settings.playback.output
    if wanted == "null":
        return [Finding("sound", "missing", 'output = "null" in [playback]: nothing is heard')]
    if wanted.lower().endswith(".wav"):
        return [Finding("sound", "ok", f"{wanted} (output in [playback])")]
    if wanted not in ("auto", *(out.name for out in outputs)):
        advice = 'plug it in, or set output = "auto" in [playback]; `attune devices` lists outputs'
        return [Finding("sound", "missing", f"{wanted} is not there", advice)]
    if not outputs:
        advice = "connect a sound card and switch it on; `aplay -l` lists those the system sees"
        return [Finding("sound", "missing", "no sound output found", advice)]
    return [Finding("sound", "ok", f"{out.name} (output = {wanted!r})") for out in outputs]


def _screen(settings: Settings) -> list[Finding]:
    from device.interfaces.screen import choose_display

    if settings.screen.mode == "none":
        return [Finding("screen", "ok", 'none wanted (mode = "none" in [screen])')]
    choice = choose_display(settings.screen, os.environ)
    if choice.mode == "none":
        advice = "connect one, it is taken within 15 s; without, a finger or the house leads"
        return [Finding("screen", "missing", choice.message, advice)]
    return [Finding("screen", "ok", choice.message)]


def _broker(settings: Settings) -> list[Finding]:
    from device.commands.mqtt_test import climb

    if not settings.mqtt.host:
        advice = "set host in [mqtt] to tell the house (Home Assistant)"
        return [Finding("broker", "missing", "none configured", advice)]
    last = climb(settings)[-1]
    files = [Finding("broker", "broken", *barred) for barred in barriers_to_broker(settings.mqtt)]
    if last.ok:
        return [Finding("broker", "ok", f"{settings.mqtt.host}:{settings.mqtt.port}"), *files]
    return [Finding("broker", "broken", last.detail, f"failed at: {last.name}"), *files]


def _catalogue(settings: Settings) -> list[Finding]:
    from catalog.library import CatalogError, Library, NoCatalogueError

    folder = settings.catalog.folder
    try:
        with Library.open(folder) as library:
            return [_tracks(library, folder)]
    except NoCatalogueError:
        advice = "attune catalog build DIR, where DIR holds your music"
        detail = f"none in {folder}: no music"
        return [Finding("catalogue", "missing", detail, advice)]
    except CatalogError as error:
        return [Finding("catalogue", "broken", str(error))]


def _tracks(library: Library, folder: Path) -> Finding:
    """Look for what the kiosk means when it finds nothing to play and sends its owner here."""
    detail, advice = f"{library.count} tracks in {folder}", ""
    if library.count == 0:
        info = library.info()
        if info.banned and info.tracks_in_store:
            detail, advice = f"{detail}: they are banned", "attune catalog allow TRACK"
        elif info.failures or info.without_evidence:
            detail = f"{detail}: no file could be taken"
            advice = "attune catalog info --failures says why"
        else:
            detail = f"{detail}: no music was found"
            advice = "attune catalog build DIR, where DIR holds your music"
    elif not any(os.path.exists(track.path) for track in library.tracks()):  # noqa: PTH110 - Path's raises where one may not look
        detail = f"{detail}, and none of their files is there"
        advice = "plug in the disk with the music, or attune catalog build DIR where it is now"
    if advice:
        return Finding("catalogue", "missing", detail, advice)
    return Finding("catalogue", "ok", detail, advice_to_let_write(folder))


def _music(settings: Settings) -> list[Finding]:
    findings = []
    service = service_user()
    for folder in settings.catalog.music:
        if not _is_folder(folder):
            advice = "put your music there, or name another folder: music in [catalog]"
            findings.append(Finding("music", "missing", f"{folder}: no such folder", advice))
        elif service and (barred := barrier(folder, *service)):
            detail = f"{folder}: {barred} does not let the user {USER} in"
            advice = f"chmod o+rX {barred}; or mount the disk below /srv/music"
            findings.append(Finding("music", "broken", detail, advice))
        elif not os.access(folder, os.R_OK | os.X_OK):
            advice = f"let everybody read it: chmod -R o+rX {folder}"
            findings.append(Finding("music", "broken", f"{folder} may not be read", advice))
        else:
            findings.append(Finding("music", "ok", str(folder)))
    return findings


def _is_folder(path: Path) -> bool:
    """Return whether there is a folder, or may be one, where this user may not look."""
    try:
        return path.is_dir()
    except PermissionError:
        return True


def _state(settings: Settings) -> list[Finding]:
    folder = settings.kiosk.state_dir
    places = (folder, *folder.absolute().parents)
    there = next(place for place in places if os.access(place, os.F_OK))
    if not os.access(there, os.W_OK | os.X_OK):
        advice = "run this as the kiosk's user or as root" if os.geteuid() else READ_ONLY
        return [Finding("memory", "broken", f"{folder} may not be written", advice)]
    free_mib = shutil.disk_usage(there).free // 2**20
    if free_mib < LEAST_FREE_MIB:
        advice = "make room: likes are lost on a full disk, music goes on"
        return [Finding("memory", "broken", f"{folder}: {free_mib} MiB free", advice)]
    return [Finding("memory", "ok", f"{folder}, {free_mib} MiB free", advice_to_let_write(folder))]


def _privacy(settings: Settings) -> list[Finding]:
    kept = "a line of numbers for each visit" if settings.history.keep else "nothing of a visit"
    findings = [Finding("privacy", "ok", f"kept: {kept}; place: {settings.kiosk.place}")]
    swaps = Path("/proc/swaps").read_text(encoding="utf-8").splitlines()[1:]
    on_disk = [line.split()[0] for line in swaps if "zram" not in line]
    if on_disk:
        advice = "the service is kept out of it; for all: swapoff -a, and remove it from fstab"
        findings.append(Finding("privacy", "ok", f"swap on disk: {', '.join(on_disk)}", advice))
    return findings


def _models(_settings: Settings) -> list[Finding]:
    """Load every model and run it once: a wrong numpy shows only at the first inference."""
    import numpy as np

    from device.sensing.face.detector import make_detector
    from models_tflite.expression import ExpressionNet
    from models_tflite.runtime import ModelError

    def expression() -> str:
        ExpressionNet.load().probabilities(np.zeros((1, 48, 48), np.uint8))
        return "expression network answers"

    def detector() -> str:
        with closing(make_detector(_settings.face)) as eyes:
            eyes.detect(np.zeros((480, 640, 3), np.uint8))
        return f"face detector answers ({_settings.face.detector})"

    findings = []
    for test in (expression, detector):
        try:
            findings.append(Finding("model", "ok", test()))
        except (ModelError, CommandError, OSError, RuntimeError) as error:
            findings.append(Finding("model", "broken", str(error), "run `make setup` again"))
    return findings


EXAMINATIONS: tuple[Callable[[Settings], list[Finding]], ...] = (
    _python, _service, _cameras, _serial_ports, _sound, _screen, _broker, _music, _catalogue,
    _models, _state, _privacy,
)  # fmt: skip
