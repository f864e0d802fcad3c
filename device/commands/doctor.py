"""``attune doctor``: what is connected, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from device.commands.errors import CommandError
from device.config import Settings

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
        epilog="exit code: 0 unless something is broken (a missing device is no fault)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit code 1 when something is broken."""
    from device.commands.run import load_settings

    settings: Settings = load_settings(args.config)
    findings = examine(settings)
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    return 1 if any(finding.status == "broken" for finding in findings) else 0


def examine(settings: Settings) -> list[Finding]:
    """Examine every part of the kiosk."""
    return [finding for look in EXAMINATIONS for finding in look(settings)]


def _print(findings: list[Finding]) -> None:
    colours = {"ok": "32", "missing": "33", "broken": "31"}
    coloured = sys.stdout.isatty()
    for finding in findings:
        mark = f"{finding.status:<8}"
        if coloured:
            mark = f"\x1b[{colours[finding.status]}m{mark}\x1b[0m"
        print(f"{mark} {finding.part:<10} {finding.detail}")
        if finding.advice:
            print(f"{'':<20}-> {finding.advice}")


def _python(_settings: Settings) -> list[Finding]:
    return [Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")]


def _cameras(settings: Settings) -> list[Finding]:
    from device.sensing.camera import find_cameras

    cameras = find_cameras()
    if not cameras:
        advice = "plug in a USB camera; the user needs the group 'video'"
        return [Finding("camera", "missing", "none found", advice)]
    wanted = settings.camera.source
    return [Finding("camera", "ok", f"{c.path} {c.name} (source = {wanted!r})") for c in cameras]


def _serial_ports(settings: Settings) -> list[Finding]:
    from firmware_bridge.port import list_ports

    ports = list_ports()
    if not ports:
        advice = "plug in a finger sensor (see the README for which)"
        return [Finding("sensor", "missing", "no serial port found", advice)]
    findings = []
    for port in ports:
        may_use = os.access(port.path, os.R_OK | os.W_OK)
        advice = "" if may_use else "add the user to the group 'dialout' and log in again"
        findings.append(
            Finding("sensor", "ok" if may_use else "broken", f"{port.name} ({port.path})", advice)
        )
    return findings


def _sound(settings: Settings) -> list[Finding]:
    from device.playback.output import list_outputs

    outputs = list_outputs()
    if not outputs:
        advice = "connect a sound card; the user needs the group 'audio'"
        return [Finding("sound", "missing", "no sound output found", advice)]
    wanted = settings.playback.output
    return [Finding("sound", "ok", f"{out.name} (output = {wanted!r})") for out in outputs]


def _screen(settings: Settings) -> list[Finding]:
    from device.interfaces.screen import choose_display

    choice = choose_display(settings.screen, os.environ)
    return [Finding("screen", "missing" if choice.mode == "none" else "ok", choice.message)]


def _broker(settings: Settings) -> list[Finding]:
    from device.commands.mqtt_test import climb

    if not settings.mqtt.host:
        advice = "set host in [mqtt] to tell the house (Home Assistant)"
        return [Finding("broker", "missing", "none configured", advice)]
    last = climb(settings)[-1]
    if last.ok:
        return [Finding("broker", "ok", f"{settings.mqtt.host}:{settings.mqtt.port}")]
    return [Finding("broker", "broken", last.detail, f"failed at: {last.name}")]


def _catalogue(settings: Settings) -> list[Finding]:
    from catalog.library import CatalogError, Library

    folder = settings.catalog.folder
    if not any(folder.glob("*.sqlite")):
        advice = "attune catalog build DIR"
        return [Finding("catalogue", "missing", f"no catalogue in {folder}", advice)]
    try:
        with Library.open(folder) as library:
            detail = f"{library.count} tracks in {folder}"
    except CatalogError as error:
        return [Finding("catalogue", "broken", str(error))]
    return [Finding("catalogue", "ok", detail)]


def _music(settings: Settings) -> list[Finding]:
    findings = []
    for folder in settings.catalog.music:
        if not folder.is_dir():
            advice = "put your music there, or name another folder: music in [catalog]"
            findings.append(Finding("music", "missing", f"{folder}: no such folder", advice))
        elif not os.access(folder, os.R_OK | os.X_OK):
            advice = f"let everybody read it: chmod -R o+rX {folder}"
            findings.append(Finding("music", "broken", f"{folder} may not be read", advice))
        else:
            findings.append(Finding("music", "ok", str(folder)))
    return findings


def _state(settings: Settings) -> list[Finding]:
    folder = settings.kiosk.state_dir
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        advice = "run this as the kiosk's user or as root"
        return [Finding("memory", "broken", f"{folder} may not be written", advice)]
    free_mib = shutil.disk_usage(there).free // 2**20
    if free_mib < LEAST_FREE_MIB:
        advice = "make room: likes are lost on a full disk, music goes on"
        return [Finding("memory", "broken", f"{folder}: {free_mib} MiB free", advice)]
    return [Finding("memory", "ok", f"{folder}, {free_mib} MiB free")]


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
    _python, _cameras, _serial_ports, _sound, _screen, _broker, _music, _catalogue, _models,
    _state, _privacy,
)  # fmt: skip
